//! Calling a provider: the only part of this library that does I/O.

pub mod answer;
pub mod begun;
pub mod body;
pub mod client;
pub mod endpoint;
pub mod error;
pub mod pool;
mod reader;
pub mod relay;

pub use answer::Answer;
pub use begun::Begun;
pub use body::Pieces;
pub use client::{Client, Timeouts};
pub use endpoint::Endpoint;
pub use error::CallError;
pub use pool::Pool;
pub use relay::{End, Finish, Keepsake, Observer, Relay};
