package oci_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"agentmesh/host/oci"
)

// realRegistry starts a registry as a process of its own, with its storage in a folder of the test, and returns its
// host. The program is seen to by .ci/registry; where it cannot be had, the test is skipped, but not under CI.
func realRegistry(t *testing.T) string {
	t.Helper()
	program := tool(t, "../../.ci/registry")
	dir := t.TempDir()
	file := filepath.Join(dir, "config.yml")
	write(t, file, fmt.Appendf(nil, "version: 0.1\nlog: {level: info, formatter: text}\n"+
		"storage: {filesystem: {rootdirectory: %q}}\nhttp: {addr: 127.0.0.1:0}\n", filepath.Join(dir, "storage")), 0o600)
	server := exec.Command(program, "serve", file)
	server.Env = append(os.Environ(), "OTEL_TRACES_EXPORTER=none")
	said := must(server.StderrPipe())
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Process.Kill(); server.Wait() })
	listening := regexp.MustCompile(`listening on (127\.0\.0\.1:\d+)`)
	lines, all := bufio.NewScanner(said), ""
	for lines.Scan() {
		all += lines.Text() + "\n"
		if m := listening.FindStringSubmatch(lines.Text()); m != nil {
			go func() { // it must be able to go on writing
				for lines.Scan() {
				}
			}()
			return m[1]
		}
	}
	t.Fatalf("the registry does not listen:\n%s", all)
	return ""
}

// tool is the path that a script of .ci prints.
func tool(t *testing.T, script string) string {
	t.Helper()
	var said bytes.Buffer
	find := exec.Command(script)
	find.Stderr = &said
	out, err := find.Output()
	if err != nil && os.Getenv("CI") == "" { // there it is seen to, or the run fails
		t.Skipf("%s: %v\n%s", script, err, said.String())
	}
	if err != nil {
		t.Fatalf("%s: %v\n%s", script, err, said.String())
	}
	return strings.TrimSpace(string(out))
}

// installed is a tool that others wrote, built once from the Go module proxy into .tools: outside of our module, its
// versions are its own.
func installed(t *testing.T, module string) string {
	t.Helper()
	home := must(filepath.Abs("../../.tools/oci"))
	name := strings.NewReplacer("/", "_", "@", "_").Replace(module)
	program := filepath.Join(home, name)
	if _, err := os.Stat(program); err == nil {
		return program
	}
	part := filepath.Join(home, fmt.Sprintf("part.%d", os.Getpid()))
	defer os.RemoveAll(part)
	install := exec.Command(must(filepath.Abs("../../.ci/go")), "install", module)
	install.Dir = t.TempDir()
	install.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "CGO_ENABLED=0", "GOBIN="+part)
	if out, err := install.CombinedOutput(); err != nil {
		if os.Getenv("CI") == "" {
			t.Skipf("%s cannot be had: %v\n%s", module, err, out)
		}
		t.Fatalf("%s: %v\n%s", module, err, out)
	}
	command := filepath.Base(strings.Split(module, "@")[0])
	if err := os.Rename(filepath.Join(part, command), program); err != nil {
		t.Fatal(err)
	}
	return program
}

// prints runs a tool and returns what it prints.
func prints(t *testing.T, program string, args ...string) string {
	t.Helper()
	var said bytes.Buffer
	run := exec.Command(program, args...)
	run.Stderr = &said
	out, err := run.Output()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", program, args, err, said.String())
	}
	return string(out)
}

const (
	craneModule = "github.com/google/go-containerregistry/cmd/crane@v0.22.1"
	orasModule  = "oras.land/oras/cmd/oras@v1.3.6"
)

// TestOthersFetchWhatWePush: two independent tools list and fetch what was pushed to a real registry, which knows no
// referrers API, so that the attestation is found by the fallback tag.
func TestOthersFetchWhatWePush(t *testing.T) {
	host := realRegistry(t)
	crane, oras := installed(t, craneModule), installed(t, orasModule)
	c, text := client(t), "oci://"+host+"/rules/eu:1.0.0"
	ref := reference(t, text)
	pushed, err := c.Push(t.Context(), ref, oci.WasmArtifact(module("1"), map[string]string{"org.opencontainers.image.version": "1.0.0"}))
	if err != nil {
		t.Fatal(err)
	}
	attested, err := c.Push(t.Context(), ref.At(""), oci.Attestation(pushed, []byte(`{"payload":""}`)))
	if err != nil {
		t.Fatal(err)
	}
	if p, err := c.Pull(t.Context(), ref, oci.WasmLimits()); err != nil || oci.CheckWasm(p) != nil {
		t.Fatalf("we ourselves: %v", err)
	}
	if list, err := c.Referrers(t.Context(), ref, oci.AttestationType); err != nil || len(list) != 1 || list[0].Digest != attested.Digest {
		t.Fatalf("we ourselves find the referrers %v, %v", list, err)
	}

	repository := host + "/rules/eu"
	fallback := strings.Replace(pushed.Digest.String(), ":", "-", 1)
	if tags := strings.Fields(prints(t, crane, "ls", repository)); len(tags) != 2 || !strings.Contains(strings.Join(tags, " "), fallback) {
		t.Errorf("crane ls: %q, want 1.0.0 and the fallback tag", tags)
	}
	if got := strings.TrimSpace(prints(t, crane, "digest", repository+":1.0.0")); got != pushed.Digest.String() {
		t.Errorf("crane digest: %s, pushed %s", got, pushed.Digest)
	}
	if got := prints(t, crane, "blob", repository+"@"+digestOf(module("1"))); got != string(module("1")) {
		t.Errorf("crane blob: %q", got)
	}
	var manifest struct {
		Config struct{ MediaType string }
		Layers []struct{ MediaType string }
	}
	if err := json.Unmarshal([]byte(prints(t, crane, "manifest", repository+":1.0.0")), &manifest); err != nil ||
		manifest.Config.MediaType != oci.WasmConfigType || len(manifest.Layers) != 1 || manifest.Layers[0].MediaType != oci.WasmType {
		t.Errorf("crane manifest: %+v, %v", manifest, err)
	}
	if tree := prints(t, oras, "discover", "--plain-http", "--format", "tree", repository+":1.0.0"); !strings.Contains(tree, attested.Digest.String()) ||
		!strings.Contains(tree, oci.AttestationType) {
		t.Errorf("oras discover:\n%s", tree)
	}

	// and the other way: what a tool copies into a layout, attestations and all, is read as what was pushed
	layout := filepath.Join(t.TempDir(), "layout")
	prints(t, oras, "copy", "-r", "--from-plain-http", repository+":1.0.0", "--to-oci-layout", layout+":1.0.0")
	moved := reference(t, "oci-layout://"+layout+":1.0.0")
	if p, err := c.Pull(t.Context(), moved, oci.WasmLimits()); err != nil || p.Descriptor.Digest != pushed.Digest {
		t.Errorf("from the layout that oras wrote: %v", err)
	}
	if list, err := c.Referrers(t.Context(), moved, oci.AttestationType); err != nil || len(list) != 1 || list[0].Digest != attested.Digest {
		t.Errorf("its referrers: %v, %v", list, err)
	}
	ours := reference(t, "oci-layout://"+filepath.Join(t.TempDir(), "ours")+":1.0.0")
	must(c.Push(t.Context(), ours, oci.WasmArtifact(module("1"), nil)))
	if got := prints(t, oras, "manifest", "fetch", "--oci-layout", ours.Path+":1.0.0"); !strings.Contains(got, oci.WasmConfigType) {
		t.Errorf("oras manifest fetch of our layout: %s", got)
	}
}

// TestRealRegistryKeepsIndexes: publishing, following and withholding the list of what is current.
func TestRealRegistryKeepsIndexes(t *testing.T) {
	ref, c := reference(t, "oci://"+realRegistry(t)+"/rules/index"), client(t)
	_, _, err := c.PullIndex(t.Context(), ref, "")
	wantCode(t, err, "not_found")
	x := oci.RuleIndex{Index: []byte(`{"n":1}`), Chain: [][]byte{[]byte(`{"r":1}`)}}
	must(c.PushIndex(t.Context(), ref, x))
	got, digest, err := c.PullIndex(t.Context(), ref, "")
	if err != nil || string(got.Index) != string(x.Index) || len(got.Chain) != 1 {
		t.Fatalf("got %+v, %v", got, err)
	}
	if same, again, err := c.PullIndex(t.Context(), ref, digest); same != nil || again != digest || err != nil {
		t.Errorf("unchanged: %v, %s, %v", same, again, err)
	}
}
