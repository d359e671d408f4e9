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

// mailbox is a short way for hosts that know it, beside the one by imports, which takes a call for every eight bytes. Such a
// host asks agentmesh_mailbox once, after the start, for the address of this: numbers of 32 bits, with addresses in the
// module's memory, and no padding between them.
//
// Before a call it writes the input to room, and given; the answer of a call that succeeds stands where answer and length
// say. Every other host leaves given at 0. A module is one plugin, and one call runs at a time: so there is one mailbox.
type mailbox struct {
	room, size     uint32 // where an input may be written, and how long it may be
	given          uint32 // length of the input, and one more; 0: it comes by the imports
	answer, length uint32 // answer is 0 where the answer went by the imports
}

var (
	box     = &mailbox{room: address(boxRoom), size: roomInput}
	boxRoom = make([]byte, roomInput)
)

// put says where the answer stands.
func (m *mailbox) put(b []byte) { m.answer, m.length = address(b), uint32(len(b)) }

//go:wasmexport agentmesh_mailbox
func agentmeshMailbox() unsafe.Pointer { return unsafe.Pointer(box) }

// address is where b lies; the collector of no Go moves what a variable of the package holds.
func address(b []byte) uint32 { return uint32(uintptr(unsafe.Pointer(unsafe.SliceData(b)))) }

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
	if box.given > 0 {
		return boxRoom[:box.given-1]
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
	if box.given > 0 {
		box.put(b)
		return
	}
	outputSet(write(unsafe.String(unsafe.SliceData(b), len(b))), uint64(len(b)))
}

func (host) fail(message string) { errorSet(write(message)) }

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
