package ledger_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"agentmesh/host/ledger"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/tlog"
)

func TestEntryForm(t *testing.T) {
	e := ledger.Entry{
		Kind: "decision", Time: time.Date(2026, 2, 3, 4, 5, 6, 7_890, time.FixedZone("", 3600)), ID: "a\"b\\c\nd\x00é\xff\u2028",
		Agent: "agent", Server: "server", Tool: "tool", Method: "tools/call", Decision: "deny", Code: "rule", Rule: "r",
		Policy: "p", Set: "s", Body: []byte(`{"x": 1e5}`),
	}
	want := `{"v":1,"kind":"decision","time":"2026-02-03T03:05:06.000007Z","id":"a\"b\\c\nd\u0000é` + "\uFFFD\u2028" +
		`","agent":"agent","server":"server","tool":"tool","method":"tools/call","decision":"deny","code":"rule","rule":"r",` +
		`"policy":"p","set":"s","body":{"x": 1e5}}`
	got := ledger.AppendEntry(nil, &e)
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if got := string(ledger.AppendEntry(nil, &ledger.Entry{Kind: "stop"})); got != `{"v":1,"kind":"stop","time":"0001-01-01T00:00:00.000000Z"}` {
		t.Errorf("the shortest entry is %s", got)
	}
}

func TestDecodeEntryRefuses(t *testing.T) {
	const good = `{"v":1,"kind":"set","time":"2026-02-03T03:05:06.000007Z","id":"x","body":{}}`
	if _, err := ledger.DecodeEntry([]byte(good)); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{
		"", "{}", good + " ", " " + good, good[:len(good)-1], strings.Replace(good, `"v":1`, `"v":2`, 1),
		strings.Replace(good, `"id":"x"`, `"id":""`, 1), strings.Replace(good, `"id":"x"`, `"id":"x","id":"y"`, 1),
		strings.Replace(good, `"id":"x"`, `"set":"x","id":"y"`, 1), strings.Replace(good, `"id":"x"`, `"ID":"x"`, 1),
		strings.Replace(good, `{}}`, `{},"decision":"allow"}`, 1), strings.Replace(good, `"set"`, `""`, 1),
		strings.Replace(good, `02-03`, `02-30`, 1), strings.Replace(good, `Z"`, `+01:00"`, 1), strings.Replace(good, `{}}`, `}`, 1),
	} {
		if e, err := ledger.DecodeEntry([]byte(bad)); err == nil {
			t.Errorf("%s was read as %+v", bad, e)
		}
	}
}

func FuzzEntry(f *testing.F) {
	f.Add("decision", "id", "tool", "rule", int64(1e15), []byte(`{"a":[1,2.5e-3,"x\u00e9",null,true,{}]}`))
	f.Add("start", "\x00\xff\"\\", "\u2028", "🙂", int64(-1), []byte(nil))
	f.Fuzz(func(t *testing.T, kind, id, tool, rule string, micros int64, body []byte) {
		if ledger.ValidJSON(body) != (json.Valid(body) && utf8.Valid(body)) && !deep(body) {
			t.Fatalf("ValidJSON(%q) = %v", body, ledger.ValidJSON(body))
		}
		at := time.UnixMicro(micros % 250_000_000_000_000_000).UTC()
		if kind == "" || len(body) > 0 && !ledger.ValidJSON(body) || at.Year() < 0 || at.Year() > 9999 {
			return
		}
		e := ledger.Entry{Kind: kind, Time: at, ID: id, Tool: tool, Rule: rule, Body: body}
		stored := ledger.AppendEntry(nil, &e)
		if !json.Valid(stored) || !bytes.Contains(stored, []byte(at.Format(ledger.TimeFormat))) {
			t.Fatalf("%q is no JSON, or has another time than %v", stored, at)
		}
		back, err := ledger.DecodeEntry(stored)
		if err != nil {
			t.Fatalf("%q: %v", stored, err)
		}
		if again := ledger.AppendEntry(nil, &back); !bytes.Equal(again, stored) {
			t.Fatalf("stored %q, after reading %q", stored, again)
		}
		if back.ID != strings.ToValidUTF8(id, "\uFFFD") && utf8.ValidString(id) {
			t.Fatalf("id %q became %q", id, back.ID)
		}
	})
}

// deep says whether JSON is nested deeper than the ledger takes.
func deep(b []byte) bool {
	return bytes.Count(b, []byte("["))+bytes.Count(b, []byte("{")) > 100
}

func FuzzDecodeEntry(f *testing.F) {
	f.Add([]byte(`{"v":1,"kind":"set","time":"2026-02-03T03:05:06.000007Z","id":"x","body":{}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := ledger.DecodeEntry(data)
		if err == nil && !json.Valid(data) {
			t.Fatalf("%q was read as %+v", data, e)
		}
	})
}

// FuzzFrames reads anything as a segment; what comes out must lie in it.
func FuzzFrames(f *testing.F) {
	dir := f.TempDir()
	c := ledger.Config{Dir: filepath.Join(dir, "ledger"), Keys: filepath.Join(dir, "keys")}
	l := open(f, c)
	fill(f, l, 3)
	closeLedger(f, l)
	whole, err := os.ReadFile(filepath.Join(c.Dir, journalStart))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Fuzz(func(t *testing.T, b []byte) {
		total := 0
		ledger.ReadFrames(b, func(off int64, kind byte, index int64, payload []byte) {
			total += 24 + len(payload)
			if off < 0 || index < 0 || kind < 1 || kind > 3 || len(payload) == 0 {
				t.Fatalf("frame of kind %d, index %d, %d bytes at %d", kind, index, len(payload), off)
			}
		})
		if total > len(b) {
			t.Fatalf("%d bytes of frames in %d", total, len(b))
		}
	})
}

func FuzzSplitCheckpoints(f *testing.F) {
	f.Add([]byte("a\n1\nb\n\n— x y\n\n\na\n2\nc\n\n— x y\n— z w\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		list, err := ledger.SplitCheckpoints(data)
		if err != nil {
			return
		}
		again, err := ledger.SplitCheckpoints(bytes.Join(list, []byte("\n")))
		if diff := cmp.Diff(list, again); err != nil || diff != "" {
			t.Fatalf("split again: %v\n%s", err, diff)
		}
	})
}

// TestTree holds the ledger's own tree against that of golang.org/x/mod.
func TestTree(t *testing.T) {
	var leaves [][32]byte
	var stored []tlog.Hash
	read := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		list := make([]tlog.Hash, len(indexes))
		for i, n := range indexes {
			list[i] = stored[n]
		}
		return list, nil
	})
	check := map[int]bool{0: true, 1: true, 2: true, 255: true, 256: true, 257: true, 511: true, 512: true, 65_535: true, 65_536: true, 65_537: true, 66_000: true}
	for n := 0; n <= 66_000; n++ {
		if check[n] {
			want, err := tlog.TreeHash(int64(n), read)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := ledger.CheckTree(leaves); err != nil || tlog.Hash(got) != want {
				t.Errorf("root of %d leaves is %v, %v; want %v", n, tlog.Hash(got), err, want)
			}
		}
		leaf := tlog.RecordHash([]byte(itoa(n)))
		leaves = append(leaves, leaf)
		more, err := tlog.StoredHashesForRecordHash(int64(n), leaf, read)
		if err != nil {
			t.Fatal(err)
		}
		stored = append(stored, more...)
	}
}

func TestParseID(t *testing.T) {
	for _, bad := range []string{"", "0", "/", "0/", "/0", "0/00", "+0/1", "0/1/2", "-1/0", "0/-1", " 0/1", "0/99999999999999999999"} {
		if id, err := ledger.ParseID(bad); err == nil {
			t.Errorf("%q was read as %v", bad, id)
		}
	}
	if id, err := ledger.ParseID("12/345"); err != nil || id != (ledger.ID{Shard: 12, Index: 345}) {
		t.Errorf("12/345 is %v, %v", id, err)
	}
}

func TestParseMode(t *testing.T) {
	for _, m := range []ledger.Mode{ledger.Sync, ledger.OS} {
		if got, err := ledger.ParseMode(m.String()); err != nil || got != m {
			t.Errorf("%v: %v, %v", m, got, err)
		}
	}
	if _, err := ledger.ParseMode("fast"); err == nil {
		t.Error("fast was taken for a mode")
	}
}
