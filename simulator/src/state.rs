//! What all connections of one simulator share, and the flight of one request through it.
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::request::Parts;
use serde::Serialize;
use tokio::time::Instant;

use crate::record::{Call, Ended, Recorder};
use crate::responses::Store;
use crate::{Settings, reply};

/// Answers say they were made at this time plus the simulator's age: the same in every run (2026-10-01).
const EPOCH_S: i64 = 1_790_812_800;
/// How many model names with a "first times" counter are remembered.
const MOST_COUNTERS: usize = 1_000;

/// Counters since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// Connections accepted.
    pub connections: u64,
    /// Connections open now.
    pub connections_open: u64,
    /// Provider requests begun.
    pub requests: u64,
    /// Provider requests whose answer has not ended.
    pub in_flight: u64,
    /// Requests whose client went away before the answer ended.
    pub client_closed: u64,
}

#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) connections: AtomicU64,
    pub(crate) connections_open: AtomicU64,
    requests: AtomicU64,
    in_flight: AtomicU64,
    client_closed: AtomicU64,
}

pub(crate) struct State {
    pub(crate) settings: Settings,
    pub(crate) recorder: Recorder,
    pub(crate) counters: Counters,
    pub(crate) responses: Store,
    pub(crate) headers: reply::Templates,
    port: u16,
    started: Instant,
    failures: Mutex<HashMap<String, u64>>,
}

impl State {
    pub(crate) fn new(settings: Settings, port: u16) -> Self {
        Self {
            settings,
            recorder: Recorder::new(),
            counters: Counters::default(),
            responses: Store::default(),
            headers: reply::Templates::new(),
            port,
            started: Instant::now(),
            failures: Mutex::default(),
        }
    }

    pub(crate) fn stats(&self) -> Stats {
        let counters = &self.counters;
        Stats {
            connections: counters.connections.load(Relaxed),
            connections_open: counters.connections_open.load(Relaxed),
            requests: counters.requests.load(Relaxed),
            in_flight: counters.in_flight.load(Relaxed),
            client_closed: counters.client_closed.load(Relaxed),
        }
    }

    fn age_ms(&self) -> i64 {
        i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX)
    }

    /// The time answers carry, in seconds since 1970.
    pub(crate) fn now_s(&self) -> i64 {
        EPOCH_S + self.age_ms() / 1_000
    }

    /// Whether this is one of the first `times` requests for the model since the last clearing.
    pub(crate) fn fails_now(&self, model: &str, times: u64) -> bool {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.len() >= MOST_COUNTERS && !failures.contains_key(model) {
            failures.clear();
        }
        let count = failures.entry(model.to_owned()).or_default();
        *count += 1;
        *count <= times
    }

    pub(crate) fn clear(&self) {
        self.recorder.clear();
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// One request on its way. Dropped before [`Flight::land`], it counts as left by its client.
pub(crate) struct Flight {
    state: Arc<State>,
    number: u64,
    recorded: bool,
    landed: bool,
}

impl Flight {
    pub(crate) fn begin(state: &Arc<State>) -> Self {
        let number = state.counters.requests.fetch_add(1, Relaxed) + 1;
        state.counters.in_flight.fetch_add(1, Relaxed);
        Self { state: Arc::clone(state), number, recorded: false, landed: false }
    }

    /// A number that differs between the requests of one simulator, and between simulators on one machine.
    pub(crate) fn id(&self) -> u64 {
        u64::from(self.state.port) << 40 | self.number
    }

    pub(crate) fn record(&mut self, head: &Parts, body: &Bytes) {
        if !self.state.settings.record {
            return;
        }
        let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        self.state.recorder.add(Call {
            id: self.number,
            method: head.method.to_string(),
            path: head.uri.path_and_query().map_or_else(|| head.uri.path().to_owned(), ToString::to_string),
            headers: head.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
            body: body.clone(),
            received_ms: self.state.age_ms(),
            ended: None,
            ended_ms: None,
        });
        self.recorded = true;
    }

    /// The script ran to its end.
    pub(crate) fn land(mut self) {
        self.landed = true;
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        let counters = &self.state.counters;
        if !self.landed {
            counters.client_closed.fetch_add(1, Relaxed);
        }
        counters.in_flight.fetch_sub(1, Relaxed);
        if self.recorded {
            let ended = if self.landed { Ended::Complete } else { Ended::ClientClosed };
            self.state.recorder.end(self.number, ended, self.state.age_ms());
        }
    }
}
