//! OpenAI Chat Completions and the paths beside it.

pub mod error;
pub mod models;
pub mod request;
pub mod response;
mod stop;
pub mod stream;
mod usage;
mod wire;
