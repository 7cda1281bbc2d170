//! What counts cost: counts × prices → nano-dollars, by integers alone.
//!
//! A [`Price`] is a set of sheets. A sheet holds the rates that its list of prices gives, for one service tier, above one
//! length of the request's input, in some hours of the day. Rates that a list leaves out follow from those that it
//! gives, and always the dearer way, so that a budget errs on the safe side:
//!
//! | missing | taken for it |
//! |---|---|
//! | cache read, cache write | input |
//! | cache write for an hour | the dearer of the short write and twice the input, where writing costs extra at all; else the short write |
//! | reasoning, audio and images out | output |
//! | audio and images in | input; from a cache: as text from a cache, or the same uncached where that has its own rate |
//! | input or output, where only audio or images have a rate | the dearest of those |
//! | anything in a tier or above a length | the usual rate, raised (never lowered) as input or output are raised there |
//! | a tier's long requests | that tier's rate, raised as the standard tier's is |
//! | the whole tier | the standard tier |
//!
//! A cost in which such a rule had a part says so ([`Cost::assumed`]), unless all that it says is that reasoning, sound
//! and images are paid for as text: a list without rates for them means just that. A price that is not known is not zero: it is no
//! price. What costs nothing has a price of zero that says so.
//!
//! Above a length, the dearer rates hold for the whole request, and the input decides, caches included: so Anthropic,
//! Google, OpenAI, xAI and Alibaba write. "Above 200,000" means 200,001.
//!
//! ```
//! use tokenrouter::count::Counts;
//! use tokenrouter::price::{Bill, Price, Rate, Unit};
//!
//! let rate = |text| Rate::parse(text).ok_or("not a rate");
//! let price = Price::new(rate("2.5")?, rate("10")?).with(Unit::CacheRead, rate("0.25")?);
//! let counts = Counts { input_uncached: 1_000, cache_read: 9_000, output: 200, ..Counts::default() };
//! let cost = price.cost(&Bill::new(counts, 1_790_000_000_000)).ok_or("unknown")?;
//! assert_eq!(cost.total_nanos, 2_500_000 + 2_250_000 + 2_000_000);
//! # Ok::<(), &str>(())
//! ```

mod bill;
mod draft;
mod rate;
mod resolve;
mod when;

use std::fmt;

pub use crate::count::{Media, ServiceTier};
pub use bill::{Bill, Cost};
pub(crate) use draft::Draft;
pub use rate::{Rate, Unit};
pub use when::{Hours, When};

/// Rates of one tier, length and time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Sheet {
    when: When,
    /// One bit for each [`Unit`] that has a rate.
    given: u32,
    /// Where they stand in [`Price::rates`], in the order of the bits.
    first: u16,
}

/// What one model costs at one provider.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Price {
    /// The standard sheet first.
    sheets: Box<[Sheet]>,
    rates: Box<[Rate]>,
    /// Replaces all of it from a Unix time in milliseconds on.
    later: Option<Box<(u64, Self)>>,
}

impl Price {
    /// A price of `input` and `output` alone.
    pub fn new(input: Rate, output: Rate) -> Self {
        let mut draft = Draft::default();
        draft.set(When::default(), Unit::Input, input);
        draft.set(When::default(), Unit::Output, output);
        draft.build().unwrap_or_else(Self::free)
    }

    /// A price of these rates alone; none where there are none.
    pub fn of(rates: impl IntoIterator<Item = (Unit, Rate)>) -> Option<Self> {
        let mut draft = Draft::default();
        rates.into_iter().for_each(|(unit, rate)| draft.set(When::default(), unit, rate));
        draft.build()
    }

    /// Costs nothing, and that is known: local servers, `:free` models.
    pub fn free() -> Self {
        let mut given = 0;
        for unit in [Unit::Input, Unit::Output] {
            given |= unit.bit();
        }
        Self {
            sheets: Box::new([Sheet { when: When::default(), given, first: 0 }]),
            rates: Box::new([Rate::ZERO, Rate::ZERO]),
            later: None,
        }
    }

    /// With `rate` for `unit` too, in the standard tier.
    #[must_use]
    pub fn with(&self, unit: Unit, rate: Rate) -> Self {
        self.with_when(When::default(), unit, rate)
    }

    /// With `rate` for `unit` in one tier, above one length or in some hours.
    #[must_use]
    pub fn with_when(&self, when: When, unit: Unit, rate: Rate) -> Self {
        let mut draft = self.draft();
        draft.set(when, unit, rate);
        draft.build().unwrap_or_else(|| self.clone())
    }

    /// This price until `from_ms` (Unix milliseconds), then `later`.
    #[must_use]
    pub fn until(mut self, from_ms: u64, later: Self) -> Self {
        match &mut self.later {
            Some(next) if next.0 < from_ms => next.1 = next.1.clone().until(from_ms, later),
            _ => self.later = Some(Box::new((from_ms, later))),
        }
        self
    }

    /// Whether every rate that it gives is zero, now and later.
    pub fn is_free(&self) -> bool {
        self.rates.iter().all(|rate| *rate == Rate::ZERO) && self.later.as_ref().is_none_or(|later| later.1.is_free())
    }

    /// The rate that the list gives for `unit` in the standard tier, without any rule.
    pub fn listed(&self, unit: Unit) -> Option<Rate> {
        self.given(self.sheets.first()?, unit)
    }

    /// The rate that the list gives for `unit` under exactly `when`, without any rule.
    pub fn listed_when(&self, when: When, unit: Unit) -> Option<Rate> {
        self.given(self.sheets.iter().find(|sheet| sheet.when == when)?, unit)
    }

    /// Everything that the list gives: when, for what, how much. What holds later follows with its beginning.
    pub fn lines(&self) -> impl Iterator<Item = (When, Unit, Rate)> + '_ {
        self.sheets.iter().flat_map(move |sheet| {
            Unit::ALL.iter().filter_map(move |unit| Some((sheet.when, *unit, self.given(sheet, *unit)?)))
        })
    }

    /// What replaces it, and from when on (Unix milliseconds).
    pub fn later(&self) -> Option<(u64, &Self)> {
        self.later.as_deref().map(|(from_ms, price)| (*from_ms, price))
    }

    /// The price that holds at `at_ms` (Unix milliseconds).
    pub fn at(&self, at_ms: u64) -> &Self {
        let mut price = self;
        while let Some((_, next)) = price.later.as_deref().filter(|(from_ms, _)| *from_ms <= at_ms) {
            price = next;
        }
        price
    }

    fn draft(&self) -> Draft {
        let mut draft = Draft::default();
        self.lines().for_each(|(when, unit, rate)| draft.set(when, unit, rate));
        if let Some((from_ms, later)) = self.later.as_deref() {
            draft.later(*from_ms, later.draft());
        }
        draft
    }

    fn given(&self, sheet: &Sheet, unit: Unit) -> Option<Rate> {
        if sheet.given & unit.bit() == 0 {
            return None;
        }
        let before = (sheet.given & (unit.bit() - 1)).count_ones() as usize;
        self.rates.get(usize::from(sheet.first) + before).copied()
    }

    fn sheet(&self, tier: ServiceTier, above: u32) -> Option<&Sheet> {
        self.sheets.iter().find(|s| s.when.tier == tier && s.when.above == above && s.when.hours.is_none())
    }
}

impl fmt::Display for Price {
    /// Everything that the list gives, in US dollars per million:
    /// `input 3, output 15; above 200000: input 6, output 22.5; from 1790000000000: input 2`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut last = None;
        for (when, unit, rate) in self.lines() {
            match last {
                Some(before) if before == when => f.write_str(", ")?,
                None if when == When::default() => {}
                None => write!(f, "{when}: ")?,
                Some(_) => write!(f, "; {when}: ")?,
            }
            write!(f, "{} {rate}", unit.as_str())?;
            last = Some(when);
        }
        match &self.later {
            Some(later) => write!(f, "; from {}: {}", later.0, later.1),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
