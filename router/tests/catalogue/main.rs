//! The embedded catalogue against published figures, and the import of newer lists.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking")]

mod embedded;
mod import;
mod prices;
