//! The tokenrouter daemon: its rules, its state and its edges.
//!
//! Lower rooms never import higher ones; `tests/architecture.rs` keeps the order, `docs/architecture.md` explains it.

pub mod access;
pub mod admin;
pub mod clock;
pub mod commands;
pub mod config;
pub mod store;
pub mod usage;
