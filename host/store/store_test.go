package store_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"agentmesh/host/store"
)

func openFile(t *testing.T, path string, o store.Options) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func TestSQLite(t *testing.T) {
	for _, d := range []store.Durability{store.Normal, store.Full} {
		t.Run(fmt.Sprint("durability ", d), func(t *testing.T) {
			dirs := map[string]string{}
			dir := t.TempDir()
			store.TestEngine(t, func(t *testing.T) *store.DB {
				if dirs[t.Name()] == "" {
					dirs[t.Name()] = filepath.Join(dir, fmt.Sprint(len(dirs)))
				}
				return openFile(t, "sqlite:"+dirs[t.Name()], store.Options{Durability: d})
			})
		})
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	garbage := filepath.Join(dir, "garbage")
	if err := os.WriteFile(garbage, []byte(strings.Repeat("no database ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ url, want string }{
		"nothing":         {"", "the URL is empty"},
		"unknown engine":  {"oracle://host/db", `no engine for "oracle:"`},
		"later engine":    {"postgres://host/db", `no engine for "postgres:"`},
		"missing folder":  {filepath.Join(dir, "no", "such", "db"), "no such file"},
		"a folder":        {dir, "is a directory"},
		"not a database":  {garbage, "not a database"},
		"device, no file": {os.DevNull, "not a regular file"},
	} {
		t.Run(name, func(t *testing.T) {
			db, err := store.Open(t.Context(), c.url, store.Options{})
			if err == nil {
				db.Close()
				t.Fatalf("Open(%q) succeeded", c.url)
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Fatalf("Open(%q) = %q, want it to contain %q", c.url, err, c.want)
			}
		})
	}
}

func TestMigrationFilesRefused(t *testing.T) {
	for name, c := range map[string]struct {
		files []string
		want  string
	}{
		"odd name":    {[]string{"first.sql"}, "NNNN_name.sql"},
		"gap":         {[]string{"0001_a.sql", "0003_c.sql"}, "0002 is missing"},
		"from zero":   {[]string{"0000_a.sql"}, "0001 is missing"},
		"two of one":  {[]string{"0001_a.sql", "0001_b.sql"}, "one number"},
		"wrong first": {[]string{"0001_a.postgres.sql", "0002_b.sql"}, "0001 is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			files := fstest.MapFS{}
			for _, f := range c.files {
				files[f] = &fstest.MapFile{Data: []byte("SELECT 1")}
			}
			db := openFile(t, filepath.Join(t.TempDir(), "db"), store.Options{})
			defer db.Close()
			err := db.Migrate(t.Context(), "x", files)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("Migrate(%v) = %v, want it to contain %q", c.files, err, c.want)
			}
		})
	}
}

func TestMigrationForOneDialect(t *testing.T) {
	db := openFile(t, filepath.Join(t.TempDir(), "db"), store.Options{})
	defer db.Close()
	files := fstest.MapFS{
		"0001_a.sql":          &fstest.MapFile{Data: []byte("not sql at all")},
		"0001_a.sqlite.sql":   &fstest.MapFile{Data: []byte("CREATE TABLE special (k TEXT)")},
		"0002_b.sql":          &fstest.MapFile{Data: []byte("INSERT INTO special VALUES ('x')")},
		"0002_b.postgres.sql": &fstest.MapFile{Data: []byte("nor this")},
	}
	if err := db.Migrate(t.Context(), "x", files); err != nil {
		t.Fatal(err)
	}
}

func TestFilesArePrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a b?c%d#e.db")
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	db := openFile(t, path, store.Options{})
	defer db.Close()
	err := db.Migrate(t.Context(), "x", fstest.MapFS{"0001_a.sql": &fstest.MapFile{Data: []byte("CREATE TABLE a (k TEXT)")}})
	if err != nil {
		t.Fatal(err)
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		info, err := os.Stat(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != 0o600 {
			t.Errorf("mode of %q = %o, want 600", suffix, got)
		}
	}
}

func TestRebind(t *testing.T) {
	d := store.Dialect{Name: "postgres", Placeholder: func(n int) string { return fmt.Sprint("$", n) }}
	if got, want := d.Rebind("a = ? AND b IN (?, ?)"), "a = $1 AND b IN ($2, $3)"; got != want {
		t.Errorf("Rebind = %q, want %q", got, want)
	}
	if got := (store.Dialect{}).Rebind("a = ?"); got != "a = ?" {
		t.Errorf("Rebind without placeholders = %q", got)
	}
}

// TestManyProcesses starts programs that open, migrate and count in one file at once.
func TestManyProcesses(t *testing.T) {
	if path := os.Getenv("STORE_TEST_COUNT"); path != "" {
		db := openFile(t, path, store.Options{})
		defer db.Close()
		migrateCounter(t, db)
		for range 20 {
			if err := db.Write(t.Context(), func(tx *store.Tx) error {
				_, err := tx.Exec("UPDATE c SET n = n + 1")
				return err
			}); err != nil {
				t.Fatal(err)
			}
		}
		return
	}
	path := filepath.Join(t.TempDir(), "db")
	var all []*exec.Cmd
	for range 4 {
		c := exec.Command(os.Args[0], "-test.run=^TestManyProcesses$")
		c.Env = append(os.Environ(), "STORE_TEST_COUNT="+path)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
	}
	for _, c := range all {
		if err := c.Wait(); err != nil {
			t.Error("a process failed: ", err)
		}
	}
	db := openFile(t, path, store.Options{})
	defer db.Close()
	var n int
	err := db.Read(t.Context(), func(tx *store.Tx) error { return tx.QueryRow("SELECT n FROM c").Scan(&n) })
	if err != nil || n != 80 {
		t.Fatalf("count = %d, %v; want 80", n, err)
	}
}

func migrateCounter(t *testing.T, db *store.DB) {
	t.Helper()
	text := "CREATE TABLE c (n INTEGER NOT NULL); INSERT INTO c VALUES (0);"
	err := db.Migrate(t.Context(), "c", fstest.MapFS{"0001_c.sql": &fstest.MapFile{Data: []byte(text)}})
	if err != nil {
		t.Fatal(err)
	}
}

func TestBusyIsTold(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	first := openFile(t, path, store.Options{})
	defer first.Close()
	second := openFile(t, path, store.Options{Busy: 1})
	defer second.Close()
	migrateCounter(t, first)
	err := first.Write(t.Context(), func(*store.Tx) error {
		err := second.Write(t.Context(), func(*store.Tx) error { return nil })
		if !second.IsBusy(err) {
			t.Errorf("second writer got %v, want busy", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if first.IsBusy(nil) || first.IsBusy(errors.New("other")) {
		t.Error("IsBusy is true for what is not busy")
	}
}

func ExampleOpen() {
	dir, _ := os.MkdirTemp("", "store")
	defer os.RemoveAll(dir)
	ctx := context.Background()
	db, err := store.Open(ctx, "sqlite:"+filepath.Join(dir, "store.db"), store.Options{Durability: store.Full})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer db.Close()
	tables := fstest.MapFS{"0001_visits.sql": {Data: []byte("CREATE TABLE visits (agent TEXT PRIMARY KEY, n INTEGER)")}}
	if err := db.Migrate(ctx, "visits", tables); err != nil {
		fmt.Println(err)
		return
	}
	var n int
	err = db.Write(ctx, func(tx *store.Tx) error {
		return tx.QueryRow(`INSERT INTO visits VALUES (?, 1) ON CONFLICT (agent) DO UPDATE SET n = n + 1 RETURNING n`, "a").Scan(&n)
	})
	fmt.Println(n, err)
	// Output: 1 <nil>
}
