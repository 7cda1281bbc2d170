-- What a token may use up, what people sort it by, who made and who changed it; tokens that were removed; and an audit
-- trail that says what was there before and cannot be rewritten.

ALTER TABLE token ADD COLUMN limits TEXT NOT NULL DEFAULT '{}';     -- JSON of shared::Limits
ALTER TABLE token ADD COLUMN labels TEXT NOT NULL DEFAULT '{}';     -- JSON object of texts
ALTER TABLE token ADD COLUMN capture INTEGER NOT NULL DEFAULT 1;    -- 0: its conversations are never kept
ALTER TABLE token ADD COLUMN version INTEGER NOT NULL DEFAULT 1;    -- grows with every change
ALTER TABLE token ADD COLUMN created_by TEXT;                       -- `local owner` or a token's public id
ALTER TABLE token ADD COLUMN last_used_from TEXT;                   -- an address without a port
ALTER TABLE token ADD COLUMN old_digest BLOB;                       -- of the key before the last rotation
ALTER TABLE token ADD COLUMN old_until_ms INTEGER;                  -- until when that one opens too
ALTER TABLE token ADD COLUMN ends_ms INTEGER;                       -- when it ends, by itself or with one above it
ALTER TABLE token ADD COLUMN revoked_with INTEGER;                  -- the token above it that it was revoked with
-- Until now no token could be made that outlives the one above it, nor be changed.
UPDATE token SET ends_ms = expires_ms;

CREATE INDEX token_name ON token (name);

-- Tokens that are gone. Usage rows keep their numbers: reports name them, and tokens above them still pay for them.
CREATE TABLE token_removed (
    id         INTEGER PRIMARY KEY,
    public_id  TEXT NOT NULL UNIQUE,
    name       TEXT NOT NULL,
    parent_id  INTEGER,
    removed_ms INTEGER NOT NULL
) STRICT;

CREATE INDEX token_removed_parent ON token_removed (parent_id) WHERE parent_id IS NOT NULL;

-- The fields that changed, as JSON; NULL where there was nothing, or there is nothing any more.
ALTER TABLE audit ADD COLUMN before TEXT;
ALTER TABLE audit ADD COLUMN after TEXT;

CREATE INDEX audit_subject ON audit (subject);

CREATE TRIGGER audit_stays BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit trail is only ever added to');
END;

CREATE TRIGGER audit_keeps BEFORE DELETE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit trail is only ever added to');
END;

-- REPLACE deletes without a word to triggers on DELETE.
CREATE TRIGGER audit_holds BEFORE INSERT ON audit WHEN EXISTS (SELECT 1 FROM audit WHERE id = NEW.id)
BEGIN
    SELECT RAISE(ABORT, 'the audit trail is only ever added to');
END;
