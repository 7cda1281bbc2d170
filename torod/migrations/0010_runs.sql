-- Tokens of runs: leases, how they ended, what is told of them when they are gone; and the sessions of agents.

ALTER TABLE token ADD COLUMN run INTEGER NOT NULL DEFAULT 0;        -- 1: made for one run of an agent
ALTER TABLE token ADD COLUMN lease_s INTEGER;                       -- ends when nobody renews it for so long
ALTER TABLE token ADD COLUMN end_reason TEXT;                       -- why it was revoked: a word of shared::run::RunEnd
ALTER TABLE token ADD COLUMN exit_code INTEGER;                     -- of the agent, as its launcher said
ALTER TABLE token ADD COLUMN exit_signal INTEGER;

CREATE INDEX token_run ON token (id) WHERE run = 1;

-- Reports tell as much of a token that is gone as of one that ended.
ALTER TABLE token_removed ADD COLUMN run INTEGER NOT NULL DEFAULT 0;
ALTER TABLE token_removed ADD COLUMN labels TEXT NOT NULL DEFAULT '{}';
ALTER TABLE token_removed ADD COLUMN limits TEXT NOT NULL DEFAULT '{}';
ALTER TABLE token_removed ADD COLUMN created_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE token_removed ADD COLUMN ended_ms INTEGER;
ALTER TABLE token_removed ADD COLUMN end_reason TEXT;
ALTER TABLE token_removed ADD COLUMN exit_code INTEGER;
ALTER TABLE token_removed ADD COLUMN exit_signal INTEGER;

CREATE INDEX token_removed_run ON token_removed (id) WHERE run = 1;

-- A conversation of an agent, by the id that the agent gave it. The same id with another token is another session.
CREATE TABLE agent_session (
    id       INTEGER PRIMARY KEY,
    token_id INTEGER NOT NULL, -- 0: no key, on loopback
    text     TEXT NOT NULL,
    parent   TEXT,             -- the id of the session that it was begun by
    UNIQUE (token_id, text)
) STRICT;

ALTER TABLE usage ADD COLUMN session INTEGER; -- number in agent_session
ALTER TABLE usage ADD COLUMN agent INTEGER;   -- number in name: the program that asked
