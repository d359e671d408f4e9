package policy_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"agentmesh/host/policy"
	"agentmesh/pdk/abi"
)

// promised is the policy file that the product's description shows.
const promised = `version: "1.0"
agent: data-analyst-agent
rules:
  - name: no-pii-export
    condition: "action.type == 'export' and data.contains_pii"
    action: deny
  - name: rate-limit-api
    condition: "action.type == 'api_call'"
    limit: "100/hour"
  - name: require-approval-for-delete
    condition: "action.type == 'delete'"
    action: require_approval
    approvers:
      - security-team
`

// load loads the first of the files, given as name and text by turns.
func load(t *testing.T, namesAndTexts ...string) (*policy.Policy, error) {
	t.Helper()
	var files policy.Sources
	for i := 0; i < len(namesAndTexts); i += 2 {
		files = append(files, policy.Source{Name: namesAndTexts[i], Text: namesAndTexts[i+1]})
	}
	return policy.Load(policy.WithPresets(files, presetNames), namesAndTexts[0])
}

// wantError wants an error that says this.
func wantError(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got error %v, want one with %q", err, want)
	}
}

func TestFilesRefused(t *testing.T) {
	const head = "version: \"1.0\"\n"
	tests := []struct{ name, text, want string }{
		{"empty", "", "f.yaml: the file is empty"},
		{"comment alone", "# nothing\n", "f.yaml: the file is empty"},
		{"null", "---\n", "a policy must be a mapping, not nothing"},
		{"list", "- a\n", "f.yaml:1:1: a policy must be a mapping, not a list"},
		{"string", "allow everything\n", "a policy must be a mapping, not a string"},
		{"not UTF-8", head + "name: \xff\n", "f.yaml:2:7: byte 0xff is not UTF-8"},
		{"UTF-16", "\xff\xfev\x00", "f.yaml:1:1: byte 0xff is not UTF-8"},
		{"control character", head + "name: a\x1b[2J\n", "f.yaml:2:8: invisible character U+001B"},
		{"override", head + "# \u202e\n", "f.yaml:2:3: invisible character U+202E"},
		{"line separator", head + "name: a\u2028rules: []\n", "f.yaml:2:8: invisible character U+2028"},
		{"byte order mark inside", head + "\ufeffname: a\n", "f.yaml:2:1: invisible character U+FEFF"},
		{"old Mac lines", "version: \"1.0\"\rname: a\r", "f.yaml:1:15: a carriage return without a line feed"},
		{"too large", head + strings.Repeat("#", 1<<20), "f.yaml: larger than 1048576 bytes"},
		{"too deep", head + "rules: " + strings.Repeat("[", 100) + strings.Repeat("]", 100), "nested more than 64 deep"},
		{"far too deep", head + "rules: " + strings.Repeat("[", 200_000), "not YAML"},
		{"two documents", head + "---\n" + head, "a second document in one file"},
		{"directive", "%YAML 1.2\n---\n" + head, "not YAML: found incompatible YAML document"},
		{"bomb", head + "a: &a [x]\nb: &b [*a, *a]\nrules: [*b, *b]\n", "anchor &a: a policy file repeats nothing by reference"},
		{"unknown alias", head + "name: *a\n", "f.yaml:2:1: not YAML: unknown anchor 'a' referenced"},
		{"tag", head + "name: !!str 5\n", "f.yaml:2:7: YAML tag !!str"},
		{"binary", head + "name: !!binary aGVsbG8=\n", "f.yaml:2:7: YAML tag !!binary"},
		{"key of a list", head + "[a]: b\n", "f.yaml:2:1: a key must be a name"},
		{"empty name", head + "name: ''\n", "f.yaml:2:7: name is empty"},
		{"name with a capital", head + "name: Data Analyst\n", "a policy's name is made of a-z, 0-9, . and -\n  2 | name: Data Analyst\n    |       ^\n  hint: write data-analyst"},
		{"name of dots", head + "name: ..\n", "a policy's name is made of"},
		{"no agents", head + "agents: []\n", "f.yaml:2:9: agents is empty"},
		{"empty agent", head + "agent: ''\n", "f.yaml:2:8: agent is empty"},
		{"wrong apiVersion", "apiVersion: governance.toolkit/v2\n", "f.yaml:1:13: unknown apiVersion"},
		{"version as a number", "version: 1\n", "f.yaml:1:10: unknown version"},
		{"rules without list", head + "rules: {name: a}\n", "f.yaml:2:8: rules must be a list, not a mapping"},
		{"rules without value", head + "rules:\n", "f.yaml:2:1: rules has no value"},
		{"rule name with a line break", head + "rules: [{name: \"a\\nb\", action: deny}]\n", "name begins or ends with white space, or holds a control character"},
		{"priority as a decimal", head + "rules: [{name: a, action: deny, priority: 1.5}]\n", "priority must be a whole number of 64 bits, not the number 1.5"},
		{"priority too large", head + "rules: [{name: a, action: deny, priority: 9223372036854775808}]\n", "priority must be a whole number of 64 bits"},
		{"priority in octal", head + "rules: [{name: a, action: deny, priority: 0o17}]\n", "priority must be a whole number"},
		{"enabled as a string", head + "rules: [{name: a, action: deny, enabled: 'false'}]\n", "enabled must be a boolean, not a string"},
		{"limit with a sign", head + "rules: [{name: a, limit: +5/hour}]\n", `"+5/hour" is no limit`},
		{"limit with spaces", head + "rules: [{name: a, limit: 5 / hour}]\n", `"5 / hour" is no limit`},
		{"limit in the plural", head + "rules: [{name: a, limit: 5/hours}]\n", `"5/hours" is no limit`},
		{"limit without a number", head + "rules: [{name: a, limit: /hour}]\n", `"/hour" is no limit`},
		{"limit too large", head + "rules: [{name: a, limit: 1000001/hour}]\n", "a limit of more than 1000000"},
		{"limit that asks for approval", head + "rules: [{name: a, limit: 5/hour, action: require_approval}]\n", "a limit goes with allow or with no action, not with require_approval"},
		{"approvers with a limit", head + "rules: [{name: a, limit: 5/hour, approvers: [x]}]\n", "approvers without an approval"},
		{"approver twice", head + "rules: [{name: a, action: require_approval, approvers: [x, x]}]\n", `"x" stands twice in approvers`},
		{"allow after the action", head + "rules: [{name: a, action: allow, stage: post_tool}]\n", "allow has no meaning after the action"},
		{"condition as a number", head + "rules: [{name: a, action: deny, condition: 5}]\n", "the number 5 is no condition"},
		{"redact of nothing", head + "rules: [{name: a, action: deny, redact: []}]\n", "redact is empty"},
		{"redact of a condition", head + "rules: [{name: a, action: deny, redact: [data.x or data.y]}]\n", "redact takes paths alone"},
		{"too many rules", head + "rules: [" + strings.Repeat("a,", 10_001) + "]\n", "more than 10000 rules"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := load(t, "f.yaml", tt.text)
			if p != nil {
				t.Errorf("got a policy: %+v", p)
			}
			wantError(t, err, tt.want)
			if err != nil {
				checkPlaces(t, err)
			}
		})
	}
}

func TestJSONFilesRefused(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"empty", " \n", "f.json: the file is empty"},
		{"YAML", "version: \"1.0\"\n", "f.json:1:1: not JSON: invalid character 'v'"},
		{"comment", "{\n  // no\n}", "f.json:2:3: not JSON: invalid character '/'"},
		{"trailing comma", `{"version": "1.0",}`, "not JSON: invalid character '}'"},
		{"cut off", `{"version": "1.0"`, "f.json:1:18: not JSON: it ends too early"},
		{"cut off in a string", `{"version": "1`, "not JSON: it ends too early"},
		{"two values", `{"version": "1.0"} {}`, "f.json:1:20: something follows the JSON value"},
		{"duplicate key", `{"version": "1.0", "version": "1.0"}`, `f.json:1:20: key "version" a second time`},
		{"null", `{"version": "1.0", "name": null}`, "f.json:1:20: name has no value"},
		{"half a surrogate pair", `{"version": "1.0", "name": "\ud83d"}`, "f.json:1:28: half a surrogate pair is no character"},
		{"too deep", strings.Repeat("[", 100), "nested more than 64 deep"},
		{"unknown key", `{"version": "1.0", "nmae": "a"}`, `f.json:1:20: unknown key "nmae" in a policy`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := load(t, "f.json", tt.text)
			wantError(t, err, tt.want)
		})
	}
}

func TestPromisedFileLoads(t *testing.T) {
	p, err := load(t, "data-analyst.yaml", promised)
	if err != nil {
		t.Fatal(err)
	}
	for i := range p.Rules {
		p.Rules[i].Pos = policy.Pos{}
	}
	typeIs := func(s string) policy.Expr {
		return &policy.Compare{Op: policy.Eq, L: &policy.Path{Steps: []abi.Step{{Name: "action"}, {Name: "type"}}}, R: &policy.Literal{Value: abi.StringValue(s)}}
	}
	want := &policy.Policy{
		Name: "data-analyst", File: "data-analyst.yaml", Version: "1.0", Agents: []string{"data-analyst-agent"},
		Sources: policy.Sources{{Name: "data-analyst.yaml", Text: promised}},
		Rules: []policy.Rule{
			{
				Name: "no-pii-export", Enabled: true, Action: abi.Deny,
				Condition: &policy.Logical{Op: policy.And, Kids: []policy.Expr{
					typeIs("export"), &policy.Truth{Path: &policy.Path{Steps: []abi.Step{{Name: "data"}, {Name: "contains_pii"}}}},
				}},
			},
			{
				Name: "rate-limit-api", Enabled: true, Action: abi.Allow, LimitOnly: true, Condition: typeIs("api_call"),
				Limit: &policy.Limit{Count: 100, Window: time.Hour, Text: "100/hour"},
			},
			{
				Name: "require-approval-for-delete", Enabled: true, Action: abi.RequireApproval,
				Condition: typeIs("delete"), Approvers: []string{"security-team"},
			},
		},
	}
	if diff := cmp.Diff(want, p, sameTree); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

const everyKey = `apiVersion: governance.toolkit/v1
name: every.key-1
description: all there is
agents: ["data-*", "did:mesh:?"]
default_action: allow
mode: monitor
conflict: priority_first_match
rules:
  - name: One of Them
    description: why
    condition: true
    action: allow
    limit: 5/second
    priority: -3
    enabled: false
    redact: [data.card, 'data["x-y"][0]', result.text]
  - name: after
    condition: result.is_error
    action: warn
    stage: post_tool
  - name: always
    action: require_approval
`

func TestEveryKeyIsRead(t *testing.T) {
	p, err := load(t, "f.yml", everyKey)
	if err != nil {
		t.Fatal(err)
	}
	allow := abi.Allow
	want := &policy.Policy{
		Name: "every.key-1", File: "f.yml", Description: "all there is", Version: "governance.toolkit/v1", Agents: []string{"data-*", "did:mesh:?"},
		Default: &allow, Monitor: true, Conflict: policy.PriorityFirstMatch, Sources: policy.Sources{{Name: "f.yml", Text: everyKey}},
		Rules: []policy.Rule{
			{
				Name: "One of Them", Description: "why", Condition: &policy.Constant{Value: true}, Action: abi.Allow,
				Limit: &policy.Limit{Count: 5, Window: time.Second, Text: "5/second"}, Priority: -3,
				Redact: [][]abi.Step{
					{{Name: "data"}, {Name: "card"}},
					{{Name: "data"}, {Name: "x-y"}, {IsIndex: true}},
					{{Name: "result"}, {Name: "text"}},
				},
			},
			{
				Name: "after", Enabled: true, Action: abi.Warn, Stage: policy.PostTool,
				Condition: &policy.Truth{Path: &policy.Path{Steps: []abi.Step{{Name: "result"}, {Name: "is_error"}}}},
			},
			{Name: "always", Enabled: true, Action: abi.RequireApproval},
		},
	}
	if diff := cmp.Diff(want, p, sameTree); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestJSONMeansWhatYAMLMeans(t *testing.T) {
	asJSON := `{"version": "1.0", "agent": "data-analyst-agent", "rules": [
	{"name": "no-pii-export", "condition": "action.type == 'export' and data.contains_pii", "action": "deny"},
	{"name": "rate-limit-api", "condition": "action.type == \"api_call\"", "limit": "100\/hour"},
	{"name": "require-approval-for-delete", "condition": "action.type == '\u0064elete'", "action": "require_approval", "approvers": ["security-team"]}
]}`
	want, err := load(t, "p.yaml", promised)
	if err != nil {
		t.Fatal(err)
	}
	got, err := load(t, "p.json", asJSON)
	if err != nil {
		t.Fatal(err)
	}
	want.File, want.Sources = got.File, got.Sources
	if diff := cmp.Diff(want, got, sameTree); diff != "" {
		t.Errorf("-YAML +JSON:\n%s", diff)
	}
}

func TestOrdinaryTextIsLetPass(t *testing.T) {
	for name, text := range map[string]string{
		"byte order mark":        "\ufeff" + promised,
		"CRLF":                   strings.ReplaceAll(promised, "\n", "\r\n"),
		"document start and end": "---\n" + promised + "...\n",
		"version unquoted":       strings.Replace(promised, `"1.0"`, "1.0", 1),
		"both versions":          "apiVersion: governance.toolkit/v1\n" + promised,
		"empty rules":            "version: \"1.0\"\nrules: []\n",
		"no rules":               "version: \"1.0\"\ndefault_action: deny\n",
		"JSON in YAML":           `{"version": "1.0", "rules": [{"name": "a", "action": "deny"}]}`,
		"emoji":                  "version: \"1.0\"\ndescription: 👩‍💻\n",
	} {
		t.Run(name, func(t *testing.T) {
			p, err := load(t, "f.yaml", text)
			if err != nil {
				t.Fatal(err)
			}
			if p.Sources[0].Text != text {
				t.Errorf("the source is not kept as it was: %q", p.Sources[0].Text)
			}
		})
	}
}

func TestNamesFromFiles(t *testing.T) {
	for file, want := range map[string]string{
		"data-analyst.yaml": "data-analyst", "dir/My Policy_2.yml": "my-policy-2", "a.b.json": "a.b", "Größe.yaml": "gr--e",
		"….yaml": "policy", "preset:strict": "strict", "noext": "noext",
	} {
		p, err := load(t, file, `{"version": "1.0"}`)
		if file == "preset:strict" {
			p, err = policy.Load(policy.WithPresets(policy.Sources{}, presetNames), file)
		}
		if err != nil || p.Name != want {
			t.Errorf("%s: got %v, %v, want name %s", file, p, err, want)
		}
	}
}

func TestLoadAllRefusesTwoOfOneName(t *testing.T) {
	files := policy.Sources{
		{Name: "b.yaml", Text: "version: \"1.0\"\nname: a\n"},
		{Name: "a.yaml", Text: "version: \"1.0\"\n"},
		{Name: "c.yaml", Text: "version: \"1.0\"\n"},
	}
	policies, err := policy.LoadAll(files, []string{"c.yaml", "b.yaml", "a.yaml"})
	if policies != nil {
		t.Error("got policies")
	}
	wantError(t, err, `b.yaml:2:1: policy "a" is already in a.yaml`)
}

func TestLoadAllTellsEverythingInOrder(t *testing.T) {
	files := policy.Sources{
		{Name: "b.yaml", Text: "version: \"1.0\"\nextends: base.yaml\nmoed: x\n"},
		{Name: "a.yaml", Text: "version: \"1.0\"\nextends: base.yaml\n"},
		{Name: "base.yaml", Text: "version: \"1.0\"\nmode: x\nrules: {}\n"},
	}
	_, err := policy.LoadAll(files, []string{"b.yaml", "a.yaml", "missing.yaml"})
	var places []string
	for _, e := range err.(policy.Errors) {
		places = append(places, fmt.Sprintf("%s:%d", e.File, e.Line))
	}
	if diff := cmp.Diff([]string{"b.yaml:3", "base.yaml:2", "base.yaml:3", "missing.yaml:0"}, places); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		t.Error("a missing file cannot be told by errors.Is")
	}
}

func TestLoadAllGivesPoliciesInFileOrder(t *testing.T) {
	fsys := fstest.MapFS{
		"p/b.yaml": {Data: []byte(promised)}, "p/a.yml": {Data: []byte(promised)}, "p/c.json": {Data: []byte(`{"version": "1.0"}`)},
		"p/cases.yaml": {}, "p/b.cases.yaml": {}, "p/plugin.yaml": {}, "p/x.manifest.json": {}, "p/x.wasm.sig.json": {}, "p/README.md": {}, "p/.b.yaml": {},
		"p/sub/d.yaml": {Data: []byte("broken")},
	}
	names, err := policy.Names(fsys, "p")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"p/a.yml", "p/b.yaml", "p/c.json"}, names); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	policies, err := policy.LoadAll(policy.FS{FS: fsys}, names)
	if err != nil {
		t.Fatal(err)
	}
	got := make([]string, len(policies))
	for i, p := range policies {
		got[i] = p.Name
	}
	if diff := cmp.Diff([]string{"a", "b", "c"}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestFilesOfTheSystem(t *testing.T) {
	dir := t.TempDir()
	name := filepath.ToSlash(filepath.Join(dir, "child.yaml"))
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("child.yaml", "version: \"1.0\"\nextends: base.yaml\n")
	write("base.yaml", "version: \"1.0\"\n")
	p, err := policy.Load(policy.OS{}, name)
	if err != nil {
		t.Fatal(err)
	}
	if p.File != name || p.Sources[0].Name != "child.yaml" || p.Sources[1].Name != "base.yaml" {
		t.Errorf("got file %s, sources %v", p.File, p.Sources)
	}
	_, err = policy.Load(policy.OS{}, filepath.ToSlash(dir))
	wantError(t, err, "not a regular file")
	write("child.yaml", strings.Repeat(" ", 3<<20))
	_, err = policy.Load(policy.OS{}, name)
	wantError(t, err, "larger than")
}

func TestErrorAtNamesTheSource(t *testing.T) {
	p, err := load(t, "dir/child.yaml", "version: \"1.0\"\nagent: x\nextends: ../base.yaml\n", "base.yaml", promised)
	if err != nil {
		t.Fatal(err)
	}
	rule := p.Rules[0]
	e := p.ErrorAt(rule.Source, rule.Condition.Position(), "too large", "make it smaller")
	const want = `base.yaml:5:17: too large
  5 |     condition: "action.type == 'export' and data.contains_pii"
    |                 ^
  hint: make it smaller`
	if e.Error() != want {
		t.Errorf("got\n%s\nwant\n%s", e, want)
	}
}
