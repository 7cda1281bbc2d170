//! An Anthropic Messages request, into the neutral conversation and out of it.

pub(super) mod blocks;
mod read;
mod schema;
mod settings;
mod tools;
mod turns;
mod write;

pub use read::{read, read_count};
pub use write::write;
