//! The tokenrouter daemon: its rules, its state and its edges.
//!
//! Lower rooms never import higher ones; `tests/architecture.rs` keeps the order, `docs/architecture.md` explains it.

pub mod access;
pub mod admin;
pub mod alerts;
pub mod app;
pub mod backup;
pub mod calendar;
pub mod cli;
pub mod clock;
pub mod commands;
pub mod config;
pub mod conversations;
pub mod daemon;
pub mod gateway;
pub mod http;
pub mod import;
pub mod lifecycle;
pub mod memory;
pub mod problem;
pub mod reload;
pub mod reports;
pub mod rolling;
pub mod server;
pub mod store;
pub mod telemetry;
pub mod tls;
pub mod upstreams;
pub mod usage;
