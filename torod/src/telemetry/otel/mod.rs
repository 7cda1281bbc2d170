//! OpenTelemetry: traces and metrics by OTLP over HTTP, with the project's own message types and our own connections. None of it
//! exists unless there is a collector; whatever that does, no request notices.

pub mod inbox;
mod points;
mod say;
pub mod send;
pub mod settings;
mod spans;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use opentelemetry_proto::tonic::resource::v1::Resource;
use tokio::time::Instant;

use self::inbox::{Inbox, Item};
use self::points::Points;
use self::send::{Sender, Sent, Signal};
pub use self::settings::Settings;
use self::spans::{BATCH, Spans};
use super::metrics::Known;
use super::trace::Tracer;
use crate::access::{NoRandomness, Random};
use crate::clock::Clock;
use crate::config::{Egress, Telemetry};
use crate::lifecycle::Lifecycle;
use crate::upstreams::snapshot::Live;
use crate::usage::UsageWriter;

/// How long the last batches may take when everything ends.
const FAREWELL: Duration = Duration::from_secs(3);

/// How much was exported, for whoever wants to know.
#[derive(Debug, Default)]
pub struct Counts {
    sent: [AtomicU64; 2],
    lost: [AtomicU64; 2],
}

impl Counts {
    /// How many spans or points the collector took, and how many never reached it.
    pub fn of(&self, signal: Signal) -> (u64, u64) {
        let [sent, lost] = [&self.sent, &self.lost].map(|counts| Self::at(counts, signal).load(Ordering::Relaxed));
        (sent, lost)
    }

    const fn at([traces, metrics]: &[AtomicU64; 2], signal: Signal) -> &AtomicU64 {
        match signal {
            Signal::Traces => traces,
            Signal::Metrics => metrics,
        }
    }

    fn add(&self, signal: Signal, sent: u64, lost: u64) {
        Self::at(&self.sent, signal).fetch_add(sent, Ordering::Relaxed);
        Self::at(&self.lost, signal).fetch_add(lost, Ordering::Relaxed);
    }
}

/// What an exporter is made of.
#[derive(Debug)]
pub struct Parts<'a> {
    /// What the operator says of traces.
    pub config: &'a Telemetry,
    /// Where it may connect to.
    pub egress: &'a Egress,
    /// Knows providers and models.
    pub live: &'a Arc<Live>,
    /// Tells of rows.
    pub usage: &'a UsageWriter,
    /// The time.
    pub clock: &'a Clock,
    /// Chance.
    pub random: Random,
}

/// An exporter that is to be run.
pub struct Exporter {
    /// Begins traces.
    pub tracer: Arc<Tracer>,
    /// How much was exported.
    pub counts: Arc<Counts>,
    settings: Settings,
    sender: Arc<Sender>,
    inbox: Arc<Inbox>,
    points: Points,
    spans: Spans,
    resource: Resource,
    clock: Clock,
    /// Whether it was told that the collector takes nothing.
    is_told: bool,
    dropped: u64,
}

type Sending = Pin<Box<dyn Future<Output = Sent> + Send>>;

impl Exporter {
    /// Begins to listen.
    pub fn new(settings: Settings, parts: Parts<'_>) -> Result<Self, NoRandomness> {
        let Parts { config, egress, live, usage, clock, random } = parts;
        let mut seed = [[0; 8]; 4];
        for part in &mut seed {
            random(part)?;
        }
        let [one, two, three, four] = seed.map(u64::from_ne_bytes);
        let inbox = Inbox::new();
        usage.listen(inbox.feed());
        let tracer = Tracer::new(config.trace_permille, config.forward_trace, [one, two], Arc::clone(&inbox));
        let instance = format!("{three:016x}{four:016x}");
        let sender = Sender::new(&settings.headers, settings.timeout, settings.gzip, egress, random);
        Ok(Self {
            tracer: Arc::new(tracer),
            counts: Arc::default(),
            resource: say::resource(&settings, &instance),
            settings,
            sender: Arc::new(sender),
            inbox,
            points: Points::new(Known::new(Arc::clone(live)), clock.now_ms()),
            spans: Spans::default(),
            clock: clock.clone(),
            is_told: false,
            dropped: 0,
        })
    }

    /// Exports until everything ends. What comes in is taken in while a slow collector is waited for.
    pub async fn run(mut self, lifecycle: Lifecycle) {
        let (mut spans_at, mut metrics_at) =
            (self.after(self.settings.spans_every), self.after(self.settings.metrics_every));
        let mut sending: Option<Sending> = None;
        loop {
            let is_due = |at: Instant| async move { tokio::time::sleep_until(at).await };
            let is_idle = sending.is_none();
            tokio::select! {
                () = self.inbox.came() => self.take_in(),
                sent = async { match sending.as_mut() {
                    Some(sending) => sending.await,
                    None => std::future::pending().await,
                } } => {
                    sending = None;
                    self.tell(sent);
                }
                () = is_due(spans_at), if is_idle && self.spans.ready() > 0 => {
                    sending = self.next_spans();
                    spans_at = self.after(self.settings.spans_every);
                }
                () = is_due(metrics_at), if is_idle => {
                    sending = self.next_metrics();
                    metrics_at = self.after(self.settings.metrics_every);
                }
                () = lifecycle.hard_stop() => break,
            }
            if sending.is_none() && self.spans.ready() >= BATCH {
                sending = self.next_spans();
            }
        }
        // What the last requests left, if the collector is quick.
        _ = tokio::time::timeout(FAREWELL, self.farewell(sending)).await;
    }

    async fn farewell(&mut self, sending: Option<Sending>) {
        if let Some(sending) = sending {
            let sent = sending.await;
            self.tell(sent);
        }
        self.take_in();
        while let Some(sending) = self.next_spans() {
            let sent = sending.await;
            self.tell(sent);
        }
        if let Some(sending) = self.next_metrics() {
            let sent = sending.await;
            self.tell(sent);
        }
    }

    fn after(&self, time: Duration) -> Instant {
        Instant::from_std(self.clock.instant() + time)
    }

    fn take_in(&mut self) {
        let live = self.points.look();
        while let Some(item) = self.inbox.pop() {
            match item {
                Item::Attempt(record) => {
                    if self.settings.metrics.is_some() {
                        self.points.add(&live, &record);
                    }
                    if self.settings.traces.is_some() {
                        self.spans.attempt(&live, &self.tracer, &record);
                    }
                }
                Item::End(end) if self.settings.traces.is_some() => self.spans.end(&live, &self.tracer, end),
                Item::End(_) => {}
            }
        }
        let dropped = self.inbox.dropped();
        self.counts.add(Signal::Traces, 0, dropped - self.dropped + std::mem::take(&mut self.spans.lost));
        self.dropped = dropped;
    }

    fn next_spans(&mut self) -> Option<Sending> {
        let url = self.settings.traces.clone().filter(|_| self.spans.ready() > 0)?;
        let (request, count) = self.spans.take(&self.resource);
        let sender = Arc::clone(&self.sender);
        Some(Box::pin(async move { sender.send(Signal::Traces, &url, request, count).await }))
    }

    fn next_metrics(&mut self) -> Option<Sending> {
        let url = self.settings.metrics.clone()?;
        let (request, count) = self.points.request(&self.resource, self.clock.now_ms())?;
        let sender = Arc::clone(&self.sender);
        Some(Box::pin(async move { sender.send(Signal::Metrics, &url, request, count).await }))
    }

    /// Counts what became of a batch, and tells of a collector that takes nothing, once.
    fn tell(&mut self, sent: Sent) {
        let Sent { signal, items, lost, why } = sent;
        self.counts.add(signal, items - lost, lost);
        match why {
            Some(why) if !std::mem::replace(&mut self.is_told, true) => tracing::warn!(
                "the OpenTelemetry collector does not take {}: {why}. What it misses is lost, and requests are served as ever",
                signal.as_str()
            ),
            Some(why) => tracing::debug!("the OpenTelemetry collector does not take {}: {why}", signal.as_str()),
            None if std::mem::take(&mut self.is_told) => {
                tracing::info!("the OpenTelemetry collector takes {} again", signal.as_str());
            }
            None => {}
        }
    }
}
