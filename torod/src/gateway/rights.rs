//! Which of the endpoints that a name stands for the caller may use, and what is told where it is none.

use std::sync::Arc;

use tokenrouter::catalog::listing::Card;
use tokenrouter::error::Problem;
use tokenrouter::pick::endpoint::Endpoint;
use tokenrouter::pick::name::Unknown;
use tokenrouter::pick::table::Found;

use crate::access::caller::Caller;
use crate::access::rights::Wanted;
use crate::access::wall::Walls;
use crate::upstreams::permit::{self, Names};
use crate::upstreams::snapshot::Snapshot;

/// The rights of a caller: of its token and of every one above it, which all must allow. Empty, and not allocated, for
/// whoever may use everything.
#[derive(Clone, Debug, Default)]
pub(super) struct May {
    levels: Vec<Arc<Walls>>,
    /// The virtual model that was asked for, which is an alias to whoever wrote the rights.
    asked: Option<Box<str>>,
}

impl May {
    /// The rights of `caller`.
    pub(super) fn of(caller: &Caller) -> Self {
        let Caller::Token(token) = caller else { return Self::default() };
        let mut levels = Vec::new();
        for token in token.chain() {
            levels.extend(token.meter.walls().iter().filter(|walls| !walls.rights.is_everything()).cloned());
        }
        Self { levels, asked: None }
    }

    /// The same for whoever asked for the virtual model `asked`.
    pub(super) fn asked_as(self, asked: &str) -> Self {
        Self { asked: (!self.levels.is_empty()).then(|| asked.into()), ..self }
    }

    /// Whether there is nothing that it may not use.
    pub(super) fn is_everything(&self) -> bool {
        self.levels.is_empty()
    }

    /// Whether it may use `model` of `provider` by these names.
    fn allows(&self, names: Names<'_>, provider: &str, model: &str) -> bool {
        let Names { asked, through, passed } = names;
        let wanted = Wanted { alias: asked, through, passed, provider, model };
        self.levels.iter().all(|walls| walls.rights.allow(&wanted))
    }

    /// Whether it may use `endpoint`, which `found` came to.
    pub(super) fn allows_endpoint(&self, live: &Snapshot, found: &Found<'_, '_>, endpoint: &Endpoint) -> bool {
        let allows = |names: Names<'_>, provider: &str, model: &str| self.allows(names, provider, model);
        self.is_everything() || permit::is_open(live, self.asked.as_deref(), found, endpoint, &allows)
    }

    /// Whether it may use anything that `target` stands for where it asks for the virtual model `asked`.
    pub(super) fn allows_target(&self, live: &Snapshot, asked: &str, target: &str) -> bool {
        self.is_everything()
            || live.table.resolve(target).is_ok_and(|found| self.clone().asked_as(asked).allows_any(live, &found))
    }

    /// Whether it may use any endpoint that `found` came to; where there is none, rights are not what is missing.
    pub(super) fn allows_any(&self, live: &Snapshot, found: &Found<'_, '_>) -> bool {
        let list = found.candidates.list();
        self.is_everything() || list.is_empty() || list.iter().any(|c| self.allows_endpoint(live, found, &c.endpoint))
    }

    /// `card` as it may be seen: without the targets that may not be used.
    pub(super) fn shown(&self, live: &Snapshot, card: &Card) -> Option<Card> {
        if self.is_everything() {
            return Some(card.clone());
        }
        let allows = |names: Names<'_>, provider: &str, model: &str| self.allows(names, provider, model);
        permit::sees(live, card, &allows).then(|| {
            let mut shown = card.clone();
            shown.targets.retain(|target| permit::sees_target(live, card, target, &allows));
            shown
        })
    }

    /// What is told of a name that means nothing, without the models that may not be used.
    pub(super) fn unknown(&self, live: &Snapshot, unknown: Unknown) -> Unknown {
        match unknown {
            Unknown::Model(mut closest) if !self.is_everything() => {
                let is_known =
                    |name: &String| live.table.resolve(name).is_ok_and(|found| self.allows_any(live, &found));
                closest.retain(is_known);
                Unknown::Model(closest)
            }
            told => told,
        }
    }

    /// Nobody whom the caller may use serves `asked`.
    pub(super) fn refusal(&self, live: &Snapshot, asked: &str, now_ms: i64) -> Problem {
        let allows = |names: Names<'_>, provider: &str, model: &str| self.allows(names, provider, model);
        permit::forbidden(live, asked, now_ms, &|card| self.is_everything() || permit::sees(live, card, &allows))
    }
}
