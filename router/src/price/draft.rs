//! A price while it is put together.

use std::collections::BTreeMap;

use super::{Price, Rate, Sheet, Unit, When};

/// How many sheets and later prices one price may have: more are a mistake or malice.
const MOST_SHEETS: usize = 64;
const MOST_LATER: usize = 16;

/// The rates known so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Draft {
    sheets: BTreeMap<When, BTreeMap<Unit, Rate>>,
    later: BTreeMap<u64, Self>,
}

impl Draft {
    /// Sets one rate.
    pub(crate) fn set(&mut self, when: When, unit: Unit, rate: Rate) {
        if self.sheets.len() < MOST_SHEETS || self.sheets.contains_key(&when) {
            self.sheets.entry(when).or_default().insert(unit, rate);
        }
    }

    /// Sets what holds instead from `from_ms` on.
    pub(crate) fn later(&mut self, from_ms: u64, draft: Self) {
        if self.later.len() < MOST_LATER {
            self.later.insert(from_ms, draft);
        }
    }

    /// The rate for `unit` in the standard tier.
    pub(crate) fn standard(&self, unit: Unit) -> Option<Rate> {
        self.sheets.get(&When::default())?.get(&unit).copied()
    }

    /// The standard rates, times `factor` in thousandths, as those of `when`.
    pub(crate) fn multiply(&mut self, when: When, factor_thousandths: u64) {
        let standard = self.sheets.get(&When::default()).cloned().unwrap_or_default();
        for (unit, rate) in standard {
            let nanos = u128::from(rate.nanos_per_million()) * u128::from(factor_thousandths) / 1000;
            let rate = u64::try_from(nanos).ok().and_then(Rate::from_nanos_per_million);
            if let Some(rate) = rate.filter(|_| unit.is_tokens()) {
                self.set(when, unit, rate);
            }
        }
    }

    /// A cache that costs nothing beside an input that costs something is a list's way to say "not charged apart".
    pub(crate) fn drop_zero_caches(&mut self) {
        const CACHES: [Unit; 5] =
            [Unit::CacheRead, Unit::CacheWrite5m, Unit::CacheWrite1h, Unit::AudioCached, Unit::ImageCached];
        if self.standard(Unit::Input).is_some_and(|rate| rate > Rate::ZERO) {
            for sheet in self.sheets.values_mut() {
                sheet.retain(|unit, rate| *rate > Rate::ZERO || !CACHES.contains(unit));
            }
            self.sheets.retain(|_, sheet| !sheet.is_empty());
        }
        self.later.values_mut().for_each(Self::drop_zero_caches);
    }

    /// Forgets the standard rate of `unit` if it is zero.
    pub(crate) fn drop_zero(&mut self, unit: Unit) {
        if let Some(sheet) = self.sheets.get_mut(&When::default()) {
            sheet.retain(|known, rate| *known != unit || *rate > Rate::ZERO);
        }
    }

    /// Whether anything costs something in the standard tier; a search in the web aside.
    pub(crate) fn has_more_than_zero(&self) -> bool {
        let sheet = self.sheets.get(&When::default());
        sheet.is_some_and(|sheet| sheet.iter().any(|(unit, rate)| *unit != Unit::WebSearch && *rate > Rate::ZERO))
    }

    /// The dearest rate of tokens.
    pub(crate) fn dearest_token(&self) -> Rate {
        let own = self.sheets.values().flatten().filter(|(unit, _)| unit.is_tokens()).map(|(_, rate)| *rate);
        own.chain(self.later.values().map(Self::dearest_token)).max().unwrap_or_default()
    }

    /// The price; none if it has no rate in the standard tier.
    pub(crate) fn build(&self) -> Option<Price> {
        self.sheets.get(&When::default()).filter(|sheet| !sheet.is_empty())?;
        let (mut sheets, mut rates) = (Vec::with_capacity(self.sheets.len()), Vec::new());
        // The standard sheet sorts first: its tier, length and hours are the smallest there are.
        for (when, sheet) in &self.sheets {
            let given = sheet.keys().fold(0, |all, unit| all | unit.bit());
            sheets.push(Sheet { when: *when, given, first: u16::try_from(rates.len()).ok()? });
            rates.extend(sheet.values().copied());
        }
        let mut price = Price { sheets: sheets.into(), rates: rates.into(), later: None };
        let mut next = None;
        for (from_ms, later) in self.later.iter().rev() {
            let Some(mut later) = later.build() else { continue };
            later.later = next.take();
            next = Some(Box::new((*from_ms, later)));
        }
        price.later = next;
        Some(price)
    }
}
