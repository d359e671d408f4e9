package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/fstest"
)

// TestEngine is the suite that every engine must pass. open connects to one database, the same at each call within a
// test t and a fresh one for another t; the suite closes what it opens.
func TestEngine(t *testing.T, open func(t *testing.T) *DB) {
	for _, c := range []struct {
		name string
		run  func(*testing.T, *DB, func(*testing.T) *DB)
	}{
		{"refuses a newer database", suiteNewer},
		{"refuses an edited migration", suiteEdited},
		{"a broken migration leaves nothing", suiteBroken},
		{"an error rolls back", suiteRollback},
		{"a panic rolls back", suitePanic},
		{"read cannot write", suiteReadOnly},
		{"a cancelled context ends the wait", suiteCancelled},
		{"migrations apply once", suiteMigrate},
		{"read sees one snapshot", suiteSnapshot},
		{"counters stay exact", suiteCounter},
		{"prepared statements", suitePrepared},
	} {
		t.Run(c.name, func(t *testing.T) {
			db := open(t)
			defer db.Close()
			c.run(t, db, open)
		})
	}
}

var errSuite = errors.New("on purpose")

const suiteTable = `CREATE TABLE suite (k TEXT PRIMARY KEY, n INTEGER NOT NULL);
INSERT INTO suite (k, n) VALUES ('a', 0);`

func suiteFiles(texts ...string) fstest.MapFS {
	files := fstest.MapFS{}
	for i, text := range texts {
		files[fmt.Sprintf("%04d_step.sql", i+1)] = &fstest.MapFile{Data: []byte(text)}
	}
	return files
}

func suiteSetUp(t *testing.T, db *DB) {
	t.Helper()
	if err := db.Migrate(t.Context(), "suite", suiteFiles(suiteTable)); err != nil {
		t.Fatalf("migrate: %v", err)
	}
}

func suiteGet(t *testing.T, db *DB) (n int) {
	t.Helper()
	err := db.Read(t.Context(), func(tx *Tx) error {
		return tx.QueryRow(`SELECT n FROM suite WHERE k = ?`, "a").Scan(&n)
	})
	if err != nil {
		t.Fatalf("read: %v", err)
	}
	return n
}

func suiteAdd(tx *Tx) error {
	var n int
	if err := tx.QueryRow(`SELECT n FROM suite WHERE k = ?`, "a").Scan(&n); err != nil {
		return err
	}
	_, err := tx.Exec(`UPDATE suite SET n = ? WHERE k = ?`, n+1, "a")
	return err
}

func suiteNewer(t *testing.T, db *DB, _ func(*testing.T) *DB) {
	if err := db.Migrate(t.Context(), "suite", suiteFiles(suiteTable, `CREATE TABLE suite_two (k TEXT)`)); err != nil {
		t.Fatal(err)
	}
	if err := db.Migrate(t.Context(), "suite", suiteFiles(suiteTable)); !errors.Is(err, ErrNewer) {
		t.Fatalf("older program: got %v, want %v", err, ErrNewer)
	}
}

func suiteEdited(t *testing.T, db *DB, _ func(*testing.T) *DB) {
	suiteSetUp(t, db)
	if err := db.Migrate(t.Context(), "suite", suiteFiles(suiteTable+" ")); !errors.Is(err, ErrEdited) {
		t.Fatalf("edited file: got %v, want %v", err, ErrEdited)
	}
}

func suiteBroken(t *testing.T, db *DB, _ func(*testing.T) *DB) {
	if err := db.Migrate(t.Context(), "suite", suiteFiles(suiteTable, `CREATE TABEL oops (k TEXT)`)); err == nil {
		t.Fatal("a broken second file: got nil, want an error")
	}
	suiteSetUp(t, db) // would fail if the first file had stayed
}

func suiteRollback(t *testing.T, db *DB, _ func(*testing.T) *DB) {
	suiteSetUp(t, db)
	err := db.Write(t.Context(), func(tx *Tx) error { return errors.Join(suiteAdd(tx), errSuite) })
	if !errors.Is(err, errSuite) {
		t.Fatalf("got %v, want the function's own error", err)
	}
	if n := suiteGet(t, db); n != 0 {
		t.Fatalf("after a failed transaction n = %d, want 0", n)
	}
}

func suitePanic(t *testing.T, db *DB, _ func(*testing.T) *DB) {
	suiteSetUp(t, db)
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		db.Write(t.Context(), func(tx *Tx) error { suiteAdd(tx); panic(errSuite) })
	}()
	if err := db.Write(t.Context(), suiteAdd); err != nil {
		t.Fatalf("after a panic the lock is still held: %v", err)
	}
	if n := suiteGet(t, db); n != 1 {
		t.Fatalf("n = %d, want 1", n)
	}
}

func suiteReadOnly(t *testing.T, db *DB, _ func(*testing.T) *DB) {
	suiteSetUp(t, db)
	if err := db.Read(t.Context(), suiteAdd); err == nil {
		t.Fatal("a write in Read: got nil, want an error")
	}
	if n := suiteGet(t, db); n != 0 {
		t.Fatalf("n = %d, want 0", n)
	}
}

func suiteCancelled(t *testing.T, db *DB, open func(*testing.T) *DB) {
	suiteSetUp(t, db)
	other := open(t)
	defer other.Close()
	err := db.Write(t.Context(), func(tx *Tx) error {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := other.Write(ctx, suiteAdd); err == nil {
			t.Error("a cancelled wait for the lock: got nil, want an error")
		}
		return suiteAdd(tx)
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := suiteGet(t, db); n != 1 {
		t.Fatalf("n = %d, want 1", n)
	}
}

func suiteMigrate(t *testing.T, db *DB, open func(*testing.T) *DB) {
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			other := open(t)
			defer other.Close()
			if err := other.Migrate(t.Context(), "suite", suiteFiles(suiteTable)); err != nil {
				t.Errorf("migrate together: %v", err)
			}
		})
	}
	wg.Wait()
	suiteSetUp(t, db)
	second := suiteFiles(suiteTable, `INSERT INTO suite (k, n) VALUES ('b', 7)`)
	for range 2 {
		if err := db.Migrate(t.Context(), "suite", second); err != nil {
			t.Fatalf("second version: %v", err)
		}
	}
}

func suiteSnapshot(t *testing.T, db *DB, _ func(*testing.T) *DB) {
	suiteSetUp(t, db)
	err := db.Read(t.Context(), func(tx *Tx) error {
		var before, after int
		if err := tx.QueryRow(`SELECT n FROM suite WHERE k = ?`, "a").Scan(&before); err != nil {
			return err
		}
		if err := db.Write(t.Context(), suiteAdd); err != nil {
			return err
		}
		if err := tx.QueryRow(`SELECT n FROM suite WHERE k = ?`, "a").Scan(&after); err != nil {
			return err
		}
		if before != after {
			t.Errorf("one transaction read %d, then %d", before, after)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func suiteCounter(t *testing.T, db *DB, open func(*testing.T) *DB) {
	suiteSetUp(t, db)
	const writers, each = 4, 25
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			other := open(t) // its own connections, as another process would have
			defer other.Close()
			for range each {
				if err := other.Write(t.Context(), suiteAdd); err != nil {
					t.Errorf("add: %v", err)
					return
				}
			}
		})
	}
	wg.Wait()
	if n := suiteGet(t, db); n != writers*each {
		t.Fatalf("n = %d, want %d", n, writers*each)
	}
}

func suitePrepared(t *testing.T, db *DB, _ func(*testing.T) *DB) {
	suiteSetUp(t, db)
	const get, set = `SELECT n FROM suite WHERE k = ?`, `UPDATE suite SET n = ? WHERE k = ?`
	if err := db.Prepare(t.Context(), get, set); err != nil {
		t.Fatal(err)
	}
	if err := db.Write(t.Context(), suiteAdd); err != nil {
		t.Fatal(err)
	}
	var n int
	err := db.Read(t.Context(), func(tx *Tx) error { return tx.QueryRow(get, "missing").Scan(&n) })
	if !errors.Is(err, sql.ErrNoRows) {
		t.Fatalf("no such row: got %v, want %v", err, sql.ErrNoRows)
	}
	if n := suiteGet(t, db); n != 1 {
		t.Fatalf("n = %d, want 1", n)
	}
}
