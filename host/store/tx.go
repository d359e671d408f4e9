package store

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"time"
)

// Tx is a running transaction. It belongs to one goroutine and ends with the function it was given to.
type Tx struct {
	ctx  context.Context
	tx   *sql.Tx
	pool *pool
	d    Dialect
}

// Write runs f in a transaction that may write and commits when f returns nil. Busy is tried again until Options.Busy has
// passed or ctx ends, so f may run several times.
func (db *DB) Write(ctx context.Context, f func(*Tx) error) error {
	return db.again(ctx, func() error { return db.once(ctx, &db.write, &sql.TxOptions{}, f) })
}

// Read runs f in a transaction that sees one snapshot of the database and cannot write.
func (db *DB) Read(ctx context.Context, f func(*Tx) error) error {
	return db.again(ctx, func() error { return db.once(ctx, &db.read, &sql.TxOptions{ReadOnly: true}, f) })
}

func (db *DB) once(ctx context.Context, p *pool, o *sql.TxOptions, f func(*Tx) error) error {
	tx, err := p.db.BeginTx(ctx, o)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer tx.Rollback() // after Commit it does nothing; it also frees the lock when f panics
	if err := f(&Tx{ctx: ctx, tx: tx, pool: p, d: db.engine.dialect}); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// again runs f until it succeeds, fails for another reason than busy, or the time is up.
func (db *DB) again(ctx context.Context, f func() error) error {
	return retryBusy(ctx, db.options.Busy, db.engine.busy, f)
}

func retryBusy(ctx context.Context, limit time.Duration, busy func(error) bool, f func() error) error {
	deadline := time.Now().Add(limit)
	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		err := f()
		if err == nil || !busy(err) || time.Now().After(deadline) {
			return err
		}
		// Jitter, or processes that met once go on meeting.
		timer := time.NewTimer(pause/2 + rand.N(pause))
		select {
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("%w (while waiting: %w)", ctx.Err(), err)
		case <-timer.C:
		}
	}
}

// stmt returns the kept statement of query bound to this transaction; nil when it is not kept. SQLite's single writing
// connection is held by this very transaction, so what is new is prepared on the transaction and kept by the next one.
func (t *Tx) stmt(query string) *sql.Stmt {
	t.pool.mu.Lock()
	s := t.pool.st[query]
	t.pool.mu.Unlock()
	if s == nil {
		return nil
	}
	return t.tx.StmtContext(t.ctx, s)
}

// Exec runs a statement that returns no rows. Without arguments query may hold several statements.
func (t *Tx) Exec(query string, args ...any) (sql.Result, error) {
	query = t.d.Rebind(query)
	if s := t.stmt(query); s != nil {
		return s.ExecContext(t.ctx, args...)
	}
	return t.tx.ExecContext(t.ctx, query, args...)
}

// Query runs a statement that returns rows; the caller closes them.
func (t *Tx) Query(query string, args ...any) (*sql.Rows, error) {
	query = t.d.Rebind(query)
	if s := t.stmt(query); s != nil {
		return s.QueryContext(t.ctx, args...)
	}
	return t.tx.QueryContext(t.ctx, query, args...)
}

// QueryRow runs a statement that returns at most one row; Scan of none gives sql.ErrNoRows.
func (t *Tx) QueryRow(query string, args ...any) *sql.Row {
	query = t.d.Rebind(query)
	if s := t.stmt(query); s != nil {
		return s.QueryRowContext(t.ctx, args...)
	}
	return t.tx.QueryRowContext(t.ctx, query, args...)
}

// Prepare keeps queries prepared on every connection of db, for those that run often; it is never required.
func (db *DB) Prepare(ctx context.Context, queries ...string) error {
	for _, q := range queries {
		q = db.engine.dialect.Rebind(q)
		for _, p := range []*pool{&db.write, &db.read} {
			if _, err := p.prepare(ctx, q); err != nil {
				return fmt.Errorf("prepare %q: %w", q, err)
			}
		}
	}
	return nil
}
