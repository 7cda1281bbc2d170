//! OpenAI Chat Completions and the paths beside it.

pub(crate) mod error;
pub mod models;
