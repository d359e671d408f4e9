package ledger

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// ErrUncovered means that no checkpoint covers the entry yet: within a second one will, or when the shard is next opened.
var ErrUncovered = errors.New("no checkpoint covers the entry yet")

const proofHead = "c2sp.org/tlog-proof@v1"

// Prove returns a proof that an entry stands in the ledger, which can be checked with nothing but the public key: a text
// of the form C2SP tlog-proof, whose extra data is the entry as stored.
//
//	c2sp.org/tlog-proof@v1
//	extra BASE64-OF-THE-ENTRY
//	index 17
//	BASE64-HASH            (one line for each hash of the RFC 6962 inclusion proof, from the leaf up)
//
//	agentmesh.ai/ledger/ID/0
//	120
//	BASE64-ROOT
//
//	— agentmesh.ai/ledger/ID/0 BASE64-SIGNATURE
func (r *Reader) Prove(ctx context.Context, id string) ([]byte, error) {
	record, err := r.Show(ctx, id)
	if err != nil {
		return nil, err
	}
	v, err := openView(r.dir, record.At.Shard)
	if err != nil {
		return nil, err
	}
	c, err := readUnchecked(v.dir)
	if err != nil {
		return nil, err
	}
	if record.At.Index >= c.Size {
		return nil, fmt.Errorf("prove entry %v: %w", record.At, ErrUncovered)
	}
	// The tiles are held against the root of the checkpoint on the way, so a proof that comes out is right.
	tree := tlog.Tree{N: c.Size, Hash: c.Root}
	hashes, err := tlog.ProveRecord(c.Size, record.At.Index, tlog.TileHashReader(tree, diskTiles{v.dir}))
	if err == nil {
		err = tlog.CheckRecord(hashes, c.Size, c.Root, record.At.Index, tlog.RecordHash(record.Raw))
	}
	if err != nil {
		return nil, fmt.Errorf("prove entry %v: the ledger is not as it was signed: %w", record.At, err)
	}
	return appendProof(record, hashes, c), nil
}

func appendProof(record Record, hashes tlog.RecordProof, c Checkpoint) []byte {
	b := []byte(proofHead + "\nextra ")
	b = base64.StdEncoding.AppendEncode(b, record.Raw)
	b = append(b, "\nindex "...)
	b = append(strconv.AppendInt(b, record.At.Index, 10), '\n')
	for _, hash := range hashes {
		b = append(base64.StdEncoding.AppendEncode(b, hash[:]), '\n')
	}
	return append(append(b, '\n'), c.Note...)
}

// CheckProof checks what Prove returns and gives the entry; a body that stands apart is bound by its digest, but not in
// the proof.
func (k Key) CheckProof(proof []byte) (Record, error) {
	var record Record
	head, signed, found := bytes.Cut(proof, []byte("\n\n"))
	lines := strings.Split(string(head), "\n")
	if !found || len(lines) < 3 || lines[0] != proofHead {
		return record, errors.New("check proof: this is no proof (its first line is not " + proofHead + ")")
	}
	hashes, err := parseProof(lines[1:], &record)
	if err != nil {
		return record, fmt.Errorf("check proof: %w", err)
	}
	if record.At.Shard, err = k.shardOf(signed); err != nil {
		return record, fmt.Errorf("check proof: %w", err)
	}
	c, err := k.OpenCheckpoint(record.At.Shard, signed)
	if err != nil {
		return record, fmt.Errorf("check proof: %w", err)
	}
	if record.At.Index >= c.Size {
		return record, fmt.Errorf("check proof: entry %v is beyond the checkpoint, which covers %d", record.At, c.Size)
	}
	if err := tlog.CheckRecord(hashes, c.Size, c.Root, record.At.Index, tlog.RecordHash(record.Raw)); err != nil {
		return record, fmt.Errorf("check proof: entry %v: %w", record.At, err)
	}
	if record.Entry, err = DecodeEntry(record.Raw); err != nil {
		return record, fmt.Errorf("check proof: entry %v: %w", record.At, err)
	}
	return record, nil
}

// maxProof is the most hashes a proof can have: one for each level of the tree.
const maxProof = 63

func parseProof(lines []string, record *Record) (tlog.RecordProof, error) {
	extra, found := strings.CutPrefix(lines[0], "extra ")
	index, indexed := strings.CutPrefix(lines[1], "index ")
	if !found || !indexed || len(lines)-2 > maxProof {
		return nil, errors.New("its lines are not extra, index and at most 63 hashes")
	}
	var err error
	if record.Raw, err = base64.StdEncoding.Strict().DecodeString(extra); err != nil {
		return nil, fmt.Errorf("extra: %w", err)
	}
	n, err := strconv.ParseInt(index, 10, 64)
	if err != nil || n < 0 || strconv.FormatInt(n, 10) != index {
		return nil, fmt.Errorf("bad index %q", index)
	}
	record.At.Index = n
	var hashes tlog.RecordProof
	for _, line := range lines[2:] {
		hash, err := base64.StdEncoding.Strict().DecodeString(line)
		if err != nil || len(hash) != tlog.HashSize {
			return nil, fmt.Errorf("bad hash %q", line)
		}
		hashes = append(hashes, tlog.Hash(hash))
	}
	return hashes, nil
}

// Checkpoints returns the signed checkpoint of every shard that has one, in order of shards.
func (r *Reader) Checkpoints() ([]Checkpoint, error) {
	var list []Checkpoint
	for n := 0; exists(shardDir(r.dir, n)); n++ {
		c, err := readUnchecked(shardDir(r.dir, n))
		if err != nil {
			return nil, err
		}
		if c.Note != nil {
			list = append(list, c)
		}
	}
	return list, nil
}
