package host_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"agentmesh/host"
)

func configFile(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func serveFlags(t *testing.T, args ...string) *pflag.FlagSet {
	t.Helper()
	flags := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	flags.String("listen", "127.0.0.1:1", "")
	flags.StringSlice("policies", nil, "")
	flags.StringP("output", "o", "table", "")
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	return flags
}

func TestConfigRefused(t *testing.T) {
	for _, c := range []struct {
		name, file string
		environ    []string
		want       []string
	}{
		{"unknown key", "ledgers: {mode: os}", nil, []string{"config.yaml", `unknown key "ledgers.mode"`, `"ledger.mode"`}},
		{"key without its level", "mode: os", nil, []string{`unknown key "mode"`, `did you mean "ledger.mode"?`}},
		{"unknown key far from any", "colour: blue", nil, []string{`unknown key "colour"`, "the keys are", "store.url"}},
		{"unknown variable", "", []string{"AGENTMESH_LEDGER_MODE=os"}, []string{"environment", `"ledger_mode"`, `"ledger.mode"`}},
		{"duplicate key", "listen: a\nlisten: b", nil, []string{"config.yaml", "already defined"}},
		{"a list that is an object", "roots: {a: b}", nil, []string{"roots"}},
		{"no number", "request: {max_bytes: many}", nil, []string{"max_bytes"}},
		{"value out of range", "request: {max_bytes: 0}", nil, []string{"request.max_bytes is 0"}},
		{"unknown value", "ledger: {mode: fast}", nil, []string{`ledger.mode is "fast"`, "sync, os"}},
		{"certificate without key", "tls: {cert: a.pem}", nil, []string{"tls.cert and tls.key"}},
		{"plugins without names", "plugins: [a/b]", nil, []string{"plugins", "names"}},
		{"a plugin's unknown key", "plugins: {acme.co/guard: {modus: enforce}}", nil, []string{"acme.co/guard", "modus"}},
		{"a plugin in the environment", "", []string{"AGENTMESH_PLUGINS__X=1"}, []string{"environment", "plugins.x"}},
		{"empty folder", "dirs: {policies: ['']}", nil, []string{"empty name"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := host.LoadConfig(host.Sources{File: configFile(t, c.file), Environ: c.environ})
			if err == nil {
				t.Fatal("loaded")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("got %q, want it to say %q", err, want)
				}
			}
		})
	}
	if _, err := host.LoadConfig(host.Sources{File: "absent.yaml", Required: true}); err == nil {
		t.Error("a required file that is absent was no error")
	}
}

func TestConfigSourcesInOrder(t *testing.T) {
	file := configFile(t, "listen: 127.0.0.1:2\nenvironment: file\nledger: {mode: os}\nroots: [/a, /b]\n")
	environ := []string{"AGENTMESH_HOME=/elsewhere", "AGENTMESH_ENVIRONMENT=environ", "AGENTMESH_DIRS__POLICIES=p,q", "OTHER=1"}
	got, err := host.LoadConfig(host.Sources{File: file, Environ: environ, Flags: serveFlags(t, "--listen=127.0.0.1:3", "-o", "json")})
	if err != nil {
		t.Fatal(err)
	}
	want := host.DefaultConfig()
	want.Listen = "127.0.0.1:3"
	want.Environment = "environ"
	want.Ledger.Mode = "os"
	want.Roots = []string{"/a", "/b"}
	want.Dirs.Policies = []string{"p", "q"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("config (-want +got):\n%s", diff)
	}
}

func TestConfigFlagsLeftAloneSayNothing(t *testing.T) {
	got, err := host.LoadConfig(host.Sources{File: "absent.yaml", Flags: serveFlags(t, "--policies=x", "--policies=y")})
	if err != nil {
		t.Fatal(err)
	}
	want := host.DefaultConfig()
	want.Dirs.Policies = []string{"x", "y"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("config (-want +got):\n%s", diff)
	}
}

func TestHome(t *testing.T) {
	for _, c := range []struct {
		name    string
		environ []string
		want    string
	}{
		{"named", []string{"HOME=/h", "XDG_STATE_HOME=/x", "AGENTMESH_HOME=/m"}, "/m"},
		{"state folder", []string{"HOME=/h", "XDG_STATE_HOME=/x"}, "/x/agentmesh"},
		{"relative state folder is ignored", []string{"HOME=/h", "XDG_STATE_HOME=x"}, "/h/.local/state/agentmesh"},
		{"nothing", nil, ""},
	} {
		got, err := host.Home(c.environ)
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s: got %q, %v; want %q", c.name, got, err, c.want)
		}
	}
}

func TestStateFolderOfOthersIsRefused(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "open")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := host.OpenState(dir); err == nil || !strings.Contains(err.Error(), "chmod 700") {
		t.Errorf("got %v, want a refusal that says how to mend it", err)
	}
}

func TestToken(t *testing.T) {
	state, err := host.OpenState(filepath.Join(t.TempDir(), "state"))
	if err != nil {
		t.Fatal(err)
	}
	first, err := state.Token()
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(state.TokenFile())
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the token has mode %04o, want 0600", info.Mode().Perm())
	}
	if again, err := state.Token(); err != nil || again != first {
		t.Errorf("got %q, %v; want the same token again", again, err)
	}
	if err := os.Chmod(state.TokenFile(), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := state.Token(); err == nil || !strings.Contains(err.Error(), "0644") {
		t.Errorf("got %v, want a token that others may read refused", err)
	}
	if err := os.WriteFile(state.TokenFile(), []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(state.TokenFile(), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := state.Token(); err == nil {
		t.Error("an empty token was taken")
	}
}
