//! Calling a provider: the only part of this library that does I/O.

pub mod body;
pub mod client;
pub mod error;
mod reader;
pub mod relay;

pub use body::Pieces;
pub use client::{Client, Timeouts};
pub use error::CallError;
pub use relay::{End, Finish, Keepsake, Observer, Relay};
