//! Keys of the documented configuration that this version does not read yet: named as such instead of as unknown.

/// Top-level keys and tables.
pub(super) const KEYS: &[&str] = &["dedup", "prompt_cache"];
