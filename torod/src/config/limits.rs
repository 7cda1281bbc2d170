//! `[limits]`: how much torod takes on at once.

use std::time::Duration;

use super::section::Section;

/// How much is taken on at once; what exceeds it is refused with a clear answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Requests in flight.
    pub concurrent: usize,
    /// Streams in flight.
    pub concurrent_streams: usize,
    /// Requests in flight that are no streams; 0: as many as there are requests.
    pub concurrent_non_streams: usize,
    /// Requests in flight to one provider.
    pub concurrent_per_provider: usize,
    /// Connections of clients.
    pub connections: usize,
    /// Connections of one address, or of one IPv6 network of 64 bits. Loopback has no such limit.
    pub connections_per_address: usize,
    /// Requests that wait for a place where there is none; the others are refused at once.
    pub queue: usize,
    /// How long one waits at most.
    pub queue_wait: Duration,
    /// Requests a second, of all tokens together; 0: as many as come.
    pub requests_per_second: u32,
    /// So many of them at once after a pause; 0: those of a second.
    pub burst: u32,
    /// Output tokens that a budget must have room for before a request is let through.
    pub reserved_output: u64,
    /// Largest request body, in bytes.
    pub request_body_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            concurrent: 10_000,
            concurrent_streams: 6_000,
            concurrent_non_streams: 0,
            concurrent_per_provider: 1_000,
            connections: 16_384,
            connections_per_address: 4_096,
            queue: 0,
            queue_wait: Duration::from_secs(1),
            requests_per_second: 0,
            burst: 0,
            reserved_output: 4_096,
            request_body_bytes: 32 << 20,
        }
    }
}

impl Limits {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let mut limits = Self::default();
        section.set_integer("concurrent", 1..1_000_001, &mut limits.concurrent);
        section.set_integer("concurrent_streams", 1..1_000_001, &mut limits.concurrent_streams);
        section.set_integer("concurrent_non_streams", 0..1_000_001, &mut limits.concurrent_non_streams);
        section.set_integer("concurrent_per_provider", 1..1_000_001, &mut limits.concurrent_per_provider);
        section.set_integer("connections", 1..1_000_001, &mut limits.connections);
        section.set_integer("connections_per_address", 1..1_000_001, &mut limits.connections_per_address);
        section.set_integer("queue", 0..100_001, &mut limits.queue);
        let waits = Duration::from_millis(1)..=Duration::from_mins(1);
        section.set_duration("queue_wait", waits, &mut limits.queue_wait);
        section.set_integer("requests_per_second", 0..1_000_001, &mut limits.requests_per_second);
        if let Some(field) = section.take("burst") {
            limits.burst = field.integer(0..1_000_001).and_then(|n| u32::try_from(n).ok()).unwrap_or(limits.burst);
            if limits.burst > 0 && !section.has("requests_per_second") {
                field.doubt(
                    "`burst` has no effect without `requests_per_second`",
                    "add `requests_per_second` or leave it out",
                );
            }
        }
        section.set_integer("reserved_output", 0..1_000_000_001, &mut limits.reserved_output);
        if let Some(bytes) = section.take("request_body").and_then(|field| field.size(1 << 10..=1 << 30)) {
            limits.request_body_bytes = bytes;
        }
        section.finish();
        limits
    }
}
