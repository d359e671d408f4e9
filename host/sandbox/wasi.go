package sandbox

import (
	"encoding/binary"
	"fmt"

	"agentmesh/pdk/abi"
)

// wasiModule is the name that language runtimes import WASI preview 1 from.
const wasiModule = "wasi_snapshot_preview1"

// The errors of WASI preview 1 that are given.
const (
	wasiOK    uint64 = 0
	wasiBadFD uint64 = 8
	wasiFault uint64 = 21
	wasiInval uint64 = 28
)

// wasiEpoch is the time that clocks show a guest: 2022-01-01T00:00:00Z, as wazero's own. It only moves when a guest
// sleeps, by exactly so long, and no further than wasiEternity.
const (
	wasiEpoch    uint64 = 1_640_995_200_000_000_000
	wasiBoot     uint64 = 1 // the other clocks; Go takes 0 for a broken clock
	wasiEternity uint64 = 1 << 61
	// wasiSeed begins the random sequence.
	wasiSeed uint64 = 0x9e3779b97f4a7c15
)

// wasiState is what WASI's answers hang on. It is restored with the guest's memory after every call.
type wasiState struct {
	slept  uint64 // ns
	random uint64
}

// wasiFuncs are what plugins may import of WASI preview 1: what the runtimes of Go, TinyGo and Rust want at start and in
// passing. The answers are the same everywhere and always.
func wasiFuncs() []hostFunc {
	none := func(i *pluginInstance, s []uint64) { s[0] = i.put32(s[0], 0) | i.put32(s[1], 0) }
	ok := func(_ *pluginInstance, s []uint64) { s[0] = wasiOK }
	badFD := func(_ *pluginInstance, s []uint64) { s[0] = wasiBadFD }
	return []hostFunc{
		{"args_get", "ii", "i", ok},
		{"args_sizes_get", "ii", "i", none},
		{"environ_get", "ii", "i", ok},
		{"environ_sizes_get", "ii", "i", none},
		{"clock_res_get", "ii", "i", func(i *pluginInstance, s []uint64) { s[0] = i.put64(s[1], 1) }},
		{"clock_time_get", "ili", "i", func(i *pluginInstance, s []uint64) { s[0] = i.put64(s[2], i.clock(s[0])) }},
		{"random_get", "ii", "i", func(i *pluginInstance, s []uint64) { s[0] = i.random(s[0], s[1]) }},
		{"sched_yield", "", "i", ok},
		{"poll_oneoff", "iiii", "i", func(i *pluginInstance, s []uint64) { s[0] = i.poll(s) }},
		{"proc_exit", "i", "", func(i *pluginInstance, s []uint64) {
			i.stop(abi.CodeTrap, fmt.Sprintf("it exited with status %d instead of returning", uint32(s[0])))
		}},
		{"proc_raise", "i", "i", func(i *pluginInstance, _ []uint64) { i.stop(abi.CodeTrap, "it raised a signal") }},
		{"fd_write", "iiii", "i", func(i *pluginInstance, s []uint64) { s[0] = i.write(s) }},
		{"fd_read", "iiii", "i", badFD},
		{"fd_seek", "ilii", "i", badFD},
		{"fd_close", "i", "i", badFD},
		{"fd_fdstat_get", "ii", "i", func(i *pluginInstance, s []uint64) { s[0] = i.fdstat(s[0], s[1]) }},
		{"fd_fdstat_set_flags", "ii", "i", badFD},
		{"fd_prestat_get", "ii", "i", badFD},
		{"fd_prestat_dir_name", "iii", "i", badFD},
	}
}

// guest is n bytes at an address of the guest, and marks them as written if they will be. It is nil where the guest's
// memory does not reach.
func (i *pluginInstance) guest(address, n uint64, writes bool) []byte {
	address, n = address&0xffffffff, n&0xffffffff
	if address+n > i.memoryBytes() {
		return nil
	}
	layout := i.plugin.module.layout
	if writes {
		layout.Mark(i.memory, uint32(address), uint32(n))
	}
	from := uint64(layout.Shift) + address
	return i.memory[from : from+n : from+n]
}

func (i *pluginInstance) put32(address uint64, v uint32) uint64 {
	b := i.guest(address, 4, true)
	if b == nil {
		return wasiFault
	}
	binary.LittleEndian.PutUint32(b, v)
	return wasiOK
}

func (i *pluginInstance) put64(address, v uint64) uint64 {
	b := i.guest(address, 8, true)
	if b == nil {
		return wasiFault
	}
	binary.LittleEndian.PutUint64(b, v)
	return wasiOK
}

func (i *pluginInstance) clock(id uint64) uint64 {
	if uint32(id) == 0 {
		return wasiEpoch + i.wasi.slept
	}
	return wasiBoot + i.wasi.slept
}

// random fills memory with a sequence that is the same in every instance (splitmix64).
func (i *pluginInstance) random(address, n uint64) uint64 {
	b := i.guest(address, n, true)
	if b == nil {
		return wasiFault
	}
	i.spend(8 * uint64(len(b))) // a unit for every word that is made: that costs more than to move it
	var word [8]byte
	for len(b) > 0 {
		i.wasi.random += wasiSeed
		z := i.wasi.random
		z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		binary.LittleEndian.PutUint64(word[:], z^z>>31)
		b = b[copy(b, word[:]):]
	}
	return wasiOK
}

// iovecs is how many pieces one write may have.
const iovecs = 1024

// write takes what a guest prints on standard output and error into its log.
func (i *pluginInstance) write(s []uint64) uint64 {
	if fd := uint32(s[0]); fd != 1 && fd != 2 {
		return wasiBadFD
	}
	n := s[2] & 0xffffffff
	if n > iovecs {
		return wasiInval
	}
	list := i.guest(s[1], n*8, false)
	if list == nil {
		return wasiFault
	}
	total := uint64(0)
	for ; len(list) > 0; list = list[8:] {
		b := i.guest(uint64(binary.LittleEndian.Uint32(list)), uint64(binary.LittleEndian.Uint32(list[4:])), false)
		if b == nil {
			return wasiFault
		}
		i.spend(uint64(len(b)))
		i.log.print(b)
		total += uint64(len(b))
	}
	return i.put32(s[3], uint32(total))
}

// fdstat says of the standard streams that they are terminals without rights.
func (i *pluginInstance) fdstat(fd, address uint64) uint64 {
	if uint32(fd) > 2 {
		return wasiBadFD
	}
	b := i.guest(address, 24, true)
	if b == nil {
		return wasiFault
	}
	clear(b)
	b[0] = 2 // a character device
	return wasiOK
}

// subscriptions is how many events one poll may wait for.
const subscriptions = 64

// poll lets a guest sleep: the earliest of its clocks strikes at once, and its clocks are later by so long. Streams give
// an error.
func (i *pluginInstance) poll(s []uint64) uint64 {
	n := s[2] & 0xffffffff
	if n == 0 || n > subscriptions {
		return wasiInval
	}
	in, out := i.guest(s[0], n*48, false), i.guest(s[1], n*32, true)
	if in == nil || out == nil {
		return wasiFault
	}
	earliest := uint64(wasiEternity)
	for at := range n {
		if sub := in[at*48:]; sub[8] == 0 {
			earliest = min(earliest, i.wait(sub))
		}
	}
	if i.wasi.slept+earliest > wasiEternity {
		return wasiInval
	}
	var events [subscriptions * 32]byte
	count := uint64(0)
	for at := range n {
		sub, event := in[at*48:], events[count*32:]
		copy(event[:8], sub[:8])
		event[10] = sub[8]
		switch {
		case sub[8] != 0:
			binary.LittleEndian.PutUint16(event[8:], uint16(wasiBadFD))
		case i.wait(sub) > earliest:
			continue
		}
		count++
	}
	i.wasi.slept += earliest
	copy(out, events[:count*32])
	return i.put32(s[3], uint32(count))
}

// wait is how long until a clock strikes that a guest waits for.
func (i *pluginInstance) wait(sub []byte) uint64 {
	timeout := binary.LittleEndian.Uint64(sub[24:])
	if binary.LittleEndian.Uint16(sub[40:])&1 == 0 {
		return timeout
	}
	now := i.clock(uint64(binary.LittleEndian.Uint32(sub[16:])))
	return timeout - min(now, timeout)
}
