-- What outlives a request: answers that later ones continue, and the state of tool calls that clients cannot carry.
CREATE TABLE kept (
    id         INTEGER PRIMARY KEY,
    kind       INTEGER NOT NULL, -- 0: an answer, 1: the state of a tool call
    key        TEXT NOT NULL,    -- the answer's or the call's id
    token_id   INTEGER NOT NULL, -- whose it is; 0: no key, on loopback
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    bytes      INTEGER NOT NULL, -- of input and body together
    previous   TEXT,             -- the answer that this one continues
    provider   TEXT NOT NULL,
    upstream   INTEGER NOT NULL, -- 1: the provider keeps it too
    input      BLOB NOT NULL,    -- the request's own items, a JSON list
    body       BLOB NOT NULL,    -- the response object, or the envelopes
    UNIQUE (kind, key, token_id)
) STRICT;

CREATE INDEX kept_age ON kept (expires_ms, bytes);
