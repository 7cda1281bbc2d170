//! Stub
use crate::upstreams::detect::{FoundKey, FoundServer};
/// d
pub struct Detected {
    /// k
    pub keys: Vec<FoundKey>,
    /// s
    pub servers: Vec<FoundServer>,
}
/// f
pub fn first_run(_: &Detected) -> String {
    "auto_detect_local_servers = false\n".into()
}
