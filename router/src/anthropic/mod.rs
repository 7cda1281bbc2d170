//! Anthropic Messages.

pub(crate) mod error;
