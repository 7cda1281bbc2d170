//! OpenAI Responses.

pub mod compact;
pub mod error;
mod item;
mod object;
pub mod request;
pub mod response;
pub mod state;
pub mod stream;
mod wire;
