package host_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"

	"agentmesh/host"
	"agentmesh/host/sandbox"
	"agentmesh/host/wasm"
	"agentmesh/pdk/abi"
)

// TestMain lets this binary be the process that plugins are admitted in.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == sandbox.AdmitCommand {
		os.Exit(sandbox.AdmitMain(os.Stdin, os.Stdout))
	}
	os.Exit(m.Run())
}

// judged puts golden cases into the site's plugin: one that wants what it says of everything.
func judged(t *testing.T, s *site, decision string) {
	t.Helper()
	file := filepath.Join(s.config.Trust.AllowUnsigned[0], "guard.wasm")
	module, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	cases := `[{"name":"always","request":{"abi":1},"want":{"decision":"` + decision + `"}}]`
	if err := os.WriteFile(file, wasm.AppendCustom(module, abi.SectionCases, []byte(cases)), 0o600); err != nil {
		t.Fatal(err)
	}
}

func openAdmitting(t *testing.T, s *site) (said string, err error) {
	t.Helper()
	command, err := sandbox.SelfAdmission()
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	h, err := host.Open(t.Context(), s.state, s.config, host.Options{Admission: command, Log: hclog.New(&hclog.LoggerOptions{Output: &log})})
	if err == nil {
		err = h.Close()
	}
	return log.String(), err
}

func TestAPluginThatFailsItsCasesIsNotAdmitted(t *testing.T) {
	s := pluginSite(t)
	judged(t, s, "allow")
	if _, err := openAdmitting(t, s); err == nil || !strings.Contains(err.Error(), "case_failed") || !strings.Contains(err.Error(), "want allow, got deny") {
		t.Errorf("got %v", err)
	}
}

func TestAPluginIsAdmittedOnce(t *testing.T) {
	s := pluginSite(t)
	judged(t, s, "deny")
	for n, tried := range []bool{true, false} {
		said, err := openAdmitting(t, s)
		if err != nil || strings.Contains(said, "not admitted yet") != tried {
			t.Errorf("start %d: %v, the log: %s", n, err, said)
		}
	}
}
