package ledger

import (
	"encoding/binary"
	"hash/crc32"
)

// The journal's frames; the package comment describes them.
const (
	frameHeader = 24

	frameEntry = 1 // an entry in its stored form
	frameBody  = 2 // the body of the entry whose frame follows
	frameHead  = 3 // the origin line, first in each segment

	flagLast = 1 // the last frame of its commit
	flagOS   = 2 // acknowledged without a sync
)

// frame is the header of one frame, decoded.
type frame struct {
	length int64  // of the payload
	kind   byte   // frameEntry, frameBody, frameHead
	flags  byte   // flagLast, flagOS
	nth    uint32 // which entry of its commit, from 0
	index  int64  // which entry of the shard
	crc    uint32
}

// commit is the index of the first entry of the frame's commit: it tells commits apart.
func (f frame) commit() int64 { return f.index - int64(f.nth) }

// size is the number of bytes that the frame takes in the journal.
func (f frame) size() int64 { return frameHeader + f.length }

// appendFrame appends a frame whose flags, place and checksum are still to be set by seal.
func appendFrame(dst []byte, kind byte, payload []byte) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(payload)))
	dst = append(dst, 0, 0, 0, 0, kind, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	return append(dst, payload...)
}

// seal sets what is known only when the commit is written; b is the whole frame.
func seal(b []byte, f frame) {
	b[9] = f.flags
	binary.BigEndian.PutUint32(b[12:], f.nth)
	binary.BigEndian.PutUint64(b[16:], uint64(f.index))
	binary.BigEndian.PutUint32(b[4:], crc32.Checksum(b[8:], castagnoli()))
}

// parseFrame reads a header; ok is false when it cannot be one.
func parseFrame(b []byte) (f frame, ok bool) {
	if len(b) < frameHeader {
		return f, false
	}
	f = frame{
		length: int64(binary.BigEndian.Uint32(b)),
		crc:    binary.BigEndian.Uint32(b[4:]),
		kind:   b[8],
		flags:  b[9],
		nth:    binary.BigEndian.Uint32(b[12:]),
		index:  int64(binary.BigEndian.Uint64(b[16:])),
	}
	ok = f.length > 0 && f.length <= MaxBody && f.kind >= frameEntry && f.kind <= frameHead &&
		f.flags&^(flagLast|flagOS) == 0 && b[10] == 0 && b[11] == 0 && f.index >= int64(f.nth) &&
		(f.kind != frameEntry || f.length <= MaxEntry)
	return f, ok
}

// intact checks the checksum of a whole frame.
func (f frame) intact(whole []byte) bool {
	return int64(len(whole)) == f.size() && crc32.Checksum(whole[8:], castagnoli()) == f.crc
}

// castagnoli is the table of CRC-32C; the library makes it once.
func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }
