package sandbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/tetratelabs/wazero/api"

	"agentmesh/host/wasm"
	"agentmesh/pdk/abi"
)

// pluginInstance is one instance of a plugin. It is not safe for concurrent use.
type pluginInstance struct {
	plugin    *Plugin
	instance  api.Module
	memory    []byte            // all of it
	functions []api.Function    // as the kind's exports
	fuel      api.MutableGlobal // of this slice
	depth     api.MutableGlobal
	size      api.MutableGlobal // nil: the memory tells
	globals   []api.MutableGlobal
	stack     [2]uint64
	ctx       *guestContext

	arena arena
	wasi  wasiState
	log   guestLog
	known answers

	broken bool // not to be used again

	work   int64 // units that host calls cost
	limit  int64
	code   abi.Code // why the guest was stopped; "" while it was not
	detail string

	turn   atomic.Uint64 // who has it
	late   atomic.Bool   // the watchdog struck
	strike sync.Mutex
}

// What a host call costs in fuel, beside a unit for each wasm.FuelBulk bytes it moves.
const hostCallFuel = 16

// spend charges for a host call. It stops the guest when host calls alone used up all fuel.
func (i *pluginInstance) spend(n uint64) {
	if n == 0 {
		i.work += hostCallFuel
	} else {
		i.work += int64(n / wasm.FuelBulk)
	}
	if i.work > i.limit {
		i.stop(abi.CodeOutOfFuel, "its host calls cost more than "+strconv.FormatInt(i.limit, 10)+" units")
	}
}

// stop ends the guest's call with a code.
func (i *pluginInstance) stop(code abi.Code, detail string) {
	i.code, i.detail = code, detail
	panic(fault(detail))
}

// memoryBytes is how large the guest's memory is, in its own eyes.
func (i *pluginInstance) memoryBytes() uint64 {
	if i.size != nil {
		return i.size.Get() << 16
	}
	i.memory = wholeMemory(i.instance)
	return uint64(len(i.memory))
}

func wholeMemory(m api.Module) []byte {
	memory := m.Memory()
	all, _ := memory.Read(0, memory.Size())
	return all
}

// instantiate makes an instance that has not run yet.
func (pm *PluginModule) instantiate(p *Plugin) (*pluginInstance, error) {
	i := &pluginInstance{plugin: p}
	i.ctx = &guestContext{Context: context.Background(), instance: i}
	instance, err := pm.host.instantiate(i.ctx, pm.compiled)
	if err != nil {
		return nil, &abi.Failure{Code: abi.CodePluginMalformed, Detail: err.Error()}
	}
	i.instance, i.memory = instance, wholeMemory(instance)
	global := func(name string) api.MutableGlobal {
		g, _ := instance.ExportedGlobal(name).(api.MutableGlobal)
		return g
	}
	i.fuel, i.depth = global(pm.layout.FuelGlobal), global(pm.layout.DepthGlobal)
	i.size = global(pm.layout.SizeGlobal)
	if n := pm.layout.ArenaBytes; n > 0 {
		base := pm.layout.ArenaBase
		i.arena.shared = i.memory[base : base+n : base+n]
		i.arena.memory, i.arena.layout = i.memory, pm.layout
	}
	for _, name := range pm.layout.Globals {
		if name != pm.layout.SizeGlobal {
			i.globals = append(i.globals, global(name))
		}
	}
	for _, name := range exportsOf(pm.file.Manifest.Kind) {
		i.functions = append(i.functions, instance.ExportedFunction(name))
	}
	i.wasi = wasiState{}
	return i, nil
}

// run calls a function of the guest with so much fuel, and says how much it used.
func (i *pluginInstance) run(f api.Function, limit int64) (used int64, err error) {
	i.work, i.limit, i.code = 0, limit, ""
	layout := i.plugin.module.layout
	first := limit
	if i.size != nil {
		first = min(limit, wasm.Slice)
		layout.SetRest(i.memory, limit-first)
	}
	if i.fuel != nil {
		i.fuel.Set(uint64(first))
	}
	err = f.CallWithStack(i.ctx, i.stack[:])
	if i.late.Load() { // wait until the watchdog has let go
		i.strike.Lock()
		defer i.strike.Unlock()
	}
	used = i.work
	if i.fuel != nil {
		left := int64(i.fuel.Get())
		if i.size != nil {
			left += layout.Rest(i.memory)
		}
		used += limit - max(left, 0)
	}
	if err != nil {
		return used, i.why(err)
	}
	return used, nil
}

// why gives a trap its code.
func (i *pluginInstance) why(err error) *abi.Failure {
	layout := i.plugin.module.layout
	switch {
	case i.late.Load():
		return &abi.Failure{Code: abi.CodeWatchdog, Detail: "it ran longer than the host waits"}
	case i.code != "" && i.code != abi.CodeTrap:
		return &abi.Failure{Code: i.code, Detail: i.detail}
	case i.fuel != nil && int64(i.fuel.Get()) < 0:
		return &abi.Failure{Code: abi.CodeOutOfFuel, Detail: "it used up its " + strconv.FormatInt(i.limit, 10) + " units"}
	case layout.MapBytes > 0 && layout.Refused(i.memory):
		return &abi.Failure{Code: abi.CodeOutOfMemory, Detail: fmt.Sprintf("it wanted more than its %d pages of memory", layout.MaxPages)}
	case i.depth != nil && uint32(i.depth.Get()) > wasm.MaxDepth:
		return &abi.Failure{Code: abi.CodeTrap, Detail: "call stack exhausted"}
	case i.code != "":
		return &abi.Failure{Code: i.code, Detail: i.detail}
	}
	var f fault
	if errors.As(err, &f) {
		return &abi.Failure{Code: abi.CodeTrap, Detail: f.Error()}
	}
	first, _, _ := strings.Cut(err.Error(), "\n")
	return &abi.Failure{Code: abi.CodeTrap, Detail: strings.TrimPrefix(first, "wasm error: ")}
}

// answer calls an export of the kind, whose input stands in the arena already, and gives its answer, which is good until
// the next call. The instance must be restored afterwards, and dropped if broken.
func (i *pluginInstance) answer(export int) (out []byte, used int64, broken bool, err error) {
	i.stack = [2]uint64{}
	i.log.reset()
	if used, err = i.run(i.functions[export], i.plugin.fuel); err != nil {
		return nil, used, true, err
	}
	if status := int32(i.stack[0]); status != 0 {
		return nil, used, false, &abi.Failure{Code: abi.CodeTrap, Detail: fmt.Sprintf("it gave up with status %d", status)}
	}
	out = i.arena.result()
	if len(out) > abi.DefaultOutputBytes {
		return nil, used, false, tooLarge(len(out))
	}
	return out, used, false, nil
}

// snapshot is an instance's state between two calls: what all instances of the plugin have there.
type snapshot struct {
	memory  []byte // the guest's, up to its last byte that is not 0
	globals []uint64
	pages   uint64
	wasi    wasiState
}

func (i *pluginInstance) snapshot() *snapshot {
	s := &snapshot{wasi: i.wasi}
	if i.plugin.mode == restoreMarked {
		layout := i.plugin.module.layout
		s.memory, s.pages = layout.Snapshot(i.memory), i.size.Get()
		layout.ForgetGrowth(i.memory)
	} else {
		i.memoryBytes()
		s.memory = bytes.Clone(i.memory)
	}
	for _, g := range i.globals {
		s.globals = append(s.globals, g.Get())
	}
	return s
}

// become brings a new instance into a snapshot's state, as if it had done what the first one did.
func (i *pluginInstance) become(s *snapshot) {
	guest := i.memory[i.plugin.module.layout.Shift:]
	n := copy(guest, s.memory)
	clear(guest[n:max(n, int(i.plugin.module.layout.InitialPages)<<16)])
	i.size.Set(s.pages)
	i.settle(s)
}

func (i *pluginInstance) settle(s *snapshot) {
	for at, g := range i.globals {
		g.Set(s.globals[at])
	}
	i.wasi = s.wasi
	if layout := i.plugin.module.layout; i.size != nil && layout.Grown(i.memory) {
		i.size.Set(s.pages)
	}
}

// restore undoes what a call did, at a cost proportional to what it wrote. It reports how many pages that were.
func (i *pluginInstance) restore(s *snapshot) int {
	layout := i.plugin.module.layout
	i.settle(s)
	layout.ForgetGrowth(i.memory)
	return layout.Restore(i.memory, s.memory)
}

// restoreAll copies the whole of a guest back, where no barrier tells what it wrote.
func (i *pluginInstance) restoreAll(s *snapshot) {
	i.memoryBytes()
	i.settle(s)
	clear(i.memory[copy(i.memory, s.memory):])
}

func (i *pluginInstance) close() { i.instance.Close(context.Background()) } // frees memory; nothing that could fail and matter
