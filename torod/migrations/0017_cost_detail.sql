-- What the price of a row depended on beside its counts: few rows have this, and they alone take room.
CREATE TABLE usage_detail (
    id            INTEGER PRIMARY KEY, -- of the row in usage
    tier          INTEGER NOT NULL, -- of service, as the answer told: 0 standard, 1 batch, 2 flex, 3 priority, 4 fast
    audio_in      INTEGER NOT NULL, -- tokens of sound among the uncached input
    audio_cached  INTEGER NOT NULL, -- and among what a cache answered
    audio_out     INTEGER NOT NULL,
    image_in      INTEGER NOT NULL,
    image_cached  INTEGER NOT NULL,
    image_out     INTEGER NOT NULL,
    images        INTEGER NOT NULL, -- made, where no tokens are counted
    seconds_in    INTEGER NOT NULL,
    seconds_out   INTEGER NOT NULL,
    characters    INTEGER NOT NULL,
    web_searches  INTEGER NOT NULL,
    queries       INTEGER NOT NULL, -- paid for as requests; 0: the request is one
    billed_in     INTEGER,          -- tokens that are paid for instead of those counted
    billed_out    INTEGER,
    told_nanos    INTEGER           -- what the provider itself says that it costs
) STRICT;

-- Usage that another program had written down. Its rows are history: no budget pays for them.
CREATE TABLE usage_import (
    id       INTEGER PRIMARY KEY,
    digest   BLOB NOT NULL UNIQUE, -- SHA-256 of what was read: nothing is imported twice
    source   TEXT NOT NULL,        -- which program wrote it
    at_ms    INTEGER NOT NULL,
    rows     INTEGER NOT NULL,
    from_ms  INTEGER NOT NULL,     -- the time of the first row
    until_ms INTEGER NOT NULL      -- and of the last
) STRICT;

-- Grows when rows were changed that whoever sums them up may have in memory.
ALTER TABLE usage_fold ADD COLUMN edition INTEGER NOT NULL DEFAULT 0;
