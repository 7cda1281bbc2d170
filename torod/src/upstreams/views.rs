//! Models as people and the admin API are shown them.

use std::collections::BTreeMap;

use tokenrouter::catalog::listing::{Card, Need, Selection};
use tokenrouter::catalog::{Effort, Facts, Found, Layer, Modality, Mode, Nearness, Origin};
use tokenrouter::pick::name::Unknown;
use tokenrouter::price::Rate;
use tokenrouter_shared::model::{ModelPrice, ModelView, ModelsView};

use super::catalogue;
use super::snapshot::Snapshot;

/// Those models that are wanted.
pub fn models(live: &Snapshot, wanted: &Selection, now_ms: i64) -> ModelsView {
    let cards = live.told.cards(live, now_ms);
    let mut providers: Vec<String> = Vec::new();
    for card in &cards.list {
        if !providers.contains(&card.provider) {
            providers.push(card.provider.clone());
        }
    }
    let models = wanted.of(&cards.list).into_iter().map(view).collect();
    ModelsView { models, total: cards.list.len(), next: None, providers, is_live: true }
}

/// One model with where it is known from; else the names that look most like it.
pub fn model(live: &Snapshot, id: &str, now_ms: i64) -> Result<ModelView, Vec<String>> {
    let cards = live.told.cards(live, now_ms);
    let Some(card) = cards.find(id) else {
        return Err(closest(live, id));
    };
    let mut shown = view(card);
    let split = card.id.split_once('/').filter(|_| card.targets.is_empty());
    let place = split.and_then(|(name, model)| Some((live.providers.iter().find(|p| *p.name == *name)?, model)));
    if let Some((provider, model)) = place {
        let found = catalogue::find(&live.catalogue, provider, model);
        shown.price_from = found.price.map(|priced| source(priced.origin, priced.version));
        shown.context_from = shown.context_tokens.and_then(|_| context_source(live, &found));
    }
    Ok(shown)
}

/// Aliases and models whose names look like this one; first of all what a request of this name would get.
fn closest(live: &Snapshot, id: &str) -> Vec<String> {
    let names = live.table.names();
    match live.table.resolve(id) {
        Ok(found) => {
            let provider = found.candidates.list().first().and_then(|c| live.providers.get(c.endpoint.provider));
            let full = provider
                .filter(|provider| names.may_have(&provider.name, found.model))
                .map(|provider| format!("{}/{}", provider.name, found.model));
            full.filter(|full| full != id).map_or_else(|| names.closest(id), |full| vec![full])
        }
        Err(Unknown::Model(closest)) => closest,
        Err(_) => names.closest(id),
    }
}

fn context_source(live: &Snapshot, found: &Found<'_>) -> Option<String> {
    let (_, origin) = found.told(Facts::context)?;
    let version = live.catalogue.layer(origin.layer).map(|set| set.version().to_owned()).unwrap_or_default();
    Some(source(origin, &version))
}

fn source(origin: Origin, version: &str) -> String {
    let near = match origin.nearness {
        Nearness::Exact => "",
        Nearness::Family => ", by a shorter name",
        Nearness::Model => ", of the same model elsewhere",
    };
    match origin.layer {
        Layer::Manual => format!("torod.toml{near}"),
        Layer::Discovered => format!("the provider's list{near}"),
        Layer::Updated | Layer::Embedded => format!("{version}{near}"),
    }
}

fn view(card: &Card) -> ModelView {
    let facts = &card.facts;
    let kinds = |knows: &dyn Fn(Modality) -> Option<bool>| -> Vec<String> {
        Modality::ALL.iter().filter(|kind| knows(**kind) == Some(true)).map(|kind| kind.as_str().to_owned()).collect()
    };
    let abilities = Need::ALL.iter().filter(|need| need.is_ability());
    let can: BTreeMap<String, bool> =
        abilities.filter_map(|need| Some((need.as_str().to_owned(), need.is_met_by(card)?))).collect();
    let nanos = |rate: Option<Rate>| rate.map(Rate::nanos_per_million);
    ModelView {
        id: card.id.clone(),
        display_name: card.display_name.clone(),
        provider: card.provider.clone(),
        targets: card.targets.clone(),
        mode: facts.mode().map(Mode::as_str).map(str::to_owned),
        context_tokens: facts.context(),
        max_output_tokens: facts.max_output(),
        input: kinds(&|kind| facts.takes(kind)),
        output: kinds(&|kind| facts.gives(kind)),
        can,
        efforts: facts.efforts().map(Effort::as_str).map(str::to_owned).collect(),
        price: card.price.map(|price| ModelPrice {
            input_nanos: nanos(price.input),
            output_nanos: nanos(price.output),
            cache_read_nanos: nanos(price.cache_read),
            cache_write_nanos: nanos(price.cache_write),
            cache_write_1h_nanos: nanos(price.cache_write_1h),
            is_free: price.is_free,
        }),
        created_s: card.created_s.filter(|s| *s > 0),
        until: facts.until().map(|day| day.to_string()),
        price_from: None,
        context_from: None,
    }
}
