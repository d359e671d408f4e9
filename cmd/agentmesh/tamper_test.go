package main_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strconv"

	"github.com/rogpeppe/go-internal/testscript"
)

// tamper does to a shard's folder what somebody might who can write it and has no key:
//
//	tamper flip SHARD INDEX     change one byte of an entry
//	tamper swap SHARD I J       let two entries change places
//	tamper cut SHARD N          take the last N entries away
//
// in the journal and in the entry bundles alike, with checksums set right, so that only signatures can tell.
func tamper(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: tamper flip|swap|cut SHARD NUMBER...")
	}
	var numbers []int
	for _, a := range args[2:] {
		n, err := strconv.Atoi(a)
		ts.Check(err)
		numbers = append(numbers, n)
	}
	dir := ts.MkAbs(args[1])
	ts.Check(forge(dir, func(entries [][]byte) ([][]byte, error) {
		switch {
		case args[0] == "flip" && numbers[0] < len(entries):
			// A letter of the kind, which no reader stumbles over as broken JSON.
			at := bytes.Index(entries[numbers[0]], []byte(`"kind":"`)) + len(`"kind":"`)
			entries[numbers[0]][at] ^= 1
		case args[0] == "swap" && len(numbers) == 2 && max(numbers[0], numbers[1]) < len(entries):
			entries[numbers[0]], entries[numbers[1]] = entries[numbers[1]], entries[numbers[0]]
		case args[0] == "cut" && numbers[0] < len(entries):
			entries = entries[:len(entries)-numbers[0]]
		default:
			return nil, fmt.Errorf("cannot %v a shard of %d entries", args, len(entries))
		}
		return entries, nil
	}))
}

// forge rewrites a shard's only segment and its only, partial, entry bundle.
func forge(dir string, change changing) error {
	segments, err1 := filepath.Glob(filepath.Join(dir, "journal", "*"))
	bundles, err2 := filepath.Glob(filepath.Join(dir, "tile", "entries", "000.p", "*"))
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	if len(segments) != 1 || len(bundles) != 1 {
		return fmt.Errorf("%s has %d segments and %d partial bundles, want one of each", dir, len(segments), len(bundles))
	}
	return errors.Join(forgeFile(segments[0], forgeJournal, change), forgeFile(bundles[0], forgeBundle, change))
}

type changing = func([][]byte) ([][]byte, error)

func forgeFile(name string, forged func([]byte, changing) ([]byte, error), change changing) error {
	data, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	if data, err = forged(data, change); err != nil {
		return err
	}
	return os.WriteFile(name, data, 0o600)
}

// forgeBundle: entries with 16-bit lengths before them.
func forgeBundle(data []byte, change changing) ([]byte, error) {
	var entries [][]byte
	for len(data) > 0 {
		n := 2 + int(binary.BigEndian.Uint16(data))
		entries, data = append(entries, bytes.Clone(data[2:n])), data[n:]
	}
	entries, err := change(entries)
	var out []byte
	for _, e := range entries {
		out = append(binary.BigEndian.AppendUint16(out, uint16(len(e))), e...)
	}
	return out, err
}

// The journal's frames: length, CRC-32C of what follows it, kind, flags, two bytes, nth, index; then the payload.
const (
	frameHeader = 24
	frameCRC    = 4
	frameKind   = 8
	entryFrame  = 1
)

// forgeJournal changes the entries among the frames and leaves every frame's place and flags as they are.
func forgeJournal(data []byte, change changing) ([]byte, error) {
	var frames, entries [][]byte
	for len(data) >= frameHeader && binary.BigEndian.Uint32(data) > 0 {
		n := frameHeader + int(binary.BigEndian.Uint32(data))
		frames, data = append(frames, bytes.Clone(data[:n])), data[n:]
		if last := frames[len(frames)-1]; last[frameKind] == entryFrame {
			entries = append(entries, bytes.Clone(last[frameHeader:]))
		}
	}
	entries, err := change(entries)
	var out []byte
	for _, f := range frames {
		if f[frameKind] == entryFrame {
			if len(entries) == 0 {
				break
			}
			f = append(f[:frameHeader:frameHeader], entries[0]...)
			entries = entries[1:]
		}
		binary.BigEndian.PutUint32(f, uint32(len(f)-frameHeader))
		binary.BigEndian.PutUint32(f[frameCRC:], crc32.Checksum(f[frameKind:], crc32.MakeTable(crc32.Castagnoli)))
		out = append(out, f...)
	}
	return out, err
}
