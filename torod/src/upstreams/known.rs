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

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    use tokenrouter::catalog::Can;

    use crate::clock::Clock;
    use crate::config::parse;
    use crate::upstreams::snapshot::Live;

    #[test]
    fn what_fits_elsewhere_says_nothing_of_a_server_of_ones_own() {
        let text = "[[providers]]\nname = \"home\"\nprovider_type = \"ollama\"\n\
                    [[providers]]\nname = \"relay\"\nbase_url = \"http://h\"\n";
        let config = parse(text, "t").unwrap();
        let providers: Vec<_> = config.providers.iter().map(|p| Arc::new(Provider::new(p, &[]).unwrap())).collect();
        let live = Live::new(&config, providers.clone(), 0, Clock::system()).load();
        let [home, relay] = [0, 1].map(|at| card(&live, &providers[at], "claude-sonnet-4-5", None, 0));
        assert_eq!((home.facts.context(), relay.facts.context()), (None, Some(200_000)));
        assert_eq!((home.facts.can(Can::Tools), relay.facts.can(Can::Tools)), (Some(true), Some(true)));
        assert_eq!((home.price.map(|price| price.is_free), relay.price), (Some(true), None));
        assert_eq!((home.id.as_str(), home.provider.as_str()), ("home/claude-sonnet-4-5", "home"));
        let named = Listed { display_name: Some("Claude".into()), created_s: Some(7), ..Listed::named("m") };
        let told = card(&live, &providers[1], "m", Some(&named), 0);
        assert_eq!((told.label(), told.created_s), ("Claude", Some(7)));
    }
}
