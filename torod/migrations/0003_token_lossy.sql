-- What becomes of a token's requests that cannot be told to a provider without loss; NULL: as torod.toml says.
ALTER TABLE token ADD COLUMN lossy TEXT CHECK (lossy IN ('warn', 'reject'));
