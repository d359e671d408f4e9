package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
)

// Durability says what a finished transaction survives.
type Durability uint8

const (
	// Normal survives a killed process; a power cut may take the latest transactions.
	Normal Durability = iota
	// Full survives a power cut too, for one sync of the disk in each transaction.
	Full
)

// Options adjust Open; the zero value works.
type Options struct {
	// Durability of every transaction of this DB. Processes that share a file may differ.
	Durability Durability
	// Busy is how long a transaction waits for another process's; zero is 10 s.
	Busy time.Duration
	// Readers is the number of reading connections; zero is 4.
	Readers int
}

func (o Options) withDefaults() Options {
	if o.Busy <= 0 {
		o.Busy = 10 * time.Second
	}
	if o.Readers <= 0 {
		o.Readers = 4
	}
	return o
}

// Dialect is what differs between engines in the SQL that nouns write.
type Dialect struct {
	// Name stands in names of migration files: "sqlite", "postgres".
	Name string
	// Placeholder gives the text of the nth parameter, from 1; nil leaves ? as it is.
	Placeholder func(n int) string
}

// Rebind rewrites the ? placeholders of query as the engine wants them.
func (d Dialect) Rebind(query string) string {
	if d.Placeholder == nil || !strings.Contains(query, "?") {
		return query
	}
	var b strings.Builder
	for n := 1; ; n++ {
		before, after, found := strings.Cut(query, "?")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		b.WriteString(d.Placeholder(n))
		query = after
	}
}

// engine is one kind of database. The two pools may be the same one.
type engine struct {
	dialect Dialect
	open    func(ctx context.Context, location string, o Options) (write, read *sql.DB, err error)
	busy    func(error) bool
}

// DB is an open database; it is safe for concurrent use.
type DB struct {
	engine  engine
	options Options
	write   pool
	read    pool
}

// pool is a set of connections and the statements prepared on them: preparing costs more than most queries.
type pool struct {
	db *sql.DB
	mu sync.Mutex
	st map[string]*sql.Stmt
}

// Open connects to the database that url names, creating a SQLite file that is not there; its folder must exist.
func Open(ctx context.Context, url string, o Options) (*DB, error) {
	e, location, err := engineFor(url)
	if err != nil {
		return nil, err
	}
	o = o.withDefaults()
	write, read, err := e.open(ctx, location, o)
	if err != nil {
		return nil, fmt.Errorf("open store %s: %w", location, err)
	}
	db := &DB{engine: e, options: o}
	db.write.db, db.read.db = write, read
	return db, nil
}

func engineFor(url string) (engine, string, error) {
	scheme, rest, found := strings.Cut(url, ":")
	switch {
	case url == "":
		return engine{}, "", errors.New("open store: the URL is empty; give sqlite:PATH or a path")
	case !found || strings.ContainsAny(scheme, `/\.`) || len(scheme) == 1:
		return sqliteEngine(), url, nil
	case scheme == "sqlite":
		return sqliteEngine(), strings.TrimPrefix(rest, "//"), nil
	}
	return engine{}, "", fmt.Errorf("open store: no engine for %q; give sqlite:PATH or a path", scheme+":")
}

// Dialect returns the dialect of the engine in use.
func (db *DB) Dialect() Dialect { return db.engine.dialect }

// IsBusy says whether err means that others held the database for longer than Options.Busy.
func (db *DB) IsBusy(err error) bool { return err != nil && db.engine.busy(err) }

// Close closes all connections; it waits for transactions that run.
func (db *DB) Close() error {
	return errors.Join(db.read.close(), db.write.close())
}

func (p *pool) close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.st {
		s.Close()
	}
	p.st = nil
	return p.db.Close()
}

// maxPrepared bounds the statements kept: a query built from pieces must not fill the memory.
const maxPrepared = 256

// prepare returns a kept statement, or nil when too many are kept already.
func (p *pool) prepare(ctx context.Context, query string) (*sql.Stmt, error) {
	p.mu.Lock()
	s := p.st[query]
	full := len(p.st) >= maxPrepared
	p.mu.Unlock()
	if s != nil || full {
		return s, nil
	}
	s, err := p.db.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if other := p.st[query]; other != nil {
		s.Close()
		return other, nil
	}
	if p.st == nil {
		p.st = make(map[string]*sql.Stmt)
	}
	p.st[query] = s
	return s, nil
}
