//! Which rate holds for what: the choice of a sheet, and the rules for what a list leaves out.

use super::{Price, Rate, ServiceTier, Sheet, Unit};

/// A rate and whether a rule had to help.
pub(super) type Found = (Rate, bool);

/// The sheets that one bill is paid by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Choice<'a> {
    price: &'a Price,
    standard: &'a Sheet,
    hours: Option<&'a Sheet>,
    tier: ServiceTier,
    above: u32,
    /// The asked tier has no price of its own.
    other_tier: bool,
}

impl<'a> Choice<'a> {
    /// For `input` tokens in `tier` at `at_ms`. None if the price is empty.
    pub(super) fn new(price: &'a Price, tier: ServiceTier, input: u64, at_ms: u64) -> Option<Self> {
        let standard = price.sheets.first()?;
        let offered = price.sheet(tier, 0).is_some();
        let used = if offered { tier } else { ServiceTier::Standard };
        let above = price
            .sheets
            .iter()
            .filter(|s| (s.when.tier == used || s.when.tier == ServiceTier::Standard) && s.when.hours.is_none())
            .map(|s| s.when.above)
            .filter(|above| input > u64::from(*above))
            .max()
            .unwrap_or(0);
        // Hours are told for the standard tier and the usual length alone; elsewhere the dearer rate stays.
        let hours = price.sheets.iter().find(|s| s.when.hours.is_some_and(|hours| hours.has(at_ms)));
        let hours = hours.filter(|_| used == ServiceTier::Standard && above == 0);
        Some(Self { price, standard, hours, tier: used, above, other_tier: !offered })
    }

    /// The rate for `unit`; none where the list says nothing that it could follow from.
    pub(super) fn rate(&self, unit: Unit) -> Option<Found> {
        // Where reasoning, sound or images have no rate of their own at whatever time and in whatever tier, they are text.
        let is_told = |unit| self.price.sheets.iter().any(|sheet| self.price.given(sheet, unit).is_some());
        let unit = match unit {
            Unit::Reasoning | Unit::AudioOut | Unit::ImageOut if !is_told(unit) => Unit::Output,
            Unit::AudioIn | Unit::ImageIn if !is_told(unit) => Unit::Input,
            Unit::AudioCached if !is_told(unit) && !is_told(Unit::AudioIn) => Unit::CacheRead,
            Unit::ImageCached if !is_told(unit) && !is_told(Unit::ImageIn) => Unit::CacheRead,
            _ => unit,
        };
        if let Some(rate) = self.hours.and_then(|sheet| self.price.given(sheet, unit)) {
            return Some((rate, self.other_tier));
        }
        let (rate, assumed) = self.at(self.tier, self.above, unit)?;
        Some((rate, assumed || self.other_tier))
    }

    fn at(&self, tier: ServiceTier, above: u32, unit: Unit) -> Option<Found> {
        let sheet = self.price.sheet(tier, above);
        if let Some(rate) = sheet.and_then(|sheet| self.price.given(sheet, unit)) {
            return Some((rate, false));
        }
        let side = if unit.is_output() { Unit::Output } else { Unit::Input };
        if above > 0 {
            let (usual, _) = self.at(tier, 0, unit)?;
            let own = sheet.and_then(|sheet| self.price.given(sheet, side));
            let (long, short) = match own {
                Some(long) => (Some(long), self.at(tier, 0, side)),
                None if tier == ServiceTier::Standard => (None, None),
                None => (self.at(ServiceTier::Standard, above, unit).map(|found| found.0), self.within(unit)),
            };
            let raised = long.zip(short).map_or(usual, |(long, (short, _))| usual.raised(long, short));
            return Some((raised, true));
        }
        let usual = self.within(unit)?;
        if tier == ServiceTier::Standard {
            return Some(usual);
        }
        let own = sheet.and_then(|sheet| self.price.given(sheet, side));
        let Some(own) = own else { return Some((usual.0, true)) };
        let raised = self.price.given(self.standard, side).map_or(usual.0, |standard| usual.0.raised(own, standard));
        Some((raised, true))
    }

    /// The standard tier's rate for `unit`, by the rules within one sheet.
    fn within(&self, unit: Unit) -> Option<Found> {
        let given = |unit| self.price.given(self.standard, unit);
        if let Some(rate) = given(unit) {
            return Some((rate, false));
        }
        let rule = match unit {
            Unit::Input => [Unit::AudioIn, Unit::ImageIn].into_iter().filter_map(given).max()?,
            Unit::Output => [Unit::AudioOut, Unit::ImageOut, Unit::Reasoning].into_iter().filter_map(given).max()?,
            Unit::CacheWrite1h => {
                let (short, input) = (self.within(Unit::CacheWrite5m)?.0, self.within(Unit::Input)?.0);
                if short > input { short.max(input.twice()) } else { short }
            }
            Unit::AudioCached => self.within(Unit::AudioIn)?.0,
            Unit::ImageCached => self.within(Unit::ImageIn)?.0,
            Unit::CacheRead | Unit::CacheWrite5m | Unit::AudioIn | Unit::ImageIn => self.within(Unit::Input)?.0,
            Unit::Reasoning | Unit::AudioOut | Unit::ImageOut => self.within(Unit::Output)?.0,
            _ => return None,
        };
        Some((rule, true))
    }
}
