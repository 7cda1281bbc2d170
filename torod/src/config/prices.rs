//! `[prices]`: what is reckoned where nobody knows a price.

use super::model::PriceConfig;
use super::section::Section;

/// What models of unknown price are taken to cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prices {
    /// For a model whose price nobody knows; `input` and `output` are always there.
    pub unknown: PriceConfig,
}

impl Default for Prices {
    /// What the dearest models in wide use cost: who does not know should not find out by the bill.
    fn default() -> Self {
        let dollars = |dollars: u64| Some(dollars * 1_000_000_000);
        let unknown = PriceConfig { input_nanos: dollars(15), output_nanos: dollars(75), ..PriceConfig::default() };
        Self { unknown }
    }
}

impl Prices {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let mut prices = Self::default();
        if let Some(given) = section.section("unknown").map(PriceConfig::read) {
            let usual = prices.unknown;
            prices.unknown = PriceConfig {
                input_nanos: given.input_nanos.or(usual.input_nanos),
                output_nanos: given.output_nanos.or(usual.output_nanos),
                ..given
            };
        }
        section.finish();
        prices
    }
}
