//! Sockets in: binding, accepting, and serving connections. Knows no route.

pub mod accept;
pub mod activation;
pub mod bind;
pub mod connection;
pub mod crowd;
pub mod descriptors;
pub mod front;
pub mod misread;
pub mod patient;
pub mod proxied;
pub mod wire;
