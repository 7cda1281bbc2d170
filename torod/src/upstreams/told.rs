//! Every model that clients may ask for, with what is told of it: built once for each world, not for each request.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use http::HeaderValue;
use sha2::{Digest as _, Sha256};
use tokenrouter::catalog::listed::Listed;
use tokenrouter::catalog::listing::{self, Card, Page, Shape};
use tokenrouter_shared::hex;

use super::auto::pool::Pool;
use super::known;
use super::provider::Provider;
use super::snapshot::Snapshot;

/// Who serves an alias, for those who ask.
pub const OURSELVES: &str = "tokenrouter";
/// Prices change at midnight somewhere, without anything else changing.
const FRESH_MS: i64 = 600_000;

/// What is told of a world's models; empty until somebody asks.
#[derive(Debug, Default)]
pub struct Told {
    current: ArcSwapOption<Cards>,
}

/// Every model, and the lists of them.
#[derive(Debug)]
pub struct Cards {
    /// Virtual models, aliases, then the models of every enabled provider in the file's order, each provider's by name.
    pub list: Vec<Card>,
    /// Who may be chosen for virtual models.
    pub pool: Pool,
    built_ms: i64,
    texts: [OnceLock<Text>; Shape::ALL.len()],
}

/// A body with its name.
#[derive(Clone, Debug)]
pub struct Text {
    /// The body.
    pub body: Bytes,
    /// Changes when one byte of it does.
    pub etag: HeaderValue,
}

impl Text {
    /// `body` with its name.
    pub fn new(body: Bytes) -> Self {
        let hash = Sha256::digest(&body);
        let digits = hex::of(hash.iter().take(16));
        let etag = HeaderValue::try_from(format!("\"{digits}\"")).unwrap_or(HeaderValue::from_static("\"\""));
        Self { body, etag }
    }
}

impl Told {
    /// What is told of the models of `live`, whose this is.
    pub fn cards(&self, live: &Snapshot, now_ms: i64) -> Arc<Cards> {
        if let Some(cards) = self.current.load_full().filter(|cards| (0..FRESH_MS).contains(&(now_ms - cards.built_ms)))
        {
            return cards;
        }
        // Two that come at once build the same twice, which nobody notices.
        let models = models(live, now_ms);
        let pool = Pool::of(live, &models, now_ms);
        let list = all(live, models, &pool, now_ms);
        let cards = Arc::new(Cards { list, pool, built_ms: now_ms, texts: Default::default() });
        self.current.store(Some(Arc::clone(&cards)));
        cards
    }
}

impl Cards {
    /// All of them in the form that `shape` reads.
    pub fn text(&self, shape: Shape) -> Text {
        let new = || Text::new(listing::list(shape, Page::whole(&self.list)));
        let place = Shape::ALL.iter().position(|known| *known == shape).and_then(|at| self.texts.get(at));
        place.map_or_else(new, |place| place.get_or_init(new).clone())
    }

    /// The model of exactly this name.
    pub fn find(&self, id: &str) -> Option<&Card> {
        self.list.iter().find(|card| card.id == id)
    }
}

fn all(live: &Snapshot, models: Vec<Card>, pool: &Pool, now_ms: i64) -> Vec<Card> {
    let places: HashMap<&str, &Card> = models.iter().map(|card| (card.id.as_str(), card)).collect();
    let mut cards = pool.cards(live);
    cards.reserve(models.len() + live.aliases.len());
    for alias in &live.aliases {
        let targets = alias.targets.iter().filter_map(|target| {
            if let Some(card) = places.get(format!("{}/{}", target.provider, target.model).as_str()) {
                return Some((*card).clone());
            }
            let provider = live.providers.iter().find(|provider| *provider.name == *target.provider)?;
            Some(known::card(live, provider, &target.model, None, now_ms))
        });
        let targets: Vec<Card> = targets.collect();
        cards.push(Card::alias(&alias.name, OURSELVES, &targets));
    }
    // Whoever asks for a model under an alias's name gets the alias.
    let names: HashSet<&str> = live.aliases.iter().map(|alias| alias.name.as_str()).collect();
    cards.extend(models.into_iter().filter(|card| !names.contains(card.id.as_str())));
    cards
}

/// Every model of every enabled provider: what the file declares and what the provider lists.
fn models(live: &Snapshot, now_ms: i64) -> Vec<Card> {
    let of = |provider: &Arc<Provider>| {
        let list = provider.listed.load();
        let mut listed: HashMap<&str, Option<&Listed>> =
            provider.declared.iter().map(|model| (model.id.as_str(), None)).collect();
        listed.extend(list.iter().flat_map(|list| list.iter()).map(|model| (model.id.as_str(), Some(model))));
        let mut cards: Vec<Card> =
            listed.into_iter().map(|(id, listed)| known::card(live, provider, id, listed, now_ms)).collect();
        cards.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        cards
    };
    live.providers.iter().filter(|provider| provider.enabled).flat_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::clock::Clock;
    use crate::config::parse;
    use crate::upstreams::snapshot::Live;

    #[test]
    fn lists_are_built_once_for_each_world() {
        let text = "[[providers]]\nname = \"a\"\nbase_url = \"http://h\"\n[[providers.models]]\nid = \"m\"\n\
                    [[model_aliases]]\nname = \"chat\"\ntargets = [{ provider = \"a\", model = \"unlisted\" }]\n";
        let config = parse(text, "t").unwrap();
        let provider = Arc::new(Provider::new(&config.providers[0], &[]).unwrap());
        let live = Live::new(&config, vec![Arc::clone(&provider)], 0, Clock::system());
        let world = live.load();
        let first = world.told.cards(&world, 1_000);
        assert!(Arc::ptr_eq(&first, &world.told.cards(&world, 1_000 + FRESH_MS - 1)));
        assert!(!Arc::ptr_eq(&first, &world.told.cards(&world, 1_000 + FRESH_MS)), "prices have their day");
        assert!(!Arc::ptr_eq(&first, &world.told.cards(&world, 0)), "the clock was put back");
        let ids: Vec<&str> = first.list.iter().map(|card| card.id.as_str()).collect();
        assert_eq!(ids, ["chat", "a/m"]);
        assert_eq!(first.find("chat").unwrap().targets, ["a/unlisted"]);
        let [one, same] = [first.text(Shape::OpenAi), first.text(Shape::OpenAi)];
        assert_eq!(one.body.as_ptr(), same.body.as_ptr());
        // What a provider lists from now on is another world.
        provider.listed.store(vec![Listed::named("new")], None);
        live.publish_lists();
        let next = live.load();
        let cards = next.told.cards(&next, 1_000);
        assert!(cards.find("a/new").is_some() && cards.find("a/m").is_some());
        assert_ne!(cards.text(Shape::OpenAi).etag, one.etag);
        for shape in Shape::ALL {
            assert!(!cards.text(shape).body.is_empty(), "{shape:?}");
        }
    }
}
