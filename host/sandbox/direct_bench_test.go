package sandbox_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"

	"agentmesh/host/policy"
	"agentmesh/host/sandbox"
	"agentmesh/pdk/abi"
)

// benchConditions are the first ten rules; benchCondition makes the others, in ten shapes.
var benchConditions = [10]string{
	`agent.trust < 30`,
	`data.tool in ['shell.exec', 'fs.delete', 'db.drop', 'iam.grant']`,
	`data.env == 'prod' and data.method in ['DELETE', 'PUT'] and not 'admin' in agent.roles`,
	`not data.url startswith 'https://api.internal.example/' and not data.url startswith 'https://api.partner.example/'`,
	`data.amount > 10000 and not data.human_approved`,
	`data.tokens_used > data.token_budget`,
	`'secret' in data.tags or 'pii' in data.tags and 'export' in data.tags and not data.human_approved`,
	`data.env == 'prod' and 'deployer' in agent.roles and (data.hour < 6 or data.hour > 22)`,
	`data.args.path contains '..' or data.args.path startswith '/etc'`,
	`not data.ip startswith '10.'`,
}

func benchCondition(j int) string {
	if j < len(benchConditions) {
		return benchConditions[j]
	}
	shapes := [10]string{
		`data.tool == 'svc%[1]d.write' and data.amount > %[2]d and not data.human_approved`,
		`data.tool in ['svc%[1]d.create', 'svc%[1]d.update', 'svc%[1]d.remove'] and data.env == 'prod'`,
		`action.type == 'act.%[1]d' and agent.trust < 50`,
		`data.tool == 'svc%[1]d.read' and data.args.path startswith '/data/%[1]d/'`,
		`data.args.path contains '/secret%[1]d/'`,
		`data.tool == 'svc%[1]d.exec' and (data.hour < 6 or data.hour > 22)`,
		`action.type == 'act.%[1]d' and data.method in ['DELETE', 'PUT'] and not 'admin' in agent.roles`,
		`data.url startswith 'https://evil%[1]d.example/'`,
		`data.tool == 'svc%[1]d.pay' and data.amount > 500`,
		`data.env == 'stage%[1]d' and data.tokens_used > 1000`,
	}
	out := fmt.Sprintf(shapes[j%10], j, 100+j)
	return strings.ReplaceAll(out, "%!(EXTRA int="+fmt.Sprint(100+j)+")", "")
}

func benchPolicy(n int) string {
	var b strings.Builder
	b.WriteString("version: \"1.0\"\nname: bench\nrules:\n")
	for j := range n {
		action := "deny"
		if j >= 10 && j%2 == 1 {
			action = "require_approval"
		}
		fmt.Fprintf(&b, "  - name: r%d\n    action: %s\n    condition: %q\n", j, action, benchCondition(j))
	}
	return b.String()
}

// benchRequest is one that no rule of benchPolicy matches.
const benchRequest = `{"abi":1,"agent":{"id":"agent-7f3a91","team":"payments","roles":["reader","deployer"],"trust":72},
"action":{"type":"tool.invoke"},
"data":{"tool":"http.fetch","method":"POST","url":"https://api.internal.example/v1/orders/123","amount":1250.5,"env":"prod","hour":14,
"args":{"path":"/srv/data/report.csv","recursive":false},"tags":["pii","export"],"tokens_used":18234,"token_budget":50000,"ip":"10.1.2.3","human_approved":true}}`

// BenchmarkDirect is facts to findings: a request's values written into slots, one call, the answer understood.
func BenchmarkDirect(b *testing.B) {
	for _, n := range []int{1, 10, 100, 1000} {
		m := loaded(b, benchPolicy(n))
		d := instance(b, m)
		q := request(b, benchRequest)
		var out policy.Outcome
		b.Run(fmt.Sprintf("%d rules", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				fired, err := d.Evaluate(context.Background(), q, abi.ModeIndeterminate)
				if err != nil || len(fired) != 0 {
					b.Fatal(fired, err)
				}
				m.Findings(fired, policy.PreTool, &out)
			}
		})
	}
}

// BenchmarkDirectCompile is a loaded policy to machine code; it reports the code's size without custom sections.
func BenchmarkDirectCompile(b *testing.B) {
	for _, n := range []int{10, 100, 1000} {
		p := loaded(b, benchPolicy(n)).Policy
		b.Run(fmt.Sprintf("%d rules", n), func(b *testing.B) {
			ctx := context.Background()
			runtime := wazero.NewRuntime(ctx)
			defer runtime.Close(ctx)
			size := 0
			for b.Loop() {
				m, err := policy.Compile(p)
				if err != nil {
					b.Fatal(err)
				}
				dm, err := sandbox.CompileDirect(ctx, runtime, m)
				if err != nil {
					b.Fatal(err)
				}
				size = m.Code
				dm.Close(ctx)
			}
			b.ReportMetric(float64(size), "bytes")
		})
	}
}
