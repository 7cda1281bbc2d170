//! What each fuzz target does with its bytes, as plain functions: libFuzzer calls them, and so does `tests/fuzz`,
//! which replays the corpus on the stable toolchain.
//!
//! A target asserts more than the absence of panics: what is written is JSON of bounded size, our own readers read
//! it again, and how a stream was cut into pieces changes nothing.

pub mod answer;
pub mod auto;
pub mod case;
pub mod envelope;
pub mod error;
pub mod kept;
pub mod legal;
pub mod models;
pub mod peek;
pub mod refusal;
pub mod request;
pub mod splice;
pub mod sse;
pub mod stream;
pub mod usage;
