package sandbox

import (
	"encoding/binary"

	"github.com/tetratelabs/wazero/api"

	"agentmesh/pdk/abi"
)

// mailboxExport is the function by which a kit tells where its mailbox lies; the package's comment says what that is.
const mailboxExport = "agentmesh_mailbox"

// The mailbox's numbers, as offsets.
const (
	mailRoom   = 0
	mailSize   = 4
	mailGiven  = 8
	mailAnswer = 12
	mailLength = 16
	mailBytes  = 20
)

// mailbox is where an instance's mailbox lies, with its room as it was after the start. It is part of the snapshot.
type mailbox struct {
	at, room, size uint64
	there          bool
}

// openMailbox asks the guest for its mailbox, if it has one.
func (i *pluginInstance) openMailbox() error {
	f := i.instance.ExportedFunction(mailboxExport)
	if f == nil {
		return nil
	}
	d := f.Definition()
	if len(d.ParamTypes()) > 0 || len(d.ResultTypes()) != 1 || d.ResultTypes()[0] != api.ValueTypeI32 {
		return nil // another thing of that name
	}
	i.stack = [2]uint64{}
	if _, err := i.run(f, min(i.plugin.fuel*startFuel, maxFuel)); err != nil {
		return starting(mailboxExport, err)
	}
	m := mailbox{at: i.stack[0] & 0xffffffff, there: true}
	if b := i.guest(m.at, mailBytes, false); b != nil {
		m.room, m.size = number(b, mailRoom), number(b, mailSize)
	}
	if m.size == 0 || i.guest(m.room, m.size, false) == nil {
		return &abi.Failure{Code: abi.CodeTrap, Detail: "its mailbox lies outside its memory"}
	}
	i.mail = m
	return nil
}

func number(b []byte, at int) uint64 { return uint64(binary.LittleEndian.Uint32(b[at:])) }

// post puts the input into the guest's room, if it fits.
func (i *pluginInstance) post() {
	b, in := i.guest(i.mail.at, mailBytes, true), i.arena.inputBytes()
	given := 0
	if n := uint64(len(in)); n <= i.mail.size {
		copy(i.guest(i.mail.room, n, true), in)
		given = len(in) + 1
	}
	binary.LittleEndian.PutUint32(b[mailGiven:], uint32(given))
	binary.LittleEndian.PutUint64(b[mailAnswer:], 0)
}

// fetch takes the answer over into the arena, for the guest's memory is put back before it is read.
func (i *pluginInstance) fetch() error {
	b := i.guest(i.mail.at, mailBytes, false)
	at, n := number(b, mailAnswer), number(b, mailLength)
	if at == 0 {
		return nil
	}
	if n > abi.DefaultOutputBytes {
		return tooLarge(int(n))
	}
	answer := i.guest(at, n, false)
	if answer == nil {
		return &abi.Failure{Code: abi.CodeTrap, Detail: string(outside)}
	}
	handle, ok := i.arena.alloc(n)
	if !ok {
		return &abi.Failure{Code: abi.CodeOutOfMemory, Detail: arenaSpent}
	}
	copy(i.arena.block(handle), answer)
	i.arena.answer(handle, n)
	return nil
}
