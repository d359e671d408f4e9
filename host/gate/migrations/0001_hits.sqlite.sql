-- One row for each moment (nanoseconds since 1970, UTC) at which actions of an agent counted against a rule's limit.
-- Monitored policies count apart.
CREATE TABLE gate_hits (
	agent     TEXT    NOT NULL,
	policy    TEXT    NOT NULL,
	rule      TEXT    NOT NULL,
	monitored INTEGER NOT NULL,
	at        INTEGER NOT NULL,
	hits      INTEGER NOT NULL,
	PRIMARY KEY (agent, policy, rule, monitored, at)
) WITHOUT ROWID;
