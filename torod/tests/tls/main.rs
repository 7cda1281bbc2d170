//! TLS and listeners: where the gateway listens, whose certificate it shows, and how it comes by another one.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail by panicking"
)]
#![expect(unreachable_pub, reason = "the modules of one test")]

mod acme;
mod ca;
mod files;
mod listeners;
mod pebble;
mod protocols;
mod proxied;
mod service;
mod support;
mod trial;
