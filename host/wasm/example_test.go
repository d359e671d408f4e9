package wasm_test

import (
	"context"
	"fmt"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"agentmesh/host/wasm"
)

func ExampleScan() {
	_, err := wasm.Scan(built(), wasm.Limits{Branches: 1})
	fmt.Println(err)
	// Output: wasm: offset 96: branches of one function: 2, the limit is 1
}

func ExampleInstrument() {
	m, err := wasm.Scan(built(), wasm.Limits{})
	if err != nil {
		fmt.Println(err)
		return
	}
	out, layout, err := wasm.Instrument(m, wasm.Instrumentation{Fuel: true, Barrier: true, MaxPages: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	runtime := wazero.NewRuntime(ctx)
	defer runtime.Close(ctx)
	instance, err := runtime.Instantiate(ctx, out)
	if err != nil {
		fmt.Println(err)
		return
	}
	fuel := instance.ExportedGlobal(layout.FuelGlobal).(api.MutableGlobal)
	for _, given := range []uint64{100, 5} {
		fuel.Set(given)
		_, err := instance.ExportedFunction("sum").Call(ctx, 16, 3)
		fmt.Println(err != nil, int64(fuel.Get()))
	}
	// Output:
	// false 92
	// true -1
}
