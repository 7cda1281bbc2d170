//! What each fuzz target does with its bytes, as plain functions: libFuzzer calls them, and so does `torod/tests/fuzz`,
//! which replays the corpus on the stable toolchain.
//!
//! A target asserts more than the absence of panics: who is let in, what goes on to a provider, what reads again.

pub mod config;
pub mod headers;
pub mod query;
pub mod token;
