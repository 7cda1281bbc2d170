-- What attempts cost, and the prices that this was reckoned by.
CREATE TABLE price (
    id       INTEGER PRIMARY KEY,
    version  TEXT NOT NULL,    -- of the set of prices that it is from
    provider INTEGER NOT NULL REFERENCES name (id),
    model    INTEGER NOT NULL REFERENCES name (id),
    rates    TEXT NOT NULL,    -- US dollars per million, as `torod models show` writes them
    UNIQUE (version, provider, model)
) STRICT;

-- In nano-dollars. Where no price was known, what the price for unknown models comes to, and `price` is NULL.
ALTER TABLE usage ADD COLUMN cost_nanos INTEGER NOT NULL DEFAULT 0;
ALTER TABLE usage ADD COLUMN price INTEGER REFERENCES price (id);
ALTER TABLE usage ADD COLUMN cost_assumed INTEGER NOT NULL DEFAULT 0; -- a rate that the list lacks was taken by rule
