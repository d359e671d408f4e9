package ledger

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"agentmesh/host/store"

	"golang.org/x/mod/sumdb/tlog"
)

//go:embed migrations/*.sql
var migrations embed.FS

// index keeps what queries filter by in the store. It follows from the log: an index that lags, is gone, or belongs to
// another log makes queries slower, never wrong.
type index struct {
	db  *store.DB
	dir string
}

const (
	// chunkSize is how many entries are indexed in one transaction.
	chunkSize = 128
	// chunksAtOnce bounds what is indexed after one checkpoint, so that a busy log is not held up by its index.
	chunksAtOnce = 40
)

const insertEntry = `INSERT INTO ledger_entries (ref, idx, time, id, kind, agent, tool, decision, rule)
	VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`

func newIndex(ctx context.Context, db *store.DB, dir string) (*index, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	if err := db.Migrate(ctx, "ledger", files); err != nil {
		return nil, err
	}
	return &index{db, dir}, db.Prepare(ctx, insertEntry)
}

// RebuildIndex drops what db knows of the ledger in dir and indexes it anew.
func RebuildIndex(ctx context.Context, dir string, db *store.DB) error {
	ix, err := newIndex(ctx, db, dir)
	if err != nil {
		return fmt.Errorf("rebuild the index of %s: %w", dir, err)
	}
	for shard := 0; exists(shardDir(dir, shard)); shard++ {
		if err := ix.rebuild(ctx, shard); err != nil {
			return fmt.Errorf("rebuild the index of %s: %w", dir, err)
		}
	}
	return nil
}

func (ix *index) rebuild(ctx context.Context, shard int) error {
	v, err := openPublished(ix.dir, shard)
	if err != nil {
		return err
	}
	err = ix.db.Write(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(`DELETE FROM ledger_shards WHERE log = ?`, v.origin)
		return err
	})
	for more := true; more && err == nil; {
		more, err = ix.update(ctx, shard, chunksAtOnce)
	}
	return err
}

// mark is how far the index of a shard goes.
type mark struct {
	ref  int64
	upto int64
	root string
}

func readMark(tx *store.Tx, log string) (m mark, err error) {
	err = tx.QueryRow(`SELECT ref, upto, root FROM ledger_shards WHERE log = ?`, log).Scan(&m.ref, &m.upto, &m.root)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return m, err
}

// fits says whether the index is of this very log: the entries it covers have the root it remembers.
func (m mark) fits(v *view) bool {
	if m.upto == 0 || m.upto > v.published {
		return m.upto == 0
	}
	root, err := v.rootAt(m.upto)
	return err == nil && root.String() == m.root
}

// rootAt computes the root of the first size entries from the tiles; size is at most published.
func (v *view) rootAt(size int64) (tlog.Hash, error) {
	tree := tlog.Tree{N: v.published, Hash: v.signed.Root}
	return tlog.TreeHash(size, tlog.TileHashReader(tree, diskTiles{v.dir}))
}

// update indexes at most steps times chunk entries more of a shard and says whether others remain. Everything but the
// inserting happens outside the transactions, which are short: counters wait in the same database.
func (ix *index) update(ctx context.Context, shard, steps int) (more bool, err error) {
	v, err := openPublished(ix.dir, shard)
	if err != nil || v.published == 0 {
		return false, err
	}
	m, err := ix.mark(ctx, v)
	for range steps {
		if err != nil || m.upto >= v.published {
			break
		}
		m, err = ix.chunk(ctx, v, m)
	}
	if err != nil {
		return false, fmt.Errorf("index the ledger: %w", err)
	}
	return m.upto < v.published, nil
}

// mark reads how far the index goes, beginning anew when it is of another log.
func (ix *index) mark(ctx context.Context, v *view) (m mark, err error) {
	err = ix.db.Read(ctx, func(tx *store.Tx) error {
		m, err = readMark(tx, v.origin)
		return err
	})
	if err != nil || m.ref != 0 && m.fits(v) {
		return m, err
	}
	err = ix.db.Write(ctx, func(tx *store.Tx) error {
		m, err = resetMark(tx, v.origin)
		return err
	})
	return m, err
}

func resetMark(tx *store.Tx, log string) (m mark, err error) {
	if _, err := tx.Exec(`DELETE FROM ledger_shards WHERE log = ?`, log); err != nil {
		return m, err
	}
	if err := tx.QueryRow(`SELECT COALESCE(MAX(ref), 0) + 1 FROM ledger_shards`).Scan(&m.ref); err != nil {
		return m, err
	}
	_, err = tx.Exec(`INSERT INTO ledger_shards (ref, log, upto, root) VALUES (?, ?, 0, '')`, m.ref, log)
	return m, err
}

// chunk indexes a few entries from m on and returns the new mark.
func (ix *index) chunk(ctx context.Context, v *view, m mark) (mark, error) {
	next := mark{ref: m.ref, upto: min(m.upto+chunkSize, v.published)}
	rows := make([]Record, 0, chunkSize)
	for i := m.upto; i < next.upto; i++ {
		r, err := v.record(i)
		if err != nil {
			return m, err
		}
		rows = append(rows, r)
	}
	root, err := v.rootAt(next.upto)
	if err != nil {
		return m, err
	}
	next.root = root.String()
	err = ix.db.Write(ctx, func(tx *store.Tx) error {
		if now, err := readMark(tx, v.origin); err != nil || now != m {
			return errors.Join(err, errMoved(now != m))
		}
		for _, r := range rows {
			_, err := tx.Exec(insertEntry, m.ref, r.At.Index, r.Time.UnixMicro(), r.ID, r.Kind, r.Agent, r.Tool, r.Decision, r.Rule)
			if err != nil {
				return err
			}
		}
		_, err = tx.Exec(`UPDATE ledger_shards SET upto = ?, root = ? WHERE ref = ?`, next.upto, next.root, m.ref)
		return err
	})
	return next, err
}

func errMoved(moved bool) error {
	if moved {
		return errors.New("another process indexes the same shard")
	}
	return nil
}
