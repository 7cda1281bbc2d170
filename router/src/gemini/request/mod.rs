//! A Gemini request, into the neutral conversation and out of it.

mod out;
mod read;
mod schema;
mod turns;
mod write;

pub(super) use out::{CallOut, ContentOut, PartOut};
pub use read::read;
pub(super) use read::read_part;
pub use write::write;
