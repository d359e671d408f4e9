package e2e_test

import (
	"slices"
	"strings"
	"testing"
)

// through is what becomes of a request that a policy lets pass: the server's answer, and what must stand in it.
// A rule's name in its place is a refusal by that rule.
const through = ""

// ask is one call, and the rule that refuses it under each preset. "text" must stand in the answer of a call that passes;
// complains says that the server itself then answers with an error.
type ask struct {
	tool                         string
	args                         map[string]any
	strict, moderate, permissive string
	text                         string
	complains                    bool
}

func (a ask) rule(policy string) string {
	return map[string]string{"strict": a.strict, "moderate": a.moderate, "permissive": a.permissive}[policy]
}

// story is a session with one server.
type story struct {
	server []string
	// listed are all tools of the server, hidden those of them that strict does not show.
	listed, hidden []string
	asks           func(p place) []ask
}

// tell runs the story under one preset and revision, and holds it against what the ledger says.
func (s story) tell(t *testing.T, p place, policy, revision string) {
	t.Helper()
	client := connect(t, p.proxy("--policy "+policy, s.server...), revision)
	want := slices.Clone(s.listed)
	if policy == "strict" {
		want = slices.DeleteFunc(want, func(name string) bool { return slices.Contains(s.hidden, name) })
	}
	if got := toolNames(t, client); !slices.Equal(got, want) {
		t.Errorf("tools listed under %s:\n%q, want\n%q", policy, got, want)
	}
	refused := map[string]ask{}
	for _, a := range s.asks(p) {
		got := call(t, client, a.tool, a.args)
		if a.rule(policy) == through {
			passed(t, a, got)
			continue
		}
		refusedBy(t, a, a.rule(policy), got)
		refused[got.verdict.DecisionID] = a
	}
	if err := client.Close(); err != nil {
		t.Errorf("the proxy ended with %v", err)
	}
	s.compare(t, p, policy, refused)
}

// compare wants each refusal in the ledger, under the id that the client was told.
func (s story) compare(t *testing.T, p place, policy string, refused map[string]ask) {
	t.Helper()
	for _, e := range p.audit("--kind", "decision") {
		a, ok := refused[e.ID]
		if !ok {
			continue
		}
		delete(refused, e.ID)
		if e.Rule != a.rule(policy) || e.Tool != a.tool || e.Decision == "allow" {
			t.Errorf("%s %v: the ledger has %s by %s of %s", a.tool, a.args, e.Decision, e.Rule, e.Tool)
		}
	}
	for id, a := range refused {
		t.Errorf("%s %v: the ledger has no decision %q", a.tool, a.args, id)
	}
	p.verified()
}

func passed(t *testing.T, a ask, got answer) {
	t.Helper()
	switch {
	case got.verdict != verdict{}:
		t.Errorf("%s %v: refused: %+v", a.tool, a.args, got)
	case got.isError != a.complains:
		t.Errorf("%s %v: the server's answer has isError %v: %s", a.tool, a.args, got.isError, got.text)
	case !strings.Contains(got.text, a.text):
		t.Errorf("%s %v: %q does not stand in %q", a.tool, a.args, a.text, got.text)
	case !strings.Contains(got.footer, "allowed"):
		t.Errorf("%s %v: the footer is %q", a.tool, a.args, got.footer)
	}
}

func refusedBy(t *testing.T, a ask, rule string, got answer) {
	t.Helper()
	switch {
	case !got.isError || got.verdict.Rule != rule:
		t.Errorf("%s %v: got %+v, want a refusal by %s", a.tool, a.args, got, rule)
	case !strings.Contains(got.text, rule) || !strings.Contains(got.text, got.verdict.DecisionID):
		t.Errorf("%s %v: the refusal names neither rule nor decision: %s", a.tool, a.args, got.text)
	case got.verdict.Retryable:
		t.Errorf("%s %v: the refusal says that trying again may help", a.tool, a.args)
	}
}

// presets runs a test under each preset.
func presets(t *testing.T, f func(t *testing.T, policy string)) {
	for _, policy := range []string{"strict", "moderate", "permissive"} {
		t.Run(policy, func(t *testing.T) { f(t, policy) })
	}
}
