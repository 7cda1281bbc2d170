//! What an attempt cost, bucket by bucket.

use super::resolve::Choice;
use super::{Price, ServiceTier, Unit};
use crate::count::{Counts, Media, Report};

/// Rates are per million units.
const MILLION: u128 = 1_000_000;
/// More does not fit where sums are kept (a signed 64-bit integer).
const MOST_NANOS: u128 = i64::MAX as u128;

/// What there is to pay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Bill {
    /// The tokens.
    pub counts: Counts,
    /// What was not text.
    pub media: Media,
    /// Requests that are paid for as such.
    pub requests: u64,
    /// The tier that served.
    pub tier: ServiceTier,
    /// Tokens in and out that are paid for instead of those counted, caches or not.
    pub billed: Option<[u64; 2]>,
    /// When it was asked: Unix milliseconds.
    pub at_ms: u64,
}

impl Bill {
    /// One request of text in the standard tier.
    pub fn new(counts: Counts, at_ms: u64) -> Self {
        Self { counts, requests: 1, at_ms, ..Self::default() }
    }

    /// What a provider reported of one request.
    pub fn of(report: &Report, at_ms: u64) -> Self {
        let Report { counts, media, tier, billed, .. } = *report;
        Self { counts, media, requests: media.queries.max(1), tier, billed, at_ms }
    }

    /// The same if no cache had had a part in it.
    fn uncached(&self) -> Self {
        let Self { counts, media, .. } = *self;
        let counts = Counts {
            input_uncached: counts.input(),
            output: counts.output,
            reasoning: counts.reasoning,
            ..Counts::default()
        };
        let media = Media {
            audio_in: media.audio_in.saturating_add(media.audio_cached),
            image_in: media.image_in.saturating_add(media.image_cached),
            audio_cached: 0,
            image_cached: 0,
            ..media
        };
        Self { counts, media, ..*self }
    }

    /// Whether a cache had a part in it that is paid for in another way than other input.
    const fn has_cache(&self) -> bool {
        let counts = &self.counts;
        self.billed.is_none() && (counts.cache_read > 0 || counts.cache_write_5m > 0 || counts.cache_write_1h > 0)
    }
}

/// A cost in nano-dollars, and what it is made of. The parts add up to the total.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Cost {
    /// All of it.
    pub total_nanos: u64,
    /// Input that no cache answered: text, sound and images.
    pub input_nanos: u64,
    /// Input from a cache.
    pub cache_read_nanos: u64,
    /// Input written to a short-lived cache.
    pub cache_write_5m_nanos: u64,
    /// Input written to a long-lived cache.
    pub cache_write_1h_nanos: u64,
    /// Output but for reasoning.
    pub output_nanos: u64,
    /// Reasoning.
    pub reasoning_nanos: u64,
    /// What is paid in pieces: requests, images, seconds, characters, searches.
    pub pieces_nanos: u64,
    /// A rate had to be taken by rule, because the list has none for it.
    pub assumed: bool,
}

/// Adds up in 10⁻¹⁵ dollars; rounds the running sum, so that the parts add up.
struct Sum<'a> {
    choice: Choice<'a>,
    exact: u128,
    told: u64,
    assumed: bool,
}

impl Sum<'_> {
    fn add(&mut self, unit: Unit, count: u64) -> Option<()> {
        if count > 0 {
            let (rate, assumed) = self.choice.rate(unit)?;
            self.assumed |= assumed;
            let cost = u128::from(rate.nanos_per_million()).saturating_mul(u128::from(count));
            self.exact = self.exact.saturating_add(cost);
        }
        Some(())
    }

    /// What came to the sum since the last part, in whole nano-dollars.
    fn part(&mut self) -> u64 {
        let total = u64::try_from(self.exact.div_ceil(MILLION).min(MOST_NANOS)).unwrap_or(u64::MAX);
        let part = total - self.told;
        self.told = total;
        part
    }
}

impl Price {
    /// What `bill` costs; none where the list has no rate for something in it, nor one that it follows from.
    ///
    /// The sum is exact; it is rounded once, up to a whole nano-dollar, and ends at `i64::MAX`.
    pub fn cost(&self, bill: &Bill) -> Option<Cost> {
        let price = self.at(bill.at_ms);
        // What is above a length is counted, whatever is paid for.
        let choice = Choice::new(price, bill.tier, bill.counts.input(), bill.at_ms)?;
        let (counts, media) = match bill.billed {
            Some([input_uncached, output]) => (Counts { input_uncached, output, ..Counts::default() }, bill.media),
            None => (bill.counts, bill.media.within(&bill.counts)),
        };
        let has = |unit| price.listed(unit).is_some();
        let by_tokens = Unit::ALL.iter().any(|unit| unit.is_tokens() && has(*unit));
        let mut sum = Sum { choice, exact: 0, told: 0, assumed: false };
        let mut cost = Cost::default();
        if by_tokens {
            let text = counts.input_uncached.saturating_sub(media.audio_in).saturating_sub(media.image_in);
            sum.add(Unit::AudioIn, media.audio_in)?;
            sum.add(Unit::ImageIn, media.image_in)?;
            sum.add(Unit::Input, text)?;
            cost.input_nanos = sum.part();
            let text = counts.cache_read.saturating_sub(media.audio_cached).saturating_sub(media.image_cached);
            sum.add(Unit::AudioCached, media.audio_cached)?;
            sum.add(Unit::ImageCached, media.image_cached)?;
            sum.add(Unit::CacheRead, text)?;
            cost.cache_read_nanos = sum.part();
            sum.add(Unit::CacheWrite5m, counts.cache_write_5m)?;
            cost.cache_write_5m_nanos = sum.part();
            sum.add(Unit::CacheWrite1h, counts.cache_write_1h)?;
            cost.cache_write_1h_nanos = sum.part();
            let text = counts.output.saturating_sub(counts.reasoning);
            sum.add(Unit::AudioOut, media.audio_out)?;
            sum.add(Unit::ImageOut, media.image_out)?;
            sum.add(Unit::Output, text.saturating_sub(media.audio_out).saturating_sub(media.image_out))?;
            cost.output_nanos = sum.part();
            sum.add(Unit::Reasoning, counts.reasoning)?;
            cost.reasoning_nanos = sum.part();
        }
        let mut paid = by_tokens;
        for (unit, count, instead) in [
            (Unit::Request, bill.requests, None),
            (Unit::Image, media.images, Some(Unit::ImageOut)),
            (Unit::SecondIn, media.seconds_in, Some(Unit::Input)),
            (Unit::SecondOut, media.seconds_out, Some(Unit::Output)),
            (Unit::Character, media.characters, Some(Unit::Input)),
            (Unit::WebSearch, media.web_searches, None),
        ] {
            if has(unit) && !instead.is_some_and(has) {
                sum.add(unit, count)?;
                paid |= count > 0;
            } else if unit == Unit::WebSearch {
                sum.assumed |= count > 0;
            }
        }
        // A model that is paid by the second, whose seconds nobody counted, did not cost nothing.
        if !paid {
            return None;
        }
        cost.pieces_nanos = sum.part();
        cost.total_nanos = sum.told;
        cost.assumed = sum.assumed;
        Some(cost)
    }

    /// What the provider's prompt cache saved on `bill`, which came to `paid`: the same bill with all input at the rate of
    /// input that no cache answers, minus that. Below zero where writing to the cache cost more than reading saved.
    pub fn saved_nanos(&self, bill: &Bill, paid: &Cost) -> i64 {
        if !bill.has_cache() {
            return 0;
        }
        // Both end at `i64::MAX`, so the difference fits.
        let without = self.cost(&bill.uncached()).map_or(paid.total_nanos, |cost| cost.total_nanos);
        without.cast_signed().saturating_sub(paid.total_nanos.cast_signed())
    }
}
