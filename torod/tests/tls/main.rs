//! TLS and listeners: where the gateway listens, whose certificate it shows, and how it comes by another one.

#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod acme;
mod ca;
mod files;
mod listeners;
mod pebble;
mod protocols;
mod proxied;
mod service;
mod support;
