//! The handles that a request may reach.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use tokenrouter::envelope::Sealer;
use tokio::sync::Semaphore;

use crate::access::index::TokenIndex;
use crate::access::rate::Pace;
use crate::access::throttle::Throttle;
use crate::alerts::Alerts;
use crate::clock::Clock;
use crate::conversations::Conversations;
use crate::lifecycle::{Gauge, Lifecycle};
use crate::memory::Memory;
use crate::reload::Reload;
use crate::telemetry::lines::Lines;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::otel::Counts;
use crate::telemetry::trace::Tracer;
use crate::upstreams::decisions::Decisions;
use crate::upstreams::snapshot::Live;
use crate::usage::{Recorder, Sequence, UsageWriter};

/// What the hot path needs, built once by the daemon.
pub struct App {
    /// The time.
    pub clock: Clock,
    /// Ids of exchanges and attempts.
    pub ids: Arc<Sequence>,
    /// Who may come in.
    pub tokens: Arc<TokenIndex>,
    /// Providers and settings.
    pub live: Arc<Live>,
    /// Where finished attempts go.
    pub recorder: Recorder,
    /// How many requests that nobody was called for become rows.
    pub declined: Throttle,
    /// How the usage writer stands.
    pub usage: Arc<UsageWriter>,
    /// The last decisions about who got a request.
    pub decisions: Arc<Decisions>,
    /// What is under way, and whether the daemon stops.
    pub lifecycle: Lifecycle,
    /// How fast requests may come in.
    pub pace: Pace,
    /// Streams under way.
    pub streams: Arc<Gauge>,
    /// Requests that wait for a place.
    pub queue: Arc<Gauge>,
    /// Requests under way that are no streams, where these are limited.
    pub non_streams: Arc<Gauge>,
    /// Seals the state of one vendor for the way through clients of another protocol.
    pub sealer: Sealer,
    /// Answers that later requests continue, and state that clients cannot carry.
    pub memory: Arc<Memory>,
    /// Where conversations are kept, if they are.
    pub conversations: Arc<Conversations>,
    /// Turns for unpacking compressed bodies, which costs memory and time.
    pub unpacking: Semaphore,
    /// Whether each request gets a line in the log.
    pub log_requests: Arc<AtomicBool>,
    /// What somebody should know.
    pub alerts: Arc<Alerts>,
    /// The configuration in force.
    pub reload: Arc<Reload>,
    /// What is counted for Prometheus; none where nobody wants it.
    pub metrics: Option<Arc<Metrics>>,
    /// Begins traces; none where there is no collector.
    pub tracer: Option<Arc<Tracer>>,
    /// How much the collector took.
    pub exports: Option<Arc<Counts>>,
    /// Lines of the log on their way into the database, once somebody keeps them.
    pub lines: Arc<OnceLock<Arc<Lines>>>,
    /// When the daemon started, in Unix milliseconds.
    pub started_ms: i64,
}

impl App {
    /// Whether each request gets a line in the log.
    pub fn logs_requests(&self) -> bool {
        self.log_requests.load(Ordering::Relaxed)
    }
}
