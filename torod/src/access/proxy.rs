//! Headers by which a reverse proxy, a CDN or a mesh speaks of the client behind it.
//!
//! One of them means that a request does not come from this machine, however the socket looks; and none goes to a
//! provider, who is not to learn where a client sits or who the proxy says it is.

/// What the names begin with.
const STARTS: [&str; 16] = [
    "cdn-",
    "cf-",
    "client-ip",
    "fastly-",
    "fly-",
    "forwarded",
    "tailscale-",
    "true-client-ip",
    "x-appengine-",
    "x-arr-",
    "x-azure-",
    "x-cluster-client-ip",
    "x-envoy-",
    "x-forwarded",
    "x-original-",
    "x-proxyuser-",
];
/// Whole names.
const NAMES: [&str; 5] = ["via", "x-client-ip", "x-real-ip", "x-remote-ip", "x-rewrite-url"];

/// Whether the header `name`, in lower case, is a proxy's.
pub fn is_proxy_header(name: &str) -> bool {
    NAMES.contains(&name) || STARTS.iter().any(|start| name.starts_with(start))
}
