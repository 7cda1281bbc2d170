//! Calling a provider: the only part of this library that does I/O.

pub mod answer;
pub mod begun;
pub mod body;
pub mod client;
pub mod clock;
mod connect;
pub mod endpoint;
pub mod error;
pub mod guard;
mod judge;
mod lane;
pub mod pool;
mod prepare;
mod reader;
pub mod received;
pub mod relay;
pub mod routing;
mod underway;

pub use answer::{Answer, Failed};
pub use begun::{Begun, NotBegun};
pub use body::Pieces;
pub use client::{Client, Timeouts};
pub use clock::Clock;
pub use endpoint::Endpoint;
pub use error::CallError;
pub use guard::Guard;
pub use pool::Pool;
pub use received::Received;
pub use relay::{End, Finish, Keepsake, Observer, Relay};
pub use routing::{Routing, Status};
