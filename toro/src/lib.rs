//! `toro`: starts coding agents against a tokenrouter gateway, each under a token of its own that ends with it.
//!
//! A run: `cli` cuts what was typed at the agent's name; `agents` says what that agent needs; `run` makes the token
//! (`client`), starts the agent, keeps the token alive while it works, takes it back, and says what it cost.

pub mod agents;
pub mod cli;
pub mod client;
pub mod clock;
pub mod commands;
pub mod exit;
pub mod printer;
pub mod profile;
pub mod run;
pub mod setup;
pub mod talk;
