-- Conversations, in a file of their own: what was said, and never what is billed.
CREATE TABLE conversation (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    token_id       INTEGER NOT NULL,     -- 0: no key, on this machine
    token          TEXT,                 -- the token's public id
    token_name     TEXT NOT NULL,        -- as it was
    agent          TEXT,
    session        TEXT,                 -- the agent's own id
    parent_session TEXT,
    title          TEXT NOT NULL DEFAULT '',
    started_ms     INTEGER NOT NULL,
    last_ms        INTEGER NOT NULL,
    exchanges      INTEGER NOT NULL DEFAULT 0,
    internal       INTEGER NOT NULL DEFAULT 0,
    input          INTEGER NOT NULL DEFAULT 0,
    output         INTEGER NOT NULL DEFAULT 0,
    cost_nanos     INTEGER NOT NULL DEFAULT 0,
    bytes          INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX conversation_last ON conversation (last_ms, id);
CREATE INDEX conversation_session ON conversation (token_id, session, id) WHERE session IS NOT NULL;

CREATE TABLE exchange (
    id                INTEGER PRIMARY KEY,   -- the exchange's id: time-ordered
    conversation_id   INTEGER NOT NULL REFERENCES conversation (id),
    parent_id         INTEGER,               -- the exchange whose answer it goes on from
    given_id          TEXT,                  -- the client's own id of the request
    internal          TEXT,
    started_ms        INTEGER NOT NULL,
    total_us          INTEGER NOT NULL,
    first_byte_us     INTEGER NOT NULL,
    surface           TEXT NOT NULL,
    client_protocol   TEXT NOT NULL,
    upstream_protocol TEXT NOT NULL,
    path              TEXT NOT NULL,         -- what Gemini's clients say in the path
    model_asked       TEXT NOT NULL,
    model             TEXT NOT NULL,
    provider          TEXT NOT NULL,
    status            INTEGER NOT NULL,
    outcome           TEXT NOT NULL,
    stream            INTEGER NOT NULL,
    attempts          INTEGER NOT NULL,
    input_uncached    INTEGER NOT NULL,
    cache_read        INTEGER NOT NULL,
    cache_write       INTEGER NOT NULL,
    output            INTEGER NOT NULL,
    reasoning         INTEGER NOT NULL,
    estimated         INTEGER NOT NULL,
    cost_nanos        INTEGER NOT NULL,
    error             TEXT,
    cut               INTEGER NOT NULL,      -- 1: the request, 2: the answer, 3: both
    messages          INTEGER NOT NULL,
    new_from          INTEGER NOT NULL,      -- the messages before this one were in the conversation already
    chain             BLOB,                  -- of the request's messages
    answer_chain      BLOB,                  -- the same with the answer
    answer_id         TEXT,                  -- by which later requests name the answer
    request           BLOB NOT NULL,         -- of which pieces it is made
    answer            BLOB NOT NULL,
    words             BLOB NOT NULL          -- what people read of it, packed
) STRICT;
CREATE INDEX exchange_conversation ON exchange (conversation_id, id);
CREATE INDEX exchange_parent ON exchange (parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX exchange_chain ON exchange (chain) WHERE chain IS NOT NULL;
CREATE INDEX exchange_answer_chain ON exchange (answer_chain) WHERE answer_chain IS NOT NULL;
CREATE INDEX exchange_answer_id ON exchange (answer_id) WHERE answer_id IS NOT NULL;
CREATE INDEX exchange_given_id ON exchange (given_id) WHERE given_id IS NOT NULL;

-- What requests are made of, each once: a message that comes again with every turn, an image, a tool's description.
CREATE TABLE piece (
    id     INTEGER PRIMARY KEY,
    digest BLOB NOT NULL UNIQUE,
    body   BLOB NOT NULL                     -- packed
) STRICT;
CREATE TABLE piece_use (
    conversation_id INTEGER NOT NULL,
    piece_id        INTEGER NOT NULL,
    PRIMARY KEY (conversation_id, piece_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX piece_use_piece ON piece_use (piece_id);

-- Full text. The words stand packed in `exchange`; the index holds no second copy of them.
CREATE VIEW readable AS SELECT id, unpacked(words) AS words FROM exchange;
CREATE VIRTUAL TABLE said USING fts5 (
    words, content = 'readable', content_rowid = 'id', tokenize = "unicode61 remove_diacritics 2"
);
-- What is removed leaves no words behind in the index.
INSERT INTO said (said, rank) VALUES ('secure-delete', 1);

-- The four stages of a request on the wire, for tokens that are inspected.
CREATE TABLE stage (
    id          INTEGER PRIMARY KEY,
    exchange_id INTEGER NOT NULL,
    given_id    TEXT,
    token_id    INTEGER NOT NULL,
    at_ms       INTEGER NOT NULL,
    attempt     INTEGER NOT NULL,            -- 0: the client's side
    stage       INTEGER NOT NULL,            -- 0 client in, 1 upstream out, 2 upstream in, 3 client out
    head        TEXT NOT NULL,
    body        BLOB NOT NULL,               -- packed
    size        INTEGER NOT NULL,            -- of the whole body, in bytes
    note        TEXT NOT NULL
) STRICT;
CREATE INDEX stage_exchange ON stage (exchange_id);
CREATE INDEX stage_given ON stage (given_id) WHERE given_id IS NOT NULL;
CREATE INDEX stage_token ON stage (token_id, id);
CREATE INDEX stage_at ON stage (at_ms);
