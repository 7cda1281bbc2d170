-- Who did it and to what, by the names that they had then; NULL: not a token, or an entry from before.
ALTER TABLE audit ADD COLUMN actor_name TEXT;
ALTER TABLE audit ADD COLUMN subject_name TEXT;

CREATE INDEX audit_actor ON audit (actor);

-- Changes of torod.toml that were begun. The file stands in no transaction with the trail: whatever is found here at a
-- start was broken off, and becomes an entry unless the file is still at that version.
CREATE TABLE audit_begun (
    id      INTEGER PRIMARY KEY,
    at_ms   INTEGER NOT NULL,
    actor   TEXT NOT NULL,
    action  TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail  TEXT NOT NULL,
    version TEXT NOT NULL -- of the file before the change
) STRICT;

-- Since when nothing is left of one of its budgets for life, where that was seen: a start does not begin to count anew.
ALTER TABLE token ADD COLUMN used_up_ms INTEGER;

CREATE INDEX token_used_up ON token (used_up_ms) WHERE used_up_ms IS NOT NULL;
