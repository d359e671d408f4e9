package policies_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"text/tabwriter"

	"github.com/google/go-cmp/cmp"

	"agentmesh/pdk/abi"
)

// TestRecordedCallsAreDecided decides every recorded request under each preset and compares the table with
// testdata/calls/decisions.txt, which a person has read. With -update it writes the table.
func TestRecordedCallsAreDecided(t *testing.T) {
	root := scratch(t)
	strict, moderate, permissive := load(t, presetName("strict")), load(t, presetName("moderate")), load(t, presetName("permissive"))
	var table strings.Builder
	table.WriteString(decisionsHead)
	for _, r := range recordings(t, root) {
		fmt.Fprintf(&table, "\n%s (%s %s)\n\n", r.Server, r.Package, r.Version)
		w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "  type\tstrict\tmoderate\tpermissive\trequest")
		x := r.extractor(root)
		for _, q := range r.requests {
			request := r.request(x, q)
			fmt.Fprintf(w, "  %s\t%s\t%s\t%s\t%s\n", request.Action.Get("type").Text(),
				cell(strict.verdict(t, &request)), cell(moderate.verdict(t, &request)), cell(permissive.verdict(t, &request)), title(q))
		}
		w.Flush()
	}
	compareTable(t, table.String())
}

const decisionsHead = `What each preset says to every recorded request: decision, rule, and in brackets the rules that warn or log.
Written by: go test ./policies -run Recorded -update
`

func cell(v abi.Verdict) string {
	s := v.Decision.String()
	if v.Decision == abi.RequireApproval {
		s = "approval"
	}
	if v.Rule != "everything" {
		s += " " + v.Rule
	}
	if v.Rule == "" {
		s += " (" + string(v.Code) + ")"
	}
	var noted []string
	for _, w := range v.Warnings {
		name, _, _ := strings.Cut(w, ":")
		_, name, _ = strings.Cut(name, " ")
		noted = append(noted, name)
	}
	if len(noted) > 0 {
		s += " [" + strings.Join(noted, " ") + "]"
	}
	return s
}

func title(q recorded) string {
	s := q.tool
	if s == "" {
		s = q.method
	}
	if q.text != "" {
		s += " " + q.text
	}
	if q.note != "" {
		s += "  # " + q.note
	}
	return s
}

func compareTable(t *testing.T, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(decisions, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(decisions)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("decisions differ from %s (- want, + got; -update writes them):\n%s", decisions, diff)
	}
}

// TestUnknownNeverOpensADoor leaves out, one at a time, what the presets must know before they allow.
func TestUnknownNeverOpensADoor(t *testing.T) {
	root := scratch(t)
	all := recordings(t, root)
	for _, name := range []string{"preset:strict", "preset:moderate"} {
		j := load(t, name)
		for _, r := range all {
			x := r.extractor(root)
			for _, q := range r.requests {
				request := r.request(x, q)
				before := j.verdict(t, &request)
				for what, less := range without(request) {
					if after := j.verdict(t, &less); after.Decision == abi.Allow && before.Decision != abi.Allow {
						t.Errorf("%s: %s %s: %s; without %s it is allowed by %s", name, r.Server, title(q), before.Decision, what, after.Rule)
					}
				}
			}
		}
	}
}

// without are the request's versions that lack a fact, or have it in a type that it never has.
func without(q abi.Request) map[string]abi.Request {
	out := map[string]abi.Request{}
	for what, v := range map[string]abi.Value{"its type": {}, "a type that is text": abi.IntValue(1)} {
		less := q
		less.Action = replaced(q.Action, "type", v)
		out["action.type ("+what+")"] = less
	}
	for _, name := range []string{"outside_roots", "local", "sensitive"} {
		less := q
		less.Resource = replaced(q.Resource, name, abi.StringValue("no"))
		out["a boolean "+name] = less
		if name != "sensitive" { // no rule can tell a missing finding from a harmless one
			less.Resource = replaced(q.Resource, name, abi.Value{})
			out[name] = less
		}
	}
	return out
}

// replaced is an object with a member set anew, or left out when the value is missing.
func replaced(v abi.Value, name string, with abi.Value) abi.Value {
	var ms []abi.Member
	for _, m := range v.Items() {
		if m.Name != name {
			ms = append(ms, m)
		}
	}
	if with.Exists() {
		ms = append(ms, abi.Member{Name: name, Value: with})
	}
	return abi.ObjectValue(ms...)
}
