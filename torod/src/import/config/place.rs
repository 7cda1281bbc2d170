//! From a plan to what is written: names that are free, keys that are sealed, and nothing that is there already.

use std::collections::BTreeSet;

use tokenrouter_shared::Secret;
use toml_edit::{Array, ArrayOfTables, InlineTable, Item, Table, Value};

use super::{Foreign, ForeignModel, KeyOf, Plan};
use crate::config::edit::addition::Addition;
use crate::config::{AliasConfig, Config, ProviderConfig, shorten};

/// The largest context window, in tokens.
const MOST_ROOM: i64 = 1_000_000_000;

/// What is to be written.
#[derive(Debug, Default)]
pub struct Placed {
    /// Into the file.
    pub addition: Addition,
    /// Into the sealed store, by name.
    pub secrets: Vec<(String, Secret)>,
    /// Variables that must be set where torod starts.
    pub variables: Vec<String>,
    /// Providers and aliases that are there already.
    pub there: Vec<String>,
}

/// Finds a place for everything in `plan` beside what `config` has.
pub fn place(plan: &Plan, config: &Config, title: &str) -> Placed {
    let mut placed = Placed::default();
    placed.addition.title = format!("Imported from {title} by `torod import config`.");
    placed.addition.settings.clone_from(&plan.settings);
    let mut names: Vec<String> = Vec::new();
    for foreign in &plan.providers {
        let (name, is_new) = free(foreign, &names, config);
        if is_new {
            let table = provider(foreign, &name, &mut placed);
            placed.addition.providers.push(table);
        } else {
            placed.there.push(format!("provider {name}"));
        }
        names.push(name);
    }
    for (key, value) in &mut placed.addition.settings {
        // It may be called otherwise here.
        if *key == "default_provider"
            && let Some(at) = plan.providers.iter().position(|foreign| Some(foreign.name.as_str()) == value.as_str())
            && let Some(name) = names.get(at)
        {
            *value = name.as_str().into();
        }
    }
    for alias in &plan.aliases {
        if config.model_aliases.iter().any(|known| known.name == alias.name) {
            placed.there.push(format!("alias {}", shorten(&alias.name)));
        } else if placed.addition.aliases.iter().all(|known| known.name != alias.name) {
            placed.addition.aliases.push(settled(alias, &names));
        }
    }
    placed
}

/// The alias with the names that providers have here.
fn settled(alias: &AliasConfig, names: &[String]) -> AliasConfig {
    let mut alias = alias.clone();
    for target in &mut alias.targets {
        let at = target.provider.as_deref().and_then(|provider| provider.strip_prefix('#')?.parse::<usize>().ok());
        if let Some(name) = at.and_then(|at| names.get(at)) {
            target.provider = Some(name.clone());
        }
    }
    alias
}

/// The name for a provider, and whether it is a new one: `openai`, `openai-2` and so on.
fn free(foreign: &Foreign, taken: &[String], config: &Config) -> (String, bool) {
    for number in 1_usize.. {
        let name = if number == 1 { foreign.name.clone() } else { format!("{}-{number}", foreign.name) };
        if taken.iter().any(|known| known.eq_ignore_ascii_case(&name)) {
            continue;
        }
        match config.providers.iter().find(|known| known.name.eq_ignore_ascii_case(&name)) {
            None => return (name, true),
            Some(known) if is_same(known, foreign) => return (known.name.clone(), false),
            Some(_) => {}
        }
    }
    (foreign.name.clone(), true)
}

/// Whether a provider of ours is where the foreign one is.
fn is_same(known: &ProviderConfig, foreign: &Foreign) -> bool {
    if foreign.urls.is_empty() {
        return known.provider_type == foreign.preset;
    }
    let bare = |url: &str| url.trim_end_matches('/').trim_end_matches("/v1").to_owned();
    let ours: Vec<String> = known.protocols.iter().map(|(_, url)| bare(&url.to_string())).collect();
    foreign.urls.iter().all(|(_, url)| ours.contains(&bare(url)))
}

fn provider(foreign: &Foreign, name: &str, placed: &mut Placed) -> Table {
    let mut table = Table::new();
    let mut set = |key: &str, value: Value| _ = table.insert(key, Item::Value(value));
    set("name", name.into());
    if let Some(preset) = &foreign.preset {
        set("provider_type", preset.as_str().into());
    }
    match foreign.urls.as_slice() {
        [] => {}
        // With a preset, or where the protocol is the usual one.
        [(protocol, url)] if protocol.is_empty() || protocol == "openai" => set("base_url", url.as_str().into()),
        urls => {
            let table: InlineTable = urls.iter().map(|(protocol, url)| (protocol.as_str(), url.as_str())).collect();
            set("protocols", table.into());
        }
    }
    let mut keys: Vec<Value> = Vec::new();
    for key in &foreign.keys {
        let (place, value) = match key {
            KeyOf::Variable(variable) => {
                if !placed.variables.contains(variable) {
                    placed.variables.push(variable.clone());
                }
                ("env", variable.clone())
            }
            KeyOf::Literal(secret) => {
                let number = placed.secrets.iter().filter(|(known, _)| is_of(known, name)).count() + 1;
                let stored = if number == 1 { format!("provider/{name}") } else { format!("provider/{name}/{number}") };
                placed.secrets.push((stored.clone(), secret.clone()));
                ("secret", stored)
            }
        };
        keys.push(InlineTable::from_iter([(place, Value::from(value))]).into());
    }
    match keys.len() {
        0 => {}
        1 => keys.into_iter().for_each(|key| set("api_key", key)),
        _ => set("api_keys", keys.into_iter().collect::<Array>().into()),
    }
    if !foreign.enabled {
        set("enabled", false.into());
    }
    let numbers = [
        ("priority", foreign.priority, 1_000_000),
        ("requests_per_minute", foreign.pace.0, 1_000_000),
        ("tokens_per_minute", foreign.pace.1, 1_000_000_000_000),
    ];
    for (key, number, most) in numbers {
        if let Some(number) = number.filter(|number| (1..=most).contains(number)) {
            set(key, number.into());
        }
    }
    let mut known = BTreeSet::new();
    let mut is_new = |one: &ForeignModel| is_model(one) && known.insert(one.id.clone());
    let models: ArrayOfTables = foreign.models.iter().filter(|one| is_new(one)).filter_map(model).collect();
    if !models.is_empty() {
        table.insert("models", models.into());
    }
    table
}

/// Whether a stored secret is one of this provider.
pub(super) fn is_of(stored: &str, provider: &str) -> bool {
    stored.strip_prefix("provider/").is_some_and(|rest| rest.split('/').next() == Some(provider))
}

/// Whether its id is one as a configuration takes it.
fn is_model(model: &ForeignModel) -> bool {
    let id = &model.id;
    (1..=256).contains(&id.len()) && !id.chars().any(char::is_control)
}

/// A model of which something is known.
fn model(foreign: &ForeignModel) -> Option<Table> {
    let mut table = Table::new();
    table.insert("id", Item::Value(foreign.id.as_str().into()));
    let prices = ["input", "output", "cache_read", "cache_write"].into_iter().zip(foreign.price);
    let price: InlineTable = prices.filter_map(|(key, cost)| Some((key, dollars(cost?)))).collect();
    if price.contains_key("input") || price.contains_key("output") {
        table.insert("price", Item::Value(price.into()));
    }
    for (key, number) in ["context", "max_output"].into_iter().zip(foreign.room) {
        if let Some(number) = number.filter(|number| (1..=MOST_ROOM).contains(number)) {
            table.insert(key, Item::Value(number.into()));
        }
    }
    for (key, can) in ["tools", "vision", "reasoning", "structured_output"].into_iter().zip(foreign.can) {
        if let Some(can) = can {
            table.insert(key, Item::Value(can.into()));
        }
    }
    (table.len() > 1).then_some(table)
}

/// To the ninth digit, which is as far as prices go.
fn dollars(cost: f64) -> f64 {
    (cost * 1e9).round() / 1e9
}
