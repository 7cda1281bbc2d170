//! One set of model data: an embedded file, an updated one, what providers told, or what the operator wrote.

use std::collections::hash_map::Entry as Slot;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Write as _;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::models::Facts;
use super::names::{Bare, forms};
use super::vendors::vendors;
use crate::price::Price;

/// One model at one provider.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// What is known of it.
    pub facts: Facts,
    /// What it costs there; none if that is not known.
    pub price: Option<Arc<Price>>,
}

/// A set of models that came together, with a version.
///
/// ```
/// use tokenrouter::catalog::{Facts, ModelSet};
/// use tokenrouter::price::{Price, Rate};
///
/// let price = Price::new(Rate::parse("2.5").ok_or("rate")?, Rate::parse("10").ok_or("rate")?);
/// let set = ModelSet::new("manual", "2026-11-21", [("work", "big", Facts::default().with_context(400_000), Some(price))]);
/// assert!(set.version().starts_with("manual-"));
/// assert_eq!(set.get("work", "big").and_then(|model| model.facts.context()), Some(400_000));
/// # Ok::<(), &str>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct ModelSet {
    version: Arc<str>,
    made: Box<str>,
    providers: HashMap<Box<str>, HashMap<Box<str>, u32>>,
    models: Vec<Entry>,
    /// Bare names → the entry that knows most of the model, whoever serves it.
    bare: HashMap<Box<str>, u32>,
}

impl ModelSet {
    /// A set of `(provider, model, facts, price)`, made on the day `made` (`YYYY-MM-DD`). Its version is `kind` and a
    /// hash of what it holds. A model named twice keeps what was said last.
    pub fn new<'a>(
        kind: &str,
        made: &str,
        models: impl IntoIterator<Item = (&'a str, &'a str, Facts, Option<Price>)>,
    ) -> Self {
        let mut builder = Builder::default();
        for (provider, model, facts, price) in models {
            builder.add(provider, model, facts, price);
        }
        builder.build(kind, None, made)
    }

    /// The id of this set; kept with every cost that was reckoned by it.
    pub fn version(&self) -> &str {
        &self.version
    }

    pub(super) fn version_arc(&self) -> &Arc<str> {
        &self.version
    }

    /// The day it was made: `YYYY-MM-DD`.
    pub fn made(&self) -> &str {
        &self.made
    }

    /// How many models of how many providers.
    pub fn len(&self) -> (usize, usize) {
        (self.providers.values().map(HashMap::len).sum(), self.providers.len())
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.models.is_empty()
    }

    /// The entry for exactly this name.
    pub fn get(&self, provider: &str, model: &str) -> Option<&Entry> {
        self.at(*self.providers.get(provider)?.get(model)?)
    }

    /// The entry for this name or a shorter form of it, and whether it was this name.
    pub fn find(&self, provider: &str, model: &str) -> Option<(&Entry, bool)> {
        let models = self.providers.get(provider)?;
        let mut forms = forms(model).enumerate();
        forms.find_map(|(n, form)| Some((self.at(*models.get(form)?)?, n == 0)))
    }

    /// What is known of the model, whoever serves it. Never its price.
    pub fn facts(&self, model: &str) -> Option<&Facts> {
        Some(&self.at(*self.bare.get(Bare::of(model)?.as_str())?)?.facts)
    }

    /// Every provider, model and entry, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str, &Entry)> {
        self.providers.iter().flat_map(move |(provider, models)| {
            models.iter().filter_map(move |(model, at)| Some((&**provider, &**model, self.at(*at)?)))
        })
    }

    /// Without the prices that `is_wrong`, and the names of the models that had them: `provider/model`, sorted.
    pub(super) fn without_prices(mut self, is_wrong: impl Fn(&Price) -> bool) -> (Self, Vec<String>) {
        let wrong = |entry: &Entry| entry.price.as_deref().is_some_and(&is_wrong);
        let named = self.iter().filter(|(.., entry)| wrong(entry));
        let mut names: Vec<String> = named.map(|(provider, model, _)| format!("{provider}/{model}")).collect();
        names.sort_unstable();
        if !names.is_empty() {
            for entry in self.models.iter_mut().filter(|entry| wrong(entry)) {
                entry.price = None;
            }
        }
        (self, names)
    }

    fn at(&self, index: u32) -> Option<&Entry> {
        self.models.get(index as usize)
    }
}

/// A set while it is read.
#[derive(Debug, Default)]
pub(super) struct Builder {
    set: ModelSet,
    prices: HashSet<Arc<Price>>,
}

impl Builder {
    pub(super) fn add(&mut self, provider: &str, model: &str, facts: Facts, price: Option<Price>) {
        let price = price.map(|price| self.shared(price));
        let index = u32::try_from(self.set.models.len()).unwrap_or(u32::MAX);
        self.set.models.push(Entry { facts, price });
        self.put(provider, model, index);
    }

    /// `model` is another name of `same`. False if there is no such model.
    pub(super) fn alias(&mut self, provider: &str, model: &str, same: &str) -> bool {
        let index = self.set.providers.get(provider).and_then(|models| models.get(same)).copied();
        index.map(|index| self.put(provider, model, index)).is_some()
    }

    fn put(&mut self, provider: &str, model: &str, index: u32) {
        match self.set.providers.get_mut(provider) {
            Some(models) => models.insert(model.into(), index),
            None => self.set.providers.entry(provider.into()).or_default().insert(model.into(), index),
        };
    }

    /// Many models cost the same; one price serves them all.
    fn shared(&mut self, price: Price) -> Arc<Price> {
        if let Some(known) = self.prices.get(&price) {
            return Arc::clone(known);
        }
        let price = Arc::new(price);
        self.prices.insert(Arc::clone(&price));
        price
    }

    /// The set. Without a `version` it gets one made of `kind` and a hash of its content.
    pub(super) fn build(mut self, kind: &str, version: Option<&str>, made: &str) -> ModelSet {
        self.name_the_latest();
        self.index_bare_names();
        let hash = || format!("{kind}-{}", digest(&self.set));
        self.set.version = version.map_or_else(hash, |version| format!("{kind}-{version}")).into();
        self.set.made = made.into();
        self.set.models.shrink_to_fit();
        self.set
    }

    /// What is listed as `x-latest` alone is found as `x` too, and so with any date.
    fn name_the_latest(&mut self) {
        for models in self.set.providers.values_mut() {
            let latest: Vec<(Box<str>, u32)> =
                models.iter().filter_map(|(name, at)| Some((name.strip_suffix("-latest")?.into(), *at))).collect();
            for (name, at) in latest {
                models.entry(name).or_insert(at);
            }
        }
    }

    /// The maker's entry, else the one that knows most; of two, the one of the first provider by name.
    fn index_bare_names(&mut self) {
        let mut best: HashMap<Box<str>, (bool, u32, &str, u32)> = HashMap::with_capacity(self.set.models.len());
        for (provider, models) in &self.set.providers {
            for (model, at) in models {
                let Some(bare) = Bare::of(model) else { continue };
                let name = bare.as_str();
                let Some(facts) = self.set.models.get(*at as usize).map(|entry| &entry.facts) else { continue };
                let is_maker = vendors().maker(name) == Some(&**provider);
                let new = (is_maker, facts.known(), &**provider, *at);
                match best.entry(name.into()) {
                    Slot::Vacant(slot) => {
                        slot.insert(new);
                    }
                    Slot::Occupied(mut slot) => {
                        let old = *slot.get();
                        let better = (new.0, new.1).cmp(&(old.0, old.1)).then(old.2.cmp(new.2)).then(old.3.cmp(&new.3));
                        if better.is_gt() {
                            slot.insert(new);
                        }
                    }
                }
            }
        }
        self.set.bare = best.into_iter().map(|(name, (.., at))| (name, at)).collect();
    }
}

/// Eight hexadecimal digits of everything that costs and facts depend on.
fn digest(set: &ModelSet) -> String {
    let sorted: BTreeMap<(&str, &str), &Entry> = set.iter().map(|(p, m, entry)| ((p, m), entry)).collect();
    let mut hash = Sha256::new();
    let mut line = String::new();
    for ((provider, model), entry) in sorted {
        line.clear();
        let _ = write!(line, "{provider}\n{model}\n{entry:?}\n");
        hash.update(line.as_bytes());
    }
    hash.finalize().iter().take(4).fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}
