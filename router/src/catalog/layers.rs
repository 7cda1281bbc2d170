//! The catalogue: what is known of models and prices, in layers.

use std::sync::{Arc, LazyLock};

use super::models::Facts;
use super::read;
use super::set::ModelSet;
use super::vendors::vendors;
use crate::price::{Price, Rate, Unit};

/// Where something is known from. Later ones win.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Layer {
    /// The file that came with the program.
    Embedded,
    /// A newer file.
    Updated,
    /// The provider's own list of models.
    Discovered,
    /// The operator.
    Manual,
}

impl Layer {
    const ALL: [Self; 4] = [Self::Embedded, Self::Updated, Self::Discovered, Self::Manual];

    /// The name for people and in versions of prices.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Embedded => "embedded",
            Self::Updated => "updated",
            Self::Discovered => "discovered",
            Self::Manual => "manual",
        }
    }
}

/// How near to what was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Nearness {
    /// This name at this provider.
    Exact,
    /// A shorter form of this name at this provider: without a date, a region, a path.
    Family,
    /// The same model wherever it is known best. Facts only: a price is never borrowed.
    Model,
}

/// Where a fact or a price was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    /// In which layer.
    pub layer: Layer,
    /// Under which name.
    pub nearness: Nearness,
}

/// A price and its provenance, to keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tariff {
    /// The price.
    pub price: Arc<Price>,
    /// Where it was found.
    pub origin: Origin,
    /// The version of the set that it is from.
    pub version: Arc<str>,
}

impl Tariff {
    /// What a million tokens in and a million out cost, in nano-dollars: what prices are compared by. None where one of
    /// them has no rate.
    pub fn comparable_nanos(&self, at_ms: u64) -> Option<u64> {
        let rate = |unit| self.price.at(at_ms).listed(unit).map(Rate::nanos_per_million);
        rate(Unit::Input)?.checked_add(rate(Unit::Output)?)
    }
}

/// A price and its provenance.
#[derive(Clone, Copy, Debug)]
pub struct Priced<'a> {
    /// The price.
    pub price: &'a Arc<Price>,
    /// Where it was found.
    pub origin: Origin,
    /// The version of the set that it is from.
    pub version: &'a Arc<str>,
}

impl Priced<'_> {
    /// The same, to keep.
    pub fn tariff(&self) -> Tariff {
        Tariff { price: Arc::clone(self.price), origin: self.origin, version: Arc::clone(self.version) }
    }
}

/// What the catalogue knows about one model at one provider.
#[derive(Clone, Copy, Debug, Default)]
pub struct Found<'a> {
    /// The price; none if it is not known, which is not the same as zero.
    pub price: Option<Priced<'a>>,
    /// The nearest first.
    facts: [Option<(&'a Facts, Origin)>; 8],
}

impl Found<'_> {
    /// What is known, each fact from the first that knows it.
    pub fn facts(&self) -> Facts {
        self.facts.iter().flatten().fold(Facts::default(), |known, (facts, _)| known.or(facts))
    }

    /// One fact and where it is from: `found.told(Facts::context)`.
    pub fn told<T>(&self, fact: impl Fn(&Facts) -> Option<T>) -> Option<(T, Origin)> {
        self.facts.iter().flatten().find_map(|(facts, origin)| Some((fact(facts)?, *origin)))
    }

    /// Whether the model is known at all.
    pub fn is_known(&self) -> bool {
        self.price.is_some() || self.facts.iter().any(Option::is_some)
    }
}

/// Layers of model data; cheap to clone and to add a layer to.
///
/// ```
/// use tokenrouter::catalog::{Catalogue, Facts};
/// use tokenrouter::price::Unit;
///
/// let found = Catalogue::embedded().find("anthropic", "claude-sonnet-4-5");
/// let price = found.price.ok_or("unknown")?.price;
/// assert_eq!(price.listed(Unit::Input).map(|rate| rate.to_string()), Some("3".to_owned()));
/// // The model is known elsewhere too, what it costs there is not.
/// let elsewhere = Catalogue::embedded().find("my-server", "claude-sonnet-4-5");
/// assert!(elsewhere.price.is_none() && elsewhere.told(Facts::context).is_some());
/// # Ok::<(), &str>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    layers: [Option<Arc<ModelSet>>; 4],
}

static EMBEDDED: LazyLock<Catalogue> = LazyLock::new(|| {
    // A test reads the same text: it is whole.
    let set = read::read(include_str!("models.json"), Layer::Embedded.as_str()).unwrap_or_default();
    Catalogue::default().with(Layer::Embedded, set)
});

static FREE: LazyLock<(Arc<Price>, Arc<str>)> = LazyLock::new(|| (Arc::new(Price::free()), Arc::from("free")));

impl Catalogue {
    /// What came with the program. Read at the first call, which takes some milliseconds.
    pub fn embedded() -> &'static Self {
        &EMBEDDED
    }

    /// With `set` as its `layer`, in place of what was there.
    #[must_use]
    pub fn with(&self, layer: Layer, set: ModelSet) -> Self {
        let mut new = self.clone();
        if let Some(place) = new.layers.get_mut(layer as usize) {
            *place = Some(Arc::new(set));
        }
        new
    }

    /// Without that layer.
    #[must_use]
    pub fn without(&self, layer: Layer) -> Self {
        let mut new = self.clone();
        if let Some(place) = new.layers.get_mut(layer as usize) {
            *place = None;
        }
        new
    }

    /// A layer's set, if it has one.
    pub fn layer(&self, layer: Layer) -> Option<&Arc<ModelSet>> {
        self.layers.get(layer as usize)?.as_ref()
    }

    /// What is known of `model` at a provider of type `kind` (a preset's id or another spelling of it; empty: unknown).
    pub fn find(&self, kind: &str, model: &str) -> Found<'_> {
        self.find_at(kind, kind, model)
    }

    /// The same for a provider that its operator calls `name`: what was discovered there and what was set by hand
    /// stands under that name.
    pub fn find_at(&self, name: &str, kind: &str, model: &str) -> Found<'_> {
        let kind = vendors().provider(kind);
        let mut found = Found::default();
        let mut places = found.facts.iter_mut();
        for layer in Layer::ALL.into_iter().rev() {
            let Some(set) = self.layer(layer) else { continue };
            let provider = if layer >= Layer::Discovered { name } else { kind };
            let Some((entry, exact)) = set.find(provider, model) else { continue };
            let nearness = if exact { Nearness::Exact } else { Nearness::Family };
            let origin = Origin { layer, nearness };
            if let Some(place) = places.next() {
                *place = Some((&entry.facts, origin));
            }
            if let Some(price) = entry.price.as_ref().filter(|_| found.price.is_none()) {
                found.price = Some(Priced { price, origin, version: set.version_arc() });
            }
        }
        for layer in [Layer::Updated, Layer::Embedded] {
            let Some(facts) = self.layer(layer).and_then(|set| set.facts(model)) else { continue };
            if let Some(place) = places.next() {
                *place = Some((facts, Origin { layer, nearness: Nearness::Model }));
            }
        }
        if found.price.is_none() && is_free(kind, model) {
            let origin = Origin { layer: Layer::Embedded, nearness: Nearness::Family };
            found.price = Some(Priced { price: &FREE.0, origin, version: &FREE.1 });
        }
        found
    }
}

/// Servers on one's own machine cost nothing, nor do the models that `OpenRouter` calls free. Ollama serves some
/// models from elsewhere, for money.
fn is_free(kind: &str, model: &str) -> bool {
    let is_remote = model.ends_with("-cloud") || model.ends_with(":cloud");
    (vendors().is_local(kind) && !is_remote) || (kind == "openrouter" && model.ends_with(":free"))
}
