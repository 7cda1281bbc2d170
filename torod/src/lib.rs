//! The daemon of tokenrouter: configuration, commands and what it finds on this machine.

pub mod config;
