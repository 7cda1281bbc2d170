//! `torod provider` and the wizard as processes: what they print, write, refuse and never tell.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test may fail by panicking")]

mod add;
mod bad_input;
mod change;
mod login;
mod screen;
mod site;
mod wizard;

#[path = "../token_server/mod.rs"]
#[expect(dead_code, unreachable_pub, reason = "the tests of routing use all of it")]
mod token_server;
