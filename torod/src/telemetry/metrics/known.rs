//! Which names may be labels: providers of the configuration with models that they list or that it declares. Whatever else
//! clients and providers come up with is `other`, so that nobody can make series without end.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use crate::upstreams::snapshot::{Live, Snapshot};

/// What every name is called that may not be one.
pub const OTHER: &str = "other";
/// So many answers are remembered; more, and it begins again.
const REMEMBERED: usize = 4_096;

/// Provider and model as labels.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Names {
    /// The provider.
    pub provider: Arc<str>,
    /// The model.
    pub model: Arc<str>,
}

/// Knows which names may be labels.
#[derive(Debug)]
pub struct Known {
    live: Arc<Live>,
    /// The world that the answers are of.
    of: Weak<Snapshot>,
    answers: HashMap<Names, Names>,
    other: Arc<str>,
}

impl Known {
    /// By what `live` knows at the time.
    pub fn new(live: Arc<Live>) -> Self {
        Self { live, of: Weak::new(), answers: HashMap::new(), other: OTHER.into() }
    }

    /// The world as it is now; with another one every answer is another.
    pub fn look(&mut self) -> Arc<Snapshot> {
        let now = self.live.load();
        if !std::ptr::eq(self.of.as_ptr(), Arc::as_ptr(&now)) {
            self.answers.clear();
            self.of = Arc::downgrade(&now);
        }
        now
    }

    /// `other` as a name.
    pub fn other(&self) -> Arc<str> {
        Arc::clone(&self.other)
    }

    /// The labels of a call to `provider` for `model` in the world `live`.
    pub fn names(&mut self, live: &Snapshot, provider: &Arc<str>, model: &Arc<str>) -> Names {
        let asked = Names { provider: Arc::clone(provider), model: Arc::clone(model) };
        if let Some(known) = self.answers.get(&asked) {
            return known.clone();
        }
        let known = Names {
            provider: if live.providers.iter().any(|one| one.name == *provider) {
                Arc::clone(provider)
            } else {
                self.other()
            },
            model: if is_known(live, provider, model) { Arc::clone(model) } else { self.other() },
        };
        if self.answers.len() >= REMEMBERED {
            self.answers.clear();
        }
        self.answers.insert(asked, known.clone());
        known
    }
}

/// Whether somebody listed or declared the model of the provider.
fn is_known(live: &Snapshot, provider: &str, model: &str) -> bool {
    let found = live
        .table
        .resolve(&format!("{provider}/{model}"))
        .is_ok_and(|found| found.candidates.list().iter().any(|candidate| *candidate.endpoint.model == *model));
    let in_alias = || {
        let mut targets = live.aliases.iter().flat_map(|alias| &alias.targets);
        targets.any(|target| target.provider == provider && target.model == model)
    };
    found || in_alias()
}
