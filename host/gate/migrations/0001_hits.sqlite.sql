-- One row for each moment (nanoseconds since 1970, UTC) at which actions of an agent counted against a rule's limit: how
-- many then, and how many up to then, in order of time. Monitored policies count apart.
CREATE TABLE gate_hits (
	agent     TEXT   NOT NULL,
	policy    TEXT   NOT NULL,
	rule      TEXT   NOT NULL,
	monitored BIGINT NOT NULL,
	at        BIGINT NOT NULL,
	hits      BIGINT NOT NULL,
	total     BIGINT NOT NULL,
	PRIMARY KEY (agent, policy, rule, monitored, at)
) WITHOUT ROWID;
