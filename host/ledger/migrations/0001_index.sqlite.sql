-- The index of the ledger: what queries filter by, for each entry of each shard. It follows from the log and may be
-- dropped at any time.
CREATE TABLE ledger_shards (
	ref   INTEGER PRIMARY KEY,
	log   TEXT    NOT NULL, -- origin line of the shard
	upto  INTEGER NOT NULL, -- entries below it are in ledger_entries
	root  TEXT    NOT NULL, -- Merkle root of those entries, base64: an index of another log is recognised
	UNIQUE (log)
);
CREATE TABLE ledger_entries (
	ref      INTEGER NOT NULL REFERENCES ledger_shards (ref) ON DELETE CASCADE,
	idx      INTEGER NOT NULL,
	time     INTEGER NOT NULL, -- microseconds since 1970
	id       TEXT    NOT NULL,
	kind     TEXT    NOT NULL,
	agent    TEXT    NOT NULL,
	tool     TEXT    NOT NULL,
	decision TEXT    NOT NULL,
	rule     TEXT    NOT NULL,
	PRIMARY KEY (ref, idx)
) WITHOUT ROWID;
CREATE INDEX ledger_entries_id ON ledger_entries (ref, id);
