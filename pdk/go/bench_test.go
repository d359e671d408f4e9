package pdk_test

import (
	"context"
	"testing"
)

// measured is a request of common size that no rule of tenrules but its last fires on.
const measured = `{"abi":1,"agent":{"did":"did:mesh:data-analyst:mfzwizltoq2gk43umfzwizltoq2gk43u","name":"data-analyst","trust_score":640,"tier":"standard"},` +
	`"action":{"type":"export","tool":"export_rows","server":"warehouse","stage":"pre_tool"},"data":{"table":"customers","query":"select * from customers",` +
	`"contains_pii":false},"resource":{"paths":["/srv/data/a.csv"],"outside_roots":false},"context":{"time":"2026-03-01T09:30:00.000Z","environment":"prod"}}`

// tenRules is where its source stands.
const tenRules = "pdk/go/testdata/tenrules"

const measuredAnswer = `{"abi":1,"findings":[{"decision":"allow","rule":"reads","reason":"reads and clean exports","priority":0,"obligations":[]}]}`

// BenchmarkTenRules is a policy of ten rules, JSON in and out, on wazero without fuel or restored memory: by
// Extism's imports, and by the mailbox.
func BenchmarkTenRules(b *testing.B) {
	module := build(b, tenRules)
	guest := instantiate(b, module, "evaluate", nil)
	for name, call := range map[string]caller{"imports": guest.call, "mailbox": guest.enter} {
		b.Run(name, func(b *testing.B) { benchmark(b, call, measured) })
	}
	b.Logf("module %d bytes, linear memory %d bytes, input %d bytes", len(module), guest.module.Memory().Size(), len(measured))
}

func benchmark(b *testing.B, call caller, request string) {
	ctx, in := context.Background(), []byte(request)
	out, failure, err := call(ctx, in)
	if err != nil || failure != "" || request == measured && string(out) != measuredAnswer {
		b.Fatalf("got %s %s %v", out, failure, err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := call(ctx, in); err != nil {
			b.Fatal(err)
		}
	}
}
