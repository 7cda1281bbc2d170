-- What tokens have used up, so that budgets are counted anew at a start without reading every row.

ALTER TABLE usage ADD COLUMN counted INTEGER NOT NULL DEFAULT 0; -- 1: this row is the one request that its exchange counts as

-- By the token itself, in quarters of an hour by the time in the rows' ids. Written with the rows, in one transaction.
CREATE TABLE spend (
    quarter    INTEGER NOT NULL, -- so many quarters of an hour after 1970
    token_id   INTEGER NOT NULL,
    requests   INTEGER NOT NULL,
    tokens     INTEGER NOT NULL, -- in and out
    cost_nanos INTEGER NOT NULL,
    PRIMARY KEY (quarter, token_id)
) STRICT, WITHOUT ROWID;

-- The same since the token was made.
CREATE TABLE spend_total (
    token_id   INTEGER PRIMARY KEY,
    requests   INTEGER NOT NULL,
    tokens     INTEGER NOT NULL,
    cost_nanos INTEGER NOT NULL
) STRICT;

UPDATE usage SET counted = 1 WHERE id IN (
    SELECT min(id) FROM usage
    WHERE outcome IN (0, 1) OR cost_nanos > 0
        OR input_uncached + cache_read + cache_write_5m + cache_write_1h + output > 0
    GROUP BY exchange_id
);

INSERT INTO spend
    SELECT (id >> 20) / 900000, token_id, sum(counted),
        sum(input_uncached + cache_read + cache_write_5m + cache_write_1h + output), sum(cost_nanos)
    FROM usage WHERE token_id <> 0 GROUP BY 1, 2;

INSERT INTO spend_total
    SELECT token_id, sum(requests), sum(tokens), sum(cost_nanos) FROM spend GROUP BY token_id;
