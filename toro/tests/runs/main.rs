//! Runs as people start them: the real binary, a real gateway, and every way that things end.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]
#![expect(clippy::disallowed_methods, reason = "what happens outside of the process is timed by the real clock")]

mod agents;
mod asked;
mod bills;
mod certificates;
mod connect;
mod doors;
mod ends;
mod manual;
mod mishaps;
mod secrets;
mod support;
mod terminal;
mod wraps;
