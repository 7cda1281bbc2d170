//! A Responses stream, both ways.

mod event;
mod read;
mod write;

pub use read::Reader;
pub use write::Writer;
