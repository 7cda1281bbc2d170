//! What an attempt is charged: by the price that is known, else by the one for unknown models; never nothing by mistake.

use std::collections::HashSet;
use std::sync::Arc;

use tokenrouter::catalog::Tariff;
use tokenrouter::count::Report;
use tokenrouter::price::{Bill, Price};

use super::Record;

/// Names of unpriced models that are remembered, so that each is told once.
const MOST_TOLD: usize = 1_000;

/// The cost of one attempt.
#[derive(Clone, Debug, Default)]
pub struct Charge {
    /// In nano-dollars.
    pub nanos: u64,
    /// Whether a rate that the list lacks was taken by rule.
    pub assumed: bool,
    /// What the provider's prompt cache saved, in nano-dollars; below zero where writing to it cost more.
    pub saved_nanos: i64,
    /// The price that it was reckoned by; none: it is not known, and that for unknown models was taken.
    pub tariff: Option<Arc<Tariff>>,
}

impl Charge {
    /// What an attempt cost that came to `report`, by `tariff`, else by `unknown`, when asked for at `at_ms` (Unix
    /// milliseconds).
    pub fn of(tariff: Option<Arc<Tariff>>, unknown: &Price, report: &Report, at_ms: i64) -> Self {
        let bill = Bill::of(report, u64::try_from(at_ms).unwrap_or(0));
        // A list may have no rate for something that there is: then it does not say what this costs.
        let known = tariff.and_then(|tariff| Some((tariff.price.cost(&bill)?, tariff)));
        match known {
            Some((cost, tariff)) => {
                let saved_nanos = tariff.price.saved_nanos(&bill, &cost);
                Self { nanos: cost.total_nanos, assumed: cost.assumed, saved_nanos, tariff: Some(tariff) }
            }
            None => {
                let nanos = unknown.cost(&bill).map_or(0, |cost| cost.total_nanos);
                Self { nanos, assumed: true, saved_nanos: 0, tariff: None }
            }
        }
    }
}

/// The models of unknown price that were used.
#[derive(Debug, Default)]
pub(super) struct Unpriced {
    told: HashSet<(Arc<str>, Arc<str>)>,
    /// The one seen last, which most of a batch are.
    last: Option<(Arc<str>, Arc<str>)>,
}

impl Unpriced {
    /// Tells the operator of a model whose price is not known, once.
    pub(super) fn see(&mut self, record: &Record) {
        if !record.is_unpriced() || self.told.len() >= MOST_TOLD {
            return;
        }
        if self.last.as_ref().is_some_and(|(provider, model)| *provider == record.provider && *model == record.model) {
            return;
        }
        let seen = (Arc::clone(&record.provider), Arc::clone(&record.model));
        self.last = Some(seen.clone());
        if self.told.insert(seen) {
            tracing::warn!(
                provider = &*record.provider,
                model = &*record.model,
                "the price of {}/{} is not known: it is counted by `[prices] unknown`. Give it one with \
                 `price` in its `[[providers.models]]`, or `torod models update`",
                record.provider,
                record.model
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokenrouter::catalog::Catalogue;
    use tokenrouter::count::Counts;
    use tokenrouter::price::{Rate, Unit};

    fn dollars(input: &str, output: &str) -> Price {
        Price::new(Rate::parse(input).unwrap(), Rate::parse(output).unwrap())
    }

    #[test]
    fn what_is_not_known_is_dear_and_says_so() {
        let unknown = dollars("15", "75");
        let counts = Counts { input_uncached: 1_000, output: 100, ..Counts::default() };
        let report = Report::of(counts);
        let known = Catalogue::embedded().find("openai", "gpt-5").price.unwrap().tariff();
        let charge = Charge::of(Some(Arc::new(known.clone())), &unknown, &report, 1_790_000_000_000);
        assert_eq!((charge.nanos, charge.tariff.is_some()), (1_250_000 + 1_000_000, true));
        let charge = Charge::of(None, &unknown, &report, 0);
        assert_eq!((charge.nanos, charge.tariff.is_some()), (15_000_000 + 7_500_000, false));
        // A price of input alone does not say what an answer costs.
        let half = Price::of([(Unit::Input, Rate::parse("1").unwrap())]).unwrap();
        let half = Arc::new(Tariff { price: Arc::new(half), ..known });
        assert!(Charge::of(Some(Arc::clone(&half)), &unknown, &report, 0).tariff.is_none());
        let embedding = Report::of(Counts { output: 0, ..counts });
        assert_eq!(Charge::of(Some(half), &unknown, &embedding, 0).nanos, 1_000_000);
    }
}
