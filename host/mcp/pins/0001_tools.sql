-- One row for each tool that a server ever listed: the definition it is pinned to, the one that waits for approval (empty:
-- none), and since when it is no longer listed (0: it is). Definitions are JSON, hashes "sha256:" and hexadecimal over the
-- definition's canonical bytes, times nanoseconds since 1970, UTC.
CREATE TABLE tools_pins (
	server             TEXT   NOT NULL,
	name               TEXT   NOT NULL,
	hash               TEXT   NOT NULL,
	definition         TEXT   NOT NULL,
	pinned_at          BIGINT NOT NULL,
	approved_at        BIGINT NOT NULL DEFAULT 0,
	pending_hash       TEXT   NOT NULL DEFAULT '',
	pending_definition TEXT   NOT NULL DEFAULT '',
	pending_at         BIGINT NOT NULL DEFAULT 0,
	gone_at            BIGINT NOT NULL DEFAULT 0,
	PRIMARY KEY (server, name)
);
