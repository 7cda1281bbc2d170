//! What providers have left for us: read in passing from their answers, and asked for where a vendor answers that.
//!
//! `gauge` holds what is known of one key and is all that a request touches; `ask` puts a vendor's question, `cadence`
//! says when, `keeper` does it again and again and keeps what is known over a restart, `views` tells it.

mod ask;
mod cadence;
mod gauge;
mod keeper;
mod metric;
mod views;

use std::sync::Arc;

use tokenrouter::quota::Reader;
use tokio::sync::Mutex;

pub use ask::{Refreshed, refresh};
pub use cadence::Cadence;
pub use gauge::{Gauge, Known};
pub use keeper::{restore, run};
pub use metric::{How, Metric};
pub use views::{view_all, view_rows, window_word};

/// What is known of the quotas of one provider.
#[derive(Debug)]
pub struct Quotas {
    /// Whose question it answers.
    pub reader: Reader,
    /// By the places of its credentials; one for a provider that wants no key.
    gauges: Vec<Arc<Gauge>>,
    /// When it is asked; held while it is.
    cadence: Arc<Mutex<Cadence>>,
}

impl Quotas {
    /// Nothing is known of `credentials` yet.
    pub fn new(reader: Reader, credentials: usize) -> Self {
        Self { reader, gauges: (0..credentials.max(1)).map(|_| Arc::default()).collect(), cadence: Arc::default() }
    }

    /// What is known of the credential at this place.
    pub fn of(&self, credential: usize) -> Option<&Arc<Gauge>> {
        self.gauges.get(credential)
    }

    /// What is known of each credential, by its place.
    pub fn all(&self) -> impl Iterator<Item = (usize, &Arc<Gauge>)> {
        self.gauges.iter().enumerate()
    }

    /// When it is asked; held while it is.
    pub(super) const fn cadence(&self) -> &Arc<Mutex<Cadence>> {
        &self.cadence
    }

    /// Takes over what `before` knows of the same credentials; `place` tells where each stood there.
    pub fn inherit(&mut self, before: &Self, place: impl Fn(usize) -> Option<usize>) {
        for (at, gauge) in self.gauges.iter_mut().enumerate() {
            if let Some(known) = place(at).and_then(|then| before.gauges.get(then)) {
                *gauge = Arc::clone(known);
            }
        }
        if self.reader == before.reader {
            self.cadence = Arc::clone(&before.cadence);
        }
    }
}
