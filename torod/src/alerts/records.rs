//! What usage records tell, as alerts see it: models whose price nobody knows, and records that were lost.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::fact::{Fact, Family};
use super::feed::Heard;
use super::standing::Seen;
use crate::upstreams::snapshot::Snapshot;

/// The most models of unknown price that are told apart.
const MOST: usize = 1_000;
/// So long after the last loss it is over, in milliseconds.
const CALM_MS: u64 = 10 * 60_000;

/// What was heard so far.
#[derive(Debug, Default)]
pub(super) struct Records {
    unpriced: BTreeSet<(Arc<str>, Arc<str>)>,
    lost: u64,
    /// When records were lost last, on the clock that never goes back.
    lost_at_ms: Option<u64>,
}

impl Records {
    /// With the models of unknown price that were told of before the start: `provider/model` each.
    pub(super) fn restored<'k>(told: impl Iterator<Item = &'k str>) -> Self {
        let model = |key: &'k str| key.split_once('/').map(|(provider, model)| (provider.into(), model.into()));
        Self { unpriced: told.filter_map(model).collect(), ..Self::default() }
    }

    /// Takes down what the writer told.
    pub(super) fn hear(&mut self, heard: Heard) {
        for (model, is_priced) in heard.models {
            if is_priced {
                self.unpriced.remove(&model);
            } else if self.unpriced.len() < MOST {
                self.unpriced.insert(model);
            }
        }
    }

    /// Adds what is seen at `uptime_ms`, when `lost` records were lost since the start.
    pub(super) fn see(&mut self, live: &Snapshot, lost: u64, uptime_ms: u64, facts: &mut Vec<Fact>) {
        // A price may have been found since.
        self.unpriced.retain(|(provider, model)| !has_price(live, provider, model));
        facts.extend(self.unpriced.iter().map(|(provider, model)| {
            let name = format!("{provider}/{model}");
            let what = format!("the model {name} is used, and nobody knows its price");
            one(Family::Price, name.clone(), name, what, 1)
        }));
        if lost > self.lost {
            (self.lost, self.lost_at_ms) = (lost, Some(uptime_ms));
        }
        if self.lost_at_ms.is_some_and(|at| uptime_ms.saturating_sub(at) >= CALM_MS) {
            self.lost_at_ms = None;
        }
        let records = if lost == 1 { "1 usage record was".to_owned() } else { format!("{lost} usage records were") };
        let what = format!("{records} lost since the start: too many waited for the database");
        facts.push(one(
            Family::Usage,
            "lost".to_owned(),
            "usage".to_owned(),
            what,
            u32::from(self.lost_at_ms.is_some()),
        ));
    }

    /// Whether something will be over by the course of time alone.
    pub(super) const fn is_any(&self) -> bool {
        self.lost_at_ms.is_some()
    }
}

fn one(family: Family, key: String, subject: String, what: String, level: u32) -> Fact {
    let seen = Seen { level, leave: level, episode: 0 };
    Fact { family, key, seen, marks: vec![1], subject, what, permille: None, resets_ms: None }
}

fn has_price(live: &Snapshot, provider: &str, model: &str) -> bool {
    let Some(provider) = live.providers.iter().find(|known| *known.name == *provider) else { return true };
    crate::upstreams::catalogue::find(&live.catalogue, provider, model).price.is_some()
}
