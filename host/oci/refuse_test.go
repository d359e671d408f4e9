package oci_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"agentmesh/host/oci"
)

// answers serves documents by path instead of the registry: what each says is up to the test.
type answers map[string]answer

type answer struct {
	mediaType string
	body      string
	header    map[string]string
}

func (a answers) step(w http.ResponseWriter, r *http.Request, honest http.Handler) {
	got, ok := a[r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]]
	if !ok {
		honest.ServeHTTP(w, r)
		return
	}
	w.Header().Set("Content-Type", got.mediaType)
	w.Header().Set("Content-Length", strconv.Itoa(len(got.body)))
	w.Header().Set("Docker-Content-Digest", sha(got.body))
	for k, v := range got.header {
		w.Header().Set(k, v)
	}
	if r.Method != http.MethodHead {
		io.WriteString(w, got.body)
	}
}

// sha is the digest of a text.
func sha(text string) string { return digest.FromString(text).String() }

// serving is the answers for one manifest under the tag 1, and its parts.
func serving(manifest string, parts ...string) answers {
	a := answers{"1": {mediaType: oci.ManifestType, body: manifest}, sha(manifest): {mediaType: oci.ManifestType, body: manifest}}
	for _, p := range parts {
		a[sha(p)] = answer{mediaType: "application/octet-stream", body: p}
	}
	return a
}

// described is a descriptor in JSON; size and digest may be told wrong.
func described(mediaType, digest string, size any) string {
	return fmt.Sprintf(`{"mediaType":%q,"digest":%q,"size":%v}`, mediaType, digest, size)
}

func manifestOf(config string, layers ...string) string {
	return fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"config":%s,"layers":[%s]}`, oci.ManifestType, config, strings.Join(layers, ","))
}

// the module that the refusals bend
var (
	wasm       = string(module("1"))
	wasmConfig = `{"created":"1970-01-01T00:00:00Z","architecture":"wasm","os":"wasip1","layerDigests":["` + sha(wasm) + `"]}`
	layer      = described(oci.WasmType, sha(wasm), len(wasm))
	config     = described(oci.WasmConfigType, sha(wasmConfig), len(wasmConfig))
)

// TestRefusedArtifacts is group O of the bad inputs, as far as a registry's answers go: each is refused with its code,
// and what the manifest alone gives away is refused before any blob is asked for.
func TestRefusedArtifacts(t *testing.T) {
	nested := func(inner string) string {
		return fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"manifests":[%s]}`, oci.IndexType, inner)
	}
	honest := manifestOf(config, layer)
	withConfig := func(body string) answers {
		return serving(manifestOf(described(oci.WasmConfigType, sha(body), len(body)), layer), wasm, body)
	}
	index := func(body string, more answers) answers {
		a := answers{"1": {mediaType: oci.IndexType, body: body}, sha(body): {mediaType: oci.IndexType, body: body}}
		maps.Copy(a, more)
		return a
	}
	cases := []struct {
		id, name string
		serve    answers
		code     string
		early    bool // no blob may have been asked for
	}{
		{"O01", "blob is other bytes", bent(serving(honest, wasm, wasmConfig), sha(wasm), strings.ToUpper(wasm)), "digest_mismatch", false},
		{"O01", "blob is longer than declared", bent(serving(honest, wasm, wasmConfig), sha(wasm), wasm+"!"), "size_mismatch", false},
		{"O01", "blob is shorter than declared", bent(serving(honest, wasm, wasmConfig), sha(wasm), wasm[1:]), "size_mismatch", false},
		{"O01", "right digest, declared too small", serving(manifestOf(config, described(oci.WasmType, sha(wasm), len(wasm)-1)), wasm, wasmConfig), "size_mismatch", false},
		{"O01", "right digest, declared too large", serving(manifestOf(config, described(oci.WasmType, sha(wasm), len(wasm)+1)), wasm, wasmConfig), "size_mismatch", false},
		{"O01", "negative size", serving(manifestOf(config, described(oci.WasmType, sha(wasm), -1)), wasm, wasmConfig), "manifest_invalid", true},
		{"O01", "size 2^63-1", serving(manifestOf(config, described(oci.WasmType, sha(wasm), "9223372036854775807")), wasm, wasmConfig), "too_large", true},
		{"O01", "module of 17 MiB", serving(manifestOf(config, described(oci.WasmType, sha(wasm), 17<<20)), wasm, wasmConfig), "too_large", true},
		{"O01", "size 2^64", serving(manifestOf(config, described(oci.WasmType, sha(wasm), "18446744073709551616")), wasm, wasmConfig), "manifest_invalid", true},
		{"O01", "no size", serving(manifestOf(config, `{"mediaType":"application/wasm","digest":"`+sha(wasm)+`"}`), wasm, wasmConfig), "manifest_invalid", true},
		{"O01", "size is a string", serving(manifestOf(config, described(oci.WasmType, sha(wasm), `"12"`)), wasm, wasmConfig), "manifest_invalid", true},
		{"O01", "config of 2 MiB", serving(manifestOf(described(oci.WasmConfigType, sha(wasmConfig), 2<<20), layer), wasm, wasmConfig), "too_large", true},
		{"O01", "digest of another kind", serving(manifestOf(config, described(oci.WasmType, "md5:d41d8cd98f00b204e9800998ecf8427e", len(wasm))), wasm), "manifest_invalid", true},
		{"O01", "digest that climbs", serving(manifestOf(config, described(oci.WasmType, "sha256:../../../etc/passwd", len(wasm))), wasm), "manifest_invalid", true},

		{"O02", "tag moved after it was resolved", bent(serving(honest, wasm, wasmConfig), sha(honest), manifestOf(config, layer, layer)), "size_mismatch", true},
		{"O02", "manifest is other bytes", bent(serving(honest, wasm, wasmConfig), sha(honest), strings.Replace(honest, "wasm", "mswa", 1)), "digest_mismatch", true},
		{"O02", "Docker-Content-Digest lies", answers{"1": {oci.ManifestType, honest, map[string]string{"Docker-Content-Digest": sha("x")}}, sha("x"): {oci.ManifestType, honest, nil}}, "digest_mismatch", true},
		{"O02", "Docker-Content-Digest is none", answers{"1": {oci.ManifestType, honest, map[string]string{"Docker-Content-Digest": "yes"}}}, "registry_answer", true},

		{"O03", "manifest of 5 MiB", padded(honest, 5<<20), "manifest_too_large", true},
		{"O03", "10,000 layers", serving(manifestOf(config, strings.Split(strings.Repeat(layer+"|", 10_000), "|")[:10_000]...)), "layers_unexpected", true},
		{"O03", "2 layers", serving(manifestOf(config, layer, layer), wasm, wasmConfig), "layers_unexpected", true},
		{"O03", "no layer", serving(manifestOf(config), wasmConfig), "layers_unexpected", true},
		{"O03", "layers are no list", serving(fmt.Sprintf(`{"schemaVersion":2,"config":%s,"layers":{}}`, config)), "manifest_invalid", true},
		{"O03", "index of an index", index(nested(described(oci.IndexType, sha("x"), 1)), nil), "index_unexpected", true},
		{"O03", "index of two", index(nested(described(oci.ManifestType, sha(honest), len(honest))+","+described(oci.ManifestType, sha("x"), 1)), nil), "index_unexpected", true},
		{"O03", "index of none", index(nested(""), nil), "index_unexpected", true},
		{"O03", "index that names itself as a manifest", itself(), "digest_mismatch", true},
		{"O03", "nested 100 deep", serving(strings.Repeat(`{"a":`, 100) + "1" + strings.Repeat("}", 100)), "manifest_invalid", true},

		{"O04", "a layer is an archive", serving(manifestOf(config, described("application/vnd.oci.image.layer.v1.tar+gzip", sha(wasm), len(wasm))), wasm, wasmConfig), "media_type_unknown", true},

		{"O06", "config of an unknown type", serving(manifestOf(described("application/x-config", sha(wasmConfig), len(wasmConfig)), layer), wasm, wasmConfig), "media_type_unknown", true},
		{"O06", "empty config and no artifactType", serving(manifestOf(described(oci.EmptyType, sha("{}"), 2), layer), wasm, "{}"), "media_type_unknown", true},
		{"O06", "manifest is of docker's type", answers{"1": {"application/vnd.docker.distribution.manifest.v2+json", honest, nil}}, "media_type_unknown", true},
		{"O06", "manifest says that it is an index", serving(strings.Replace(honest, oci.ManifestType, oci.IndexType, 1)), "media_type_unknown", true},
		{"O06", "manifest names layers twice", serving(strings.TrimSuffix(honest, "}") + `,"layers":[]}`), "manifest_invalid", true},
		{"O06", "manifest names layers in another case", serving(strings.TrimSuffix(honest, "}") + `,"Layers":[]}`), "manifest_invalid", true},
		{"O06", "layer names its size in another case", serving(manifestOf(config, strings.TrimSuffix(layer, "}")+`,"SIZE":1}`)), "manifest_invalid", true},
		{"O06", "config names its layers twice", withConfig(strings.Replace(wasmConfig, `"os"`, `"layerDigests":[],"os"`, 1)), "config_invalid", false},
		{"O06", "layerDigests are others", withConfig(strings.Replace(wasmConfig, sha(wasm), sha("x"), 1)), "config_invalid", false},
		{"O06", "layerDigests name two", withConfig(strings.Replace(wasmConfig, `"]`, `","x"]`, 1)), "config_invalid", false},
		{"O06", "no layerDigests", withConfig(`{"architecture":"wasm","os":"wasip1"}`), "config_invalid", false},
		{"O06", "config is no JSON", withConfig(`{`), "config_invalid", false},
		{"O06", "a component for wasip2", withConfig(strings.Replace(wasmConfig, "wasip1", "wasip2", 1)), "config_invalid", false},
		{"O06", "an image for amd64", withConfig(strings.Replace(wasmConfig, `"wasm"`, `"amd64"`, 1)), "config_invalid", false},
	}
	for _, c := range cases {
		t.Run(c.id+" "+c.name, func(t *testing.T) {
			s := newShelf(t, true)
			s.turn(c.serve.step)
			p, err := client(t).Pull(t.Context(), s.ref(t, "rules/eu:1"), oci.WasmLimits())
			if err == nil {
				err = oci.CheckWasm(p)
			}
			wantCode(t, err, c.code)
			if n := s.count("GET", "/blobs/"); c.early && n > 0 {
				t.Errorf("%d blobs were asked for; the manifest was enough to refuse", n)
			}
		})
	}
	s := newShelf(t, true)
	s.turn(serving(honest, wasm, wasmConfig).step)
	if p, err := client(t).Pull(t.Context(), s.ref(t, "rules/eu:1"), oci.WasmLimits()); err != nil || oci.CheckWasm(p) != nil {
		t.Errorf("the module that none of them bends: %v", err)
	}
	s.turn(index(nested(described(oci.ManifestType, sha(honest), len(honest))), serving(honest, wasm, wasmConfig).without("1")).step)
	if p, err := client(t).Pull(t.Context(), s.ref(t, "rules/eu:1"), oci.WasmLimits()); err != nil || p.Descriptor.Digest.String() != sha(honest) {
		t.Errorf("an index of one: %v", err)
	}
}

func (a answers) without(name string) answers { delete(a, name); return a }

// bent serves another body where one is asked for by digest.
func bent(a answers, digest, body string) answers {
	was := a[digest]
	a[digest] = answer{mediaType: was.mediaType, body: body, header: map[string]string{"Docker-Content-Digest": digest}}
	return a
}

// padded is a manifest made long by spaces.
func padded(manifest string, size int) answers {
	return serving(manifest + strings.Repeat(" ", size-len(manifest)))
}

// itself is an index whose one manifest has the digest that the registry gives the index, told as a manifest.
func itself() answers {
	list := fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"manifests":[%s]}`, oci.IndexType, described(oci.ManifestType, sha("itself"), 300))
	list += strings.Repeat(" ", 300-len(list))
	a := answers{"1": {mediaType: oci.IndexType, body: list}, sha(list): {mediaType: oci.IndexType, body: list}}
	a[sha("itself")] = answer{mediaType: oci.ManifestType, body: list}
	return a
}

// TestRefusedConnections are answers that fail as they come: what may pass is tried again, what cannot is not.
func TestRefusedConnections(t *testing.T) {
	for _, c := range []struct {
		name  string
		step  func(w http.ResponseWriter, r *http.Request)
		code  string
		tries int
	}{
		{"truncated download", truncate, "truncated", 3},
		{"connection reset", reset, "registry_unavailable", 3},
		{"answers 500", status(500, ""), "registry_unavailable", 3},
		{"answers 429 and when to come back", status(429, "7"), "registry_unavailable", 3},
		{"stalls in the middle", stall, "stalled", 3},
		{"drips", drip, "stalled", 3},
		{"answers 403", status(403, ""), "unauthorized", 1},
		{"answers 404", status(404, ""), "not_found", 1},
		{"answers 418", status(418, ""), "registry_answer", 1},
		{"redirects for ever", redirect("/v2/rules/eu/blobs/sha256:x"), "redirect_refused", 6},
		{"redirects to a file", redirect("file:///etc/passwd"), "redirect_refused", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newShelf(t, true)
			ref := s.ref(t, "rules/eu:1")
			must(client(t).Push(t.Context(), ref, oci.WasmArtifact(module("1"), nil)))
			s.turn(func(w http.ResponseWriter, r *http.Request, honest http.Handler) {
				if strings.Contains(r.URL.Path, "/blobs/") {
					c.step(w, r)
					return
				}
				honest.ServeHTTP(w, r)
			})
			impatient := func(o *oci.Options) { o.Retries, o.Stall = 2, 100*time.Millisecond }
			_, err := client(t, impatient).Pull(t.Context(), ref, oci.WasmLimits())
			wantCode(t, err, c.code)
			// net/http asks once more by itself when a connection that served before breaks
			if n := s.count("GET", "/blobs/"); n != c.tries && (n != c.tries+1 || c.name != "connection reset") {
				t.Errorf("asked %d times, want %d", n, c.tries)
			}
		})
	}
}

func truncate(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "4096")
	io.WriteString(w, "the first half")
	http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

func reset(w http.ResponseWriter, _ *http.Request) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err == nil {
		conn.(*net.TCPConn).SetLinger(0)
		conn.Close()
	}
}

func status(code int, after string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", after)
		w.WriteHeader(code)
	}
}

func stall(w http.ResponseWriter, r *http.Request) {
	io.WriteString(w, "the first half")
	http.NewResponseController(w).Flush()
	<-r.Context().Done()
}

// drip sends a byte now and then, often enough never to be silent for long.
func drip(w http.ResponseWriter, r *http.Request) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		io.WriteString(w, "x")
		http.NewResponseController(w).Flush()
		select {
		case <-r.Context().Done():
			return
		case <-tick.C:
		}
	}
}

func redirect(to string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, http.StatusTemporaryRedirect) }
}

func TestWhatPassesIsTriedAgain(t *testing.T) {
	s := newShelf(t, true)
	ref := s.ref(t, "rules/eu:1")
	must(client(t).Push(t.Context(), ref, oci.WasmArtifact(module("1"), nil)))
	failures := 2
	s.turn(func(w http.ResponseWriter, r *http.Request, honest http.Handler) {
		if strings.Contains(r.URL.Path, "/blobs/") && failures > 0 {
			failures--
			truncate(w, r)
		}
		honest.ServeHTTP(w, r)
	})
	var waits []time.Duration
	p, err := client(t, patient(&waits)).Pull(t.Context(), ref, oci.WasmLimits())
	if err != nil || !bytes.Equal(p.Layers[0].Data, module("1")) {
		t.Fatalf("after two failures: %v", err)
	}
	if len(waits) != 2 || waits[0] < time.Second/2 || waits[0] > time.Second || waits[1] < time.Second || waits[1] > 2*time.Second {
		t.Errorf("it waited %v; want about a second, then about two", waits)
	}

	s.turn(func(w http.ResponseWriter, r *http.Request, _ http.Handler) { status(503, "20")(w, r) })
	waits = nil
	_, err = client(t, patient(&waits)).Pull(t.Context(), ref, oci.WasmLimits())
	wantCode(t, err, "registry_unavailable")
	if len(waits) != 3 || waits[0] < 20*time.Second || waits[2] < 20*time.Second || waits[2] > 30*time.Second {
		t.Errorf("asked to come back in 20 s, it waited %v", waits)
	}
}

// patient tries four times, a second after the first, and writes down how long it would wait.
func patient(waits *[]time.Duration) func(*oci.Options) {
	return func(o *oci.Options) {
		o.Retries, o.Backoff = 3, time.Second
		o.Wait = func(_ context.Context, d time.Duration) error { *waits = append(*waits, d); return nil }
	}
}

// TestRedirectsToAnotherHost: blobs may lie elsewhere, and nobody there learns a credential; all else stays.
func TestRedirectsToAnotherHost(t *testing.T) {
	s := newShelf(t, true)
	ref := s.ref(t, "rules/eu:1")
	pushed := must(client(t).Push(t.Context(), ref, oci.WasmArtifact(module("1"), nil)))
	var leaked []string
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a := r.Header.Get("Authorization"); a != "" {
			leaked = append(leaked, a)
		}
		r.SetBasicAuth("operator", "of rules")
		resp := must(http.Get(s.URL + "/inside" + r.URL.Path))
		defer resp.Body.Close()
		w.Header().Set("Content-Type", resp.Header.Get("Content-Type"))
		io.Copy(w, resp.Body)
	}))
	t.Cleanup(elsewhere.Close)
	away := func(part string) {
		s.turn(func(w http.ResponseWriter, r *http.Request, honest http.Handler) {
			if path, inside := strings.CutPrefix(r.URL.Path, "/inside"); inside {
				r.URL.Path = path
				honest.ServeHTTP(w, r)
				return
			}
			if strings.Contains(r.URL.Path, part) {
				http.Redirect(w, r, elsewhere.URL+r.URL.Path, http.StatusTemporaryRedirect)
				return
			}
			login(w, r, honest)
		})
	}
	c := client(t, func(o *oci.Options) { o.DockerConfig = loginFile(t, s.host()) })

	away("/blobs/")
	p, err := c.Pull(t.Context(), ref, oci.WasmLimits())
	if err != nil || !bytes.Equal(p.Layers[0].Data, module("1")) {
		t.Errorf("blobs elsewhere: %v", err)
	}
	_, err = c.Push(t.Context(), ref, oci.WasmArtifact(module("2"), nil))
	wantCode(t, err, "redirect_refused")
	for part, ask := range map[string]func() error{
		"/manifests/": func() error { _, err := c.Pull(t.Context(), ref, oci.WasmLimits()); return err },
		"/referrers/": func() error { _, err := c.Referrers(t.Context(), ref.At(pushed.Digest.String()), ""); return err },
	} {
		away(part)
		wantCode(t, ask(), "redirect_refused")
	}
	if len(leaked) > 0 {
		t.Errorf("the other host was told %q", leaked)
	}
}

// TestSignedAddressesAreNotTold: whoever has the address of a blob at a storage service may read it, so errors leave its query out.
func TestSignedAddressesAreNotTold(t *testing.T) {
	s := newShelf(t, true)
	ref := s.ref(t, "rules/eu:1")
	must(client(t).Push(t.Context(), ref, oci.WasmArtifact(module("1"), nil)))
	for to, code := range map[string]string{
		"http://127.0.0.1:1/blob?X-Amz-Signature=ForUsAlone": "registry_unavailable",
		"ftp://storage/blob?https://a/b?c=ForUsAlone":        "redirect_refused",
	} {
		s.turn(func(w http.ResponseWriter, r *http.Request, honest http.Handler) {
			if strings.Contains(r.URL.Path, "/blobs/") {
				http.Redirect(w, r, to, http.StatusTemporaryRedirect)
				return
			}
			honest.ServeHTTP(w, r)
		})
		_, err := client(t, func(o *oci.Options) { o.Retries = -1 }).Pull(t.Context(), ref, oci.WasmLimits())
		wantCode(t, err, code)
		if strings.Contains(err.Error(), "ForUsAlone") {
			t.Errorf("told: %v", err)
		}
	}
}

func loginFile(t *testing.T, host string) string {
	t.Helper()
	file := t.TempDir() + "/config.json"
	auth := map[string]any{"auths": map[string]any{host: map[string]string{"auth": "b3BlcmF0b3I6b2YgcnVsZXM="}}}
	write(t, file, must(json.Marshal(auth)), 0o600)
	return file
}

func TestRedirectNeverLeavesTLS(t *testing.T) {
	plain := newShelf(t, true)
	s := &shelf{}
	s.Server = httptest.NewTLSServer(s.handler(true))
	t.Cleanup(s.Close)
	c := client(t, func(o *oci.Options) { o.CAFile = authorityOf(t, s.Server) })
	ref := s.ref(t, "rules/eu:1")
	must(c.Push(t.Context(), ref, oci.WasmArtifact(module("1"), nil)))
	s.turn(func(w http.ResponseWriter, r *http.Request, honest http.Handler) {
		if strings.Contains(r.URL.Path, "/blobs/") {
			http.Redirect(w, r, plain.URL+r.URL.Path, http.StatusTemporaryRedirect)
			return
		}
		honest.ServeHTTP(w, r)
	})
	_, err := c.Pull(t.Context(), ref, oci.WasmLimits())
	wantCode(t, err, "redirect_refused")
	if len(plain.asked) > 0 {
		t.Errorf("the plain host was asked %q", plain.asked)
	}
}

// TestPlainHTTP: beyond loopback only when asked for, and then nobody hears a login.
func TestPlainHTTP(t *testing.T) {
	s := newShelf(t, true)
	host := strings.Replace(s.host(), "127.0.0.1", "0.0.0.0", 1) // it leads to this machine and is not called loopback
	ref := reference(t, "oci://"+host+"/rules/eu:1")
	_, err := client(t).Pull(t.Context(), ref, oci.WasmLimits())
	wantCode(t, err, "plain_http_refused")
	asked := func(o *oci.Options) { o.PlainHTTP, o.DockerConfig = true, loginFile(t, host) }
	if _, err := client(t, asked).Push(t.Context(), ref, oci.WasmArtifact(module("1"), nil)); err != nil {
		t.Errorf("when asked for: %v", err)
	}
	s.turn(login)
	_, err = client(t, asked).Pull(t.Context(), ref, oci.WasmLimits())
	wantCode(t, err, "unauthorized")
	for _, h := range s.received {
		if a := h.Get("Authorization"); a != "" {
			t.Errorf("a login was sent in plain text: %q", a)
		}
	}
}

func TestRegistryIsDown(t *testing.T) {
	s := newShelf(t, true)
	ref := s.ref(t, "rules/eu:1")
	s.Close()
	_, err := client(t).Pull(t.Context(), ref, oci.WasmLimits())
	wantCode(t, err, "registry_unavailable")
	_, err = client(t).Push(t.Context(), ref, oci.WasmArtifact(module("1"), nil))
	wantCode(t, err, "registry_unavailable")
}

func TestCancelledPull(t *testing.T) {
	s := newShelf(t, true)
	ref := s.ref(t, "rules/eu:1")
	must(client(t).Push(t.Context(), ref, oci.WasmArtifact(module("1"), nil)))
	ctx, cancel := context.WithCancel(t.Context())
	s.turn(func(w http.ResponseWriter, r *http.Request, honest http.Handler) {
		if strings.Contains(r.URL.Path, "/blobs/") {
			cancel()
			<-r.Context().Done()
			return
		}
		honest.ServeHTTP(w, r)
	})
	_, err := client(t).Pull(ctx, ref, oci.WasmLimits())
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// TestTooManyReferrers: a list without end is not read to it.
func TestTooManyReferrers(t *testing.T) {
	s := newShelf(t, true)
	ref := s.ref(t, "rules/eu:1")
	must(client(t).Push(t.Context(), ref, oci.WasmArtifact(module("1"), nil)))
	page := fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"manifests":[%s]}`, oci.IndexType, described(oci.ManifestType, sha("x"), 1))
	s.turn(func(w http.ResponseWriter, r *http.Request, honest http.Handler) {
		if !strings.Contains(r.URL.Path, "/referrers/") {
			honest.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Link", "<"+r.URL.Path+`?next>; rel="next"`)
		w.Header().Set("Content-Type", oci.IndexType)
		io.WriteString(w, page)
	})
	_, err := client(t).Referrers(t.Context(), ref, "")
	wantCode(t, err, "manifest_too_large")
	if n := s.count("GET", "/referrers/"); n > 20 {
		t.Errorf("%d pages were read", n)
	}
}

// TestTextOfOthersIsQuoted: O05, names that an artifact or registry gives are shown escaped and become no file.
func TestTextOfOthersIsQuoted(t *testing.T) {
	title := "../../plugin.wasm\x00\n\u202egnp.wasm"
	ref := reference(t, "oci-layout://"+t.TempDir()+":1")
	a := oci.WasmArtifact(module("1"), nil)
	a.Layers[0].Title = title
	c := client(t)
	must(c.Push(t.Context(), ref, a))
	p := must(c.Pull(t.Context(), ref, oci.WasmLimits()))
	if p.Layers[0].Title != title {
		t.Errorf("the title is %q", p.Layers[0].Title)
	}
	files := filesBelow(t, ref.Path)
	for _, f := range files {
		if strings.Contains(f, "plugin") || strings.Contains(f, "gnp") {
			t.Errorf("a title became the file %q", f)
		}
	}

	s := newShelf(t, true)
	s.turn(func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.Header().Set("Content-Type", "application/json\u202e")
		w.WriteHeader(http.StatusForbidden)
		io.WriteString(w, `{"errors":[{"code":"DENIED","message":"\u001b[2J\u202eall is well\n"}]}`)
	})
	_, err := client(t).Pull(t.Context(), s.ref(t, "rules/eu:1"), oci.WasmLimits())
	if text := err.Error(); strings.ContainsAny(text, "\x1b\u202e\n") {
		t.Errorf("the error shows control characters: %q", text)
	}
}
