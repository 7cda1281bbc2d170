//! The other side: the providers as the gateway calls them, and what is known of them.

pub mod calibration;
pub mod decisions;
pub mod detect;
pub mod discovery;
pub mod endpoints;
pub mod health;
pub mod provider;
pub mod snapshot;
