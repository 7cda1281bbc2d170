//! The other side: the providers as the gateway calls them, and what is known of them.

pub mod asked;
pub mod calibration;
pub mod catalogue;
pub mod condition;
pub mod decisions;
pub mod detect;
pub mod discovery;
pub mod endpoints;
pub mod explain;
pub mod fetch;
pub mod fitting;
pub mod health;
pub mod local;
pub mod looks;
pub mod misses;
pub mod model_list;
pub mod native;
pub mod probe;
pub mod provider;
pub mod snapshot;
pub mod speech;
pub mod standing;
pub mod trial;
pub mod unserved;
