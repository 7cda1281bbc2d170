-- How much is kept, counted as it comes and goes: a sum over all conversations would be one more reading of all of them each time.
CREATE TABLE kept (
    id        INTEGER PRIMARY KEY CHECK (id = 1),
    exchanges INTEGER NOT NULL
) STRICT;
INSERT INTO kept (id, exchanges) SELECT 1, coalesce(sum(exchanges), 0) FROM conversation;
