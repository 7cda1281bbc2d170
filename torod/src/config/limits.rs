//! `[limits]`: how much torod takes on at once.

use super::section::Section;

/// How much is taken on at once; what exceeds it is refused with a clear answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Requests in flight.
    pub concurrent: usize,
    /// Streams in flight.
    pub concurrent_streams: usize,
    /// Requests in flight to one provider.
    pub concurrent_per_provider: usize,
    /// Connections of clients.
    pub connections: usize,
    /// Connections of one address, or of one IPv6 network of 64 bits. Loopback has no such limit.
    pub connections_per_address: usize,
    /// Largest request body, in bytes.
    pub request_body_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            concurrent: 10_000,
            concurrent_streams: 6_000,
            concurrent_per_provider: 1_000,
            connections: 16_384,
            connections_per_address: 4_096,
            request_body_bytes: 32 << 20,
        }
    }
}

impl Limits {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let mut limits = Self::default();
        section.set_integer("concurrent", 1..1_000_001, &mut limits.concurrent);
        section.set_integer("concurrent_streams", 1..1_000_001, &mut limits.concurrent_streams);
        section.set_integer("concurrent_per_provider", 1..1_000_001, &mut limits.concurrent_per_provider);
        section.set_integer("connections", 1..1_000_001, &mut limits.connections);
        section.set_integer("connections_per_address", 1..1_000_001, &mut limits.connections_per_address);
        if let Some(bytes) = section.take("request_body").and_then(|field| field.size(1 << 10..=1 << 30)) {
            limits.request_body_bytes = bytes;
        }
        section.finish();
        limits
    }
}
