//! What whoever asks may use, where routes are looked for or explained, and what is told where it is nothing.

use std::fmt;

use tokenrouter::catalog::listing::Card;
use tokenrouter::error::{Kind, Problem};
use tokenrouter::pick::endpoint::Endpoint;
use tokenrouter::pick::table::Found;

use super::snapshot::Snapshot;
use super::unserved::shown;

/// Names of models that a refusal tells.
const TOLD: usize = 3;

/// Why nobody calls what whoever asks may not use.
pub const NOT_ALLOWED: &str = "the token may not use it";

/// Names on the way to a model.
#[derive(Clone, Copy, Debug, Default)]
pub struct Names<'a> {
    /// The alias or virtual model that was asked for, if it was one.
    pub asked: Option<&'a str>,
    /// An alias that this stood for in turn.
    pub through: Option<&'a str>,
    /// More of them, between that alias and the model.
    pub passed: &'a [String],
}

/// Whether a model may be used: by which names, the provider, the model.
type Allows = dyn Fn(Names<'_>, &str, &str) -> bool + Send + Sync;

/// The rights of whoever asks; by default everything.
#[derive(Default)]
pub struct Permit(Option<Box<Allows>>);

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Permit(some)" } else { "Permit(everything)" })
    }
}

impl Permit {
    /// Only what `allows` is true of: of the names on the way, the provider and the model.
    pub fn new(allows: impl Fn(Names<'_>, &str, &str) -> bool + Send + Sync + 'static) -> Self {
        Self(Some(Box::new(allows)))
    }

    /// Whether this model may be used.
    pub fn allows(&self, names: Names<'_>, provider: &str, model: &str) -> bool {
        self.0.as_ref().is_none_or(|allows| allows(names, provider, model))
    }

    /// Whether `endpoint` may be used, which `found` came to: for the virtual model `asked`, if one was asked for.
    pub fn allows_endpoint(
        &self,
        live: &Snapshot,
        asked: Option<&str>,
        found: &Found<'_, '_>,
        endpoint: &Endpoint,
    ) -> bool {
        let allows = |names: Names<'_>, provider: &str, model: &str| self.allows(names, provider, model);
        self.0.is_none() || is_open(live, asked, found, endpoint, &allows)
    }

    /// Whether anything that `target` stands for may be used by whoever asks for the virtual model `asked`.
    pub fn allows_target(&self, live: &Snapshot, asked: &str, target: &str) -> bool {
        let Ok(found) = live.table.resolve(target) else { return self.0.is_none() };
        let mut list = found.candidates.list().iter();
        self.0.is_none() || list.any(|c| self.allows_endpoint(live, Some(asked), &found, &c.endpoint))
    }

    /// Nobody who may be used serves `asked`.
    pub fn refusal(&self, live: &Snapshot, asked: &str, now_ms: i64) -> Problem {
        let allows = |names: Names<'_>, provider: &str, model: &str| self.allows(names, provider, model);
        forbidden(live, asked, now_ms, &|card| sees(live, card, &allows))
    }
}

/// Whether there is a way to `endpoint`, which `found` came to, that `allows` is true of; `asked` is the virtual model
/// that was asked for, if it was one.
pub fn is_open(
    live: &Snapshot,
    asked: Option<&str>,
    found: &Found<'_, '_>,
    endpoint: &Endpoint,
    allows: &dyn Fn(Names<'_>, &str, &str) -> bool,
) -> bool {
    let Some(provider) = live.providers.get(endpoint.provider) else { return false };
    let model = if endpoint.model.is_empty() { found.model } else { &endpoint.model };
    let Some(alias) = found.alias.and_then(|at| live.aliases.get(at)) else {
        return allows(Names { asked, ..Names::default() }, &provider.name, model);
    };
    let (asked, through) = match asked {
        Some(_) => (asked, Some(alias.name.as_str())),
        None => (Some(alias.name.as_str()), None),
    };
    let mut targets = alias.targets.iter().filter(|target| *target.provider == *provider.name && target.model == model);
    targets.any(|target| allows(Names { asked, through, passed: &target.through }, &provider.name, model))
}

/// Whether whoever may use what `allows` is true of sees `card`: what stands for others where it may use one of them.
pub fn sees(live: &Snapshot, card: &Card, allows: &dyn Fn(Names<'_>, &str, &str) -> bool) -> bool {
    if card.targets.is_empty() {
        let (provider, model) = card.id.split_once('/').unwrap_or(("", &card.id));
        return allows(Names::default(), provider, model);
    }
    card.targets.iter().any(|target| sees_target(live, card, target, allows))
}

/// The same of one of the targets that `card` stands for.
pub fn sees_target(live: &Snapshot, card: &Card, target: &str, allows: &dyn Fn(Names<'_>, &str, &str) -> bool) -> bool {
    let asked = Some(card.id.as_str());
    if let Some(alias) = live.aliases.iter().find(|alias| alias.name == card.id) {
        let (provider, model) = target.split_once('/').unwrap_or(("", target));
        let mut ways = alias.targets.iter().filter(|way| way.provider == provider && way.model == model);
        return ways.any(|way| allows(Names { asked, through: None, passed: &way.through }, provider, model));
    }
    // A virtual model, which may stand for an alias.
    let Ok(found) = live.table.resolve(target) else { return false };
    found.candidates.list().iter().any(|c| is_open(live, asked, &found, &c.endpoint, allows))
}

/// Nobody who may be used serves `asked`; whoever asks `sees` these models.
pub fn forbidden(live: &Snapshot, asked: &str, now_ms: i64, sees: &dyn Fn(&Card) -> bool) -> Problem {
    let cards = live.told.cards(live, now_ms);
    let mut near: Vec<(usize, &str)> = cards
        .list
        .iter()
        .filter(|card| sees(card))
        .map(|card| (strsim::levenshtein(&card.id, &shown(asked)), &*card.id))
        .collect();
    near.sort_unstable();
    let names: Vec<&str> = near.into_iter().take(TOLD).map(|(_, id)| id).collect();
    let advice = if names.is_empty() {
        "It may use no model that this gateway has; have whoever gave it change its rights.".to_owned()
    } else {
        format!("It may use \"{}\"; GET /v1/models lists all.", names.join("\", \""))
    };
    let message = format!("this token may not use the model \"{}\"", shown(asked));
    Problem::new(Kind::Forbidden, "model_forbidden", message, advice).at_field(Some("model"))
}
