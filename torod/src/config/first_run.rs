//! The first `torod.toml`: every key commented with its meaning, and the providers whose keys were found.
