//! Cohere v2 chat.

pub(crate) mod error;
