package sandbox

import (
	"encoding/binary"
	"strconv"

	"agentmesh/host/wasm"
	"agentmesh/pdk/abi"
)

// arena is what the Extism ABI calls the kernel's memory: plugin and host pass bytes through it. Handles are addresses in
// it; 0 is none. It is used again for every call, and what it hands out is zero.
type arena struct {
	bytes  []byte // the first arenaBase are not handed out, so that no handle is 0
	blocks []block
	output span
	most   int // bytes, the blocks' own included

	// shared is the part of the instance's memory that the guest reaches without calling the host; what does not fit there
	// lies elsewhere, and is reached by calls. Nil where there is none.
	shared []byte
	cells  *wasm.Cells
}

// sharedBytes is the size of shared: requests and answers are mostly smaller.
const sharedBytes = 256 << 10

// sharedArena are the host's functions that are loads and stores in shared.
func sharedArena() wasm.Arena {
	call := func(name string, width int, store, input bool) wasm.ArenaCall {
		return wasm.ArenaCall{Module: extismModule, Name: name, Width: width, Store: store, Input: input}
	}
	return wasm.Arena{Bytes: sharedBytes, Calls: []wasm.ArenaCall{
		call("load_u8", 1, false, false), call("load_u64", 8, false, false),
		call("store_u8", 1, true, false), call("store_u64", 8, true, false),
		call("input_load_u8", 1, false, true), call("input_load_u64", 8, false, true),
	}}
}

// block is a piece handed out; freed ones have no length.
type block struct{ at, n uint64 }

// span is a piece of the arena that the plugin named as its answer.
type span struct{ from, to uint64 }

const (
	arenaBase  = wasm.ArenaFirst
	arenaAlign = 8
	// blockCost is what a block counts for beside its bytes.
	blockCost = 16
	// arenaBudget is how much one call may take beside its input: a plugin builds its answer there, in pieces.
	arenaBudget = 16 << 20
	// arenaKept is how large a buffer is kept for the next call; a larger one was for one large message.
	arenaKept = 1 << 20
)

// outside says that a plugin named memory that it was not given.
const outside fault = "it named memory that was not given to it"

// fault is a plugin's mistake in calling the host. Host functions panic with it; the engine recovers it at the guest's
// boundary, and the instance is dropped.
type fault string

// Error implements error.
func (f fault) Error() string { return string(f) }

// blank is where the input of the next call is to be appended.
func (a *arena) blank() []byte {
	if a.shared != nil {
		return a.shared[:arenaBase]
	}
	if cap(a.bytes) < arenaBase || cap(a.bytes) > arenaKept {
		a.bytes = make([]byte, arenaBase, 4096)
	}
	return a.bytes[:arenaBase]
}

// begin takes over what was appended to blank: everything behind it is the input.
func (a *arena) begin(filled []byte) {
	a.bytes, a.output = filled, span{}
	a.blocks = append(a.blocks[:0], block{arenaBase, uint64(len(filled) - arenaBase)})
	a.most = len(filled) + arenaBudget
	a.publish()
}

// publish tells the guest what it reaches by itself.
func (a *arena) publish() {
	if a.shared == nil {
		return
	}
	var given, input uint32
	if &a.bytes[0] == &a.shared[0] {
		given, input = uint32(len(a.bytes)-arenaBase), uint32(a.inputLength())
	}
	a.cells.SetGiven(given, input)
}

func (a *arena) inputBytes() []byte { return a.bytes[arenaBase : arenaBase+a.inputLength()] }

func (a *arena) inputLength() uint64 { return a.blocks[0].n }

// alloc hands out n bytes; 0 bytes are no block.
func (a *arena) alloc(n uint64) (handle uint64, ok bool) {
	if n == 0 {
		return 0, true
	}
	at := uint64(len(a.bytes)+arenaAlign-1) &^ (arenaAlign - 1)
	if n > uint64(a.most) || at+n+blockCost*uint64(len(a.blocks)+1) > uint64(a.most) {
		return 0, false
	}
	from := len(a.bytes)
	if need := int(at + n); need <= cap(a.bytes) {
		a.bytes = a.bytes[:need]
		clear(a.bytes[from:])
	} else {
		a.bytes = append(a.bytes, make([]byte, need-from)...)
	}
	a.blocks = append(a.blocks, block{at, n})
	a.publish()
	return at, true
}

// find is the block with that handle, or nil.
func (a *arena) find(handle uint64) *block {
	low, high := 0, len(a.blocks)
	for low < high {
		mid := (low + high) / 2
		if a.blocks[mid].at < handle {
			low = mid + 1
		} else {
			high = mid
		}
	}
	if low < len(a.blocks) && a.blocks[low].at == handle {
		return &a.blocks[low]
	}
	return nil
}

// free takes a block back; what is no handle is ignored. The last one's room is used again.
func (a *arena) free(handle uint64) {
	b := a.find(handle)
	switch {
	case b == nil:
	case len(a.blocks) > 1 && b == &a.blocks[len(a.blocks)-1]:
		if a.output.to <= b.at {
			a.bytes = a.bytes[:b.at]
			a.blocks = a.blocks[:len(a.blocks)-1]
		}
	default:
		b.n = 0
	}
	a.publish()
}

// length is that of a block; 0 for what is no handle.
func (a *arena) length(handle uint64) uint64 {
	if b := a.find(handle); b != nil {
		return b.n
	}
	return 0
}

// at is n bytes from an address. It panics with a fault if they were not handed out.
func (a *arena) at(address, n uint64) []byte {
	size := uint64(len(a.bytes))
	if address < arenaBase || n > size || address > size-n {
		panic(outside)
	}
	return a.bytes[address : address+n]
}

// block is the bytes of the block with that handle; of no handle there are none.
func (a *arena) block(handle uint64) []byte {
	if n := a.length(handle); n > 0 {
		return a.at(handle, n)
	}
	return nil
}

func (a *arena) load64(address uint64) uint64 { return binary.LittleEndian.Uint64(a.at(address, 8)) }

func (a *arena) store64(address, v uint64) { binary.LittleEndian.PutUint64(a.at(address, 8), v) }

// answer names the answer.
func (a *arena) answer(address, n uint64) {
	if n == 0 {
		a.output = span{}
		return
	}
	a.at(address, n)
	a.output = span{address, address + n}
}

// result is the answer. It is good until the next call begins.
func (a *arena) result() []byte { return a.bytes[a.output.from:a.output.to] }

// tooLarge says that an answer is more than is read.
func tooLarge(n int) *abi.Failure {
	return &abi.Failure{Code: abi.CodeOutputTooLarge, Detail: "the answer has " + count(n) + " and may have " + count(abi.DefaultOutputBytes)}
}

// count names a number of bytes.
func count(n int) string { return strconv.Itoa(n) + " bytes" }
