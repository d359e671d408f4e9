package sandbox_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"agentmesh/host/disk"
	"agentmesh/host/sandbox"
	"agentmesh/host/wasm"
	"agentmesh/pdk/abi"
)

// TestMain lets this binary be the process that plugins are admitted in, and stand-ins for one.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case sandbox.AdmitCommand:
			os.Exit(sandbox.AdmitMain(os.Stdin, os.Stdout))
		case "decide":
			os.Exit(decideMain(os.Stdin, os.Stdout))
		case "fake-silent":
			os.Exit(0)
		case "fake-stuck":
			time.Sleep(time.Hour)
		case "fake-crash":
			panic("as a compiler might")
		case "fake-environment":
			text, _ := json.Marshal(strings.Join(os.Environ(), " "))
			os.Stdout.WriteString(`{"done":true,"code":"test","detail":` + string(text) + `}`)
			os.Exit(0)
		}
	}
	os.Exit(m.Run())
}

// by is how this binary does what TestMain has under that name.
func by(t testing.TB, name string) []string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return []string{self, name}
}

func newAdmitter(t testing.TB, o sandbox.AdmitOptions) *sandbox.Admitter {
	t.Helper()
	if o.Command == nil {
		o.Command = by(t, sandbox.AdmitCommand)
	}
	a, err := sandbox.NewAdmitter(o)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func privateFolder(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "cache")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

// pluginFile is a module as a plugin of that manifest, with cases if there are any.
func pluginFile(t testing.TB, module []byte, more, cases string) *sandbox.PluginFile {
	t.Helper()
	module = wasm.AppendCustom(module[:len(module):len(module)], abi.SectionManifest, []byte(manifest("test/guest", "policy", more)))
	if cases != "" {
		module = wasm.AppendCustom(module, abi.SectionCases, []byte(cases))
	}
	f, err := sandbox.NewPluginFile("guest.wasm", module)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// answering is a guest that always gives the same answer.
func answering(text string) []byte {
	h := newHand()
	return h.evaluate(func(c *wasm.Code) { h.answer(c, text) })
}

const mayAllow = `,"effects":["allow"]`

func aCase(want string) string { return `[{"name":"one","request":{"abi":1},"want":` + want + `}]` }

func TestAdmissionRefuses(t *testing.T) {
	a := newAdmitter(t, sandbox.AdmitOptions{CacheDir: privateFolder(t)})
	for _, c := range []struct {
		name   string
		file   *sandbox.PluginFile
		code   abi.Code
		detail []string
	}{
		{
			"a case that it does not pass", pluginFile(t, answering(allowing), mayAllow, aCase(`{"decision":"deny"}`)), abi.CodeCaseFailed,
			[]string{`case "one"`, "want deny, got allow", allowing},
		},
		{
			"a decision that its manifest does not have", pluginFile(t, answering(allowing), "", aCase(`{"decision":"allow"}`)), abi.CodeCaseFailed,
			[]string{"its manifest does not let it allow"},
		},
		{
			"another answer under the stock SDK", pluginFile(t, lookingAround(), mayAllow, aCase(`{"decision":"allow"}`)), abi.CodeEnginesDiffer,
			[]string{`case "one"`, "here it answers " + allowing, "under the stock Extism SDK " + strings.Replace(allowing, "allow", "ALLOW", 1)},
		},
		{
			"settings in a case that its schema does not have", pluginFile(t, answering(allowing), mayAllow,
				`[{"name":"one","request":{"abi":1},"settings":{"x":1},"want":{"decision":"allow"}}]`), abi.CodeManifestInvalid,
			[]string{`case "one"`, "settings"},
		},
		{"an import", pluginFile(t, importsExec(), "", ""), abi.CodeImportRefused, []string{"env.exec"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := a.Admit(t.Context(), c.file, sandbox.PluginOptions{})
			if codeOf(t, err) != c.code {
				t.Fatalf("got %v, want the code %s", err, c.code)
			}
			for _, d := range c.detail {
				if !strings.Contains(err.Error(), d) {
					t.Errorf("%v does not say %q", err, d)
				}
			}
		})
	}
}

// lookingAround answers otherwise where the log is off, which it is under the stock SDK.
func lookingAround() []byte {
	h := &hand{}
	const host = "extism:host/env"
	h.alloc = h.Import(host, "alloc", gives(takes(wasm.I64), wasm.I64))
	h.storeU8 = h.Import(host, "store_u8", takes(wasm.I64, wasm.I32))
	h.outputSet = h.Import(host, "output_set", takes(wasm.I64, wasm.I64))
	level := h.Import(host, "get_log_level", gives(takes(), wasm.I32))
	h.Memory(1, 4)
	h.Export("memory", wasm.ExportMemory, 0)
	return h.evaluate(func(c *wasm.Code) {
		c.Call(level).I32(2).Op(wasm.OpI32Eq)
		c.If()
		h.answer(c, allowing)
		c.Else()
		h.answer(c, strings.Replace(allowing, "allow", "ALLOW", 1))
		c.End()
	})
}

// importsExec is a guest that imports what is no plugin's.
func importsExec() []byte {
	var b wasm.Builder
	b.Import("env", "exec", plain())
	b.Memory(1, 1)
	b.Export("memory", wasm.ExportMemory, 0)
	fn := b.Func(status())
	b.Body(fn, wasm.NewCode(status()).I32(0))
	b.Export("evaluate", wasm.ExportFunc, fn)
	return b.Module()
}

// TestDeepRecursionIsNoDifference has a guest call itself more often than wazero's interpreter lets it.
func TestDeepRecursionIsNoDifference(t *testing.T) {
	h := newHand()
	self := h.Func(takes(wasm.I32))
	body := wasm.NewCode(takes(wasm.I32))
	body.Get(0)
	body.If()
	body.Get(0).I32(0xffffffff).Op(wasm.OpI32Add).Call(self).End()
	h.Body(self, body)
	module := h.evaluate(func(c *wasm.Code) {
		c.I32(5000).Call(self)
		h.answer(c, allowing)
	})
	if err := newAdmitter(t, sandbox.AdmitOptions{}).Admit(t.Context(), pluginFile(t, module, mayAllow, ""), sandbox.PluginOptions{}); err != nil {
		t.Error(err)
	}
}

func TestTheAdmittingProcess(t *testing.T) {
	f := pluginFile(t, answering(allowing), mayAllow, "")
	for _, c := range []struct {
		name    string
		options sandbox.AdmitOptions
		code    abi.Code
		detail  string
	}{
		{"does not exist", sandbox.AdmitOptions{Command: []string{filepath.Join(t.TempDir(), "none")}}, abi.CodeAdmissionFailed, "none"},
		{"says nothing", sandbox.AdmitOptions{Command: by(t, "fake-silent")}, abi.CodeAdmissionFailed, "without an answer"},
		{"does not end", sandbox.AdmitOptions{Command: by(t, "fake-stuck"), Time: time.Millisecond}, abi.CodeAdmissionLimit, "more time"},
		{"crashes", sandbox.AdmitOptions{Command: by(t, "fake-crash")}, abi.CodeAdmissionLimit, "as a compiler might"},
		{"takes too long", sandbox.AdmitOptions{Time: time.Nanosecond}, abi.CodeAdmissionLimit, "more time"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.name == "takes too long" {
				f = pluginFile(t, slowToCompile(), mayAllow, "")
			}
			err := newAdmitter(t, c.options).Admit(t.Context(), f, sandbox.PluginOptions{})
			if codeOf(t, err) != c.code || !strings.Contains(err.Error(), c.detail) {
				t.Errorf("got %v, want %s and %q", err, c.code, c.detail)
			}
		})
	}
}

// slowToCompile is as large as the scan lets through.
func slowToCompile() []byte {
	var b wasm.Builder
	b.Memory(1, 1)
	b.Export("memory", wasm.ExportMemory, 0)
	for range 8 {
		c := wasm.NewCode(plain())
		for range 60_000 {
			c.I32(0).I32(1).Store(wasm.OpI32Store, 8)
		}
		b.Body(b.Func(plain()), c)
	}
	fn := b.Func(status())
	b.Body(fn, wasm.NewCode(status()).I32(0))
	b.Export("evaluate", wasm.ExportFunc, fn)
	return b.Module()
}

func TestTheAdmittingProcessLearnsNothing(t *testing.T) {
	t.Setenv("AGENTMESH_TEST_SECRET", "hidden")
	err := newAdmitter(t, sandbox.AdmitOptions{Command: by(t, "fake-environment")}).
		Admit(t.Context(), pluginFile(t, answering(allowing), mayAllow, ""), sandbox.PluginOptions{})
	if err == nil || strings.Contains(err.Error(), "hidden") || !strings.Contains(err.Error(), "GOTRACEBACK") {
		t.Errorf("got %v", err)
	}
}

func TestAdmissionIsRememberedByThisUserAlone(t *testing.T) {
	dir := privateFolder(t)
	f := pluginFile(t, answering(allowing), mayAllow, aCase(`{"decision":"allow","rule":"r"}`))
	admit := func(command string, f *sandbox.PluginFile) error {
		return newAdmitter(t, sandbox.AdmitOptions{CacheDir: dir, Command: by(t, command)}).Admit(t.Context(), f, sandbox.PluginOptions{})
	}
	if err := admit(sandbox.AdmitCommand, f); err != nil {
		t.Fatal(err)
	}
	notes, err := filepath.Glob(filepath.Join(dir, "admitted", "*"))
	if err != nil || len(notes) != 1 {
		t.Fatalf("remembered: %v, %v", notes, err)
	}
	if info, err := os.Stat(notes[0]); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if err := admit("fake-crash", f); err != nil {
		t.Errorf("admitted once, and then %v", err)
	}
	if err := admit("fake-crash", pluginFile(t, answering(allowing), mayAllow+`,"fuel":1000000`, "")); codeOf(t, err) != abi.CodeAdmissionLimit {
		t.Errorf("another module is admitted as the first one was: %v", err)
	}
	for _, spoil := range []func() error{
		func() error { return os.Chmod(notes[0], 0o622) },
		func() error {
			return errors.Join(os.Chmod(notes[0], 0o600), os.WriteFile(notes[0], []byte("admitted\n"), 0o600))
		},
	} {
		if err := spoil(); err != nil {
			t.Fatal(err)
		}
		if err := admit("fake-crash", f); codeOf(t, err) != abi.CodeAdmissionLimit {
			t.Errorf("a note that anybody could have written admits: %v", err)
		}
	}
}

func TestARefusalIsNotAskedForTwice(t *testing.T) {
	f := pluginFile(t, answering(allowing), mayAllow, aCase(`{"decision":"deny"}`))
	a := newAdmitter(t, sandbox.AdmitOptions{})
	first := a.Admit(t.Context(), f, sandbox.PluginOptions{})
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if second := a.Admit(gone, f, sandbox.PluginOptions{}); codeOf(t, first) != abi.CodeCaseFailed || !errors.Is(second, first) {
		t.Errorf("got %v, then %v", first, second)
	}
	other := pluginFile(t, answering(allowing), mayAllow, "")
	if err := a.Admit(gone, other, sandbox.PluginOptions{}); codeOf(t, err) != abi.CodeAdmissionFailed {
		t.Errorf("cancelled: %v", err)
	}
	if err := a.Admit(t.Context(), other, sandbox.PluginOptions{}); err != nil {
		t.Errorf("that the caller went away is held against the plugin: %v", err)
	}
}

// TestTheParentDoesNotCompile has the engine find the machine code that the child made.
func TestTheParentDoesNotCompile(t *testing.T) {
	dir := privateFolder(t)
	f := pluginFile(t, answering(allowing), mayAllow, "")
	if err := newAdmitter(t, sandbox.AdmitOptions{CacheDir: dir}).Admit(t.Context(), f, sandbox.PluginOptions{}); err != nil {
		t.Fatal(err)
	}
	before := codeFiles(t, dir)
	pm, err := newEngine(t, sandbox.Options{CacheDir: dir}).CompilePlugin(t.Context(), f, sandbox.PluginOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer pm.Close(t.Context())
	if after := codeFiles(t, dir); len(before) == 0 || strings.Join(after, " ") != strings.Join(before, " ") {
		t.Errorf("machine code before %v, after %v", before, after)
	}
}

// codeFiles are the files of machine code in a cache.
func codeFiles(t testing.TB, dir string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "wazero-*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestSpoiltMachineCodeIsMadeAgain(t *testing.T) {
	dir := privateFolder(t)
	f := pluginFile(t, answering(allowing), mayAllow, "")
	if err := newAdmitter(t, sandbox.AdmitOptions{CacheDir: dir}).Admit(t.Context(), f, sandbox.PluginOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, name := range codeFiles(t, dir) {
		code, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		code[len(code)/2] ^= 1
		if err := os.WriteFile(name, code, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pm, err := newEngine(t, sandbox.Options{CacheDir: dir}).CompilePlugin(t.Context(), f, sandbox.PluginOptions{})
	if err != nil {
		t.Fatal(err)
	}
	pm.Close(t.Context())
}

func TestAnOpenCacheIsRefused(t *testing.T) {
	dir := privateFolder(t)
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	_, err := sandbox.NewAdmitter(sandbox.AdmitOptions{CacheDir: dir, Command: []string{"x"}})
	var untrusted *disk.UntrustedError
	if !errors.As(err, &untrusted) {
		t.Errorf("got %v", err)
	}
	if _, err := sandbox.NewAdmitter(sandbox.AdmitOptions{}); err == nil {
		t.Error("an admitter without a command")
	}
}
