// Package extism runs a guest for tests of the kit: the imports that pdk/rust declares, served from an arena on plain
// wazero, without fuel and without restoring memory. It is as small as can be, so that the kit's tests need nothing of
// the host's; what the host makes of a plugin is tested where the host is.
package extism

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// base is the first handle: 0 is none.
const base = 64

// Guest is one instance and the host that it sees. It is not safe for concurrent use.
type Guest struct {
	Config map[string]string
	Logs   []string // of the last call, each with its level

	runtime  wazero.Runtime
	module   api.Module
	compiled wazero.CompiledModule
	calls    map[string]api.Function
	stack    [1]uint64
	input    []byte
	output   []byte
	failure  string
	memory   []byte
	blocks   map[uint64]uint64
}

// Open compiles the module in a file and makes an instance of it. A cache spares compiling it a second time.
func Open(ctx context.Context, file string, cache wazero.CompilationCache) (*Guest, error) {
	module, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	config := wazero.NewRuntimeConfig()
	if cache != nil {
		config = config.WithCompilationCache(cache)
	}
	g := &Guest{runtime: wazero.NewRuntimeWithConfig(ctx, config), blocks: map[uint64]uint64{}, calls: map[string]api.Function{}}
	if err := g.open(ctx, module); err != nil {
		return nil, errors.Join(err, g.Close(ctx))
	}
	return g, nil
}

func (g *Guest) open(ctx context.Context, module []byte) error {
	env := g.runtime.NewHostModuleBuilder("extism:host/env")
	for name, f := range g.imports() {
		env.NewFunctionBuilder().WithGoFunction(f.body, f.params, f.results).Export(name)
	}
	if _, err := env.Instantiate(ctx); err != nil {
		return err
	}
	var err error
	if g.compiled, err = g.runtime.CompileModule(ctx, module); err != nil {
		return err
	}
	g.module, err = g.runtime.InstantiateModule(ctx, g.compiled, wazero.NewModuleConfig())
	return err
}

// Close ends the instance and all that belongs to it.
func (g *Guest) Close(ctx context.Context) error { return g.runtime.Close(ctx) }

// Exports are the names of the functions that the module exports.
func (g *Guest) Exports() []string {
	var names []string
	for name := range g.compiled.ExportedFunctions() {
		names = append(names, name)
	}
	return names
}

// Imports are the functions that the module imports, as module.name.
func (g *Guest) Imports() []string {
	var names []string
	for _, f := range g.compiled.ImportedFunctions() {
		module, name, _ := f.Import()
		names = append(names, module+"."+name)
	}
	return names
}

// MemoryBytes is how large the instance's memory is now.
func (g *Guest) MemoryBytes() uint32 { return g.module.Memory().Size() }

// Call calls an export as Extism does. The answer is good until the next call. A guest that says 1 fails with the error
// that it set; one that traps fails with the trap.
func (g *Guest) Call(ctx context.Context, export string, input []byte) ([]byte, error) {
	f := g.calls[export]
	if f == nil {
		if f = g.module.ExportedFunction(export); f == nil {
			return nil, fmt.Errorf("no export %q", export)
		}
		g.calls[export] = f
	}
	g.input, g.output, g.failure, g.memory, g.Logs = input, g.output[:0], "", g.memory[:0], g.Logs[:0]
	clear(g.blocks)
	if err := f.CallWithStack(ctx, g.stack[:]); err != nil {
		return nil, err
	}
	if g.stack[0] != 0 {
		return nil, fmt.Errorf("returned %d: %s", g.stack[0], g.failure)
	}
	return g.output, nil
}

type function struct {
	body            api.GoFunc
	params, results []api.ValueType
}

func (g *Guest) imports() map[string]function {
	i64, i32 := []api.ValueType{api.ValueTypeI64}, []api.ValueType{api.ValueTypeI32}
	out := map[string]function{
		"input_length":   {func(_ context.Context, s []uint64) { s[0] = uint64(len(g.input)) }, nil, i64},
		"input_load_u8":  {func(_ context.Context, s []uint64) { s[0] = uint64(g.input[s[0]]) }, i64, i32},
		"input_load_u64": {func(_ context.Context, s []uint64) { s[0] = binary.LittleEndian.Uint64(g.input[s[0]:]) }, i64, i64},
		"alloc":          {func(_ context.Context, s []uint64) { s[0] = g.alloc(s[0]) }, i64, i64},
		"length":         {func(_ context.Context, s []uint64) { s[0] = g.blocks[s[0]] }, i64, i64},
		"load_u8":        {func(_ context.Context, s []uint64) { s[0] = uint64(g.memory[s[0]-base]) }, i64, i32},
		"load_u64":       {func(_ context.Context, s []uint64) { s[0] = binary.LittleEndian.Uint64(g.memory[s[0]-base:]) }, i64, i64},
		"store_u8":       {func(_ context.Context, s []uint64) { g.memory[s[0]-base] = byte(s[1]) }, append(i64, i32...), nil},
		"store_u64":      {func(_ context.Context, s []uint64) { binary.LittleEndian.PutUint64(g.memory[s[0]-base:], s[1]) }, append(i64, i64...), nil},
		"output_set":     {func(_ context.Context, s []uint64) { g.output = append(g.output[:0], g.bytes(s[0], s[1])...) }, append(i64, i64...), nil},
		"error_set":      {func(_ context.Context, s []uint64) { g.failure = g.text(s[0]) }, i64, nil},
		"config_get":     {func(_ context.Context, s []uint64) { s[0] = g.config(g.text(s[0])) }, i64, i64},
	}
	for _, level := range []string{"debug", "info", "warn", "error"} {
		out["log_"+level] = function{func(_ context.Context, s []uint64) { g.Logs = append(g.Logs, level+" "+g.text(s[0])) }, i64, nil}
	}
	return out
}

func (g *Guest) alloc(n uint64) uint64 {
	if n == 0 {
		return 0
	}
	handle := base + uint64(len(g.memory))
	g.memory = append(g.memory, make([]byte, n)...)
	g.blocks[handle] = n
	return handle
}

func (g *Guest) bytes(handle, n uint64) []byte {
	if n == 0 {
		return nil
	}
	return g.memory[handle-base:][:n]
}

func (g *Guest) text(handle uint64) string { return string(g.bytes(handle, g.blocks[handle])) }

func (g *Guest) config(name string) uint64 {
	value, ok := g.Config[name]
	if !ok {
		return 0
	}
	handle := g.alloc(uint64(len(value)))
	copy(g.bytes(handle, uint64(len(value))), value)
	return handle
}
