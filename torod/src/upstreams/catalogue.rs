//! What is known of the providers' models: the data set, a newer file, their own lists and the operator's word, in layers.

use std::sync::Arc;

use tokenrouter::catalog::{Can, Catalogue, Facts, Found, ImportError, Layer, Modality, ModelSet, Tariff};
use tokenrouter::price::{Price, Rate, Unit};

use super::provider::Provider;
use crate::config::{ModelConfig, PriceConfig};
use crate::store::DataSet;

/// What came with this program, and over it the newer file in the data folder, where that can be used.
///
/// # Errors
///
/// Why it cannot; `Ok` with what came with this program where there is none, or an older one.
pub fn updated(file: &DataSet) -> Result<Catalogue, String> {
    let base = Catalogue::embedded();
    let Some((bytes, day)) = file.read().map_err(|e| e.to_string())? else { return Ok(base.clone()) };
    match base.import(&bytes, &day) {
        Ok(import) => Ok(base.with(Layer::Updated, import.set)),
        // A newer torod knows newer prices.
        Err(ImportError::Older { .. }) => Ok(base.clone()),
        Err(e) => Err(e.to_string()),
    }
}

/// The same for a daemon, which says in the log what is wrong and goes on with what came with it.
pub fn updated_or_embedded(file: &DataSet) -> Catalogue {
    updated(file).unwrap_or_else(|e| {
        tracing::warn!(
            "the newer prices in the data folder cannot be used, those that came with torod count: {e}; \
             `torod models update` fetches others, `--forget` removes them"
        );
        Catalogue::embedded().clone()
    })
}

/// `base` with what `providers` list and what is declared of them. Whoever was forgotten by a list or by the file is not
/// in it any more.
pub fn layered(base: &Catalogue, providers: &[Arc<Provider>]) -> Catalogue {
    let lists: Vec<_> = providers.iter().map(|provider| (&*provider.name, provider.listed.load())).collect();
    let told = lists.iter().flat_map(|(name, list)| {
        let models = list.iter().flat_map(|list| list.iter());
        let known = models.map(|model| (*name, model.id.as_str(), model.facts(), model.price()));
        known.filter(|(.., facts, price)| *facts != Facts::default() || price.is_some())
    });
    let discovered = base.with(Layer::Discovered, ModelSet::new(Layer::Discovered.as_str(), "", told));
    let declared = providers.iter().flat_map(|provider| {
        let models = provider.declared.iter();
        models.map(|model| (&*provider.name, model.id.as_str(), facts(model), model.price.as_ref().and_then(price)))
    });
    discovered.with(Layer::Manual, ModelSet::new(Layer::Manual.as_str(), "", declared))
}

/// What `catalogue` knows of `model` at `provider`.
pub fn find<'c>(catalogue: &'c Catalogue, provider: &Provider, model: &str) -> Found<'c> {
    let kind = provider.preset.as_ref().map_or("", |preset| &preset.id);
    catalogue.find_at(&provider.name, kind, model)
}

/// What `model` costs at the provider that is called `provider`, be it one of `providers` or one that was removed since.
pub fn tariff(catalogue: &Catalogue, providers: &[Arc<Provider>], provider: &str, model: &str) -> Option<Arc<Tariff>> {
    let found = match providers.iter().find(|known| &*known.name == provider) {
        Some(known) => find(catalogue, known, model),
        None => catalogue.find(provider, model),
    };
    found.price.map(|priced| Arc::new(priced.tariff()))
}

fn facts(model: &ModelConfig) -> Facts {
    let mut facts = Facts::default();
    if let Some(tokens) = model.context {
        facts = facts.with_context(tokens);
    }
    if let Some(tokens) = model.max_output {
        facts = facts.with_max_output(tokens);
    }
    for (can, yes) in
        [(Can::Tools, model.tools), (Can::Reasoning, model.reasoning), (Can::Schema, model.structured_output)]
    {
        if let Some(yes) = yes {
            facts = facts.with(can, yes);
        }
    }
    match model.vision {
        Some(true) => facts.with_input(Modality::Text).with_input(Modality::Image),
        Some(false) => facts.with_input(Modality::Text),
        None => facts,
    }
}

/// The rates that the file gives; none where it gives none.
pub fn price(declared: &PriceConfig) -> Option<Price> {
    let rate = |nanos: Option<u64>| nanos.and_then(Rate::from_nanos_per_million);
    let rates = [
        (Unit::Input, rate(declared.input_nanos)),
        (Unit::Output, rate(declared.output_nanos)),
        (Unit::CacheRead, rate(declared.cache_read_nanos)),
        (Unit::CacheWrite5m, rate(declared.cache_write_nanos)),
        (Unit::CacheWrite1h, rate(declared.cache_write_1h_nanos)),
    ];
    Price::of(rates.into_iter().filter_map(|(unit, rate)| Some((unit, rate?))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse;
    use tokenrouter::catalog::listed::{Bounds, read};

    fn providers(text: &str) -> Vec<Arc<Provider>> {
        let config = parse(text, "t").unwrap();
        config.providers.iter().map(|provider| Arc::new(Provider::new(provider, &[]).unwrap())).collect()
    }

    fn input(catalogue: &Catalogue, provider: &Provider, model: &str) -> Option<(String, Layer)> {
        let priced = find(catalogue, provider, model).price?;
        Some((priced.price.listed(Unit::Input)?.to_string(), priced.origin.layer))
    }

    #[test]
    fn the_operator_goes_before_the_list_and_the_list_before_the_data_set() {
        let text = "
            [[providers]]
            name = \"openai\"
            provider_type = \"openai\"
            [[providers.models]]
            id = \"mine\"
            price = { input = 7, output = 8, cache_read = 0.5 }
            max_output = 99
            vision = false
            tools = true
            [[providers.models]]
            id = \"gpt-5\"
            context = 1000
            [[providers]]
            name = \"relay\"
            base_url = \"http://h\"";
        let providers = providers(text);
        let list =
            br#"{"data":[{"id":"mine","context_length":5,"pricing":{"prompt":"0.000001","completion":"0.000002"}},
            {"id":"gpt-5-mini","pricing":{"prompt":"0.000009","completion":"0.00001"}},{"id":"bare"}]}"#;
        let list = || read(list, Bounds::default()).unwrap().models;
        for provider in &providers {
            assert!(provider.listed.store(list(), None));
        }
        let catalogue = layered(Catalogue::embedded(), &providers);
        let [openai, relay] = &providers[..] else { panic!() };
        let told = |provider, model| input(&catalogue, provider, model);
        assert_eq!(told(openai, "mine"), Some(("7".into(), Layer::Manual)));
        assert_eq!(told(openai, "gpt-5-mini"), Some(("9".into(), Layer::Discovered)));
        assert_eq!(told(openai, "gpt-5"), Some(("1.25".into(), Layer::Embedded)));
        assert_eq!(told(relay, "mine"), Some(("1".into(), Layer::Discovered)));
        assert_eq!(told(relay, "gpt-5"), None, "another's price is nobody's");
        assert_eq!(told(openai, "bare"), None);
        let facts = find(&catalogue, openai, "mine").facts();
        assert_eq!((facts.context(), facts.max_output()), (Some(5), Some(99)));
        assert_eq!((facts.takes(Modality::Image), facts.can(Can::Tools)), (Some(false), Some(true)));
        assert_eq!(find(&catalogue, openai, "gpt-5").facts().context(), Some(1_000));
        assert_eq!(find(&catalogue, relay, "gpt-5").facts().context(), Some(272_000), "facts are the model's");
    }
}
