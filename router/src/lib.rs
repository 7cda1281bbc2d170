//! Which LLM provider gets a request, in which protocol, how many tokens it took and what that costs.

pub mod catalog;
pub mod protocol;

pub use protocol::Protocol;
