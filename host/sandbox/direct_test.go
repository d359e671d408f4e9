package sandbox_test

import (
	"context"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/tetratelabs/wazero"

	"agentmesh/host/policy"
	"agentmesh/host/sandbox"
	"agentmesh/pdk/abi"
)

// loaded compiles a policy's YAML.
func loaded(t testing.TB, yaml string) *policy.Module {
	t.Helper()
	files := policy.FS{FS: fstest.MapFS{"p.yaml": {Data: []byte(yaml)}}}
	p, err := policy.Load(files, "p.yaml")
	if err != nil {
		t.Fatal(err)
	}
	m, err := policy.Compile(p)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// instance runs a module; everything is closed with the test.
func instance(t testing.TB, m *policy.Module) *sandbox.Direct {
	t.Helper()
	ctx := context.Background()
	runtime := wazero.NewRuntime(ctx)
	t.Cleanup(func() { runtime.Close(ctx) })
	d, err := sandbox.NewDirect(ctx, runtime, m)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func request(t testing.TB, src string) *abi.Request {
	t.Helper()
	q, err := abi.ReadRequest(src)
	if err != nil {
		t.Fatal(err)
	}
	return &q
}

const analyst = `
version: "1.0"
name: data-analyst
default_action: deny
rules:
  - name: no-pii-export
    condition: "action.type == 'export' and data.contains_pii"
    action: deny
  - name: rate-limit-api
    condition: "action.type == 'api_call'"
    limit: "100/hour"
  - name: approval-for-delete
    condition: "action.type == 'delete'"
    action: require_approval
    approvers: ["security-team"]
  - name: reads
    condition: "action.type == 'read' and data.path startswith '/srv/data/'"
    action: allow
  - name: notice
    condition: "data.note contains 'urgent'"
    action: log
`

func TestDirectDecides(t *testing.T) {
	m := loaded(t, analyst)
	d := instance(t, m)
	for _, c := range []struct {
		name, request string
		want          []string
	}{
		{"nothing known", `{}`, []string{"log notice", "deny default"}},
		{"export of PII", `{"action":{"type":"export"},"data":{"contains_pii":true,"note":""}}`, []string{"deny no-pii-export"}},
		{"export without", `{"action":{"type":"export"},"data":{"contains_pii":false,"note":""}}`, []string{"deny default"}},
		{"PII not a boolean", `{"action":{"type":"export"},"data":{"contains_pii":"no","note":""}}`, []string{"deny no-pii-export"}},
		{"limit", `{"action":{"type":"api_call"},"data":{"note":"x urgent x"}}`, []string{"allow rate-limit-api", "log notice"}},
		{"approval", `{"action":{"type":"delete"},"data":{"note":"urgen"}}`, []string{"require_approval approval-for-delete"}},
		{"path", `{"action":{"type":"read"},"data":{"path":"/srv/data/a","note":"urgen"}}`, []string{"allow reads"}},
		{"other path", `{"action":{"type":"read"},"data":{"path":"/srv/dat","note":"urgen"}}`, []string{"deny default"}},
		{"path of a wrong type", `{"action":{"type":"read"},"data":{"path":["/srv/data/a"],"note":"urgen"}}`, []string{"deny default"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			fired, err := d.Evaluate(context.Background(), request(t, c.request), abi.ModeIndeterminate)
			if err != nil {
				t.Fatal(err)
			}
			var out policy.Outcome
			m.Findings(fired, policy.PreTool, &out)
			var got []string
			for _, f := range out.Findings {
				got = append(got, f.Decision.String()+" "+f.Rule)
			}
			slices.Sort(got)
			slices.Sort(c.want)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}
