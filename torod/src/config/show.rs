//! The effective configuration as text and as JSON: defaults included, secrets as references.
