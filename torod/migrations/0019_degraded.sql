-- What the providers of degraded rows were not told: only those rows take room for it.
CREATE TABLE usage_degraded (
    id     INTEGER PRIMARY KEY, -- of the row in usage
    fields TEXT NOT NULL        -- as the client was told: names with commas between them, shortened
) STRICT;
