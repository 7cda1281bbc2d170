//! Cohere v2 chat.

pub mod error;
pub mod request;
pub mod response;
mod stop;
pub mod stream;
mod usage;
mod wire;
