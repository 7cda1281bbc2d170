-- The last lines of the log. Numbers only ever grow, also when lines are taken away, so that whoever follows misses none.
CREATE TABLE log (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    at_ms      INTEGER NOT NULL,
    level      INTEGER NOT NULL,     -- 0 error, 1 warn, 2 info, 3 debug, 4 trace
    target     TEXT NOT NULL,
    message    TEXT NOT NULL,
    fields     TEXT,                 -- a JSON object
    request_id TEXT
) STRICT;
