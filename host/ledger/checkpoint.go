package ledger

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Checkpoint is what a signed checkpoint says: the log Origin had Size entries, and their Merkle root was Root.
type Checkpoint struct {
	Origin string
	Size   int64
	Root   tlog.Hash
	// Note is the signed note it was read from.
	Note []byte
}

func (c Checkpoint) text() string {
	return c.Origin + "\n" + strconv.FormatInt(c.Size, 10) + "\n" + c.Root.String() + "\n"
}

// parseCheckpointText reads the text of a checkpoint (C2SP tlog-checkpoint; extension lines are allowed and ignored).
func parseCheckpointText(text string) (Checkpoint, error) {
	lines := strings.Split(text, "\n")
	if len(lines) < 4 || lines[0] == "" || lines[len(lines)-1] != "" {
		return Checkpoint{}, errors.New("not a checkpoint: origin, size and root, a line each, are wanted")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 || strconv.FormatInt(size, 10) != lines[1] {
		return Checkpoint{}, fmt.Errorf("not a checkpoint: bad size %q", lines[1])
	}
	root, err := base64.StdEncoding.Strict().DecodeString(lines[2])
	if err != nil || len(root) != tlog.HashSize {
		return Checkpoint{}, fmt.Errorf("not a checkpoint: bad root %q", lines[2])
	}
	return Checkpoint{Origin: lines[0], Size: size, Root: tlog.Hash(root)}, nil
}

// OpenCheckpoint checks the signature of a checkpoint of a shard and reads it.
func (k Key) OpenCheckpoint(shard int, signed []byte) (Checkpoint, error) {
	v, err := k.Shard(shard)
	if err != nil {
		return Checkpoint{}, err
	}
	n, err := note.Open(signed, note.VerifierList(v))
	if err != nil {
		return Checkpoint{}, fmt.Errorf("checkpoint of shard %d: %w", shard, err)
	}
	c, err := parseCheckpointText(n.Text)
	if err != nil {
		return c, err
	}
	if c.Origin != v.Name() {
		return c, fmt.Errorf("checkpoint of shard %d: it is for %q", shard, c.Origin)
	}
	c.Note = signed
	return c, nil
}

// SplitCheckpoints takes apart a file that holds one signed checkpoint or many, one after the other, as anchors write it.
func SplitCheckpoints(data []byte) ([][]byte, error) {
	var list [][]byte
	for data = bytes.TrimLeft(data, "\n"); len(data) > 0; data = bytes.TrimLeft(data, "\n") {
		i := bytes.Index(data, []byte("\n\n— "))
		if i < 0 {
			return nil, errors.New("not a signed checkpoint: no signature line")
		}
		end := i + 2
		for bytes.HasPrefix(data[end:], []byte("— ")) {
			line := bytes.IndexByte(data[end:], '\n')
			if line < 0 {
				return nil, errors.New("not a signed checkpoint: its last line is cut")
			}
			end += line + 1
		}
		list = append(list, data[:end])
		data = data[end:]
	}
	return list, nil
}

// shardOf returns the shard that a signed checkpoint names in its first line, unchecked.
func (k Key) shardOf(signed []byte) (int, error) {
	origin, _, _ := bytes.Cut(signed, []byte("\n"))
	number, found := strings.CutPrefix(string(origin), k.name+"/")
	shard, err := strconv.Atoi(number)
	if !found || err != nil || shard < 0 || strconv.Itoa(shard) != number {
		return 0, fmt.Errorf("checkpoint is for %q, not for a shard of %s", origin, k.name)
	}
	return shard, nil
}
