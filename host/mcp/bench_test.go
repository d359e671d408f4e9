package mcp_test

import (
	"fmt"
	"strings"
	"testing"

	"agentmesh/host/mcp"
)

// BenchmarkCall is one call through the proxy and its answer back, by the size of argument and answer, with a ledger in memory.
func BenchmarkCall(b *testing.B) {
	for _, size := range []int{1 << 10, 1 << 20} {
		text := strings.Repeat(`a line of some text, as in a file\n`, size/35)
		for name, results := range map[string]mcp.Treatment{"untouched": nil, "cleaned": &mcp.Results{}} {
			b.Run(fmt.Sprintf("%dKiB/%s", size>>10, name), func(b *testing.B) {
				s := permissive()
				s.config.Results = results
				r := start(b, s)
				line := call("1", "write_file", `{"path":"a.txt","content":"`+text+`"}`)
				answer := `{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"` + text + `"}]}}`
				b.SetBytes(int64(len(line) + len(answer)))
				b.ReportAllocs()
				for b.Loop() {
					r.send(line)
					r.served()
					r.say(answer)
					r.next()
					r.log.mu.Lock()
					clear(r.log.entries)
					r.log.entries = r.log.entries[:0]
					r.log.mu.Unlock()
				}
			})
		}
	}
}
