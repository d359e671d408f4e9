package ledger

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"agentmesh/host/disk"
)

// Names of files and folders in the ledger folder and in a shard.
const (
	rosterFile     = "shards"     // signed: how many shards there are
	lockName       = "lock"       // of the ledger while the roster changes, of a shard while a process has it
	retiredFile    = "retired"    // in a shard that is set aside
	journalDir     = "journal"    // segments
	checkpointFile = "checkpoint" // signed
)

func shardDir(dir string, shard int) string { return filepath.Join(dir, strconv.Itoa(shard)) }

// exists says whether there is something at path.
func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// takeShard locks the lowest shard that no process has and that is not set aside.
func takeShard(dir string, keys *keyring) (shard int, lock *os.File, err error) {
	count, err := readRoster(dir, keys.Key)
	if err != nil {
		return 0, nil, err
	}
	for n := range count {
		if !exists(shardDir(dir, n)) {
			return 0, nil, &DamageError{Shard: n, Dir: shardDir(dir, n), File: "its folder", Index: 0, Reason: "it is missing"}
		}
	}
	for shard = 0; ; shard++ {
		folder := shardDir(dir, shard)
		if exists(filepath.Join(folder, retiredFile)) {
			continue
		}
		if err := makeDir(folder); err != nil {
			return 0, nil, err
		}
		lock, err := disk.LockFile(filepath.Join(folder, lockName), false)
		if errors.Is(err, disk.ErrHeld) {
			continue
		}
		if err != nil {
			return 0, nil, err
		}
		if err := growRoster(dir, keys, shard+1); err != nil {
			lock.Close()
			return 0, nil, err
		}
		return shard, lock, nil
	}
}

// The roster is a note signed under the ledger's name:
//
//	agentmesh.ai/ledger/ID/shards
//	2
func rosterText(k Key, count int) string { return k.name + "/shards\n" + strconv.Itoa(count) + "\n" }

// readRoster returns how many shards the roster says there are, 0 when there is none yet.
func readRoster(dir string, k Key) (int, error) {
	bad := func(reason string) error {
		return fmt.Errorf("ledger %s is damaged: file %s: %s; restore it from a backup, or move the folder away and begin anew:"+
			" what is moved can still be verified", dir, rosterFile, reason)
	}
	signed, err := os.ReadFile(filepath.Join(dir, rosterFile))
	if errors.Is(err, fs.ErrNotExist) {
		// The first process writes it before it appends anything; from then on it is missed.
		for n := 0; exists(shardDir(dir, n)); n++ {
			if exists(filepath.Join(shardDir(dir, n), checkpointFile)) {
				return 0, bad("it is missing")
			}
		}
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	v, err := k.verifier(k.name)
	if err != nil {
		return 0, err
	}
	n, err := note.Open(signed, note.VerifierList(v))
	if err != nil {
		return 0, bad(fmt.Sprintf("%v (this ledger's key is %s)", err, k.name))
	}
	number, _ := strings.CutPrefix(n.Text, k.name+"/shards\n")
	count, err := strconv.Atoi(strings.TrimSuffix(number, "\n"))
	if err != nil || n.Text != rosterText(k, count) {
		return 0, bad("it is no list of shards")
	}
	return count, nil
}

// growRoster makes the roster say at least count.
func growRoster(dir string, keys *keyring, count int) error {
	lock, err := disk.LockFile(filepath.Join(dir, lockName), true)
	if err != nil {
		return err
	}
	defer lock.Close()
	have, err := readRoster(dir, keys.Key)
	if err != nil || have >= count {
		return err
	}
	signed, err := keys.sign(keys.name, rosterText(keys.Key, count))
	if err != nil {
		return err
	}
	return replaceFile(filepath.Join(dir, rosterFile), signed, true)
}

// appendSiblings appends what is known of the other shards, for start and stop entries:
//
//	[{"shard":1,"size":120,"root":"base64"},…]
//
// Size and root are those of the sibling's checkpoint; without one size is 0 and root is left out.
func appendSiblings(dst []byte, dir string, keys *keyring, own int) ([]byte, error) {
	count, err := readRoster(dir, keys.Key)
	if err != nil {
		return dst, err
	}
	dst = append(dst, '[')
	for n, first := 0, true; n < count; n++ {
		if n == own {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = strconv.AppendInt(append(dst, `{"shard":`...), int64(n), 10)
		c, err := readCheckpoint(shardDir(dir, n), keys.Key, n)
		dst = strconv.AppendInt(append(dst, `,"size":`...), c.Size, 10)
		if c.Size > 0 {
			dst = appendString(append(dst, `,"root":`...), c.Root.String())
		}
		if err != nil { // a sibling's damage is noted, it is no reason not to begin
			dst = appendString(append(dst, `,"error":`...), err.Error())
		}
		dst = append(dst, '}')
	}
	return append(dst, ']'), nil
}

// readCheckpoint reads the checkpoint of a shard; the zero Checkpoint when there is none.
func readCheckpoint(folder string, k Key, shard int) (Checkpoint, error) {
	signed, err := os.ReadFile(filepath.Join(folder, checkpointFile))
	if errors.Is(err, fs.ErrNotExist) {
		return Checkpoint{}, nil
	}
	if err != nil {
		return Checkpoint{}, err
	}
	return k.OpenCheckpoint(shard, signed)
}
