//! The words that the daemon and its clients both say. Types and their text forms only: no I/O, no clock.

pub mod secret;

pub use secret::Secret;
