-- What an attempt came from and through: a row points to one row of `origin` instead of carrying texts.

-- Labels of a token, with those of the tokens above it, as they were when the request was made.
CREATE TABLE label_set (
    id   INTEGER PRIMARY KEY,
    text TEXT NOT NULL UNIQUE -- a JSON object of texts, sorted by name
) STRICT;

-- Where requests came from. Most clients have one for all of their requests.
CREATE TABLE origin (
    id         INTEGER PRIMARY KEY,
    address    INTEGER NOT NULL, -- number in `name` of an address without a port; 0: none
    user_agent INTEGER NOT NULL, -- number in `name`; 0: none
    labels     INTEGER NOT NULL, -- number in `label_set`; 0: none
    UNIQUE (address, user_agent, labels)
) STRICT;

ALTER TABLE usage ADD COLUMN credential INTEGER;                       -- number in `name`: the label of the provider's key
ALTER TABLE usage ADD COLUMN origin INTEGER;                           -- NULL: not known, in rows from before
ALTER TABLE usage ADD COLUMN is_first INTEGER;                         -- 1: the first attempt of its exchange; NULL: take `counted`
ALTER TABLE usage ADD COLUMN error_class INTEGER NOT NULL DEFAULT 0;   -- 0: none; numbers in usage/record.rs
ALTER TABLE usage ADD COLUMN degraded INTEGER NOT NULL DEFAULT 0;      -- fields of the request that the provider was not told
ALTER TABLE usage ADD COLUMN savings_nanos INTEGER NOT NULL DEFAULT 0; -- what the prompt cache saved; negative: what it cost more
ALTER TABLE usage ADD COLUMN generation_us INTEGER NOT NULL DEFAULT 0; -- by the provider's own clock; 0: it did not say
ALTER TABLE usage ADD COLUMN prompt_us INTEGER NOT NULL DEFAULT 0;     -- the same for reading the input
-- The round of summing up that the row is part of: rows of the round that `usage_fold` names are in no chunk yet. NULL: in
-- rows from before.
ALTER TABLE usage ADD COLUMN round INTEGER;

-- Attempts that did not end well, so that whoever looks for the reason need not read the others.
CREATE TABLE usage_failure (
    id INTEGER PRIMARY KEY -- of the row in `usage`
) STRICT;

-- Usage summed up, chunk by chunk: in the lowest tier by stretches of five minutes, then by hours, then by days. A chunk of a
-- higher tier sums up some that follow one another in the one below, so that rows which come late are simply in the next
-- chunk. store/history tells how they are read.
CREATE TABLE usage_sum (
    id          INTEGER PRIMARY KEY, -- lane and tier << 40, and the number there
    first_ms    INTEGER NOT NULL,    -- when its first stretch begins, in milliseconds since 1970
    last_ms     INTEGER NOT NULL,    -- when its last one begins
    from_child  INTEGER NOT NULL,    -- what it sums up: numbers in the tier below
    until_child INTEGER NOT NULL,
    attempts    INTEGER NOT NULL,
    totals      BLOB NOT NULL,       -- sums of everything, by stretch
    named       BLOB,                -- hashes of the ids that clients gave their requests, ascending
    data        BLOB NOT NULL        -- sums by stretch and all dimensions, column by column
) STRICT;

-- How far that is. One row.
CREATE TABLE usage_fold (
    id           INTEGER PRIMARY KEY CHECK (id = 1),
    round        INTEGER NOT NULL, -- of the rows that are in no chunk yet
    oldest_id    INTEGER NOT NULL, -- none of these has a smaller id
    old_done_id  INTEGER NOT NULL, -- rows from before: up to this id they are in chunks
    old_until_id INTEGER NOT NULL, -- the last of them
    gone_ms      INTEGER NOT NULL  -- rows from before this time were deleted
) STRICT;

INSERT INTO usage_fold VALUES (1, 1, 9223372036854775807, 0, (SELECT coalesce(max(id), 0) FROM usage), 0);
