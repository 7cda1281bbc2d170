-- Failures by kind, so that the last one of each is found at once: only rows that failed take room in it.
CREATE INDEX usage_failed ON usage (outcome, error_class, provider, status) WHERE outcome <> 0;
