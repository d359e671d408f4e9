package sandbox_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
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

func TestDirectRefusesWhatDoesNotFit(t *testing.T) {
	d := instance(t, loaded(t, `
version: "1.0"
rules:
  - {name: a, action: deny, condition: "any(x in data.list, x.a == 'q' and x.b == 'q' and x.c == 'q')"}
  - {name: b, action: deny, condition: "data.text contains 'needle'"}
`))
	ctx := context.Background()
	evaluate := func(data abi.Value) ([]uint32, error) {
		return d.Evaluate(ctx, &abi.Request{Data: data}, abi.ModeIndeterminate)
	}
	items := make([]abi.Value, 1_500_000)
	for i := range items {
		items[i] = abi.IntValue(1)
	}
	list := abi.ObjectValue(abi.Member{Name: "list", Value: abi.ListValue(items...)})
	if _, err := evaluate(list); !errors.Is(err, sandbox.ErrInputTooLarge) {
		t.Errorf("a list of %d records: got %v, want ErrInputTooLarge", len(items), err)
	}
	small := abi.ObjectValue(
		abi.Member{Name: "list", Value: abi.ListValue()},
		abi.Member{Name: "text", Value: abi.StringValue("a needle")},
	)
	if fired, err := evaluate(small); err != nil || len(fired) != 2 {
		t.Errorf("after a refusal: got %x, %v", fired, err)
	}
	text := strings.Repeat("needl", 3<<20) + "needle"
	large := abi.ObjectValue(abi.Member{Name: "list", Value: abi.ListValue()}, abi.Member{Name: "text", Value: abi.StringValue(text)})
	before := d.MemorySize()
	if fired, err := evaluate(large); err != nil || len(fired) != 2 {
		t.Errorf("a text of 15 MiB: got %x, %v", fired, err)
	}
	if d.MemorySize() <= before+len(text)/2 {
		t.Errorf("the memory grew from %d to %d", before, d.MemorySize())
	}
}

// TestDirectBoundsWork: nested quantifiers over a caller's lists must not take time that grows as a product.
func TestDirectBoundsWork(t *testing.T) {
	m := loaded(t, `
version: "1.0"
rules:
  - {name: a, action: deny, condition: "any(x in data.list, any(y in data.list, any(z in data.list, x == y and y == z and x != z)))"}
  - {name: b, action: deny, condition: "data.a contains data.b"}
`)
	numbers := make([]abi.Value, 3000)
	for i := range numbers {
		numbers[i] = abi.FloatValue(float64(i) + 0.5)
	}
	half := strings.Repeat("a", 4<<20)
	for _, c := range []struct {
		name string
		data abi.Value
	}{
		{"loops", abi.ObjectValue(abi.Member{Name: "list", Value: abi.ListValue(append(numbers, abi.UnknownValue())...)})},
		{"search", abi.ObjectValue(
			abi.Member{Name: "list", Value: abi.ListValue()},
			abi.Member{Name: "a", Value: abi.StringValue(half + half)}, abi.Member{Name: "b", Value: abi.StringValue(half + "b")},
		)},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := instance(t, m)
			_, err := d.Evaluate(context.Background(), &abi.Request{Data: c.data}, 0)
			if !errors.Is(err, sandbox.ErrTooMuchWork) {
				t.Errorf("got %v, want ErrTooMuchWork", err)
			}
		})
	}
}

func TestDirectAllocatesNothing(t *testing.T) {
	m := loaded(t, benchPolicy(100)+"  - {name: low, action: log, condition: \"lower(data.url) contains 'v1' and len(data.tags) > 1 and data.args == data.url\"}\n")
	d := instance(t, m)
	q := request(t, benchRequest)
	ctx := context.Background()
	var out policy.Outcome
	n := testing.AllocsPerRun(200, func() {
		fired, err := d.Evaluate(ctx, q, abi.ModeIndeterminate)
		if err != nil {
			t.Fatal(err)
		}
		m.Findings(fired, policy.PreTool, &out)
	})
	if n != 0 {
		t.Errorf("%v allocations a decision, want none", n)
	}
}

// TestDirectFollowsChangingShapes: what is remembered of one request's members must not touch the next.
func TestDirectFollowsChangingShapes(t *testing.T) {
	d := instance(t, loaded(t, `
version: "1.0"
rules:
  - {name: a, action: deny, condition: "data.first == 'x'"}
  - {name: b, action: deny, condition: "data.a_name_of_more_than_sixteen_bytes == 'x'"}
  - {name: c, action: deny, condition: "data.a_name_of_more_than_16_long_bytes == 'x'"}
`))
	for _, c := range []struct {
		data string
		want int
	}{
		{`{"first":"x","a_name_of_more_than_sixteen_bytes":"x"}`, 2},
		{`{"a_name_of_more_than_sixteen_bytes":"x","first":"x"}`, 2},
		{`{"a_name_of_more_than_16_long_bytes":"x","first":"y"}`, 1},
		{`{"a_name_of_more_than_xxxxxxx_bytes":"x","First":"x"}`, 0},
		{`{}`, 0},
		{`{"q":1,"r":2,"s":3,"first":"x"}`, 1},
		{`{"first":"x"}`, 1},
	} {
		fired, err := d.Evaluate(context.Background(), request(t, `{"data":`+c.data+`}`), 0)
		if err != nil || len(fired) != c.want {
			t.Errorf("%s: fired %x, %v, want %d rules", c.data, fired, err, c.want)
		}
	}
}

func ExampleDirect() {
	ctx := context.Background()
	files := policy.FS{FS: fstest.MapFS{"p.yaml": {Data: []byte(`
version: "1.0"
rules:
  - {name: exports, action: deny, condition: "action.type == 'export' and data.contains_pii"}
`)}}}
	p, err := policy.Load(files, "p.yaml")
	if err != nil {
		fmt.Println(err)
		return
	}
	m, err := policy.Compile(p)
	if err != nil {
		fmt.Println(err)
		return
	}
	runtime := wazero.NewRuntime(ctx)
	defer runtime.Close(ctx)
	d, err := sandbox.NewDirect(ctx, runtime, m)
	if err != nil {
		fmt.Println(err)
		return
	}
	q, err := abi.ReadRequest(`{"action":{"type":"export"},"data":{"contains_pii":true}}`)
	if err != nil {
		fmt.Println(err)
		return
	}
	fired, err := d.Evaluate(ctx, &q, abi.ModeIndeterminate)
	if err != nil {
		fmt.Println(err)
		return
	}
	var out policy.Outcome
	m.Findings(fired, policy.PreTool, &out)
	for _, f := range out.Findings {
		fmt.Println(f.Decision, f.Rule)
	}
	// Output: deny exports
}
