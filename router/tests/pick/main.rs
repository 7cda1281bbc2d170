//! Who gets a request: choosing among endpoints over many calls, with a clock that the tests turn.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

mod breaker;
mod choosing;
mod course;
mod explaining;
mod homes;
mod many;
mod probing;
