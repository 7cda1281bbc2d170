//! Conversations from outside: a real daemon with a simulated provider, and what it keeps of what was said.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail by panicking")]
#![expect(unreachable_pub, dead_code, reason = "the modules of one test, of which one belongs to another test too")]

mod commands;
mod forgotten;
mod grouped;
mod kept;
mod large;
mod mishaps;
mod pictures;
mod replay;
mod rig;
mod secrets;
#[path = "../gateway/support.rs"]
mod support;
mod wire;
