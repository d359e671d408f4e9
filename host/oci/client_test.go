package oci_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"agentmesh/host/oci"
)

// places are where artifacts lie; each must behave alike.
func places(t *testing.T) map[string]oci.Reference {
	return map[string]oci.Reference{
		"registry that lists referrers": newShelf(t, true).ref(t, "rules/eu:1.0.0"),
		"registry that does not":        newShelf(t, false).ref(t, "rules/eu:1.0.0"),
		"layout":                        reference(t, "oci-layout://"+t.TempDir()+"/moved:1.0.0"),
		"file":                          reference(t, "file://"+t.TempDir()+"/eu.wasm"),
	}
}

func TestWhatIsPushedIsPulled(t *testing.T) {
	for name, ref := range places(t) {
		t.Run(name, func(t *testing.T) {
			c := client(t)
			pushed, err := c.Push(t.Context(), ref, oci.WasmArtifact(module("1"), nil))
			if err != nil {
				t.Fatal(err)
			}
			got, err := c.Pull(t.Context(), ref, oci.WasmLimits())
			if err != nil {
				t.Fatal(err)
			}
			if err := oci.CheckWasm(got); err != nil {
				t.Error(err)
			}
			if !bytes.Equal(got.Layers[0].Data, module("1")) || got.Descriptor.Digest != pushed.Digest {
				t.Errorf("pulled %s with %q, pushed %s", got.Descriptor.Digest, got.Layers[0].Data, pushed.Digest)
			}
			if got.Reference.Digest != pushed.Digest.String() {
				t.Errorf("the reference is %s, its digest is not set", got.Reference)
			}
			if _, err := c.Pull(t.Context(), ref.At(pushed.Digest.String()), oci.WasmLimits()); err != nil {
				t.Errorf("by digest: %v", err)
			}
		})
	}
}

func TestReferrers(t *testing.T) {
	for name, ref := range places(t) {
		t.Run(name, func(t *testing.T) {
			c := client(t)
			subject := must(c.Push(t.Context(), ref, oci.WasmArtifact(module("1"), nil)))
			if none, err := c.Referrers(t.Context(), ref, oci.AttestationType); err != nil || len(none) != 0 {
				t.Fatalf("before any was pushed: %v, %v", none, err)
			}
			place := ref
			place.Tag = ""
			for _, envelope := range []string{`{"a":1}`, `{"b":2}`} {
				if _, err := c.Push(t.Context(), place, oci.Attestation(subject, []byte(envelope))); err != nil {
					t.Fatal(err)
				}
			}
			list, err := c.Referrers(t.Context(), ref, oci.AttestationType)
			if err != nil {
				t.Fatal(err)
			}
			var all string
			for _, d := range list {
				p, err := c.Pull(t.Context(), ref.At(d.Digest.String()), oci.Limits{Types: []string{oci.EnvelopeType}})
				if err != nil {
					t.Fatal(err)
				}
				if p.Subject == nil || p.Subject.Digest != subject.Digest || p.Type != oci.AttestationType {
					t.Errorf("%s refers to %v and is %s", d.Digest, p.Subject, p.Type)
				}
				all += string(p.Layers[0].Data)
			}
			if !strings.Contains(all, `{"a":1}`) || !strings.Contains(all, `{"b":2}`) {
				t.Errorf("the referrers hold %s", all)
			}
			if other, err := c.Referrers(t.Context(), ref, "application/x-other"); err != nil || len(other) != 0 {
				t.Errorf("of another type: %v, %v", other, err)
			}
		})
	}
}

// TestReferrerThatAnotherOverwrites: a registry without a list of its own has one under a tag, which somebody else writes
// at the same moment, without what was just added.
func TestReferrerThatAnotherOverwrites(t *testing.T) {
	s := newShelf(t, false)
	ref, c := s.ref(t, "rules/eu:1"), client(t)
	subject := must(c.Push(t.Context(), ref, oci.WasmArtifact(module("1"), nil)))
	lost := 0
	s.turn(func(w http.ResponseWriter, r *http.Request, honest http.Handler) {
		if r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/manifests/sha256-") && lost < 2 {
			lost++
			empty := strings.NewReader(`{"schemaVersion":2,"mediaType":"` + oci.IndexType + `","manifests":[]}`)
			theirs := httptest.NewRequest(http.MethodPut, r.URL.Path, empty)
			theirs.Header = r.Header
			honest.ServeHTTP(w, r)
			honest.ServeHTTP(httptest.NewRecorder(), theirs)
			return
		}
		honest.ServeHTTP(w, r)
	})
	if _, err := c.Push(t.Context(), ref.At(""), oci.Attestation(subject, []byte("{}"))); err != nil {
		t.Fatal(err)
	}
	if list, err := c.Referrers(t.Context(), ref, oci.AttestationType); err != nil || len(list) != 1 || lost != 2 {
		t.Errorf("%d were lost, %d are listed, %v", lost, len(list), err)
	}
	lost = -10
	_, err := c.Push(t.Context(), ref.At(""), oci.Attestation(subject, []byte("[]")))
	wantCode(t, err, "registry_answer")
}

// TestRegistryThatTellsNoDigest: the header is optional; then the manifest is read to learn its digest.
func TestRegistryThatTellsNoDigest(t *testing.T) {
	s := newShelf(t, true)
	ref, c := s.ref(t, "rules/eu:1"), client(t)
	pushed := must(c.Push(t.Context(), ref, oci.WasmArtifact(module("1"), nil)))
	s.turn(func(w http.ResponseWriter, r *http.Request, honest http.Handler) {
		answer := httptest.NewRecorder()
		honest.ServeHTTP(answer, r)
		answer.Header().Del("Docker-Content-Digest")
		for k, v := range answer.Header() {
			w.Header()[k] = v
		}
		w.WriteHeader(answer.Code)
		w.Write(answer.Body.Bytes())
	})
	if p, err := c.Pull(t.Context(), ref, oci.WasmLimits()); err != nil || p.Descriptor.Digest != pushed.Digest {
		t.Errorf("got %v", err)
	}
}

// TestSameBytesEverywhere: an index can name a manifest's digest before it is pushed, and a copy has it too.
func TestSameBytesEverywhere(t *testing.T) {
	c, annotations := client(t), map[string]string{"org.opencontainers.image.title": "eu", "a": "b"}
	want := must(oci.Pack(oci.WasmArtifact(module("1"), annotations)))
	for name, ref := range places(t) {
		if strings.HasPrefix(name, "file") {
			continue // a file has no annotations
		}
		got := must(c.Push(t.Context(), ref, oci.WasmArtifact(module("1"), annotations)))
		if got.Digest != want.Descriptor.Digest {
			t.Errorf("%s: %s, packed %s", name, got.Digest, want.Descriptor.Digest)
		}
		pulled := must(c.Pull(t.Context(), ref, oci.WasmLimits()))
		to := reference(t, "oci-layout://"+t.TempDir()+":copied")
		if err := c.PushPulled(t.Context(), to, pulled); err != nil {
			t.Fatal(err)
		}
		if d := must(c.Resolve(t.Context(), to)); d.Digest != want.Descriptor.Digest {
			t.Errorf("%s: the copy has %s", name, d.Digest)
		}
		if diff := cmp.Diff(annotations, pulled.Annotations); diff != "" {
			t.Error(diff)
		}
	}
}

func TestIndexCostsOneHeadWhenUnchanged(t *testing.T) {
	for _, ref := range []oci.Reference{
		newShelf(t, true).ref(t, "rules/index"), reference(t, "oci-layout://"+t.TempDir()+":index"),
	} {
		c := client(t)
		first := oci.RuleIndex{Index: []byte(`{"n":1}`), Chain: [][]byte{[]byte(`{"r":1}`), []byte(`{"r":2}`)}}
		if _, err := c.PushIndex(t.Context(), ref, first); err != nil {
			t.Fatal(err)
		}
		got, digest, err := c.PullIndex(t.Context(), ref, "")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(&first, got); diff != "" {
			t.Error(diff)
		}
		if same, _, err := c.PullIndex(t.Context(), ref, digest); same != nil || err != nil {
			t.Errorf("unchanged: %v, %v", same, err)
		}
		must(c.PushIndex(t.Context(), ref, oci.RuleIndex{Index: []byte(`{"n":2}`), Chain: first.Chain}))
		if next, again, err := c.PullIndex(t.Context(), ref, digest); err != nil || next == nil || again == digest {
			t.Errorf("changed: %v, %s, %v", next, again, err)
		}
	}
	s := newShelf(t, true)
	ref, c := s.ref(t, "rules/index"), client(t)
	d := must(c.PushIndex(t.Context(), ref, oci.RuleIndex{Index: []byte(`{}`), Chain: [][]byte{[]byte(`{}`)}}))
	s.turn(nil)
	if _, _, err := c.PullIndex(t.Context(), ref, d.Digest.String()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"HEAD /v2/rules/index/manifests/latest"}, s.asked); diff != "" {
		t.Errorf("an unchanged index was asked for otherwise: %s", diff)
	}
}

func TestIndexIsNothingElse(t *testing.T) {
	list, root := oci.Layer{MediaType: oci.RuleListType, Data: []byte("{}")}, oci.Layer{MediaType: oci.RuleRootType, Data: []byte("{}")}
	for name, c := range map[string]struct {
		artifact oci.Artifact
		code     string
	}{
		"a module":        {oci.WasmArtifact(module("1"), nil), "media_type_unknown"},
		"no root":         {oci.Artifact{Type: oci.RuleIndexType, Layers: []oci.Layer{list}}, "media_type_unknown"},
		"nothing":         {oci.Artifact{Type: oci.RuleIndexType}, "layers_unexpected"},
		"root first":      {oci.Artifact{Type: oci.RuleIndexType, Layers: []oci.Layer{root, list}}, "media_type_unknown"},
		"two lists":       {oci.Artifact{Type: oci.RuleIndexType, Layers: []oci.Layer{list, list}}, "media_type_unknown"},
		"of another type": {oci.Artifact{Type: "application/x", Layers: []oci.Layer{list, root}}, "media_type_unknown"},
	} {
		t.Run(name, func(t *testing.T) {
			ref, client := newShelf(t, true).ref(t, "rules/index"), client(t)
			must(client.Push(t.Context(), ref, c.artifact))
			_, _, err := client.PullIndex(t.Context(), ref, "")
			wantCode(t, err, c.code)
		})
	}
}

func TestProgressReachesItsEnd(t *testing.T) {
	ref := newShelf(t, true).ref(t, "rules/eu:1")
	var done, total int64
	c := client(t, func(o *oci.Options) { o.Progress = func(d, n int64) { done, total = d, n } })
	must(c.Push(t.Context(), ref, oci.WasmArtifact(module("1"), nil)))
	if done != total || total <= int64(len(module("1"))) {
		t.Errorf("after a push: %d of %d", done, total)
	}
	done, total = 0, 0
	must(c.Pull(t.Context(), ref, oci.WasmLimits()))
	if done != total || total <= int64(len(module("1"))) {
		t.Errorf("after a pull: %d of %d", done, total)
	}
}

// login makes a registry that wants a name and a password, by the basic scheme.
func login(w http.ResponseWriter, r *http.Request, honest http.Handler) {
	if name, password, ok := r.BasicAuth(); !ok || name != "operator" || password != "of rules" {
		w.Header().Set("WWW-Authenticate", `Basic realm="rules"`)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	honest.ServeHTTP(w, r)
}

func TestDockerConfiguration(t *testing.T) {
	s := newShelf(t, true)
	s.turn(login)
	ref := s.ref(t, "rules/eu:1")
	_, err := client(t).Push(t.Context(), ref, oci.WasmArtifact(module("1"), nil))
	wantCode(t, err, "unauthorized")

	dir := t.TempDir()
	auth := map[string]any{"auths": map[string]any{s.host(): map[string]string{"auth": "b3BlcmF0b3I6b2YgcnVsZXM="}}}
	file := filepath.Join(dir, "config.json")
	write(t, file, must(json.Marshal(auth)), 0o600)
	known := func(o *oci.Options) { o.DockerConfig = file }
	if _, err := client(t, known).Push(t.Context(), ref, oci.WasmArtifact(module("1"), nil)); err != nil {
		t.Errorf("with a login in the file: %v", err)
	}

	write(t, filepath.Join(dir, "docker-credential-drawer"), []byte("#!/bin/sh\n"+
		`read -r server; echo "{\"ServerURL\":\"$server\",\"Username\":\"operator\",\"Secret\":\"of rules\"}"`+"\n"), 0o700)
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	write(t, file, []byte(`{"credsStore":"drawer"}`), 0o600)
	if _, err := client(t, known).Pull(t.Context(), ref, oci.WasmLimits()); err != nil {
		t.Errorf("with a credential helper: %v", err)
	}

	write(t, filepath.Join(dir, "docker-credential-sealed"), []byte("#!/bin/sh\necho the vault says of rules\nexit 1\n"), 0o700)
	for helper, want := range map[string]string{"sealed": "it failed for " + s.host(), "nowhere": "executable file not found"} {
		write(t, file, []byte(`{"credsStore":"`+helper+`"}`), 0o600)
		_, err = client(t, known).Pull(t.Context(), ref, oci.WasmLimits())
		wantCode(t, err, "options_invalid")
		if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "of rules") {
			t.Errorf("a helper that fails: %v; want %q, and nothing that it says", err, want)
		}
	}

	write(t, file, []byte(`{"auths":`), 0o600)
	_, err = oci.New(oci.Options{DockerConfig: file})
	wantCode(t, err, "options_invalid")
	c := client(t)
	t.Setenv("DOCKER_CONFIG", dir)
	if _, err := c.List(t.Context(), reference(t, "oci-layout://"+dir)); oci.CodeOf(err) != "not_found" {
		t.Errorf("a broken configuration disturbs who needs no login: %v", err)
	}
	_, err = c.Pull(t.Context(), ref, oci.WasmLimits())
	wantCode(t, err, "options_invalid")
	_, err = oci.New(oci.Options{DockerConfig: filepath.Join(dir, "absent.json")})
	wantCode(t, err, "options_invalid")
}

// TestTokens: a registry that wants a token of another address at its own host, got for a login; and one that would send
// the login to where only this machine should be heard.
func TestTokens(t *testing.T) {
	s := newShelf(t, true)
	realm := s.URL + "/token"
	s.turn(func(w http.ResponseWriter, r *http.Request, honest http.Handler) {
		switch {
		case r.URL.Path == "/token":
			if name, password, _ := r.BasicAuth(); name != "operator" || password != "of rules" {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			io.WriteString(w, `{"token":"for `+r.URL.Query().Get("scope")+`"}`)
		case !strings.HasPrefix(r.Header.Get("Authorization"), "Bearer for repository:rules/eu:pull"):
			w.Header().Set("WWW-Authenticate", `Bearer realm="`+realm+`",service="rules"`)
			w.WriteHeader(http.StatusUnauthorized)
		default:
			honest.ServeHTTP(w, r)
		}
	})
	ref := s.ref(t, "rules/eu:1")
	known := func(o *oci.Options) { o.DockerConfig = loginFile(t, s.host()) }
	c := client(t, known)
	must(c.Push(t.Context(), ref, oci.WasmArtifact(module("1"), nil)))
	must(c.Pull(t.Context(), ref, oci.WasmLimits()))
	_, err := client(t).Pull(t.Context(), ref, oci.WasmLimits())
	wantCode(t, err, "unauthorized")

	realm = "http://169.254.169.254/latest/meta-data"
	_, err = client(t, known).Pull(t.Context(), ref, oci.WasmLimits())
	wantCode(t, err, "registry_answer")
	if !strings.Contains(err.Error(), "blocked prefix") {
		t.Errorf("it was refused for another reason: %v", err)
	}
}

func write(t *testing.T, file string, data []byte, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(file, data, mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(file, mode); err != nil {
		t.Fatal(err)
	}
}

func TestPrivateAuthority(t *testing.T) {
	s := &shelf{}
	s.Server = httptest.NewTLSServer(s.handler(true))
	t.Cleanup(s.Close)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	ref := s.ref(t, "rules/eu:1")
	c := client(t, func(o *oci.Options) { o.CAFile = authorityOf(t, s.Server) })
	if _, err := c.Push(t.Context(), ref, oci.WasmArtifact(module("1"), nil)); err != nil {
		t.Errorf("with its authority: %v", err)
	}

	other := filepath.Join(t.TempDir(), "other.pem")
	write(t, other, foreignAuthority(t), 0o600)
	_, err := client(t, func(o *oci.Options) { o.CAFile = other }).Pull(t.Context(), ref, oci.WasmLimits())
	wantCode(t, err, "tls_untrusted")

	write(t, other, []byte("nothing"), 0o600)
	_, err = oci.New(oci.Options{CAFile: other})
	wantCode(t, err, "options_invalid")
}

// authorityOf is a file with the certificate of a server that vouches for itself.
func authorityOf(t *testing.T, s *httptest.Server) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "ca.pem")
	write(t, file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600)
	return file
}

// foreignAuthority is the certificate of somebody who signed nothing.
func foreignAuthority(t *testing.T) []byte {
	t.Helper()
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der := must(x509.CreateCertificate(rand.Reader, template, template, key.Public(), key))
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func BenchmarkPull(b *testing.B) {
	s := newShelf(b, true)
	ref, c := s.ref(b, "rules/eu:1"), client(b)
	must(c.Push(b.Context(), ref, oci.WasmArtifact(bytes.Repeat([]byte("rule"), 1<<18), nil)))
	b.SetBytes(1 << 20)
	for b.Loop() {
		if _, err := c.Pull(b.Context(), ref, oci.WasmLimits()); err != nil {
			b.Fatal(err)
		}
	}
}

func TestManyPushIntoOneLayout(t *testing.T) {
	dir := t.TempDir()
	c := client(t)
	var all sync.WaitGroup
	for _, version := range []string{"1", "2", "3", "4", "5", "6", "7", "8"} {
		ref := reference(t, "oci-layout://"+dir+":"+version)
		all.Go(func() {
			if _, err := c.Push(t.Context(), ref, oci.WasmArtifact(module(version), nil)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	list, err := c.List(t.Context(), reference(t, "oci-layout://"+dir))
	if err != nil || len(list) != 8 {
		t.Errorf("%d are listed, %v", len(list), err)
	}
}

func TestTagMovesInALayout(t *testing.T) {
	c, ref := client(t), reference(t, "oci-layout://"+t.TempDir()+":current")
	old := must(c.Push(t.Context(), ref, oci.WasmArtifact(module("1"), nil)))
	must(c.Push(t.Context(), ref, oci.WasmArtifact(module("2"), nil)))
	if got := must(c.Pull(t.Context(), ref, oci.WasmLimits())); !bytes.Equal(got.Layers[0].Data, module("2")) {
		t.Errorf("the tag names %q", got.Layers[0].Data)
	}
	if _, err := c.Pull(t.Context(), ref.At(old.Digest.String()), oci.WasmLimits()); err != nil {
		t.Errorf("the old one by its digest: %v", err)
	}
}
