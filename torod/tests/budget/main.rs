//! Budgets, rates and rights from outside: a real daemon, a simulated provider behind it, tokens of three levels.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail by panicking")]
#![expect(unreachable_pub, dead_code, reason = "the modules of one test, of which one belongs to another test too")]

mod asides;
mod auto;
mod hangups;
mod killed;
mod race;
mod rates;
mod rig;
mod rights;
mod started;
#[path = "../gateway/support.rs"]
mod support;
mod swept;
mod told;
mod trees;
mod wall;
