package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// VerifyOptions adjust Verify; the zero value works.
type VerifyOptions struct {
	// Against are signed checkpoints of this ledger that were kept elsewhere: what they say must still hold. Only they show
	// that a whole folder was put back to an earlier state.
	Against [][]byte
	// Progress is told how many entries of how many have been checked; it may be nil.
	Progress func(done, total int64)
}

// Report is what Verify found.
type Report struct {
	// Ledger is the name of the key that everything was held against.
	Ledger string
	Shards []ShardReport
	// Problems are sorted by shard and entry; none means that the ledger is whole.
	Problems []Problem
}

// ShardReport is about one shard.
type ShardReport struct {
	Shard int
	// Entries stand under the shard's checkpoint, whose root is Root.
	Entries int64
	Root    tlog.Hash
	// Uncovered entries came after the checkpoint: a killed process leaves them, and the next one that opens the shard
	// signs them. Their frames were checked, their content is not proven.
	Uncovered int64
	// Unfinished is the bytes of a commit that was never acknowledged, at the journal's end.
	Unfinished int64
	// Bodies is the number of bodies that stand apart; all have the digests their entries name.
	Bodies int64
	// Retired means that the shard was set aside.
	Retired bool
}

// Problem is something that is not as it was signed.
type Problem struct {
	// Shard is the shard, -1 when the ledger as a whole is meant.
	Shard int
	// Index is the first bad entry, -1 when no entry can be named.
	Index int64
	// File is the path in the ledger folder where the problem shows.
	File string
	// Reason says what is wrong.
	Reason string
}

// String gives "shard 0, entry 17 (0/tile/entries/000): …".
func (p Problem) String() string {
	var b strings.Builder
	if p.Shard < 0 {
		b.WriteString("ledger")
	} else {
		fmt.Fprintf(&b, "shard %d", p.Shard)
	}
	if p.Index >= 0 {
		fmt.Fprintf(&b, ", entry %d", p.Index)
	}
	if p.File != "" {
		fmt.Fprintf(&b, " (%s)", p.File)
	}
	return b.String() + ": " + p.Reason
}

// OK says that nothing is wrong.
func (r *Report) OK() bool { return len(r.Problems) == 0 }

// Err is nil when nothing is wrong, and otherwise names the first problem.
func (r *Report) Err() error {
	if r.OK() {
		return nil
	}
	return fmt.Errorf("ledger is not as it was signed: %s", r.Problems[0])
}

func (r *Report) add(shard int, index int64, file, format string, args ...any) {
	r.Problems = append(r.Problems, Problem{shard, index, filepath.ToSlash(file), fmt.Sprintf(format, args...)})
}

// Verify checks the ledger in dir with nothing but its files and its public key: every entry against the signed root,
// tiles, journal, bodies, what shards say of each other, and the checkpoints of o.Against. A ledger that is being written
// may be verified. The error is for what kept Verify from looking (a context that ended, an unreadable folder).
func Verify(ctx context.Context, dir string, key Key, o VerifyOptions) (*Report, error) {
	if o.Progress == nil {
		o.Progress = func(int64, int64) {}
	}
	if _, err := os.ReadDir(dir); err != nil {
		return nil, fmt.Errorf("verify the ledger: %w", err)
	}
	v := &verifier{dir: dir, key: key, options: o, report: &Report{Ledger: key.name}}
	count := v.roster()
	for n := range count {
		if err := v.shard(ctx, n); err != nil {
			return nil, fmt.Errorf("verify the ledger: %w", err)
		}
	}
	v.claims()
	sort.SliceStable(v.report.Problems, func(i, j int) bool {
		a, b := v.report.Problems[i], v.report.Problems[j]
		// As unsigned numbers -1 comes last: a named entry says more.
		return a.Shard < b.Shard || a.Shard == b.Shard && uint64(a.Index) < uint64(b.Index)
	})
	return v.report, nil
}

// verifier goes through a ledger.
type verifier struct {
	dir     string
	key     Key
	options VerifyOptions
	report  *Report
	views   []*view // by shard; nil where there is nothing to read
	said    []claim // by entries
}

// roster returns how many shards to look at.
func (v *verifier) roster() int {
	count, err := readRoster(v.dir, v.key)
	if err != nil {
		v.report.add(-1, -1, rosterFile, "%v", err)
	}
	for n := count; exists(shardDir(v.dir, n)); n++ {
		if err == nil && exists(filepath.Join(shardDir(v.dir, n), checkpointFile)) {
			v.report.add(n, 0, "", "the signed list of shards does not know it")
		}
		count = n + 1
	}
	if count == 0 && err == nil {
		v.report.add(-1, -1, "", "no shard is here")
	}
	v.views = make([]*view, count)
	return count
}

// shard checks one shard, again when a process went on writing meanwhile and something seemed wrong.
func (v *verifier) shard(ctx context.Context, n int) error {
	for attempt := 0; ; attempt++ {
		s := &shardVerifier{verifier: v, shard: n, dir: shardDir(v.dir, n), report: &Report{}}
		if err := s.run(ctx); err != nil {
			return err
		}
		if len(s.report.Problems) > 0 && attempt < 3 && s.moved() {
			continue
		}
		v.report.Problems = append(v.report.Problems, s.report.Problems...)
		v.report.Shards = append(v.report.Shards, s.result)
		v.views[n] = s.view
		v.said = append(v.said, s.said...)
		return nil
	}
}

// claim is a statement that a shard had size entries with that root.
type claim struct {
	shard int
	size  int64
	root  string // base64; empty when size is 0
	by    string // who says so
}

// claims holds what shards say of each other, and what was kept elsewhere, against what is there.
func (v *verifier) claims() {
	for _, signed := range v.options.Against {
		shard, err := v.key.shardOf(signed)
		var c Checkpoint
		if err == nil {
			c, err = v.key.OpenCheckpoint(shard, signed)
		}
		if err != nil {
			v.report.add(-1, -1, "", "a checkpoint kept elsewhere: %v", err)
			continue
		}
		v.said = append(v.said, claim{shard, c.Size, c.Root.String(), "a checkpoint kept elsewhere"})
	}
	// The longest claims first, for they name what is missing; then the shortest, for they narrow down what was changed.
	sort.SliceStable(v.said, func(i, j int) bool { return v.said[i].size > v.said[j].size })
	told := make(map[int]bool)
	for _, c := range v.said {
		v.checkSize(c, told)
	}
	slices.Reverse(v.said)
	held := make(map[int]int64)
	for _, c := range v.said {
		v.checkRoot(c, told, held)
	}
}

// checkSize reports once for each shard that it is shorter than somebody saw it.
func (v *verifier) checkSize(c claim, told map[int]bool) {
	if told[c.shard] {
		return
	}
	if c.shard >= len(v.views) || v.views[c.shard] == nil {
		told[c.shard] = true
		if v.damaged(c.shard) {
			return // that it cannot be read has been said
		}
		v.report.add(c.shard, 0, "", "it is missing: %s says that the shard had %d entries", c.by, c.size)
	} else if have := v.views[c.shard].size(); have < c.size {
		told[c.shard] = true
		v.report.add(c.shard, have, "", "it is missing: %s says that the shard had %d entries, it has %d", c.by, c.size, have)
	}
}

// checkRoot reports once for each shard that its beginning is not what somebody saw; held is how far it was right.
func (v *verifier) checkRoot(c claim, told map[int]bool, held map[int]int64) {
	if told[c.shard] || c.size == 0 {
		return
	}
	root, err := v.views[c.shard].rootOf(c.size)
	if err == nil && root.String() == c.root {
		held[c.shard] = c.size
		return
	}
	told[c.shard] = true
	if err != nil && v.damaged(c.shard) {
		return // its tiles are broken, which has been said
	}
	v.report.add(c.shard, held[c.shard], "", "this entry or another up to entry %d is not what %s saw", c.size-1, c.by)
}

// damaged says whether something was found in a shard.
func (v *verifier) damaged(shard int) bool {
	return slices.ContainsFunc(v.report.Problems, func(p Problem) bool { return p.Shard == shard })
}

// rootOf computes the root of the first size entries, also of entries that no checkpoint covers yet.
func (v *view) rootOf(size int64) (tlog.Hash, error) {
	if size <= v.published {
		return v.rootAt(size)
	}
	t, err := loadTree(v.dir, v.published)
	if err != nil {
		return tlog.Hash{}, err
	}
	for _, entry := range v.tail[:size-v.published] {
		t.add(tlog.RecordHash(entry), func(int, int64, []byte) {})
	}
	return t.root()
}

// moved says whether the shard's checkpoint is another than the one that was checked.
func (s *shardVerifier) moved() bool {
	now, err := os.ReadFile(filepath.Join(s.dir, checkpointFile))
	return err == nil && !bytes.Equal(now, s.signed.Note)
}

// isMissing says whether err is that a file is not there.
func isMissing(err error) bool { return errors.Is(err, os.ErrNotExist) }
