package host_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"agentmesh/host"
	"agentmesh/host/api"
	"agentmesh/host/policy"
	"agentmesh/pdk/abi"
)

const reads = `version: "1.0"
rules:
  - {name: reads, condition: action.type == 'read', action: allow}
  - {name: no-pii, condition: data.contains_pii, action: deny}
  - {name: deletes, condition: action.type == 'delete', action: allow}
`

// site is a state folder and a folder of policies beside it.
type site struct {
	state  host.State
	rules  string
	config host.Config
}

func newSite(t *testing.T, files map[string]string) *site {
	t.Helper()
	dir := t.TempDir()
	state, err := host.OpenState(filepath.Join(dir, "state"))
	if err != nil {
		t.Fatal(err)
	}
	s := &site{state: state, rules: filepath.Join(dir, "rules"), config: host.DefaultConfig()}
	if err := os.Mkdir(s.rules, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(s.rules, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s.config.Dirs.Policies = []string{s.rules}
	s.config.Ledger.Mode = "os"
	return s
}

func (s *site) open(t *testing.T) *host.Host {
	t.Helper()
	h, err := host.Open(t.Context(), s.state, s.config, host.Options{Command: "test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return h
}

func request(t *testing.T, text string) *abi.Request {
	t.Helper()
	q, err := api.ReadRequest(text)
	if err != nil {
		t.Fatal(err)
	}
	return &q
}

func TestOpenRefuses(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*testing.T, *site)
		want   string
	}{
		{"broken policies, all at once", func(t *testing.T, s *site) {
			write(t, filepath.Join(s.rules, "b.yaml"), "version: \"1.0\"\nrulez: []\n")
			write(t, filepath.Join(s.rules, "c.yaml"), "version: \"1.0\"\nrules: [{name: x, action: permit}]\n")
		}, "permit"},
		{"a folder that is not there", func(_ *testing.T, s *site) { s.config.Dirs.Policies = []string{s.rules + "x"} }, "rulesx"},
		{"a tool table that is not there", func(_ *testing.T, s *site) { s.config.Tools = []string{"nowhere.yaml"} }, "tool table"},
		{"a token that others may read", func(t *testing.T, s *site) {
			write(t, s.state.TokenFile(), strings.Repeat("0", 64))
			if err := os.Chmod(s.state.TokenFile(), 0o644); err != nil {
				t.Fatal(err)
			}
		}, "0644"},
		{"a store of an unknown kind", func(_ *testing.T, s *site) { s.config.Store.URL = "mysql://x" }, "mysql"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t, map[string]string{"a.yaml": reads})
			good := s.config
			c.change(t, s)
			h, err := host.Open(t.Context(), s.state, s.config, host.Options{})
			if err == nil {
				t.Fatal("opened", h.Close())
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want it to say %q", err, c.want)
			}
			// Nothing stays behind that would keep the next from opening.
			if err := os.RemoveAll(s.rules); err != nil {
				t.Fatal(err)
			}
			if err := os.Remove(s.state.TokenFile()); err != nil && !errors.Is(err, os.ErrNotExist) {
				t.Fatal(err)
			}
			write(t, filepath.Join(s.rules, "a.yaml"), reads)
			s.config = good
			if got := s.open(t).Status().State(); got != "ready" {
				t.Errorf("afterwards the host is %s", got)
			}
		})
	}
}

func TestBrokenPoliciesAreErrorsWithPlaces(t *testing.T) {
	s := newSite(t, map[string]string{"b.yaml": "version: \"1.0\"\nrulez: []\n"})
	_, err := host.Open(t.Context(), s.state, s.config, host.Options{})
	var faults policy.Errors
	if !errors.As(err, &faults) || len(faults) == 0 || faults[0].Line != 2 {
		t.Errorf("got %v, want policy.Errors with a place", err)
	}
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestDecide(t *testing.T) {
	s := newSite(t, map[string]string{"a.yaml": reads})
	parent := filepath.Dir(string(s.state))
	h := s.open(t)
	for _, c := range []struct {
		name, request string
		decision      abi.Decision
		code          abi.Code
	}{
		{"what no rule allows", `{"action":{"type":"write"}}`, abi.Deny, abi.CodeNoRule},
		{"the state folder", `{"action":{"type":"read"},"data":{"path":"` + string(s.state) + `/token"}}`, abi.Deny, abi.CodeSelfProtected},
		{"the state folder by another spelling", `{"action":{"tool":"read_file","server":"filesystem"},"data":{"path":"` + parent + `/x/%2e%2e/state/token"}}`, abi.Deny, abi.CodeSelfProtected},
		{"a policy", `{"action":{"type":"read"},"resource":{"paths":["` + s.rules + `/a.yaml"]}}`, abi.Deny, abi.CodeSelfProtected},
		{"removing what the state folder lies in", `{"action":{"type":"delete"},"resource":{"paths":["` + parent + `"]}}`, abi.Deny, abi.CodeSelfProtected},
		{"personal data that the caller denies", `{"action":{"type":"read"},"data":{"contains_pii":false,"note":"to ada@example.com"}}`, abi.Deny, abi.CodeRule},
		{"personal data of a kind that is no boolean", `{"action":{"type":"read"},"data":{"contains_pii":"no"}}`, abi.Deny, abi.CodeRule},
		{"a delete elsewhere", `{"action":{"type":"delete"},"resource":{"paths":["` + parent + `/other"]}}`, abi.Allow, abi.CodeRule},
		{"a read", `{"action":{"type":"read"},"data":{"note":"nothing"}}`, abi.Allow, abi.CodeRule},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := h.Decide(t.Context(), request(t, c.request))
			if v.Decision != c.decision || v.Code != c.code || v.ID == "" || !v.Enforced {
				t.Errorf("got %s %s (%s), id %q; want %s %s", v.Decision, v.Code, v.Reason, v.ID, c.decision, c.code)
			}
		})
	}
}

func TestEnvironmentAndTimeAreTheHosts(t *testing.T) {
	s := newSite(t, map[string]string{"a.yaml": `version: "1.0"
rules:
  - {name: test-only, condition: context.environment == 'test' and context.time > '2020', action: allow}
`})
	s.config.Environment = "test"
	v := s.open(t).Decide(t.Context(), request(t, `{"context":{"environment":"production","time":"1999-01-01T00:00:00.000Z"}}`))
	if v.Decision != abi.Allow {
		t.Errorf("got %s %s, want the host's environment and time", v.Decision, v.Code)
	}
}

func TestStatusWithoutPolicies(t *testing.T) {
	h := newSite(t, nil).open(t)
	status := h.Status()
	if status.State() != "degraded" || len(status.Reasons) != 1 || status.Reasons[0].Code != "no_policy" {
		t.Errorf("got %+v, want it degraded for want of a policy", status)
	}
	if v := h.Decide(t.Context(), request(t, `{"action":{"type":"read"}}`)); v.Code != abi.CodeNoRule {
		t.Errorf("got %s %s, want everything denied", v.Decision, v.Code)
	}
}

func TestCloseTwice(t *testing.T) {
	s := newSite(t, map[string]string{"a.yaml": reads})
	h := s.open(t)
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	if err := h.Close(); err != nil {
		t.Errorf("the second close: %v", err)
	}
	if v := h.Decide(context.Background(), request(t, `{"action":{"type":"read"}}`)); v.Decision != abi.Deny {
		t.Errorf("a closed host says %s", v.Decision)
	}
}
