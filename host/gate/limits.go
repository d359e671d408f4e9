package gate

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"sync"
	"time"

	"agentmesh/host/store"
	"agentmesh/pdk/abi"
)

// Counter is one limit that an action counts against, and what was seen of it.
type Counter struct {
	Policy    string
	Rule      string
	Limit     string // as written, "100/hour"
	Monitored bool   // counted apart, and never in the way
	Used      int64  // hits in the window before this action
	Over      bool   // Used had reached the limit
	// Retry is how long until the limit has room again; set when Over.
	Retry time.Duration

	version string // of the judge
	count   int64
	window  time.Duration
	last    int64 // when the newest hit was, ns
	total   int64 // that of the newest hit
}

// NewCounter reads the limit, as abi.ParseLimit does; its count is 1 to abi.MaxLimit.
func NewCounter(policy, rule, limit string, monitored bool) (Counter, error) {
	count, seconds, ok := abi.ParseLimit(limit)
	if !ok || count == 0 || count > abi.MaxLimit {
		return Counter{}, fmt.Errorf("limit %q of rule %s of %s: want COUNT/second, /minute, /hour or /day, COUNT from 1 to %d", limit, rule, policy, abi.MaxLimit)
	}
	window := time.Duration(seconds) * time.Second
	return Counter{Policy: policy, Rule: rule, Limit: limit, Monitored: monitored, count: count, window: window}, nil
}

// Limits counts actions in exact sliding windows that all processes share: an action may pass when fewer than count hits
// stand in (now-window, now]. Hits after now count as well, so a clock that goes back makes limits stricter.
type Limits interface {
	// Consume fills in Used, Over and Retry of each counter and, unless one that is not monitored is over, counts the
	// action against every counter that is not over, all in one transaction. Counters with the same policy, rule and
	// Monitored share one count.
	Consume(ctx context.Context, agent string, now time.Time, counters []Counter) error
	// Peek fills in the same and counts nothing.
	Peek(ctx context.Context, agent string, now time.Time, counters []Counter) error
}

//go:embed migrations/*.sql
var migrationFiles embed.FS

// A counter's rows are ordered by time, and total runs along: the hits of a window are a difference of two totals, however
// many they are.
const (
	counterIs  = `agent = ? AND policy = ? AND rule = ? AND monitored = ?`
	queryTotal = `SELECT
		COALESCE((SELECT at FROM gate_hits WHERE ` + counterIs + ` ORDER BY at DESC LIMIT 1), 0),
		COALESCE((SELECT total FROM gate_hits WHERE ` + counterIs + ` ORDER BY at DESC LIMIT 1), 0),
		COALESCE((SELECT total FROM gate_hits WHERE ` + counterIs + ` AND at <= ? ORDER BY at DESC LIMIT 1),
			(SELECT total - hits FROM gate_hits WHERE ` + counterIs + ` ORDER BY at LIMIT 1), 0)`
	queryRoom = `SELECT at FROM gate_hits WHERE ` + counterIs + ` AND at > ? AND total >= ? ORDER BY at LIMIT 1`
	queryHit  = `INSERT INTO gate_hits (agent, policy, rule, monitored, at, hits, total) VALUES (?, ?, ?, ?, ?, 1, ?)
		ON CONFLICT (agent, policy, rule, monitored, at) DO UPDATE SET hits = gate_hits.hits + 1, total = gate_hits.total + 1`
	queryBefore = `SELECT COALESCE((SELECT total FROM gate_hits WHERE ` + counterIs + ` AND at <= ? ORDER BY at DESC LIMIT 1),
			(SELECT total - hits FROM gate_hits WHERE ` + counterIs + ` ORDER BY at LIMIT 1), 0)`
	queryLater = `UPDATE gate_hits SET total = total + 1 WHERE ` + counterIs + ` AND at > ?`
	queryPrune = `DELETE FROM gate_hits WHERE ` + counterIs + ` AND at <= ? AND total <= ?`
	querySweep = `DELETE FROM gate_hits WHERE at <= ?`
)

// pruneOnce is after how many hits, on average, those that left the window are removed; where the limit is high, after a
// part of it, because removing looks at as many rows.
const pruneOnce = 32

// sweepAge is when hits of counters nobody uses any more are removed. It is far beyond the longest window, so that a clock
// that was ahead for a few days gives no budget back.
const sweepAge = 8 * 24 * time.Hour

// StoredLimits keeps hits in the store. It is safe for concurrent use and across processes.
type StoredLimits struct {
	db *store.DB
	// turns lets callers of this process take turns: a mutex hands over faster than the store's connection does.
	turns sync.Mutex
}

var _ Limits = (*StoredLimits)(nil)

// NewLimits prepares the table. The store's durability should be store.Full where a power cut must not give budget back.
func NewLimits(ctx context.Context, db *store.DB) (*StoredLimits, error) {
	files, err := fs.Sub(migrationFiles, "migrations")
	if err != nil {
		return nil, err
	}
	if err := db.Migrate(ctx, "gate", files); err != nil {
		return nil, err
	}
	if err := db.Prepare(ctx, queryTotal, queryHit); err != nil {
		return nil, err
	}
	return &StoredLimits{db: db}, nil
}

// Sweep removes hits that no window can reach any more, of agents and rules that never came back.
func (l *StoredLimits) Sweep(ctx context.Context, now time.Time) error {
	return l.db.Write(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(querySweep, now.Add(-sweepAge).UnixNano())
		return err
	})
}

// Consume implements Limits.
func (l *StoredLimits) Consume(ctx context.Context, agent string, now time.Time, counters []Counter) error {
	l.turns.Lock()
	defer l.turns.Unlock()
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("count against limits: %w", err)
	}
	err := l.db.Write(ctx, func(tx *store.Tx) error {
		t := tally{tx: tx, agent: agent, now: now.UnixNano(), counters: counters}
		if err := t.look(); err != nil || over(counters) != nil {
			return err
		}
		return t.hit()
	})
	if err != nil {
		return fmt.Errorf("count against limits: %w", err)
	}
	return nil
}

// Peek implements Limits.
func (l *StoredLimits) Peek(ctx context.Context, agent string, now time.Time, counters []Counter) error {
	err := l.db.Read(ctx, func(tx *store.Tx) error {
		t := tally{tx: tx, agent: agent, now: now.UnixNano(), counters: counters}
		return t.look()
	})
	if err != nil {
		return fmt.Errorf("read limits: %w", err)
	}
	return nil
}

// over is the enforcing counter that is used up and has room last, or nil.
func over(counters []Counter) *Counter {
	var worst *Counter
	for i := range counters {
		if c := &counters[i]; c.Over && !c.Monitored && (worst == nil || c.Retry > worst.Retry) {
			worst = c
		}
	}
	return worst
}

// tally is one transaction over an action's counters.
type tally struct {
	tx       *store.Tx
	agent    string
	now      int64 // ns
	counters []Counter
}

func (t *tally) look() error {
	for i := range t.counters {
		c := &t.counters[i]
		k := t.key(c)
		window := t.now - int64(c.window)
		var before int64
		row := t.tx.QueryRow(queryTotal, k[0], k[1], k[2], k[3], k[0], k[1], k[2], k[3], k[0], k[1], k[2], k[3], window, k[0], k[1], k[2], k[3])
		if err := row.Scan(&c.last, &c.total, &before); err != nil {
			return err
		}
		c.Used = c.total - before
		c.Over, c.Retry = c.Used >= c.count, 0
		if c.Over {
			// The limit has room for one more when so many hits have left the window that count-1 stay.
			var at int64
			row := t.tx.QueryRow(queryRoom, k[0], k[1], k[2], k[3], window, c.total-c.count+1)
			if err := row.Scan(&at); err != nil {
				return err
			}
			c.Retry = time.Duration(at + int64(c.window) - t.now)
		}
	}
	return nil
}

// key is what a counter's rows go by.
func (t *tally) key(c *Counter) [4]any {
	return [4]any{t.agent, c.Policy, c.Rule, flag(c.Monitored)}
}

func (t *tally) hit() error {
	for i := range t.counters {
		c := &t.counters[i]
		if c.Over || t.counted(i) {
			continue
		}
		if err := t.insert(c); err != nil {
			return err
		}
		if rand.Int64N(max(pruneOnce, c.count/8)) == 0 {
			if err := t.prune(c); err != nil {
				return err
			}
		}
	}
	return nil
}

// insert adds a hit. Where the clock went back it goes between those that are there, and the totals behind it move.
func (t *tally) insert(c *Counter) error {
	k, before := t.key(c), c.total
	if t.now < c.last {
		row := t.tx.QueryRow(queryBefore, k[0], k[1], k[2], k[3], t.now, k[0], k[1], k[2], k[3])
		if err := row.Scan(&before); err != nil {
			return err
		}
		if _, err := t.tx.Exec(queryLater, k[0], k[1], k[2], k[3], t.now); err != nil {
			return err
		}
	}
	_, err := t.tx.Exec(queryHit, k[0], k[1], k[2], k[3], t.now, before+1)
	return err
}

// counted reports whether an earlier counter was the same one.
func (t *tally) counted(i int) bool {
	c := &t.counters[i]
	for j := range t.counters[:i] {
		if b := &t.counters[j]; b.Policy == c.Policy && b.Rule == c.Rule && b.Monitored == c.Monitored && !b.Over {
			return true
		}
	}
	return false
}

// prune removes what left the window, but never the newest count hits: should the clock turn out to have been ahead,
// they still stand in the window.
func (t *tally) prune(c *Counter) error {
	k, window, keep := t.key(c), t.now-int64(c.window), c.count
	for j := range t.counters {
		if b := &t.counters[j]; b.Policy == c.Policy && b.Rule == c.Rule {
			window, keep = min(window, t.now-int64(b.window)), max(keep, b.count)
		}
	}
	_, err := t.tx.Exec(queryPrune, k[0], k[1], k[2], k[3], window, c.total-keep)
	return err
}

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
