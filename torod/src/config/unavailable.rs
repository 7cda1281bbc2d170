//! Keys of the documented configuration that this version does not read yet: named as such instead of as unknown.

/// Top-level keys and tables.
pub(super) const KEYS: &[&str] = &[
    "active_model_profile",
    "auto",
    "auto_enable_public_free_models",
    "conversations",
    "dedup",
    "model_aliases",
    "prompt_cache",
    "routing",
    "telemetry",
    "tls",
];
