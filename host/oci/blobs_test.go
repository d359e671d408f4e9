package oci_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"agentmesh/host/oci"
)

// TestMain is also the processes that tests kill and starve: AGENTMESH_TEST_WRITER names what this one is to do.
func TestMain(m *testing.M) {
	os.Setenv("NO_PROXY", "*") // every host of these tests is this machine
	if what, dir, ok := strings.Cut(os.Getenv("AGENTMESH_TEST_WRITER"), ":"); ok {
		os.Exit(map[string]func(string) int{"killed": writeForEver, "starved": writeUntilFull}[what](dir))
	}
	os.Exit(m.Run())
}

func filesBelow(t *testing.T, dir string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(dir, path)
			out = append(out, rel)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func blobs(t testing.TB, dir string) *oci.Blobs {
	t.Helper()
	b, err := oci.OpenBlobs(dir)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestBlobsRefuse(t *testing.T) {
	good := sha("abc")
	for _, c := range []struct {
		name, digest, content string
		size                  int64
		code                  string
	}{
		{"other bytes", good, "abd", 3, "digest_mismatch"},
		{"too long", good, "abcd", 3, "size_mismatch"},
		{"too short", good, "ab", 3, "size_mismatch"},
		{"other bytes of any size", good, "abcd", -1, "digest_mismatch"},
		{"no digest", "abc", "abc", 3, "reference_invalid"},
		{"digest in capitals", strings.ToUpper(good), "abc", 3, "reference_invalid"},
		{"digest that climbs", "sha256:../../" + good[13:], "abc", 3, "reference_invalid"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			b := blobs(t, dir)
			wantCode(t, b.Put(t.Context(), strings.NewReader(c.content), c.digest, c.size), c.code)
			if left := filesBelow(t, dir); len(left) > 0 {
				t.Errorf("it left %q", left)
			}
			_, err := b.Read(c.digest, 10)
			if err == nil || b.Has(c.digest) {
				t.Errorf("it can be read")
			}
		})
	}
}

// TestBlobAltered: O08, what was verified once is hashed again when it is read.
func TestBlobAltered(t *testing.T) {
	dir := t.TempDir()
	b := blobs(t, dir)
	digest := must(b.PutBytes(t.Context(), module("1")))
	file := filepath.Join(dir, "sha256", digest[7:])
	info := must(os.Stat(file))
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the blob has mode %v", info.Mode())
	}
	for name, alter := range map[string]func(){
		"a byte":     func() { write(t, file, bytes.ToUpper(module("1")), 0o600) },
		"cut":        func() { write(t, file, module("1")[:3], 0o600) },
		"lengthened": func() { write(t, file, append(module("1"), 0), 0o600) },
	} {
		alter()
		_, err := b.Read(digest, 1<<20)
		wantCode(t, err, "digest_mismatch")
		must(b.PutBytes(t.Context(), module("1")))
		if got, err := b.Read(digest, 1<<20); err != nil || !bytes.Equal(got, module("1")) {
			t.Errorf("%s: pulled again, it reads %q, %v", name, got, err)
		}
	}
	os.Remove(file)
	other := filepath.Join(t.TempDir(), "other")
	write(t, other, module("1"), 0o600)
	if err := os.Symlink(other, file); err != nil {
		t.Fatal(err)
	}
	_, err := b.Read(digest, 1<<20)
	wantCode(t, err, "storage_failed")
	_, err = b.Read(sha("never"), 1<<20)
	wantCode(t, err, "not_found")
	must(b.PutBytes(t.Context(), module("2")))
	_, err = b.Read(digestOf(module("2")), 3)
	wantCode(t, err, "too_large")
}

func digestOf(data []byte) string { return sha(string(data)) }

func TestBlobsListAndRemove(t *testing.T) {
	b := blobs(t, t.TempDir())
	want := []string{must(b.PutBytes(t.Context(), []byte("a"))), must(b.PutBytes(t.Context(), []byte("b")))}
	slices.Sort(want)
	if got := must(b.List()); !slices.Equal(got, want) {
		t.Errorf("listed %q, want %q", got, want)
	}
	for range 2 {
		if err := b.Remove(want[0]); err != nil {
			t.Fatal(err)
		}
	}
	if got := must(b.List()); !slices.Equal(got, want[1:]) {
		t.Errorf("after one was removed: %q", got)
	}
}

// TestKeptArtifact: what was pulled can be pushed on, byte for byte, long after.
func TestKeptArtifact(t *testing.T) {
	dir := t.TempDir()
	b := blobs(t, dir)
	p := must(oci.Pack(oci.WasmArtifact(module("1"), map[string]string{"by": "another tool"})))
	digest := p.Descriptor.Digest.String()
	_, err := b.Artifact(t.Context(), digest, oci.WasmLimits())
	wantCode(t, err, "not_found")
	if err := b.KeepArtifact(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	got, err := b.Artifact(t.Context(), digest, oci.WasmLimits())
	if err != nil || !bytes.Equal(got.Manifest, p.Manifest) || !bytes.Equal(got.Layers[0].Data, module("1")) || oci.CheckWasm(got) != nil {
		t.Errorf("got %+v, %v", got, err)
	}
	if err := b.Remove(digestOf(module("1"))); err != nil {
		t.Fatal(err)
	}
	_, err = b.Artifact(t.Context(), digest, oci.WasmLimits())
	wantCode(t, err, "not_found")
	write(t, filepath.Join(dir, "sha256", digest[7:]), []byte("{}"), 0o600)
	_, err = b.Artifact(t.Context(), digest, oci.WasmLimits())
	wantCode(t, err, "digest_mismatch")
}

// failing gives a few bytes and then an error.
type failing struct{ err error }

func (f failing) Read(p []byte) (int, error) { return copy(p, "abc"), f.err }

func TestBlobsWhenTheSourceFails(t *testing.T) {
	dir := t.TempDir()
	b := blobs(t, dir)
	wantCode(t, b.Put(t.Context(), failing{io.ErrUnexpectedEOF}, sha("abcdef"), 6), "truncated")
	wantCode(t, b.Put(t.Context(), failing{syscall.ENOSPC}, sha("abcdef"), 6), "disk_full")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.Put(ctx, strings.NewReader("abcdef"), sha("abcdef"), 6); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if left := filesBelow(t, dir); len(left) > 0 {
		t.Errorf("they left %q", left)
	}
}

// TestManyPutTheSame: O07, two hosts pull into one folder.
func TestManyPutTheSame(t *testing.T) {
	dir, data := t.TempDir(), bytes.Repeat([]byte("rule "), 100_000)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			b := blobs(t, dir)
			digest, err := b.PutBytes(t.Context(), data)
			if err != nil {
				t.Error(err)
				return
			}
			if _, err := b.Sweep(); err != nil {
				t.Error(err)
			}
			if got, err := b.Read(digest, 1<<20); err != nil || !bytes.Equal(got, data) {
				t.Errorf("read %d bytes, %v", len(got), err)
			}
		})
	}
	all.Wait()
	if left := filesBelow(t, dir); len(left) != 1 {
		t.Errorf("there are %q", left)
	}
}

// endless never comes to its end, and says when it began.
type endless struct{ began func() }

func (e *endless) Read(p []byte) (int, error) {
	if e.began != nil {
		e.began()
		e.began = nil
		return copy(p, "the first bytes"), nil
	}
	select {}
}

func writeForEver(dir string) int {
	b, err := oci.OpenBlobs(dir)
	if err != nil {
		return 1
	}
	err = b.Put(context.Background(), &endless{began: func() { os.Stdout.WriteString("writing\n") }}, sha("whole"), 1000)
	os.Stderr.WriteString(err.Error())
	return 1
}

// TestKilledWriter: O07, kill -9 in mid-download leaves no blob, and what it left is swept, but not while it is written.
func TestKilledWriter(t *testing.T) {
	dir := t.TempDir()
	b := blobs(t, dir)
	writer := exec.Command(must(os.Executable()))
	writer.Env = append(os.Environ(), "AGENTMESH_TEST_WRITER=killed:"+dir)
	out := must(writer.StdoutPipe())
	if err := writer.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(out, make([]byte, len("writing\n"))); err != nil {
		t.Fatal(err)
	}
	if n, err := b.Sweep(); n != 0 || err != nil {
		t.Errorf("swept %d files of a writer that lives, %v", n, err)
	}
	writer.Process.Kill()
	writer.Wait()
	if list := must(b.List()); len(list) > 0 || b.Has(sha("whole")) {
		t.Errorf("a blob can be seen: %q", list)
	}
	if left := filesBelow(t, dir); len(left) != 1 {
		t.Errorf("before sweeping: %q", left)
	}
	if n, err := b.Sweep(); n != 1 || err != nil {
		t.Errorf("swept %d, %v", n, err)
	}
	if left := filesBelow(t, dir); len(left) > 0 {
		t.Errorf("after sweeping: %q", left)
	}
}

// TestDiskFull: O07, on a file system of its own with room for a little.
func TestDiskFull(t *testing.T) {
	dir := t.TempDir()
	writer := exec.Command(must(os.Executable()))
	writer.Env = append(os.Environ(), "AGENTMESH_TEST_WRITER=starved:"+dir)
	starve(writer)
	out, err := writer.CombinedOutput()
	if err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// writeUntilFull runs where there is room for 256 KiB.
func writeUntilFull(dir string) int {
	say := func(text string) int { os.Stderr.WriteString(text + "\n"); return 1 }
	if err := shrink(dir); err != nil {
		return say("no small file system: " + err.Error())
	}
	b, err := oci.OpenBlobs(dir)
	if err != nil {
		return say(err.Error())
	}
	kept, err := b.PutBytes(context.Background(), []byte("small"))
	if err != nil {
		return say(err.Error())
	}
	large := bytes.Repeat([]byte("large"), 1<<20)
	if _, err := b.PutBytes(context.Background(), large); oci.CodeOf(err) != "disk_full" {
		return say("got " + string(oci.CodeOf(err)))
	}
	if list, _ := b.List(); !slices.Equal(list, []string{kept}) {
		return say("there are " + strings.Join(list, " "))
	}
	if n, err := b.Sweep(); n != 0 || err != nil {
		return say("a part was left")
	}
	if _, err := b.PutBytes(context.Background(), []byte("small again")); err != nil {
		return say("afterwards: " + err.Error())
	}
	return 0
}

func BenchmarkBlobsRead(b *testing.B) {
	store := blobs(b, b.TempDir())
	digest, err := store.PutBytes(b.Context(), bytes.Repeat([]byte("rule"), 1<<18))
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(1 << 20)
	for b.Loop() {
		if _, err := store.Read(digest, 1<<21); err != nil {
			b.Fatal(err)
		}
	}
}
