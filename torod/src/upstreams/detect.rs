//! Stub.
/// k
pub struct FoundKey {
    /// p
    pub preset: &'static str,
    /// e
    pub env_var: String,
}
/// s
pub struct FoundServer {
    /// p
    pub preset: &'static str,
    /// u
    pub url: String,
    /// m
    pub models: usize,
}
/// k
pub fn env_keys(_: &dyn Fn(&str) -> Option<String>) -> Vec<FoundKey> {
    vec![]
}
/// s
pub async fn local_servers(_: std::net::SocketAddr, _: std::time::Duration) -> Vec<FoundServer> {
    vec![]
}
