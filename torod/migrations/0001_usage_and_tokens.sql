-- Usage rows, the gaps between them, access tokens and the audit trail.

-- Provider, model and surface names; usage rows carry their numbers.
CREATE TABLE name (
    id   INTEGER PRIMARY KEY,
    text TEXT NOT NULL UNIQUE
) STRICT;

-- One row per attempt. `id` carries the time (milliseconds since 1970 << 20 | counter), so that a span of time is a
-- range of the primary key and no second index is needed.
CREATE TABLE usage (
    id                INTEGER PRIMARY KEY,
    exchange_id       INTEGER NOT NULL,
    skew_ms           INTEGER NOT NULL, -- start of the attempt minus the time in `id`; 0 unless the clock was set back
    total_us          INTEGER NOT NULL,
    first_byte_us     INTEGER NOT NULL, -- 0: no byte came
    token_id          INTEGER NOT NULL, -- 0: no key, on loopback
    provider          INTEGER NOT NULL REFERENCES name (id),
    model             INTEGER NOT NULL REFERENCES name (id), -- as sent upstream
    model_asked       INTEGER REFERENCES name (id),          -- as the client wrote it, when different
    surface           INTEGER NOT NULL REFERENCES name (id),
    client_protocol   INTEGER NOT NULL,
    upstream_protocol INTEGER NOT NULL,
    status            INTEGER NOT NULL,
    outcome           INTEGER NOT NULL, -- 0: ok; numbers in store/usage.rs
    stream            INTEGER NOT NULL,
    estimated         INTEGER NOT NULL, -- 0: the provider reported the counts
    input_uncached    INTEGER NOT NULL,
    cache_read        INTEGER NOT NULL,
    cache_write_5m    INTEGER NOT NULL,
    cache_write_1h    INTEGER NOT NULL,
    output            INTEGER NOT NULL,
    reasoning         INTEGER NOT NULL, -- a part of output
    request_id        TEXT              -- only when the client gave one
) STRICT;

-- Records that were dropped because the database took none for too long.
CREATE TABLE usage_gap (
    id       INTEGER PRIMARY KEY,
    from_ms  INTEGER NOT NULL,
    until_ms INTEGER NOT NULL,
    records  INTEGER NOT NULL
) STRICT;

CREATE TABLE token (
    id           INTEGER PRIMARY KEY AUTOINCREMENT, -- never reused: usage rows keep it
    public_id    TEXT NOT NULL UNIQUE,
    digest       BLOB NOT NULL UNIQUE, -- SHA-256 of the key; the key itself is nowhere
    name         TEXT NOT NULL,
    role         TEXT NOT NULL CHECK (role IN ('admin', 'keymaster', 'inferrer')),
    parent_id    INTEGER REFERENCES token (id),
    created_ms   INTEGER NOT NULL,
    expires_ms   INTEGER,
    revoked_ms   INTEGER,
    last_used_ms INTEGER
) STRICT;

CREATE INDEX token_parent ON token (parent_id) WHERE parent_id IS NOT NULL;

-- Who changed what; written in the transaction of the change.
CREATE TABLE audit (
    id      INTEGER PRIMARY KEY,
    at_ms   INTEGER NOT NULL,
    actor   TEXT NOT NULL,
    action  TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail  TEXT NOT NULL
) STRICT;
