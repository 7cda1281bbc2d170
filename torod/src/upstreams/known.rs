//! What is known of one model at one provider, as it is told to people and clients.

use tokenrouter::catalog::listed::Listed;
use tokenrouter::catalog::listing::{Card, Quote};
use tokenrouter::catalog::{Facts, Found, Nearness};

use super::catalogue;
use super::provider::{Origin, Provider};
use super::snapshot::Snapshot;

/// What is known of `model` at `provider`, whether it is listed or not.
pub fn card(live: &Snapshot, provider: &Provider, model: &str, listed: Option<&Listed>, now_ms: i64) -> Card {
    let found = catalogue::find(&live.catalogue, provider, model);
    Card {
        display_name: listed.and_then(|listed| listed.display_name.clone()).filter(|name| *name != model),
        created_s: listed.and_then(|listed| listed.created_s),
        price: found.price.map(|priced| Quote::of(priced.price, u64::try_from(now_ms).unwrap_or_default())),
        ..Card::new(format!("{}/{model}", provider.name), &*provider.name).with_facts(facts(provider, &found))
    }
}

/// Every fact from the first that knows it.
fn facts(provider: &Provider, found: &Found<'_>) -> Facts {
    let facts = found.facts();
    let is_borrowed = |fact: fn(&Facts) -> Option<u64>| {
        found.told(fact).is_some_and(|(_, origin)| origin.nearness == Nearness::Model)
    };
    // How much fits is set up where such a server is started, whatever the same model takes elsewhere.
    if runs_here(provider) && is_borrowed(Facts::context) { facts.with_context(0) } else { facts }
}

/// Whether it is a server of the kind that people run themselves.
fn runs_here(provider: &Provider) -> bool {
    provider.origin == Origin::Local || provider.preset.as_ref().is_some_and(|preset| preset.local_port.is_some())
}
