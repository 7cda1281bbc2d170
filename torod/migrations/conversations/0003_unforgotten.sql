-- Whether the index of words may still hold some of what was removed; it forgets them in small steps afterwards.
ALTER TABLE kept ADD COLUMN unforgotten INTEGER NOT NULL DEFAULT 0;
