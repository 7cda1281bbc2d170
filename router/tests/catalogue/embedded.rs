//! The embedded file is whole and sane; names are found, prices are never borrowed, layers lie in order.

use std::collections::HashSet;

use tokenrouter::catalog::{Can, Catalogue, Effort, Facts, Layer, Modality, Mode, ModelSet, Nearness};
use tokenrouter::count::Counts;
use tokenrouter::price::{Bill, Price, Rate, Unit};

fn rate(dollars: &str) -> Rate {
    Rate::parse(dollars).unwrap()
}

#[test]
fn every_entry_is_sane() {
    let set = Catalogue::embedded().layer(Layer::Embedded).unwrap();
    let (models, providers) = set.len();
    assert!(models > 3500 && providers > 50, "{models} of {providers}");
    assert!(set.version().starts_with(&format!("embedded-{}-", set.made())), "{}", set.version());
    let (mut priced, mut zero) = (0, HashSet::new());
    for (provider, model, entry) in set.iter() {
        let at = format!("{provider}/{model}");
        assert!(!model.is_empty() && model.trim() == model && !provider.contains(['_', ' ']), "{at}");
        assert!(entry.facts.context().is_none_or(|tokens| tokens < 100_000_000), "{at}");
        assert!(entry.facts.mode().is_some(), "{at}");
        let Some(price) = entry.price.as_deref() else { continue };
        priced += 1;
        for (_, unit, rate) in price.lines() {
            // Tokens by the million; pieces each, hence a million times as much.
            let most = if unit.is_tokens() { 1_000 } else { 100_000_000 };
            assert!(rate.nanos_per_million() <= most * 1_000_000_000, "{at} {unit:?} {rate}");
        }
        if price.is_free() {
            zero.insert(provider);
        }
        let counts = Counts { input_uncached: 1_000_000, ..Counts::default() };
        if let (Some(cost), Some(rate)) = (price.cost(&Bill::new(counts, 0)), price.listed(Unit::Input)) {
            assert_eq!(cost.input_nanos == 0, rate == Rate::ZERO, "{at}");
        }
    }
    assert!(priced > 3500, "{priced}");
    // A price of zero is written only where it is meant.
    let meant: HashSet<&str> = ["ollama", "openrouter", "opencode-go", "zai", "huggingface"].into();
    assert!(zero.is_subset(&meant), "{zero:?}");
}

#[test]
fn names_are_found_in_the_forms_in_which_they_occur() {
    let catalogue = Catalogue::embedded();
    let input = |kind: &str, model: &str| {
        let priced = catalogue.find(kind, model).price?;
        Some((priced.price.listed(Unit::Input)?.to_string(), priced.origin.nearness))
    };
    let (exact, family) = (Nearness::Exact, Nearness::Family);
    for (kind, model, expected) in [
        ("openai", "gpt-5", Some(("1.25", exact))),
        ("openai", "gpt-5-2099-01-01", Some(("1.25", family))),
        ("google-gemini", "models/gemini-2.5-pro", Some(("1.25", family))),
        ("fireworks", "accounts/fireworks/models/kimi-k3", Some(("3", family))),
        ("anthropic", "claude-opus-5@20260801", Some(("5", family))),
        ("openrouter", "anthropic/claude-opus-4.5", Some(("5", exact))),
        ("openrouter", "anthropic/claude-opus-4.5:thinking", Some(("5", family))),
        ("openrouter", "some/new-model:free", Some(("0", family))),
        ("ollama", "whatever:70b", Some(("0", family))),
        ("lm-studio", "whatever", Some(("0", family))),
        // Unknown: never zero, never a price of somebody else.
        ("ollama", "gpt-oss:120b-cloud", None),
        ("openrouter", "claude-opus-4-5", None),
        ("my-server", "gpt-5", None),
        ("", "gpt-5", None),
        ("groq", "claude-opus-5", None),
        ("openai", "some/new-model:free", None),
        ("openai", "", None),
    ] {
        let found = input(kind, model);
        assert_eq!(found.as_ref().map(|(text, near)| (text.as_str(), *near)), expected, "{kind} {model}");
    }
}

#[test]
fn facts_are_the_models_wherever_it_runs() {
    let catalogue = Catalogue::embedded();
    let opus = catalogue.find("openrouter", "anthropic/claude-opus-5");
    // OpenRouter's own entry tells the window, Anthropic's what the model can do.
    assert_eq!(opus.told(Facts::context).unwrap().1.nearness, Nearness::Exact);
    let (adaptive, origin) = opus.told(|facts| facts.can(Can::AdaptiveThinking)).unwrap();
    assert_eq!((adaptive, origin.nearness), (true, Nearness::Model));
    let facts = catalogue.find("my-server", "Claude-Opus-5").facts();
    assert_eq!((facts.context(), facts.max_output(), facts.cache_min()), (Some(1_000_000), Some(128_000), Some(512)));
    assert_eq!(facts.can(Can::Sampling), Some(false));
    assert_eq!(facts.can(Can::Prefill), Some(false));
    assert_eq!(facts.can(Can::System), None);
    assert_eq!((facts.takes(Modality::Pdf), facts.takes(Modality::Audio)), (Some(true), Some(false)));
    assert_eq!(
        facts.efforts().collect::<Vec<_>>(),
        [Effort::Low, Effort::Medium, Effort::High, Effort::XHigh, Effort::Max]
    );
    assert_eq!(facts.mode(), Some(Mode::Chat));
    let old = catalogue.find("openai", "gpt-5").facts();
    assert_eq!(old.until().map(|date| date.to_string()), Some("2026-12-11".to_owned()));
    for unknown in ["", "no-such-model", "/", ":", &"x".repeat(100_000)] {
        assert!(!catalogue.find("openai", unknown).is_known(), "{unknown:.9}");
    }
}

#[test]
fn layers_lie_in_order_and_say_where_a_fact_is_from() {
    let cheap = |dollars| Some(Price::new(rate(dollars), rate(dollars)));
    let set = |kind, provider: &'static str, facts, price| {
        ModelSet::new(kind, "2026-11-21", [(provider, "gpt-5", facts, price)])
    };
    let none = Facts::default();
    let base = Catalogue::embedded();
    let updated = base.with(Layer::Updated, set("updated", "openai", none.with_max_output(7), cheap("2")));
    let discovered = updated.with(Layer::Discovered, set("discovered", "mine", none.with_context(9), cheap("3")));
    let manual = discovered.with(Layer::Manual, set("manual", "mine", none, cheap("4")));
    for (catalogue, dollars, layer) in [
        (base, "1.25", Layer::Embedded),
        (&updated, "2", Layer::Updated),
        (&discovered, "3", Layer::Discovered),
        (&manual, "4", Layer::Manual),
    ] {
        let found = catalogue.find_at("mine", "openai", "gpt-5");
        let priced = found.price.unwrap();
        assert_eq!((priced.price.listed(Unit::Input), priced.origin.layer), (Some(rate(dollars)), layer));
        assert!(priced.version.starts_with(layer.as_str()), "{}", priced.version);
    }
    let found = manual.find_at("mine", "openai", "gpt-5");
    let told = |fact: fn(&Facts) -> Option<u64>| found.told(fact).map(|(n, origin)| (n, origin.layer));
    assert_eq!(told(Facts::context), Some((9, Layer::Discovered)));
    assert_eq!(told(Facts::max_output), Some((7, Layer::Updated)));
    assert_eq!(found.told(|facts| facts.can(Can::Tools)).map(|(_, origin)| origin.layer), Some(Layer::Embedded));
    // What was discovered at one provider is not known of another of the same kind.
    assert_eq!(manual.find_at("other", "openai", "gpt-5").price.unwrap().origin.layer, Layer::Updated);
    assert_eq!(
        manual.without(Layer::Manual).find_at("mine", "openai", "gpt-5").price.unwrap().origin.layer,
        Layer::Discovered
    );
    // A version changes with what it stands for.
    let version = |dollars| set("manual", "mine", none, cheap(dollars)).version().to_owned();
    assert_eq!((version("4"), version("4") == version("5")), (version("4"), false));
}

proptest::proptest! {
    #[test]
    fn no_name_makes_it_panic(kind in ".{0,12}", name in "[a-zé0-9:@./_-]{0,140}") {
        for provider in ["openai", "openrouter", "ollama", &kind] {
            let found = Catalogue::embedded().find(provider, &name);
            let _ = (found.facts(), found.is_known());
        }
    }
}
