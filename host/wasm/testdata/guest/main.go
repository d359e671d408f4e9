// Command guest is a module in standard Go for the tests of host/wasm: it parses JSON and writes it again, with garbage
// collection, maps, interfaces, deferred calls and recovered panics on the way.
package main

import (
	"encoding/json"
	"unsafe"
)

var buffer [1 << 16]byte

//go:wasmexport address
func address() unsafe.Pointer { return unsafe.Pointer(&buffer[0]) }

// again answers the n bytes of JSON in the buffer, parsed and written again, or minus the length of the error.
//
//go:wasmexport again
func again(n int32) (length int32) {
	defer func() {
		if recover() != nil {
			length = 0
		}
	}()
	var v any
	if err := json.Unmarshal(buffer[:n], &v); err != nil {
		return -int32(copy(buffer[:], err.Error()))
	}
	if list, ok := v.([]any); ok && len(list) == 0 {
		v = list[0] // panics
	}
	out, err := json.Marshal(v)
	if err != nil {
		return -int32(copy(buffer[:], err.Error()))
	}
	return int32(copy(buffer[:], out))
}

// deep calls itself n times.
//
//go:wasmexport deep
func deep(n int32) int32 {
	if n == 0 {
		return 0
	}
	return deep(n-1) + 1
}

var kept [][]byte

// grow keeps n MiB more.
//
//go:wasmexport grow
func grow(n int32) int32 {
	for range n {
		b := make([]byte, 1<<20)
		b[len(b)/2] = byte(len(kept))
		kept = append(kept, b)
	}
	return int32(len(kept))
}

// spin never ends.
//
//go:wasmexport spin
func spin() {
	for {
	}
}

func main() {}
