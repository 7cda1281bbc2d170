//! one-api and new-api: channels become providers, the models that they list aliases where names differ or are shared.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use tokenrouter::catalog::Presets;

use super::keys::{base_url, key, provider_name};
use super::tree::{Branch, text};
use super::{Foreign, Plan, Program};
use crate::config::{AliasConfig, TargetConfig, shorten};

/// What numbers mean in both, and then in one of them.
const BOTH: [(i64, &str); 11] = [
    (1, "openai"),
    (14, "anthropic"),
    (15, "qianfan"),
    (16, "zhipu"),
    (17, "dashscope-cn"),
    (18, "xunfei"),
    (20, "openrouter"),
    (23, "tencent"),
    (24, "gemini"),
    (25, "moonshot-cn"),
    (31, "yi"),
];
const ONE_API: [(i64, &str); 13] = [
    (26, "baichuan"),
    (27, "minimax-cn"),
    (28, "mistral"),
    (29, "groq"),
    (30, "ollama"),
    (32, "stepfun-cn"),
    (35, "cohere"),
    (36, "deepseek"),
    (39, "together"),
    (40, "doubao"),
    (44, "siliconflow-cn"),
    (45, "xai"),
    (47, "qianfan"),
];
const NEW_API: [(i64, &str); 11] = [
    (4, "ollama"),
    (26, "zhipu"),
    (27, "perplexity"),
    (34, "cohere"),
    (35, "minimax-cn"),
    (40, "siliconflow-cn"),
    (42, "mistral"),
    (43, "deepseek"),
    (45, "doubao"),
    (46, "qianfan"),
    (48, "xai"),
];
/// A channel of its own URL in the form of `OpenAI`.
const CUSTOM: i64 = 8;
const AZURE: i64 = 3;
/// Enabled.
const ON: i64 = 1;

/// The channels in whatever an export or an answer of the API wraps them in.
pub(super) fn listed(tree: &Value) -> Option<&[Value]> {
    let list = |value: &Value| {
        value.as_array().is_some_and(|list| {
            list.first().is_some_and(|one| one.get("models").is_some_and(Value::is_string) && one.get("type").is_some())
        })
    };
    let data = tree.get("data");
    let places = [Some(tree), data, tree.get("channels"), data.and_then(|data| data.get("items"))];
    let found = places.into_iter().flatten().find(|value| list(value))?;
    found.as_array().map(Vec::as_slice)
}

pub(super) fn plan(channels: &[Value], program: Program, presets: &Presets) -> Plan {
    let mut plan = Plan::default();
    // What clients ask for, with who serves it: priority, channel, model, weight.
    let mut served: BTreeMap<String, Vec<(i64, usize, String, u32)>> = BTreeMap::new();
    for channel in channels {
        let mut channel = Branch::new("channels[].", channel);
        let id = channel.integer("id").unwrap_or(0);
        let name = channel.text("name").unwrap_or_else(|| format!("channel-{id}"));
        let kind = channel.integer("type").unwrap_or(0);
        let url = channel.text("base_url");
        let secret = channel.text("key");
        let (foreign, missing) = match provider(&name, kind, url.as_deref(), secret.as_deref(), program, presets) {
            Ok(found) => found,
            Err(why) => {
                plan.left.note(format!("channel {}: {why}", shorten(&name)));
                continue;
            }
        };
        if missing {
            plan.left.note(format!(
                "the key of channel {}: it is not in the export; only the database has keys",
                shorten(&name)
            ));
        }
        // There the greater goes first.
        let priority = channel.integer("priority").unwrap_or(0);
        let enabled = channel.integer("status").unwrap_or(ON) == ON;
        let weight = channel.integer("weight").unwrap_or(0).clamp(0, 1_000_000);
        let mapping =
            channel.text("model_mapping").and_then(|text| serde_json::from_str::<Map<String, Value>>(&text).ok());
        let models = channel.text("models").unwrap_or_default();
        let at = plan.providers.len();
        for model in models.split(',').map(str::trim).filter(|model| !model.is_empty()) {
            let there =
                mapping.as_ref().and_then(|mapping| text(mapping.get(model)?)).unwrap_or_else(|| model.to_owned());
            let weight = u32::try_from(weight).unwrap_or(0);
            served.entry(model.to_owned()).or_default().push((-priority, at, there, weight));
        }
        for (field, what) in [
            ("group", "groups: a token's rights say which models it may use"),
            ("param_override", OVERRIDE),
            ("header_override", OVERRIDE),
        ] {
            let value = channel.text(field).filter(|value| !["default", "{}"].contains(&value.as_str()));
            if value.is_some() {
                plan.left.note(format!("channels[].{field}: {what}"));
            }
        }
        plan.providers.push(Foreign { enabled, ..foreign });
    }
    for (name, mut targets) in served {
        targets.sort_by_key(|(priority, ..)| *priority);
        let is_plain = matches!(targets.as_slice(), [(_, _, model, _)] if *model == name);
        if is_plain {
            // The provider lists it.
            continue;
        }
        let is_one_rank = targets.iter().all(|(priority, ..)| Some(*priority) == targets.first().map(|first| first.0));
        let targets = targets.iter().map(|(_, at, model, weight)| TargetConfig {
            profile: None,
            provider: Some(format!("#{at}")),
            model: model.clone(),
            weight: (is_one_rank && targets.len() > 1).then(|| (*weight).max(1)),
        });
        plan.aliases.push(AliasConfig { name, targets: targets.collect(), ..AliasConfig::default() });
    }
    plan.left.note("users, tokens and prices: `torod token create` makes tokens");
    plan
}

const OVERRIDE: &str = "clients say it";

fn provider(
    name: &str,
    kind: i64,
    url: Option<&str>,
    secret: Option<&str>,
    program: Program,
    presets: &Presets,
) -> Result<(Foreign, bool), String> {
    let more = if program == Program::NewApi { NEW_API.as_slice() } else { ONE_API.as_slice() };
    let id = BOTH.iter().chain(more).find(|(number, _)| *number == kind).map(|(_, id)| *id);
    let preset = id.and_then(|id| presets.find(id));
    let url = match url {
        Some(text) => Some(base_url(text).ok_or("its base_url is no URL that can be called")?),
        None => None,
    };
    let mut foreign = Foreign { name: provider_name(name), enabled: true, ..Foreign::default() };
    match (preset, url) {
        (Some(preset), None) => foreign.preset = Some(preset.id.clone()),
        (Some(_), Some(url)) => {
            let protocol = match id {
                Some("anthropic") => "anthropic",
                Some("gemini") => "gemini",
                _ => "openai",
            };
            foreign.urls = vec![(protocol.to_owned(), url)];
        }
        (None, Some(url)) if kind == AZURE => {
            foreign.preset = Some("azure".to_owned());
            foreign.urls = vec![(String::new(), format!("{}/openai/v1", url.trim_end_matches("/openai")))];
        }
        (None, Some(url)) if kind == CUSTOM || url.contains("://") => foreign.urls = vec![("openai".to_owned(), url)],
        (None, _) => return Err(format!("type {kind}: no provider is known for it here, and it has no URL")),
    }
    // Several keys stand in lines of their own.
    let keys = secret.unwrap_or_default();
    foreign.keys = keys.lines().filter_map(key).take(32).collect();
    let is_local = matches!(id, Some("ollama"));
    let missing = foreign.keys.is_empty() && !is_local;
    Ok((foreign, missing))
}
