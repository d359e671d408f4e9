package wasm

import "encoding/binary"

// Cells are where, with the barrier, host and instrumented code tell each other what else they must know. They are part of
// an instance's memory, and the host's to set.
type Cells [cellBytes]byte

// The cells, as offsets from Layout.CellBase.
const (
	cellGiven   = 0
	cellInput   = 4
	cellRefused = 8
	cellGrown   = 12
	cellRest    = 16 // of 64 bits
	cellBytes   = 24
)

// Cells are those of an instance, whose whole memory this is; with the barrier it never moves.
func (l *Layout) Cells(memory []byte) *Cells { return (*Cells)(memory[l.CellBase:]) }

// SetGiven says how many bytes of the arena the guest reaches, from ArenaBase+ArenaFirst on, and how many of them are the
// input. Beyond them it calls the host.
func (c *Cells) SetGiven(given, input uint32) {
	binary.LittleEndian.PutUint64(c[cellGiven:], uint64(given)|uint64(input)<<(8*(cellInput-cellGiven)))
}

// Asked reports whether Refused or Grown.
func (c *Cells) Asked() bool { return binary.LittleEndian.Uint64(c[cellRefused:]) != 0 }

// Refused reports whether the guest asked for more memory than it may have since ForgetGrowth.
func (c *Cells) Refused() bool { return c[cellRefused] != 0 }

// Grown reports whether the guest got more memory, so that SizeGlobal changed, since ForgetGrowth.
func (c *Cells) Grown() bool { return c[cellGrown] != 0 }

// ForgetGrowth begins anew with Refused and Grown.
func (c *Cells) ForgetGrowth() { binary.LittleEndian.PutUint64(c[cellRefused:], 0) }

// Rest is what the guest may still take when it yields.
func (c *Cells) Rest() int64 { return int64(binary.LittleEndian.Uint64(c[cellRest:])) }

// SetRest sets it.
func (c *Cells) SetRest(rest int64) { binary.LittleEndian.PutUint64(c[cellRest:], uint64(rest)) }
