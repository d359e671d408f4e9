// Package store is the SQL connection of the house: opening, transactions, migrations. It knows no table of its own but
// the one that remembers migrations; every noun (ledger, gate, agents, …) owns its tables and embeds its SQL.
//
// # Engines
//
// The URL chooses the engine: "sqlite:PATH", or a bare path, is SQLite, embedded and the default. Any other scheme is
// refused by name until its engine is added: an engine is one value of the unexported type engine plus a [Dialect], and
// it must pass [TestEngine].
//
// SQLite runs in WAL mode with foreign keys on, so that several processes share one file: readers never wait, writers take
// turns. The file and its companions (-wal, -shm) have mode 0600. Within a process one connection writes and a few read;
// who wants to write while another process does waits at most [Options].Busy, then gets an error for which [IsBusy] is true.
//
// # Transactions
//
// [DB.Write] runs a function in a transaction that takes the write lock at its start (BEGIN IMMEDIATE), so a
// read-then-write never meets a stale snapshot. It runs the function again when the engine says busy: the function must
// have no effect but on its [Tx]. [DB.Read] gives one consistent snapshot and cannot write. When Write returns nil, the
// change is in the file; with [Full] it also survives a power cut, with [Normal] it survives a killed process, and a power
// cut may take the latest transactions but never tears the database. Counters that must not be given back need Full.
//
// Queries use ? for parameters everywhere; the engine's dialect rewrites them where the server speaks otherwise. Do not
// write a question mark inside a string literal or a quoted name: pass it as a parameter.
//
// # Migrations
//
// [DB.Migrate] applies NNNN_name.sql files, numbered from 0001 without gaps, each once and in order, all of one noun in one
// transaction; processes that start together wait for each other. NNNN_name.DIALECT.sql (0002_index.postgres.sql) stands in
// for NNNN_name.sql on that engine. What was applied is kept in the table store_migrations (noun, version, name, digest,
// applied_at). A database that has more than the program knows is refused with [ErrNewer], one whose applied file differs
// from the embedded one with [ErrEdited].
package store
