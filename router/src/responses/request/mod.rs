//! A Responses request, into the neutral conversation and out of it.

pub(super) mod items;
mod out;
mod read;
mod tools;
mod turns;
mod write;

pub use read::read;
pub use write::write;
