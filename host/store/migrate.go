package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"time"
)

var (
	// ErrNewer means that a newer version of the program has migrated the database.
	ErrNewer = errors.New("the database was written by a newer version")
	// ErrEdited means that a migration was changed after it had been applied.
	ErrEdited = errors.New("an applied migration was edited")
)

const migrationsTable = `CREATE TABLE IF NOT EXISTS store_migrations (
	noun TEXT NOT NULL, version INTEGER NOT NULL, name TEXT NOT NULL, digest TEXT NOT NULL, applied_at TEXT NOT NULL,
	PRIMARY KEY (noun, version))`

// migration is one numbered file.
type migration struct {
	version int
	name    string
	sql     string
	digest  string
}

// Migrate brings the tables of noun to the newest version that files holds (its *.sql files, at the top; see the package
// comment). It may be called by many processes at once.
func (db *DB) Migrate(ctx context.Context, noun string, files fs.FS) error {
	known, err := readMigrations(files, db.engine.dialect.Name)
	if err != nil {
		return fmt.Errorf("migrate %s: %w", noun, err)
	}
	err = db.Write(ctx, func(tx *Tx) error {
		if _, err := tx.Exec(migrationsTable); err != nil {
			return err
		}
		applied, err := tx.checkApplied(noun, known)
		if err != nil {
			return err
		}
		return tx.apply(noun, known[applied:])
	})
	if err != nil {
		return fmt.Errorf("migrate %s: %w", noun, err)
	}
	return nil
}

// checkApplied returns how many of the known migrations the database has.
func (t *Tx) checkApplied(noun string, known []migration) (int, error) {
	rows, err := t.Query(`SELECT version, name, digest FROM store_migrations WHERE noun = ? ORDER BY version`, noun)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	n := 0
	for ; rows.Next(); n++ {
		var m migration
		if err := rows.Scan(&m.version, &m.name, &m.digest); err != nil {
			return 0, err
		}
		if n >= len(known) {
			return 0, fmt.Errorf("%w: it has migration %d (%s), this program knows %d; use the newer program",
				ErrNewer, m.version, m.name, len(known))
		}
		if k := known[n]; k.version != m.version || k.digest != m.digest {
			return 0, fmt.Errorf("%w: %04d_%s is not what was applied; add a migration instead of editing one",
				ErrEdited, m.version, m.name)
		}
	}
	return n, rows.Err()
}

func (t *Tx) apply(noun string, missing []migration) error {
	for _, m := range missing {
		if _, err := t.tx.ExecContext(t.ctx, m.sql); err != nil {
			return fmt.Errorf("apply %04d_%s: %w", m.version, m.name, err)
		}
		_, err := t.Exec(`INSERT INTO store_migrations (noun, version, name, digest, applied_at) VALUES (?, ?, ?, ?, ?)`,
			noun, m.version, m.name, m.digest, time.Now().UTC().Format(time.RFC3339))
		if err != nil {
			return err
		}
	}
	return nil
}

// readMigrations reads the files for one dialect, sorted, and checks that the numbers run 1, 2, 3….
func readMigrations(files fs.FS, dialect string) ([]migration, error) {
	names, err := fs.Glob(files, "*.sql")
	if err != nil {
		return nil, err
	}
	form := regexp.MustCompile(`^(\d{4})_([a-z0-9_]+)(?:\.([a-z]+))?\.sql$`)
	chosen := make(map[int]string)
	for _, name := range names {
		m := form.FindStringSubmatch(name)
		if m == nil {
			return nil, fmt.Errorf("%s: a migration is named NNNN_name.sql or NNNN_name.DIALECT.sql", name)
		}
		version, _ := strconv.Atoi(m[1])
		if m[3] != "" && m[3] != dialect {
			continue
		}
		if other, taken := chosen[version]; taken && m[3] == "" {
			if strings.HasSuffix(other, "."+dialect+".sql") {
				continue // the special one stands in for the general one
			}
			return nil, fmt.Errorf("%s and %s have one number", other, name)
		}
		chosen[version] = name
	}
	return loadMigrations(files, chosen)
}

func loadMigrations(files fs.FS, chosen map[int]string) ([]migration, error) {
	list := make([]migration, 0, len(chosen))
	for version, name := range chosen {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(text)
		short, _, _ := strings.Cut(name[len("0000_"):], ".")
		list = append(list, migration{version, short, string(text), hex.EncodeToString(sum[:])})
	}
	sort.Slice(list, func(i, j int) bool { return list[i].version < list[j].version })
	for i, m := range list {
		if m.version != i+1 {
			return nil, fmt.Errorf("migration %04d_%s: number %04d is missing", m.version, m.name, i+1)
		}
	}
	return list, nil
}
