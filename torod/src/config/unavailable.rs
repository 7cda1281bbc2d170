//! Keys of the documented configuration that this version does not read yet: named as such instead of as unknown.

/// Top-level keys and tables.
pub(super) const KEYS: &[&str] = &["conversations", "dedup", "prompt_cache", "tls"];

/// Keys that are read and checked, so that a file can be written for later, but that nothing acts upon yet.
pub(super) const WITHOUT_EFFECT: &[&str] = &["usage.retention_days"];
