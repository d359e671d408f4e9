package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// engineBusy is how long SQLite itself waits before it says busy; it cannot be interrupted, so it is short and the
// longer wait, which heeds the context, is ours.
const engineBusy = 100 * time.Millisecond

func sqliteEngine() engine {
	return engine{dialect: Dialect{Name: "sqlite"}, open: openSQLite, busy: sqliteBusy}
}

func sqliteBusy(err error) bool {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return false
	}
	primary := e.Code() & 0xff // the low byte; the rest says which kind of busy
	return primary == sqlite3.SQLITE_BUSY || primary == sqlite3.SQLITE_LOCKED
}

func openSQLite(ctx context.Context, path string, o Options) (write, read *sql.DB, err error) {
	if path, err = privateFile(path); err != nil {
		return nil, nil, err
	}
	write, err = sql.Open("sqlite", sqliteDSN(path, o.Durability, "immediate"))
	if err != nil {
		return nil, nil, err
	}
	write.SetMaxOpenConns(1)
	// The first process turns WAL on under an exclusive lock, and SQLite lets the others fail instead of wait.
	err = retryBusy(ctx, o.Busy, sqliteBusy, func() error { return write.PingContext(ctx) })
	if err != nil {
		write.Close()
		return nil, nil, err
	}
	read, err = sql.Open("sqlite", sqliteDSN(path, o.Durability, "deferred")+"&_query_only=1")
	if err != nil {
		write.Close()
		return nil, nil, err
	}
	read.SetMaxOpenConns(o.Readers)
	read.SetMaxIdleConns(o.Readers)
	return write, read, nil
}

// privateFile makes sure that the file is there and nobody else's before SQLite, which would use the umask, touches it.
// The companions -wal and -shm take the mode of the file.
func privateFile(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return "", err
	case !info.Mode().IsRegular():
		return "", fmt.Errorf("%s is not a regular file", path)
	case info.Mode().Perm()&0o077 != 0:
		return path, f.Chmod(0o600)
	}
	return path, nil
}

func sqliteDSN(path string, d Durability, lock string) string {
	sync := "NORMAL"
	if d == Full {
		sync = "FULL"
	}
	u := url.URL{Scheme: "file", OmitHost: true, Path: path}
	return u.String() + "?_busy_timeout=" + strconv.FormatInt(engineBusy.Milliseconds(), 10) +
		"&_journal_mode=WAL&_synchronous=" + sync + "&_foreign_keys=1&_dqs=0&_txlock=" + lock
}
