//go:build wasip1

package pdk

import (
	"encoding/binary"
	"runtime"
	"unsafe"
)

// The Extism ABI. Offsets are handles into memory of the host's; 0 is none.

//go:wasmimport extism:host/env input_length
func inputLength() uint64

//go:wasmimport extism:host/env input_load_u64
func inputLoad8(offset uint64) uint64

//go:wasmimport extism:host/env input_load_u8
func inputLoad1(offset uint64) uint32

//go:wasmimport extism:host/env alloc
func alloc(n uint64) uint64

//go:wasmimport extism:host/env length
func length(handle uint64) uint64

//go:wasmimport extism:host/env load_u64
func load8(offset uint64) uint64

//go:wasmimport extism:host/env load_u8
func load1(offset uint64) uint32

//go:wasmimport extism:host/env store_u64
func store8(offset, bytes uint64)

//go:wasmimport extism:host/env store_u8
func store1(offset uint64, b uint32)

//go:wasmimport extism:host/env output_set
func outputSet(handle, n uint64)

//go:wasmimport extism:host/env error_set
func errorSet(handle uint64)

//go:wasmimport extism:host/env config_get
func configGet(key uint64) uint64

//go:wasmimport extism:host/env get_log_level
func logLevel() int32

//go:wasmimport extism:host/env log_debug
func logDebug(handle uint64)

//go:wasmimport extism:host/env log_info
func logInfo(handle uint64)

// door is a short way for hosts that know it, beside the one by imports, of which each costs a call of the host for eight
// bytes:
//
//	agentmesh_input(n i32) -> (address i32)   room for the next call's input; the host writes its n bytes there
//	agentmesh_output() -> (i64)               address << 32 | length of the last call's answer
//
// A call after agentmesh_input reads its input there and, where it succeeds, leaves its answer to agentmesh_output. A
// module is one plugin, and one call runs at a time: so there is one door.
var door = &doorway{in: make([]byte, roomInput)}

type doorway struct {
	in, out []byte
	entered bool
}

//go:wasmexport agentmesh_input
func doorInput(n uint32) unsafe.Pointer { return door.enter(n) }

//go:wasmexport agentmesh_output
func doorOutput() uint64 { return door.answer() }

func (d *doorway) enter(n uint32) unsafe.Pointer {
	d.in, d.entered = room(d.in, uint64(n)), true
	return unsafe.Pointer(unsafe.SliceData(d.in))
}

func (d *doorway) answer() uint64 {
	return uint64(uintptr(unsafe.Pointer(unsafe.SliceData(d.out))))<<32 | uint64(len(d.out))
}

// leave puts the answer at the door, if the call came in there.
func (d *doorway) leave(b []byte) bool {
	if !d.entered {
		return false
	}
	d.out, d.entered = b, false
	return true
}

// host is the Extism host; it holds nothing.
type host struct{}

// collect collects garbage.
func collect() { runtime.GC() }

// room makes dst n bytes long, keeping its memory where that is large enough.
func room(dst []byte, n uint64) []byte {
	if uint64(cap(dst)) < n {
		return make([]byte, n)
	}
	return dst[:n]
}

// input reads the call's input into dst, eight bytes at a time and the last of them twice where they are not a multiple.
func (host) input(dst []byte) []byte {
	if door.entered {
		return door.in
	}
	n := inputLength()
	dst = room(dst, n)
	i := uint64(0)
	for ; i+8 <= n; i += 8 {
		binary.LittleEndian.PutUint64(dst[i:], inputLoad8(i))
	}
	switch {
	case i == n:
	case n >= 8:
		binary.LittleEndian.PutUint64(dst[n-8:], inputLoad8(n-8))
	default:
		for ; i < n; i++ {
			dst[i] = byte(inputLoad1(i))
		}
	}
	return dst
}

// setting reads the settings into dst; empty where there are none.
func (host) setting(dst []byte) []byte {
	value := configGet(write("settings"))
	if value == 0 {
		return dst[:0]
	}
	n := length(value)
	dst = room(dst, n)
	i := uint64(0)
	for ; i+8 <= n; i += 8 {
		binary.LittleEndian.PutUint64(dst[i:], load8(value+i))
	}
	for ; i < n; i++ {
		dst[i] = byte(load1(value + i))
	}
	return dst
}

// write puts s into memory of the host's and gives its handle.
func write(s string) uint64 {
	n := uint64(len(s))
	handle := alloc(n)
	b := unsafe.Slice(unsafe.StringData(s), len(s))
	i := uint64(0)
	for ; i+8 <= n; i += 8 {
		store8(handle+i, binary.LittleEndian.Uint64(b[i:]))
	}
	switch {
	case i == n:
	case n >= 8:
		store8(handle+n-8, binary.LittleEndian.Uint64(b[n-8:]))
	default:
		for ; i < n; i++ {
			store1(handle+i, uint32(b[i]))
		}
	}
	return handle
}

func (host) output(b []byte) {
	if door.leave(b) {
		return
	}
	outputSet(write(unsafe.String(unsafe.SliceData(b), len(b))), uint64(len(b)))
}

func (host) fail(message string) {
	door.leave(nil)
	errorSet(write(message))
}

// The levels of get_log_level.
const (
	levelDebug = 1
	levelInfo  = 2
)

func debug(s string) {
	if logLevel() <= levelDebug {
		logDebug(write(s))
	}
}

func info(s string) {
	if logLevel() <= levelInfo {
		logInfo(write(s))
	}
}
