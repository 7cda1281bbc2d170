//! One model with everything that clients may be told of it.

use crate::catalog::models::{Can, Facts, Mode};
use crate::price::{Price, Rate, Unit};

/// What a model costs at the moment, in the standard tier: the rates that its price list gives, without any rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quote {
    /// Input that no cache had.
    pub input: Option<Rate>,
    /// Output.
    pub output: Option<Rate>,
    /// Input that a cache had.
    pub cache_read: Option<Rate>,
    /// Input that is put in a cache for minutes.
    pub cache_write: Option<Rate>,
    /// Input that is put in a cache for an hour or more.
    pub cache_write_1h: Option<Rate>,
    /// Whether nothing of it costs anything.
    pub is_free: bool,
}

impl Quote {
    /// What `price` says at `now_ms` (Unix milliseconds).
    pub fn of(price: &Price, now_ms: u64) -> Self {
        let price = price.at(now_ms);
        Self {
            input: price.listed(Unit::Input),
            output: price.listed(Unit::Output),
            cache_read: price.listed(Unit::CacheRead),
            cache_write: price.listed(Unit::CacheWrite5m),
            cache_write_1h: price.listed(Unit::CacheWrite1h),
            is_free: price.is_free(),
        }
    }

    /// The dearer of each; what one of them does not say is not said.
    #[must_use]
    pub fn and(self, other: &Self) -> Self {
        let dearer = |one: Option<Rate>, other: Option<Rate>| Some(one?.max(other?));
        Self {
            input: dearer(self.input, other.input),
            output: dearer(self.output, other.output),
            cache_read: dearer(self.cache_read, other.cache_read),
            cache_write: dearer(self.cache_write, other.cache_write),
            cache_write_1h: dearer(self.cache_write_1h, other.cache_write_1h),
            is_free: self.is_free && other.is_free,
        }
    }

    /// The dearer of input and output.
    pub fn dearest(&self) -> Option<Rate> {
        self.input.max(self.output)
    }
}

/// One model, or an alias of some.
///
/// ```
/// use tokenrouter::catalog::Facts;
/// use tokenrouter::catalog::listing::Card;
///
/// let large = Card::new("openai/gpt-5", "openai").with_facts(Facts::default().with_context(400_000));
/// let small = Card::new("home/qwen", "home").with_facts(Facts::default().with_context(32_768));
/// let alias = Card::alias("chat", "gateway", [&large, &small]);
/// assert_eq!(alias.facts.context(), Some(32_768));
/// assert_eq!(alias.targets, ["openai/gpt-5", "home/qwen"]);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Card {
    /// The name that requests use.
    pub id: String,
    /// The name for people, where it is another.
    pub display_name: Option<String>,
    /// Who serves it.
    pub provider: String,
    /// Unix seconds.
    pub created_s: Option<i64>,
    /// What is known of it.
    pub facts: Facts,
    /// What it costs; none if that is not known.
    pub price: Option<Quote>,
    /// What an alias stands for, the preferred first; else empty.
    pub targets: Vec<String>,
}

impl Card {
    /// A model of which only this is known.
    pub fn new(id: impl Into<String>, provider: impl Into<String>) -> Self {
        Self { id: id.into(), provider: provider.into(), ..Self::default() }
    }

    /// With these facts.
    #[must_use]
    pub fn with_facts(self, facts: Facts) -> Self {
        Self { facts, ..self }
    }

    /// With this price.
    #[must_use]
    pub fn with_price(self, price: Quote) -> Self {
        Self { price: Some(price), ..self }
    }

    /// Another name of `targets`. What is said of it holds whichever of them serves.
    pub fn alias<'a>(
        name: impl Into<String>,
        provider: impl Into<String>,
        targets: impl IntoIterator<Item = &'a Self>,
    ) -> Self {
        let mut card = Self::new(name, provider);
        for target in targets {
            let is_first = card.targets.is_empty();
            card.facts = if is_first { target.facts } else { card.facts.and(&target.facts) };
            card.price = if is_first {
                target.price
            } else {
                card.price.zip(target.price.as_ref()).map(|(price, other)| price.and(other))
            };
            card.targets.push(target.id.clone());
        }
        card
    }

    /// What people are shown.
    pub fn label(&self) -> &str {
        self.display_name.as_deref().unwrap_or(&self.id)
    }

    /// Its name at its maker: what stands after the last `/` of what serves it first.
    pub fn bare(&self) -> &str {
        let full = self.targets.first().unwrap_or(&self.id);
        full.rsplit('/').next().unwrap_or(full)
    }

    /// Whether conversations can be had with it, as far as is known.
    pub fn converses(&self) -> bool {
        matches!(self.facts.mode(), None | Some(Mode::Chat | Mode::Responses))
    }

    /// Whether it reasons, if that is known.
    pub fn reasons(&self) -> Option<bool> {
        self.facts.can(Can::Reasoning).or_else(|| self.facts.efforts().next().map(|_| true))
    }
}
