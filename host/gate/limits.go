package gate

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"agentmesh/host/store"
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

	count  int64
	window time.Duration
}

// NewCounter reads the limit: a positive whole number, a slash, and second, minute, hour or day.
func NewCounter(policy, rule, limit string, monitored bool) (Counter, error) {
	n, unit, _ := strings.Cut(limit, "/")
	count, err := strconv.ParseInt(n, 10, 64)
	window := windowOf(unit)
	if err != nil || count <= 0 || window == 0 {
		return Counter{}, fmt.Errorf("limit %q of rule %s of %s: want COUNT/second, /minute, /hour or /day", limit, rule, policy)
	}
	return Counter{Policy: policy, Rule: rule, Limit: limit, Monitored: monitored, count: count, window: window}, nil
}

func windowOf(unit string) time.Duration {
	switch unit {
	case "second":
		return time.Second
	case "minute":
		return time.Minute
	case "hour":
		return time.Hour
	case "day":
		return 24 * time.Hour
	default:
		return 0
	}
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

const (
	queryUsed   = `SELECT COALESCE(SUM(hits), 0) FROM gate_hits WHERE agent = ? AND policy = ? AND rule = ? AND monitored = ? AND at > ?`
	queryWindow = `SELECT at, hits FROM gate_hits WHERE agent = ? AND policy = ? AND rule = ? AND monitored = ? AND at > ? ORDER BY at`
	queryHit    = `INSERT INTO gate_hits (agent, policy, rule, monitored, at, hits) VALUES (?, ?, ?, ?, ?, 1)
		ON CONFLICT (agent, policy, rule, monitored, at) DO UPDATE SET hits = gate_hits.hits + 1`
	queryPrune = `DELETE FROM gate_hits WHERE agent = ? AND policy = ? AND rule = ? AND monitored = ? AND at <= ? AND at <
		(SELECT at FROM gate_hits WHERE agent = ? AND policy = ? AND rule = ? AND monitored = ? ORDER BY at DESC LIMIT 1 OFFSET ?)`
	querySweep = `DELETE FROM gate_hits WHERE at <= ?`
)

// pruneOnce is after how many hits, on average, those that left the window are removed.
const pruneOnce = 32

// sweepAge is when hits of counters nobody uses any more are removed. It is far beyond the longest window, so that a clock
// that was ahead for a few days gives no budget back.
const sweepAge = 8 * 24 * time.Hour

// StoredLimits keeps hits in the store. It is safe for concurrent use and across processes.
type StoredLimits struct {
	db *store.DB
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
	if err := db.Prepare(ctx, queryUsed, queryWindow, queryHit, queryPrune); err != nil {
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
		row := t.tx.QueryRow(queryUsed, t.agent, c.Policy, c.Rule, flag(c.Monitored), t.now-int64(c.window))
		if err := row.Scan(&c.Used); err != nil {
			return err
		}
		c.Over, c.Retry = c.Used >= c.count, 0
		if c.Over {
			if err := t.retry(c); err != nil {
				return err
			}
		}
	}
	return nil
}

// retry finds when so many of the hits will have left the window that there is room for one more.
func (t *tally) retry(c *Counter) error {
	rows, err := t.tx.Query(queryWindow, t.agent, c.Policy, c.Rule, flag(c.Monitored), t.now-int64(c.window))
	if err != nil {
		return err
	}
	defer rows.Close()
	for leave := c.Used - c.count + 1; leave > 0 && rows.Next(); {
		var at, hits int64
		if err := rows.Scan(&at, &hits); err != nil {
			return err
		}
		leave -= hits
		c.Retry = time.Duration(at + int64(c.window) - t.now)
	}
	return rows.Err()
}

func (t *tally) hit() error {
	for i := range t.counters {
		c := &t.counters[i]
		if c.Over || t.counted(i) {
			continue
		}
		if _, err := t.tx.Exec(queryHit, t.agent, c.Policy, c.Rule, flag(c.Monitored), t.now); err != nil {
			return err
		}
		if rand.N(pruneOnce) == 0 {
			if err := t.prune(c); err != nil {
				return err
			}
		}
	}
	return nil
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
	window := t.now - int64(c.window)
	for j := range t.counters {
		if b := &t.counters[j]; b.Policy == c.Policy && b.Rule == c.Rule {
			window = min(window, t.now-int64(b.window))
		}
	}
	_, err := t.tx.Exec(queryPrune, t.agent, c.Policy, c.Rule, flag(c.Monitored), window,
		t.agent, c.Policy, c.Rule, flag(c.Monitored), c.count)
	return err
}

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
