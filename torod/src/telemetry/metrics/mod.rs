//! Numbers for Prometheus. Those about requests are sums over usage rows, fed by the writer after each commit, so that they
//! equal the rows and cost no request anything; the others are read when somebody asks.

pub mod counted;
pub mod decided;
pub mod families;
pub mod histogram;
pub mod known;
pub mod overhead;
pub mod tally;
pub mod text;

use std::sync::{Arc, Mutex, PoisonError};

pub use self::counted::Counted;
pub use self::known::Known;
pub use self::overhead::{Overheads, Stage};
pub use self::tally::Tally;
pub use self::text::{Family, Text};
use crate::upstreams::snapshot::Live;
use crate::usage::{Committed, Record};

/// Everything that is counted since the start. A changed configuration changes nothing of it.
#[derive(Debug)]
pub struct Metrics {
    /// Held by the usage writer while it counts a batch, and by who reads; never by a request.
    counted: Mutex<Counted>,
    /// Errors that the gateway itself answered with.
    pub errors: Tally,
    /// The limits that it refused requests for.
    pub limits: Tally,
    /// What providers were not told of requests, by names that the program knows.
    pub losses: Tally,
    /// What it takes of a request's time.
    pub overheads: Overheads,
}

impl Metrics {
    /// Nothing counted yet; names are labels as far as `live` knows them.
    pub fn new(live: Arc<Live>) -> Self {
        Self {
            counted: Mutex::new(Counted::new(Known::new(live))),
            errors: Tally::new(&families::ERRORS),
            limits: Tally::new(&families::LIMITS),
            losses: Tally::new(&families::LOSSES),
            overheads: Overheads::default(),
        }
    }

    /// What feeds it.
    pub fn feed(self: &Arc<Self>) -> Box<dyn Committed> {
        Box::new(Feed(Arc::clone(self)))
    }

    /// Writes what was counted.
    pub fn write(&self, text: &mut Text) {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner).write(text);
        self.errors.write(text);
        self.limits.write(text);
        self.losses.write(text);
        self.overheads.write(text);
    }
}

struct Feed(Arc<Metrics>);

impl Committed for Feed {
    fn committed(&mut self, records: &[Record]) {
        self.0.counted.lock().unwrap_or_else(PoisonError::into_inner).add(records);
    }
}
