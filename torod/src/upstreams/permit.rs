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

/// Names on the way to a model: the alias or virtual model that was asked for, and an alias that it stood for in turn.
pub type Names<'a> = (Option<&'a str>, Option<&'a str>);
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
        let alias = found.alias.and_then(|at| live.aliases.get(at)).map(|alias| alias.name.as_str());
        let names = if asked.is_some() { (asked, alias) } else { (alias, None) };
        let model = if endpoint.model.is_empty() { found.model } else { &endpoint.model };
        let provider = live.providers.get(endpoint.provider);
        self.0.is_none() || provider.is_some_and(|provider| self.allows(names, &provider.name, model))
    }

    /// Whether anything that `target` stands for may be used by whoever asks for the virtual model `asked`.
    pub fn allows_target(&self, live: &Snapshot, asked: &str, target: &str) -> bool {
        let Ok(found) = live.table.resolve(target) else { return self.0.is_none() };
        let mut list = found.candidates.list().iter();
        self.0.is_none() || list.any(|c| self.allows_endpoint(live, Some(asked), &found, &c.endpoint))
    }

    /// Nobody who may be used serves `asked`.
    pub fn refusal(&self, live: &Snapshot, asked: &str, now_ms: i64) -> Problem {
        forbidden(live, asked, now_ms, &|card| {
            sees(card, &|alias, provider, model| self.allows((alias, None), provider, model))
        })
    }
}

/// Whether whoever may use what `allows` is true of sees `card`: an alias where one of its targets is.
pub fn sees(card: &Card, allows: &dyn Fn(Option<&str>, &str, &str) -> bool) -> bool {
    let of = |alias, text: &str| {
        let (provider, model) = text.split_once('/').unwrap_or(("", text));
        allows(alias, provider, model)
    };
    if card.targets.is_empty() {
        of(None, &card.id)
    } else {
        card.targets.iter().any(|target| of(Some(&*card.id), target))
    }
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
