package ledger

import (
	"context"

	"agentmesh/host/store"
)

// query is a search in the index of one shard.
type query struct {
	db     *store.DB
	view   *view
	oldest bool
	where  string
	args   []any
}

// conditions turns a filter into SQL. What it finds is held against the filter again, so times may be rounded outwards.
func (f *Filter) conditions() (where string, args []any) {
	for _, c := range []struct{ column, value string }{
		{"kind", f.Kind}, {"agent", f.Agent}, {"tool", f.Tool}, {"decision", f.Decision}, {"rule", f.Rule},
	} {
		if c.value != "" {
			where += " AND " + c.column + " = ?"
			args = append(args, c.value)
		}
	}
	if !f.Since.IsZero() {
		where += " AND time >= ?"
		args = append(args, f.Since.UnixMicro())
	}
	if !f.Until.IsZero() {
		where += " AND time <= ?"
		args = append(args, f.Until.UnixMicro())
	}
	return where, args
}

// candidates gives the places in a shard where f may match.
func candidates(ctx context.Context, db *store.DB, v *view, f Filter) candidateFunc {
	where, args := f.conditions()
	if db == nil || where == "" {
		return scan(0, v.size(), f.OldestFirst)
	}
	return (&query{db, v, f.OldestFirst, where, args}).candidates(ctx)
}

// candidatesByID gives the places where an entry of that ID may stand, newest first.
func candidatesByID(ctx context.Context, db *store.DB, v *view, id string) candidateFunc {
	if db == nil {
		return scan(0, v.size(), false)
	}
	return (&query{db, v, false, " AND id = ?", []any{id}}).candidates(ctx)
}

// candidates searches the index as far as it goes and the log beyond it. Without a usable index it is the log alone.
func (q *query) candidates(ctx context.Context) candidateFunc {
	var m mark
	err := q.db.Read(ctx, func(tx *store.Tx) (err error) {
		m, err = readMark(tx, q.view.origin)
		return err
	})
	if err != nil || m.upto == 0 || !m.fits(q.view) {
		return scan(0, q.view.size(), q.oldest)
	}
	indexed := q.pages(m)
	rest := scan(m.upto, q.view.size(), q.oldest)
	if q.oldest {
		return chain(indexed, rest)
	}
	return chain(rest, indexed)
}

// chain gives what first gives, then what second gives.
func chain(first, second candidateFunc) candidateFunc {
	done := false
	return func(ctx context.Context) (int64, error) {
		if !done {
			if index, err := first(ctx); err != nil || index >= 0 {
				return index, err
			}
			done = true
		}
		return second(ctx)
	}
}

// pageSize is how many rows are read at once, so that no transaction stays open while somebody looks at a list.
const pageSize = 512

// pages reads the index page by page; when that fails, it goes on in the log.
func (q *query) pages(m mark) candidateFunc {
	lo, hi := int64(0), m.upto
	var page []int64
	var fallback candidateFunc
	return func(ctx context.Context) (int64, error) {
		if fallback == nil && len(page) == 0 && lo < hi {
			var err error
			if page, err = q.page(ctx, m.ref, lo, hi); err != nil {
				fallback = scan(lo, hi, q.oldest)
			}
		}
		if fallback != nil {
			return fallback(ctx)
		}
		if len(page) == 0 {
			return -1, nil
		}
		index := page[0]
		page = page[1:]
		if q.oldest {
			lo = index + 1
		} else {
			hi = index
		}
		return index, nil
	}
}

func (q *query) page(ctx context.Context, ref, lo, hi int64) (page []int64, err error) {
	text := `SELECT idx FROM ledger_entries WHERE ref = ? AND idx >= ? AND idx < ?` + q.where + ` ORDER BY idx`
	if !q.oldest {
		text += ` DESC`
	}
	err = q.db.Read(ctx, func(tx *store.Tx) error {
		page = page[:0]
		rows, err := tx.Query(text+` LIMIT ?`, append(append([]any{ref, lo, hi}, q.args...), pageSize)...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var index int64
			if err := rows.Scan(&index); err != nil {
				return err
			}
			page = append(page, index)
		}
		return rows.Err()
	})
	return page, err
}
