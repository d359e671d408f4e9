package sandbox

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"agentmesh/host/policy"
	"agentmesh/pdk/abi"
)

// ErrInputTooLarge says that what a policy reads of a request does not fit the memory it may have. Nothing was
// evaluated: a value cut short could decide otherwise than the whole.
var ErrInputTooLarge = errors.New("the request is larger than a policy may be given")

// ErrTooMuchWork says that a request's values asked a policy for more steps than one call may do, as long lists under
// nested quantifiers can. Nothing was decided.
var ErrTooMuchWork = errors.New("the request asks a policy for more work than one decision may take")

// DirectModule is a compiled policy made ready to run: machine code, and the plan by which requests become slots. It
// is immutable; instances share it.
type DirectModule struct {
	module   *policy.Module
	runtime  wazero.Runtime
	compiled wazero.CompiledModule
	plan     *plan
}

// CompileDirect turns a policy's module into machine code.
func CompileDirect(ctx context.Context, runtime wazero.Runtime, m *policy.Module) (*DirectModule, error) {
	compiled, err := runtime.CompileModule(ctx, m.Wasm)
	if err != nil {
		return nil, fmt.Errorf("compile policy %s: %w", m.Policy.Name, err)
	}
	return &DirectModule{module: m, runtime: runtime, compiled: compiled, plan: newPlan(m)}, nil
}

// Module is the policy's module.
func (dm *DirectModule) Module() *policy.Module { return dm.module }

// Close frees the machine code. Instances must be closed before.
func (dm *DirectModule) Close(ctx context.Context) error { return dm.compiled.Close(ctx) }

// Direct is one instance of a compiled policy, called by the direct entry (pdk/abi, slots.go). It is not safe for
// concurrent use.
type Direct struct {
	instance api.Module
	memory   api.Memory
	evaluate api.Function
	stack    [1]uint64
	fired    []uint32
	base     uint32
	fill     filler
}

// NewDirect compiles a module and makes one instance of it. For several instances, CompileDirect once.
func NewDirect(ctx context.Context, runtime wazero.Runtime, m *policy.Module) (*Direct, error) {
	dm, err := CompileDirect(ctx, runtime, m)
	if err != nil {
		return nil, err
	}
	return dm.New(ctx)
}

// New makes an instance.
func (dm *DirectModule) New(ctx context.Context) (*Direct, error) {
	instance, err := dm.runtime.InstantiateModule(ctx, dm.compiled, wazero.NewModuleConfig().WithName(""))
	if err != nil {
		return nil, fmt.Errorf("instantiate policy %s: %w", dm.module.Policy.Name, err)
	}
	d := &Direct{
		instance: instance, memory: instance.Memory(), evaluate: instance.ExportedFunction("evaluate"),
		base: dm.module.ResultBase,
	}
	d.fill = newFiller(dm.plan, d.memory)
	return d, nil
}

// Evaluate runs the rules on a request and returns the words of the result area, for policy.Module's Findings or
// Possible; they are valid until the next call. mode is ModeIndeterminate for a decision, with ModeUnknown besides for
// what is still possible, and with ModePost for the rules of stage post_tool. ErrInputTooLarge,
// ErrTooMuchWork and traps are errors, and leave nothing decided. An instance is best not used again after an error.
func (d *Direct) Evaluate(ctx context.Context, req *abi.Request, mode uint32) (fired []uint32, err error) {
	if !d.fill.request(req) {
		return nil, ErrInputTooLarge
	}
	d.stack[0] = uint64(mode)
	if err := d.evaluate.CallWithStack(ctx, d.stack[:]); err != nil {
		return nil, fmt.Errorf("evaluate policy: %w", trap(err))
	}
	n := uint32(d.stack[0])
	d.fired = d.fired[:0]
	for at := d.base; n > 0; n, at = n-1, at+4 {
		d.fired = append(d.fired, binary.LittleEndian.Uint32(d.fill.mem[at:]))
	}
	return d.fired, nil
}

// trap tells the one trap that compiled policies have by design from the others. The engine gives it no type.
func trap(err error) error {
	if strings.Contains(err.Error(), "wasm error: unreachable") {
		return ErrTooMuchWork
	}
	return err
}

// MemorySize is the bytes of memory the instance holds. A large request makes it grow, and it never shrinks.
func (d *Direct) MemorySize() int { return len(d.fill.mem) }

// Close frees the instance.
func (d *Direct) Close(ctx context.Context) error { return d.instance.Close(ctx) }
