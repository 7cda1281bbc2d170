//! A Cohere stream, both ways.

mod read;
mod write;

pub use read::Reader;
pub use write::Writer;
