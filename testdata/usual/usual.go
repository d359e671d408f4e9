// Package usual holds what the tests of several packages decide by: ten rules as a house has them, and a plugin.
package usual

import (
	"agentmesh/host/wasm"
	"agentmesh/pdk/abi"
)

// House is a policy of ten rules.
const House = `version: "1.0"
name: house
default_action: deny
rules:
  - name: no-pii-export
    condition: "action.type == 'export' and data.contains_pii"
    action: deny
  - name: secrets-stay
    condition: "data.contains_secret and not (action.type == 'read')"
    action: deny
  - name: inside-roots
    condition: "resource.outside_roots"
    action: deny
  - name: no-system-files
    condition: "any(p in resource.paths, p startswith '/etc/' or p startswith '/root/')"
    action: deny
  - name: no-force
    condition: "exists(resource.command) and resource.command matches 'push.*--force'"
    action: deny
  - name: deletes
    condition: "action.type == 'delete'"
    action: require_approval
  - name: low-trust
    condition: "agent.trust_score < 300"
    action: deny
  - name: big-writes
    condition: "action.type == 'write' and len(data.content) > 100000"
    action: warn
  - name: reads
    condition: "action.type in ['read', 'list']"
    action: allow
  - name: writes
    condition: "action.type == 'write' and action.tool startswith 'write_'"
    action: allow
`

// Guard is a plugin with that manifest that gives one answer to everything. It has as few parts as a plugin can.
func Guard(manifest, answer string) []byte {
	var b wasm.Builder
	long := wasm.FuncType{Params: []wasm.ValueType{wasm.I64}, Results: []wasm.ValueType{wasm.I64}}
	alloc := b.Import("extism:host/env", "alloc", long)
	store := b.Import("extism:host/env", "store_u8", wasm.FuncType{Params: []wasm.ValueType{wasm.I64, wasm.I32}})
	output := b.Import("extism:host/env", "output_set", wasm.FuncType{Params: []wasm.ValueType{wasm.I64, wasm.I64}})
	status := wasm.FuncType{Results: []wasm.ValueType{wasm.I32}}
	fn := b.Func(status)
	c := wasm.NewCode(status)
	handle := c.Local(wasm.I64)
	c.I64(uint64(len(answer))).Call(alloc).Set(handle)
	for i := range len(answer) {
		c.Get(handle).I64(uint64(i)).Op(wasm.OpI64Add).I32(uint32(answer[i])).Call(store)
	}
	c.Get(handle).I64(uint64(len(answer))).Call(output).I32(0)
	b.Body(fn, c)
	b.Memory(1, 1)
	b.Export("memory", wasm.ExportMemory, 0)
	b.Export("evaluate", wasm.ExportFunc, fn)
	b.Custom(abi.SectionManifest, []byte(manifest))
	return b.Module()
}
