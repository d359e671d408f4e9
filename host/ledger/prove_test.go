package ledger_test

import (
	"bytes"
	"encoding/base64"
	"strconv"
	"strings"
	"testing"

	"agentmesh/host/ledger"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// outsider checks a proof as C2SP tlog-proof says, with golang.org/x/mod alone, and returns the entry.
func outsider(proof []byte, vkey string) (entry string, ok bool) {
	head, signed, _ := strings.Cut(string(proof), "\n\n")
	lines := strings.Split(head, "\n")
	if len(lines) < 3 || lines[0] != "c2sp.org/tlog-proof@v1" {
		return "", false
	}
	data, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(lines[1], "extra "))
	if err != nil {
		return "", false
	}
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[2], "index "), 10, 64)
	if err != nil {
		return "", false
	}
	var path tlog.RecordProof
	for _, line := range lines[3:] {
		h, err := tlog.ParseHash(line)
		if err != nil {
			return "", false
		}
		path = append(path, h)
	}
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return "", false
	}
	n, err := note.Open([]byte(signed), note.VerifierList(verifier))
	if err != nil {
		return "", false
	}
	tree := strings.Split(n.Text, "\n")
	size, err := strconv.ParseInt(tree[1], 10, 64)
	if err != nil || tree[0] != verifier.Name() {
		return "", false
	}
	root, err := tlog.ParseHash(tree[2])
	if err != nil {
		return "", false
	}
	return string(data), tlog.CheckRecord(path, size, root, index, tlog.RecordHash(data)) == nil
}

// shardKey is the verifier key of a shard, as its public key is handed to other tools.
func shardKey(t *testing.T, key ledger.Key, shard int) string {
	t.Helper()
	text, err := key.ShardText(shard)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestProofsVerifyElsewhere(t *testing.T) {
	c, key := story(t)
	r := ledger.NewReader(c.Dir, nil)
	for _, place := range []string{"0/0", "0/1", "0/255", "0/256", "0/511", "0/512", "0/601", "0/639", "1/0", "1/39"} {
		proof, err := r.Prove(t.Context(), place)
		if err != nil {
			t.Fatal(err)
		}
		id, _ := ledger.ParseID(place)
		entry, ok := outsider(proof, shardKey(t, key, id.Shard))
		record, err := r.Show(t.Context(), place)
		if !ok || err != nil || entry != string(record.Raw) {
			t.Errorf("%s: golang.org/x/mod says %v; %v", place, ok, err)
		}
		checked, err := key.CheckProof(proof)
		if err != nil || checked.At != id || !bytes.Equal(checked.Raw, record.Raw) {
			t.Errorf("%s: CheckProof = %v, %v", place, checked.At, err)
		}
		if _, ok := outsider(proof, shardKey(t, key, 1-id.Shard)); ok {
			t.Errorf("%s verifies for the other shard", place)
		}
	}
}

func TestProofsRefused(t *testing.T) {
	c, key := story(t)
	proof, err := ledger.NewReader(c.Dir, nil).Prove(t.Context(), "0/300")
	if err != nil {
		t.Fatal(err)
	}
	_, other := story(t)
	l := open(t, config(t))
	defer closeLedger(t, l)
	if other.String() != key.String() {
		t.Fatal("the story has one key")
	}
	if _, err := l.Key().CheckProof(proof); err == nil {
		t.Error("a proof verified with another ledger's key")
	}
	lines := strings.Split(string(proof), "\n")
	with := func(n int, line string) string {
		changed := append([]string(nil), lines...)
		changed[n] = line
		return strings.Join(changed, "\n")
	}
	for name, text := range map[string]string{
		"nothing":         "",
		"other format":    with(0, "c2sp.org/tlog-proof@v2"),
		"other entry":     with(1, "extra "+base64.StdEncoding.EncodeToString([]byte("{}"))),
		"bad base64":      with(1, "extra !"),
		"other index":     with(2, "index 301"),
		"negative index":  with(2, "index -1"),
		"padded index":    with(2, "index 0300"),
		"huge index":      with(2, "index 9223372036854775807"),
		"index over size": with(2, "index 640"),
		"bad hash":        with(3, "AAAA"),
		"other hash":      with(3, lines[4]),
		"one hash less":   strings.Join(append(append([]string(nil), lines[:3]...), lines[4:]...), "\n"),
		"too many hashes": strings.Join(append(append(append([]string(nil), lines[:3]...), strings.Split(strings.Repeat(lines[3]+"\n", 70), "\n")[:70]...), lines[3:]...), "\n"),
		"no checkpoint":   strings.Join(lines[:13], "\n"),
		"no signature":    strings.Join(lines[:len(lines)-3], "\n") + "\n",
		"bigger tree":     strings.Replace(string(proof), "\n640\n", "\n1000000000\n", 1),
		"other shard":     strings.ReplaceAll(string(proof), key.Origin(0), key.Origin(1)),
	} {
		if _, err := key.CheckProof([]byte(text)); err == nil {
			t.Errorf("%s: the proof was taken", name)
		}
	}
}

func FuzzCheckProof(f *testing.F) {
	key, err := ledger.ParseKey("agentmesh.ai/ledger/00+b8cf1bcd+AQMhk8jTjyBYX/mg4MqVHm2OTMdkqVGFMGhqWQJAQnCr")
	if err == nil {
		f.Fatal("a key with a wrong hash was taken")
	}
	f.Add([]byte("c2sp.org/tlog-proof@v1\nextra e30=\nindex 0\n\nagentmesh.ai/ledger/00/0\n1\nAAAA\n\n— x y\n"))
	f.Fuzz(func(t *testing.T, proof []byte) {
		if _, err := key.CheckProof(proof); err == nil {
			t.Error("a proof was taken without a key")
		}
	})
}
