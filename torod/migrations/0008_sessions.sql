-- Logins of people in a browser. The cookie's value is nowhere; neither is the token's key.
CREATE TABLE session (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    public_id    TEXT NOT NULL UNIQUE,
    digest       BLOB NOT NULL UNIQUE, -- SHA-256 of the cookie's value
    token_id     INTEGER NOT NULL REFERENCES token (id) ON DELETE CASCADE,
    token_digest BLOB NOT NULL,        -- of the key that was shown at login: another key, another login
    created_ms   INTEGER NOT NULL,
    expires_ms   INTEGER NOT NULL,     -- whatever happens
    seen_ms      INTEGER NOT NULL,     -- the last request, to the minute
    address      TEXT,                 -- of the browser at login
    agent        TEXT                  -- what the browser calls itself, shortened
) STRICT;

CREATE INDEX session_token ON session (token_id);
