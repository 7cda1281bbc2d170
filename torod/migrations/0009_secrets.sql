-- Secrets that were given by name, sealed under a key that is not in the database.
CREATE TABLE secret (
    name       TEXT PRIMARY KEY,
    origins    TEXT NOT NULL, -- where it may be sent: https://host[:port], apart by blanks; sealed in as well
    sealed     BLOB NOT NULL, -- the key's id, a nonce, the ciphertext and its tag
    created_ms INTEGER NOT NULL,
    changed_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
