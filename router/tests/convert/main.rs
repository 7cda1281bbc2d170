//! Requests and answers across protocols, by the rows of the conversion matrix.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test may fail by panicking")]
#![expect(unreachable_pub, reason = "the modules of one test")]

mod answers;
mod ends;
mod hostile;
mod identity;
mod inside;
mod matrix;
mod quirks;
mod requests;
mod responses;
mod rows;
mod sequence;
mod state;
mod support;
mod talk;
mod vanish;
