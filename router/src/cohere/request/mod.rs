//! A Cohere request, into the neutral conversation and out of it.

mod out;
mod read;
mod tools;
mod turns;
mod write;

pub use read::read;
pub(super) use read::{call_of, one_of, parts_of};
pub use write::write;
