-- What tokens have used up by themselves, in stretches of three hours: a month is counted at a start without reading
-- three thousand quarters of an hour. Written with the rows, as `spend` is.
CREATE TABLE spend_span (
    span       INTEGER NOT NULL, -- so many times three hours after 1970
    token_id   INTEGER NOT NULL,
    requests   INTEGER NOT NULL,
    tokens     INTEGER NOT NULL, -- in and out
    cost_nanos INTEGER NOT NULL,
    PRIMARY KEY (span, token_id)
) STRICT, WITHOUT ROWID;

INSERT INTO spend_span
    SELECT quarter / 12, token_id, sum(requests), sum(tokens), sum(cost_nanos) FROM spend GROUP BY 1, 2;
