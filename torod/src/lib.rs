//! The tokenrouter daemon: its rules, its state and its edges.

pub mod access;
pub mod admin;
pub mod clock;
pub mod commands;
pub mod store;
pub mod usage;
