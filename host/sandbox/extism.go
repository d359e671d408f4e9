package sandbox

import (
	"context"
	"math"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"agentmesh/pdk/abi"
)

// extismModule is the name that Extism's kits import the host's functions from.
const extismModule = "extism:host/env"

// hostFunc is a function of the host for guests. Parameters and results stand in the stack, as wazero has it.
type hostFunc struct {
	name            string
	params, results string // one letter each: i is i32, l is i64
	call            func(i *pluginInstance, stack []uint64)
}

// extismFuncs are what plugins may import from extismModule. Everything else there (variables, HTTP) is refused at load:
// a plugin keeps nothing from call to call and reaches nothing.
func extismFuncs() []hostFunc {
	return append([]hostFunc{
		{"alloc", "l", "l", func(i *pluginInstance, s []uint64) { s[0] = i.alloc(s[0]) }},
		{"free", "l", "", func(i *pluginInstance, s []uint64) { i.arena.free(s[0]) }},
		{"length", "l", "l", func(i *pluginInstance, s []uint64) { s[0] = i.arena.length(s[0]) }},
		{"length_unsafe", "l", "l", func(i *pluginInstance, s []uint64) { s[0] = i.arena.length(s[0]) }},
		{"load_u8", "l", "i", func(i *pluginInstance, s []uint64) { s[0] = uint64(i.arena.at(s[0], 1)[0]) }},
		{"load_u64", "l", "l", func(i *pluginInstance, s []uint64) { s[0] = i.arena.load64(s[0]) }},
		{"store_u8", "li", "", func(i *pluginInstance, s []uint64) { i.arena.at(s[0], 1)[0] = byte(s[1]) }},
		{"store_u64", "ll", "", func(i *pluginInstance, s []uint64) { i.arena.store64(s[0], s[1]) }},
		{"input_length", "", "l", func(i *pluginInstance, s []uint64) { s[0] = i.arena.inputLength() }},
		{"input_offset", "", "l", func(i *pluginInstance, s []uint64) { s[0] = arenaBase }},
		{"input_load_u8", "l", "i", func(i *pluginInstance, s []uint64) { s[0] = uint64(i.inputAt(s[0], 1)[0]) }},
		{"input_load_u64", "l", "l", func(i *pluginInstance, s []uint64) { i.inputLoad(s) }},
		{"output_set", "ll", "", func(i *pluginInstance, s []uint64) { i.arena.answer(s[0], s[1]) }},
		{"output_length", "", "l", func(i *pluginInstance, s []uint64) { s[0] = i.arena.output.to - i.arena.output.from }},
		{"output_offset", "", "l", func(i *pluginInstance, s []uint64) { s[0] = i.arena.output.from }},
		{"config_get", "l", "l", func(i *pluginInstance, s []uint64) { s[0] = i.config(s[0]) }},
		{"error_set", "l", "", func(i *pluginInstance, s []uint64) { i.say(levelError, s[0]) }},
	}, extismLog()...)
}

// The levels of a guest's log, as Extism numbers them.
const (
	levelTrace uint64 = iota
	levelDebug
	levelInfo
	levelWarn
	levelError
)

func extismLog() []hostFunc {
	at := func(name string, level uint64) hostFunc {
		return hostFunc{name, "l", "", func(i *pluginInstance, s []uint64) { i.say(level, s[0]) }}
	}
	return []hostFunc{
		at("log_trace", levelTrace), at("log_debug", levelDebug), at("log_info", levelInfo), at("log_warn", levelWarn),
		at("log_error", levelError),
		// Always the same: what a guest computes, and what that costs, must not hang on where it runs.
		{"get_log_level", "", "i", func(_ *pluginInstance, s []uint64) { s[0] = levelInfo }},
	}
}

// settingsKey is what a plugin asks config_get for.
const settingsKey = "settings"

func (i *pluginInstance) config(key uint64) uint64 {
	if string(i.arena.block(key)) != settingsKey {
		return 0
	}
	settings := i.plugin.settings
	handle := i.alloc(uint64(len(settings)))
	copy(i.arena.block(handle), settings)
	return handle
}

// arenaSpent says that an arena's budget is used up.
const arenaSpent = "it asked the host for more than 16 MiB in one call"

// alloc gives a plugin memory in the arena, which costs what clearing it does.
func (i *pluginInstance) alloc(n uint64) uint64 {
	handle, ok := i.arena.alloc(n)
	if !ok {
		i.stop(abi.CodeOutOfMemory, arenaSpent)
	}
	i.spend(n)
	return handle
}

func (i *pluginInstance) inputAt(offset, n uint64) []byte {
	if offset > math.MaxUint32 {
		panic(outside)
	}
	if in := i.arena.inputBytes(); offset+n <= uint64(len(in)) {
		return in[offset : offset+n]
	}
	panic(outside)
}

func (i *pluginInstance) inputLoad(s []uint64) {
	b := i.inputAt(s[0], 8)
	s[0] = uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 |
		uint64(b[4])<<32 | uint64(b[5])<<40 | uint64(b[6])<<48 | uint64(b[7])<<56
}

// exportHost makes a module of host functions in a runtime. Guests find their own instance through the context that
// every call of theirs is made with, so the functions are made once for all.
func exportHost(ctx context.Context, runtime wazero.Runtime, module string, functions []hostFunc) error {
	b := runtime.NewHostModuleBuilder(module)
	for _, f := range functions {
		call := f.call
		b.NewFunctionBuilder().WithGoModuleFunction(api.GoModuleFunc(func(ctx context.Context, _ api.Module, stack []uint64) {
			i := ctx.(*guestContext).instance
			i.spend(0)
			call(i, stack)
		}), valueTypes(f.params), valueTypes(f.results)).Export(f.name)
	}
	_, err := b.Instantiate(ctx)
	return err
}

// guestContext is what guest code runs in. It is made once for each instance, so that a call allocates nothing, and
// ends with no caller: fuel bounds the guest.
type guestContext struct {
	context.Context
	instance *pluginInstance
}

// Value implements context.Context: it holds nothing.
func (*guestContext) Value(any) any { return nil }

func valueTypes(letters string) []api.ValueType {
	out := make([]api.ValueType, len(letters))
	for i := range letters {
		out[i] = api.ValueTypeI64
		if letters[i] == 'i' {
			out[i] = api.ValueTypeI32
		}
	}
	return out
}
