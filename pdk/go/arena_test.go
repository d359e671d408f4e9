package pdk_test

import (
	"context"
	"encoding/binary"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
)

// arena serves the Extism ABI from Go memory: what a call of a module costs beside the module itself.
type arena struct {
	mem          []byte
	sizes        map[uint64]uint64
	in           []byte
	out, failure []byte
	config       map[string]string
}

func (a *arena) reset(in []byte) {
	a.mem = a.mem[:8]
	clear(a.sizes)
	a.in, a.out, a.failure = in, nil, nil
}

func (a *arena) alloc(n uint64) uint64 {
	at := uint64(len(a.mem))
	a.mem = append(a.mem, make([]byte, n)...)
	a.sizes[at] = n
	return at
}

func (a *arena) block(at uint64) []byte { return a.mem[at : at+a.sizes[at]] }

// imports are the functions by name, with their numbers of i64 parameters and the type of their result.
func (a *arena) imports() map[string]arenaFunc {
	none, i32, i64 := []api.ValueType(nil), []api.ValueType{api.ValueTypeI32}, []api.ValueType{api.ValueTypeI64}
	one, two := i64, []api.ValueType{api.ValueTypeI64, api.ValueTypeI64}
	return map[string]arenaFunc{
		"input_length":   {none, i64, func(_ context.Context, s []uint64) { s[0] = uint64(len(a.in)) }},
		"input_load_u64": {one, i64, func(_ context.Context, s []uint64) { s[0] = binary.LittleEndian.Uint64(a.in[s[0]:]) }},
		"input_load_u8":  {one, i32, func(_ context.Context, s []uint64) { s[0] = uint64(a.in[s[0]]) }},
		"alloc":          {one, i64, func(_ context.Context, s []uint64) { s[0] = a.alloc(s[0]) }},
		"length":         {one, i64, func(_ context.Context, s []uint64) { s[0] = a.sizes[s[0]] }},
		"load_u64":       {one, i64, func(_ context.Context, s []uint64) { s[0] = binary.LittleEndian.Uint64(a.mem[s[0]:]) }},
		"load_u8":        {one, i32, func(_ context.Context, s []uint64) { s[0] = uint64(a.mem[s[0]]) }},
		"store_u64":      {two, none, func(_ context.Context, s []uint64) { binary.LittleEndian.PutUint64(a.mem[s[0]:], s[1]) }},
		"store_u8":       {[]api.ValueType{api.ValueTypeI64, api.ValueTypeI32}, none, func(_ context.Context, s []uint64) { a.mem[s[0]] = byte(s[1]) }},
		"output_set":     {two, none, func(_ context.Context, s []uint64) { a.out = a.mem[s[0] : s[0]+s[1]] }},
		"error_set":      {one, none, func(_ context.Context, s []uint64) { a.failure = a.block(s[0]) }},
		"config_get":     {one, i64, func(_ context.Context, s []uint64) { s[0] = a.setting(string(a.block(s[0]))) }},
		"get_log_level":  {none, i32, func(_ context.Context, s []uint64) { s[0] = 1 << 30 }},
		"log_info":       {one, none, func(context.Context, []uint64) {}},
		"log_debug":      {one, none, func(context.Context, []uint64) {}},
	}
}

type arenaFunc struct {
	params, results []api.ValueType
	call            api.GoFunc
}

func (a *arena) setting(key string) uint64 {
	value, ok := a.config[key]
	if !ok {
		return 0
	}
	at := a.alloc(uint64(len(value)))
	copy(a.mem[at:], value)
	return at
}

// bare is one instance of a module under plain wazero.
type bare struct {
	arena  *arena
	module api.Module
	export api.Function
	box    uint32 // where its mailbox lies
	stack  [1]uint64
}

func instantiate(t testing.TB, module []byte, export string, config map[string]string) *bare {
	t.Helper()
	ctx := context.Background()
	rt := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfig().WithCompilationCache(compiled))
	t.Cleanup(func() {
		if err := rt.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	b := &bare{arena: &arena{mem: make([]byte, 8, 1<<16), sizes: map[uint64]uint64{}, config: config}}
	env := rt.NewHostModuleBuilder("extism:host/env")
	for name, f := range b.arena.imports() {
		env.NewFunctionBuilder().WithGoFunction(f.call, f.params, f.results).Export(name)
	}
	if _, err := env.Instantiate(ctx); err != nil {
		t.Fatal(err)
	}
	wasi_snapshot_preview1.MustInstantiate(ctx, rt)
	var err error
	b.module, err = rt.InstantiateWithConfig(ctx, module, wazero.NewModuleConfig().WithName("").WithStartFunctions("_initialize"))
	if err != nil {
		t.Fatal(err)
	}
	if b.export = b.module.ExportedFunction(export); b.export == nil {
		t.Fatalf("the module does not export %s", export)
	}
	if err := b.module.ExportedFunction("agentmesh_mailbox").CallWithStack(ctx, b.stack[:]); err != nil {
		t.Fatal(err)
	}
	b.box = uint32(b.stack[0])
	return b
}

// call answers one input by Extism's imports; out is good until the next call.
func (b *bare) call(ctx context.Context, in []byte) (out []byte, failure string, err error) {
	b.arena.reset(in)
	b.module.Memory().WriteUint32Le(b.box+boxGiven, 0)
	if err := b.export.CallWithStack(ctx, b.stack[:]); err != nil {
		return nil, "", err
	}
	if uint32(b.stack[0]) != 0 { // of an i32 wazero writes the low half alone
		return nil, string(b.arena.failure), nil
	}
	return b.arena.out, "", nil
}

// The numbers of a mailbox, as offsets.
const (
	boxRoom = 4 * iota
	boxSize
	boxGiven
	boxAnswer
	boxLength
)

// enter answers one input by the mailbox, or by imports where it does not fit.
func (b *bare) enter(ctx context.Context, in []byte) (out []byte, failure string, err error) {
	memory := b.module.Memory()
	number := func(at uint32) uint32 {
		n, _ := memory.ReadUint32Le(b.box + at)
		return n
	}
	if len(in) > int(number(boxSize)) {
		return b.call(ctx, in)
	}
	b.arena.reset(nil)
	memory.Write(number(boxRoom), in)
	memory.WriteUint32Le(b.box+boxGiven, uint32(len(in)+1))
	if err := b.export.CallWithStack(ctx, b.stack[:]); err != nil {
		return nil, "", err
	}
	if uint32(b.stack[0]) != 0 {
		return nil, string(b.arena.failure), nil
	}
	out, _ = memory.Read(number(boxAnswer), number(boxLength))
	return out, "", nil
}
