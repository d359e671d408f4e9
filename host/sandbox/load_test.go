package sandbox_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"agentmesh/host/gate"
	"agentmesh/host/policy"
	"agentmesh/host/sandbox"
	"agentmesh/pdk/abi"
	"agentmesh/policies"
)

func newEngine(t testing.TB, o sandbox.Options) *sandbox.Engine {
	t.Helper()
	o.Presets = policies.Preset
	e, err := sandbox.NewEngine(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return e
}

// folder makes a directory of files that only this user can write.
func folder(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	chmod(t, dir, 0o755)
	for name, text := range files {
		write(t, filepath.Join(dir, name), text)
	}
	return dir
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	chmod(t, path, 0o644)
}

func chmod(t testing.TB, path string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

const (
	reading = "version: \"1.0\"\nname: reading\nrules:\n  - name: reads\n    condition: action.type == 'read'\n    action: allow\n"
	denying = "version: \"1.0\"\nname: denying\nrules:\n  - name: no-deletes\n    condition: action.type == 'delete'\n    action: deny\n"
	broken  = "version: \"1.0\"\nname: broken\nrules:\n  - name: x\n    condition: actoin.type == 'read'\n    action: allow\n"
)

func requestOf(t testing.TB, text string) *abi.Request {
	t.Helper()
	q, err := abi.ReadRequest(text)
	if err != nil {
		t.Fatal(err)
	}
	return &q
}

func eval(t testing.TB, s *sandbox.Set, text string) string {
	t.Helper()
	v := gate.Eval(t.Context(), gate.As(s), requestOf(t, text))
	return v.Decision.String() + " " + v.Policy + " " + v.Rule
}

func TestWhatOthersCanWriteIsRefused(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(t *testing.T, dir string)
		mend  string
	}{
		{"a file by its group", func(t *testing.T, dir string) { chmod(t, filepath.Join(dir, "a.yaml"), 0o664) }, "chmod go-w "},
		{"a file by everybody", func(t *testing.T, dir string) { chmod(t, filepath.Join(dir, "a.yaml"), 0o646) }, "chmod go-w "},
		{"the directory", func(t *testing.T, dir string) { chmod(t, dir, 0o775) }, "chmod go-w "},
		{"a parent", func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, "a.yaml"), "extends: up/parent.yaml\n"+reading)
			if err := os.Mkdir(filepath.Join(dir, "up"), 0o755); err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Join(dir, "up", "parent.yaml"), denying)
			chmod(t, filepath.Join(dir, "up", "parent.yaml"), 0o666)
		}, "chmod go-w "},
		{"a module", func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, "b.wasm"), "")
			chmod(t, filepath.Join(dir, "b.wasm"), 0o666)
		}, "chmod go-w "},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := folder(t, map[string]string{"a.yaml": reading})
			c.spoil(t, dir)
			s, err := newEngine(t, sandbox.Options{}).Load(t.Context(), dir)
			if s != nil || err == nil || !strings.Contains(err.Error(), c.mend) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestAnotherUsersFileIsRefused(t *testing.T) {
	dir := folder(t, map[string]string{"a.yaml": reading})
	if err := os.Chown(filepath.Join(dir, "a.yaml"), 4242, -1); err != nil {
		t.Skip("only root can give files away: ", err)
	}
	_, err := newEngine(t, sandbox.Options{}).Load(t.Context(), dir)
	if err == nil || !strings.Contains(err.Error(), "belongs to user 4242") {
		t.Errorf("got %v", err)
	}
}

func TestAllErrorsOfAllFilesComeAtOnce(t *testing.T) {
	dir := folder(t, map[string]string{
		"a.yaml": broken, "b.yaml": reading, "c.json": "{", "d.wasm": "no module",
	})
	other := folder(t, map[string]string{"f.yml": strings.Replace(broken, "broken", "f", 1)})
	s, err := newEngine(t, sandbox.Options{}).Load(t.Context(), dir, other, filepath.Join(dir, "absent.yaml"), "preset:unheard-of")
	if s != nil {
		t.Error("something was loaded")
	}
	var all policy.Errors
	if !errors.As(err, &all) {
		t.Fatalf("got %T: %v", err, err)
	}
	for _, want := range []string{"a.yaml:5:16", "c.json", "d.wasm", "f.yml:5:16", "absent.yaml", "unheard-of"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("nothing is said of %s in:\n%v", want, err)
		}
	}
}

func TestTwoJudgesOfOneNameAreRefused(t *testing.T) {
	for name, other := range map[string]string{"b.yaml": reading, "b.wasm": compiled(t, strings.Replace(reading, "reads", "other", 1))} {
		dir := folder(t, map[string]string{"a.yaml": reading, name: other})
		_, err := newEngine(t, sandbox.Options{}).Load(t.Context(), dir)
		if err == nil || !strings.Contains(err.Error(), "rename one of them") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestACacheThatOthersCanEnterIsRefused(t *testing.T) {
	for _, mode := range []os.FileMode{0o755, 0o770, 0o701} {
		dir := t.TempDir()
		chmod(t, dir, mode)
		if _, err := sandbox.NewEngine(t.Context(), sandbox.Options{CacheDir: dir}); err == nil || !strings.Contains(err.Error(), "chmod") {
			t.Errorf("mode %o: got %v", mode, err)
		}
	}
	file := filepath.Join(t.TempDir(), "file")
	write(t, file, "")
	if _, err := sandbox.NewEngine(t.Context(), sandbox.Options{CacheDir: file}); err == nil {
		t.Error("a file passed for a directory")
	}
	real := filepath.Join(t.TempDir(), "cache")
	e := newEngine(t, sandbox.Options{CacheDir: real})
	if s, err := e.Load(t.Context(), folder(t, map[string]string{"a.yaml": reading})); err != nil {
		t.Error(err)
	} else {
		s.Release()
	}
	if info, err := os.Stat(real); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the cache: %v, %v", info.Mode(), err)
	}
}

func TestLoadedPoliciesDecide(t *testing.T) {
	dir := folder(t, map[string]string{
		"b.yaml": reading, "a.yaml": denying, ".hidden.yaml": broken, "notes.txt": "no policy", "b.cases.yaml": "[]",
	})
	s, err := newEngine(t, sandbox.Options{}).Load(t.Context(), dir, "preset:permissive")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Release()
	var names []string
	for i := range s.Len() {
		names = append(names, s.Judge(i).Info().Name)
	}
	if !slices.IsSorted(names) || len(names) != 3 || names[0] != "local/denying" {
		t.Errorf("judges %q", names)
	}
	if got := eval(t, s, `{"action":{"type":"delete"}}`); got != "deny local/denying no-deletes" {
		t.Errorf("a delete: %q", got)
	}
	if got := eval(t, s, `{"action":{"type":"read"}}`); !strings.HasPrefix(got, "allow ") {
		t.Errorf("a read: %q", got)
	}
}

func TestAnEmptyDirectoryDeniesEverything(t *testing.T) {
	s, err := newEngine(t, sandbox.Options{}).Load(t.Context(), folder(t, nil))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Release()
	if got := eval(t, s, `{"action":{"type":"read"}}`); !strings.HasPrefix(got, "deny") || len(s.Warnings()) != 1 {
		t.Errorf("got %q, warnings %q", got, s.Warnings())
	}
}

// compiled is the module of a policy, as `policy build` writes it.
func compiled(t *testing.T, text string) string {
	t.Helper()
	p, err := policy.Load(policy.Sources{{Name: "p.yaml", Text: text}}, "p.yaml")
	if err != nil {
		t.Fatal(err)
	}
	m, err := policy.Compile(p)
	if err != nil {
		t.Fatal(err)
	}
	return string(m.Wasm)
}

func TestModulesAreRecompiledFromTheirSource(t *testing.T) {
	good := compiled(t, reading)
	// A module whose code was exchanged: the sections of one policy behind the code of another.
	evil := compiled(t, strings.Replace(reading, "'read'", "'delete'", 1))
	evil = strings.ReplaceAll(evil, "action.type == 'delete'", "action.type == 'read'  ")
	for _, c := range []struct {
		name, module string
		warnings     int
	}{
		{"as we compile it", good, 1},
		{"with other code", evil, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := newEngine(t, sandbox.Options{}).Load(t.Context(), folder(t, map[string]string{"p.wasm": c.module}))
			if err != nil {
				t.Fatal(err)
			}
			defer s.Release()
			if len(s.Warnings()) != c.warnings || !strings.Contains(s.Warnings()[0], "no signature") {
				t.Errorf("warnings %q", s.Warnings())
			}
			if got := eval(t, s, `{"action":{"type":"read"}}`); got != "allow local/reading reads" {
				t.Errorf("a read: %q", got)
			}
			if got := eval(t, s, `{"action":{"type":"delete"}}`); got != "deny  " {
				t.Errorf("a delete: %q", got)
			}
		})
	}
}

func TestAModuleWithoutSourceIsRefused(t *testing.T) {
	empty := "\x00asm\x01\x00\x00\x00"
	_, err := newEngine(t, sandbox.Options{}).Load(t.Context(), folder(t, map[string]string{"p.wasm": empty}))
	if !errors.Is(err, policy.ErrNoSource) && (err == nil || !strings.Contains(err.Error(), policy.ErrNoSource.Error())) {
		t.Errorf("got %v", err)
	}
}

func TestTheDigestCoversEverything(t *testing.T) {
	digest := func(config string, files map[string]string) string {
		s, err := newEngine(t, sandbox.Options{ConfigDigest: config}).Load(t.Context(), folder(t, files))
		if err != nil {
			t.Fatal(err)
		}
		defer s.Release()
		return s.Digest()
	}
	base := map[string]string{"a.yaml": reading, "b.yaml": denying}
	seen := map[string]string{}
	for name, d := range map[string]string{
		"as it is":            digest("c", base),
		"another config":      digest("d", base),
		"a judge less":        digest("c", map[string]string{"a.yaml": reading}),
		"a comment":           digest("c", map[string]string{"a.yaml": reading + "# x\n", "b.yaml": denying}),
		"monitored":           digest("c", map[string]string{"a.yaml": "mode: monitor\n" + reading, "b.yaml": denying}),
		"another agent":       digest("c", map[string]string{"a.yaml": "agent: x\n" + reading, "b.yaml": denying}),
		"a disabled rule off": digest("c", map[string]string{"a.yaml": reading + "    enabled: false\n", "b.yaml": denying}),
	} {
		if other, same := seen[d]; same {
			t.Errorf("%s and %s have one digest", name, other)
		}
		seen[d] = name
	}
	if d := digest("c", base); seen[d] != "as it is" {
		t.Error("the same files have two digests")
	}
}

func TestStages(t *testing.T) {
	post := "version: \"1.0\"\nname: post\nrules:\n  - name: no-keys\n    stage: post_tool\n    condition: result.text contains 'KEY'\n    action: deny\n"
	s, err := newEngine(t, sandbox.Options{}).Load(t.Context(), folder(t, map[string]string{"a.yaml": post, "b.yaml": reading}))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Release()
	for text, want := range map[string]string{
		`{"action":{"type":"read","stage":"post_tool"},"result":{"text":"a KEY"}}`: "deny local/post no-keys",
		`{"action":{"type":"read","stage":"post_tool"},"result":{"text":"none"}}`:  "allow  ",
		`{"action":{"type":"read"},"result":{"text":"a KEY"}}`:                     "allow local/reading reads",
	} {
		if got := eval(t, s, text); got != want {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
	if s.Judge(1).Applies(requestOf(t, `{"action":{"stage":"post_tool"}}`)) {
		t.Error("a policy without rules for results is asked about one")
	}
}

func TestSelectorsAndRedaction(t *testing.T) {
	text := "agents: [\"bot-*\"]\n" + reading + "    redact: [data.note]\n"
	s, err := newEngine(t, sandbox.Options{}).Load(t.Context(), folder(t, map[string]string{"a.yaml": text}))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Release()
	j := s.Judge(0)
	for text, want := range map[string]bool{
		`{"agent":{"name":"bot-1"}}`:               true,
		`{"agent":{"did":"did:mesh:bot-1:abcde"}}`: true, // no name: the one in the DID serves
		`{"agent":{"did":"did:mesh:man-1:abcde"}}`: false,
		`{"agent":{"name":"Bot-1"}}`:               false,
		`{}`:                                       false,
	} {
		if got := j.Applies(requestOf(t, text)); got != want {
			t.Errorf("%s: applies %v", text, got)
		}
	}
	if len(j.Redacts()) != 1 || string(abi.AppendPath(nil, j.Redacts()[0])) != "data.note" {
		t.Errorf("redacts %v", j.Redacts())
	}
}
