package sandbox_test

import (
	"fmt"
	"strings"
	"testing"

	"agentmesh/host/sandbox"
	"agentmesh/pdk/abi"
)

const explained = `version: "1.0"
name: explained
agent: bot
default_action: deny
rules:
  - name: off
    condition: action.type == 'read'
    action: deny
    enabled: false
  - name: later
    stage: post_tool
    condition: result.text contains 'x'
    action: deny
  - name: joined
    condition: action.type == 'read' and (data.size < 10 or not (data.owner == 'ann' and exists(data.owner)))
    action: allow
  - name: unsure
    condition: data.size > 100
    action: deny
  - name: paths
    condition: any(p in resource.paths, p startswith '/etc' and p != data.home)
    action: warn
  - name: always
    action: log
`

// tell writes an explanation as a person would want to see it.
func tell(x sandbox.Explanation) string {
	var b strings.Builder
	var part func(indent string, c *sandbox.ConditionExplanation)
	part = func(indent string, c *sandbox.ConditionExplanation) {
		fmt.Fprintf(&b, "%s%s: %s", indent, c.Text, c.Truth)
		for _, r := range c.Reads {
			value := "missing"
			if r.Value.Exists() {
				value = string(abi.AppendJSON(nil, r.Value))
			}
			fmt.Fprintf(&b, " [%s=%s]", r.Path, value)
		}
		b.WriteString("\n")
		for _, p := range c.Parts {
			part(indent+"  ", p)
		}
	}
	for _, r := range x.Rules {
		fmt.Fprintf(&b, "%s %s: %s, fired %v\n", r.Place, r.Rule.Name, r.Truth, r.Fired)
		if r.Condition != nil {
			part("  ", r.Condition)
		}
	}
	for _, f := range x.Findings {
		fmt.Fprintf(&b, "finding %s by %s\n", f.Decision, f.Rule)
	}
	return b.String()
}

func explain(t *testing.T, text string) string {
	t.Helper()
	e := newEngine(t, sandbox.Options{})
	s, err := e.Load(t.Context(), folder(t, map[string]string{"p.yaml": explained}))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Release()
	xs, err := e.Explain(t.Context(), s, requestOf(t, text))
	if err != nil || len(xs) != 1 {
		t.Fatalf("%d explanations, %v", len(xs), err)
	}
	return tell(xs[0])
}

func TestExplain(t *testing.T) {
	got := explain(t, `{"agent":{"name":"bot"},"action":{"type":"read"},"data":{"size":"big"},"resource":{"paths":["/etc/x"]}}`)
	want := `p.yaml:6:11 off: disabled, fired false
p.yaml:10:11 later: other stage, fired false
p.yaml:14:11 joined: true, fired true
  action.type == 'read' and (data.size < 10 or not (data.owner == 'ann' and exists(data.owner))): true
    action.type == 'read': true [action.type="read"]
    data.size < 10 or not (data.owner == 'ann' and exists(data.owner)): true
      data.size < 10: indeterminate [data.size="big"]
      not (data.owner == 'ann' and exists(data.owner)): true
        not (data.owner == 'ann'): indeterminate [data.owner=missing]
        not exists(data.owner): true [data.owner=missing]
p.yaml:17:11 unsure: indeterminate, fired true
  data.size > 100: indeterminate [data.size="big"]
p.yaml:20:11 paths: true, fired true
  any(p in resource.paths, p startswith '/etc' and p != data.home): true [resource.paths=["/etc/x"]] [data.home=missing]
p.yaml:23:11 always: true, fired true
finding allow by joined
finding deny by unsure
finding warn by paths
finding log by always
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestExplainOfAnotherAgent(t *testing.T) {
	got := explain(t, `{"agent":{"name":"somebody"},"action":{"type":"read"}}`)
	if strings.Count(got, "agent not selected, fired false") != 6 || strings.Contains(got, "finding") {
		t.Errorf("got\n%s", got)
	}
}
