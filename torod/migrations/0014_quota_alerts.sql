-- What providers had left when it was last known, alerts, and messages of alerts that wait to be delivered.

CREATE TABLE quota (
    provider   TEXT NOT NULL,
    credential TEXT NOT NULL,
    -- Tells whether it is still the same key at the same place; no way leads back to the key.
    mark       TEXT NOT NULL,
    at_ms      INTEGER NOT NULL,
    body       TEXT NOT NULL,
    PRIMARY KEY (provider, credential)
) STRICT, WITHOUT ROWID;

CREATE TABLE alert (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    kind            TEXT NOT NULL,
    -- Tells what it is about from everything else of its kind.
    key             TEXT NOT NULL,
    severity        TEXT NOT NULL,
    subject         TEXT NOT NULL,
    message         TEXT NOT NULL,
    advice          TEXT NOT NULL,
    permille        INTEGER,
    resets_ms       INTEGER,
    fired_ms        INTEGER NOT NULL,
    resolved_ms     INTEGER,
    acknowledged_ms INTEGER,
    acknowledged_by TEXT
) STRICT;
CREATE INDEX alert_firing ON alert (kind, key) WHERE resolved_ms IS NULL;
CREATE INDEX alert_resolved ON alert (resolved_ms) WHERE resolved_ms IS NOT NULL;

-- What was told of each thing last, so that nothing is told twice.
CREATE TABLE alert_told (
    kind       TEXT NOT NULL,
    key        TEXT NOT NULL,
    body       TEXT NOT NULL,
    changed_ms INTEGER NOT NULL,
    PRIMARY KEY (kind, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE alert_delivery (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    -- A digest of the webhook's URL.
    webhook    TEXT NOT NULL,
    -- What its receiver knows it by, however often it is sent.
    message_id TEXT NOT NULL,
    body       TEXT NOT NULL,
    made_ms    INTEGER NOT NULL,
    attempts   INTEGER NOT NULL DEFAULT 0,
    next_ms    INTEGER NOT NULL
) STRICT;
