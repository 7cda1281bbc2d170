-- Until when what goes over the wire for a token is kept, for a day each.
ALTER TABLE token ADD COLUMN inspect_until_ms INTEGER;
