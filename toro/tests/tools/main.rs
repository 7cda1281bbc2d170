//! What a gateway is asked beside runs: the real binary against a real gateway, and against what is none.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail by panicking")]
#![expect(clippy::disallowed_methods, reason = "what happens outside of the process is timed by the real clock")]

mod chat;
mod doctor;
mod examples;
mod hostile;
mod reports;
mod setup;
mod site;
#[path = "../runs/support.rs"]
#[expect(dead_code, reason = "runs need more of it")]
mod support;
mod tokens;
