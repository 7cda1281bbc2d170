//! LiteLLM's proxy: `model_list` becomes providers and aliases, fallbacks become further targets.

use serde_json::Value;
use tokenrouter::catalog::Presets;

use super::keys::{base_url, key, provider_name};
use super::tree::{Branch, text};
use super::{Foreign, ForeignModel, KeyOf, Plan, named};
use crate::config::{AliasConfig, TargetConfig, shorten};
use crate::import::Left;

/// What LiteLLM calls providers, where it is not what we call them.
const NAMES: [(&str, &str); 14] = [
    ("ollama_chat", "ollama"),
    ("together_ai", "together"),
    ("fireworks_ai", "fireworks"),
    ("cohere_chat", "cohere"),
    ("hosted_vllm", "vllm"),
    ("lm_studio", "lmstudio"),
    ("nvidia_nim", "nvidia"),
    ("azure_ai", "azure-cognitive-services"),
    ("text-completion-openai", "openai"),
    ("custom_openai", "openai"),
    ("openai_like", "openai"),
    ("litellm_proxy", "openai"),
    ("volcengine", "doubao"),
    ("gemini", "gemini"),
];
/// Defaults of requests, which clients say themselves.
const OF_REQUESTS: &str = "a default for requests: clients say it, or an alias with a model of its own";
/// Names for names that are followed.
const STEPS: usize = 4;
/// So many targets one name has at most.
const MOST_TARGETS: usize = 32;

/// A deployment: one entry of `model_list`.
struct Deployment {
    name: String,
    provider: usize,
    model: String,
    weight: Option<u32>,
    order: i64,
}

pub(super) fn plan(tree: &Value, presets: &Presets) -> Plan {
    let mut plan = Plan::default();
    let mut root = Branch::new("", tree);
    let mut deployments = Vec::new();
    for entry in root.list("model_list") {
        deployments.extend(deployment(entry, presets, &mut plan));
    }
    aliases(&deployments, &mut plan);
    let mut fallbacks = Vec::new();
    for section in ["litellm_settings", "router_settings"] {
        let mut settings = match section {
            "litellm_settings" => root.branch("litellm_settings"),
            _ => root.branch("router_settings"),
        };
        let Some(settings) = &mut settings else { continue };
        fallbacks.extend(settings.list("fallbacks"));
        let groups = settings.take("model_group_alias").and_then(Value::as_object);
        for (name, value) in groups.into_iter().flatten() {
            let model = text(value).or_else(|| text(value.get("model")?));
            plan.aliases.extend(model.map(|model| alias(name, [target(None, &model, None)])));
        }
        common(settings, &mut plan);
    }
    for section in ["litellm_settings", "router_settings"] {
        if let Some(mut settings) = Branch::new("", tree).branch(if section == "litellm_settings" {
            "litellm_settings"
        } else {
            "router_settings"
        }) {
            settings.pass(&["fallbacks", "model_group_alias", "num_retries", "allowed_fails", "cooldown_time"]);
            settings.pass(&["drop_params", "set_verbose", "json_logs", "routing_strategy"]);
            settings.end(&mut plan.left);
        }
    }
    let known = plan.aliases.clone();
    for fallback in fallbacks {
        add_fallbacks(fallback, &known, &mut plan);
    }
    if let Some(mut general) = root.branch("general_settings") {
        if general.take("master_key").is_some() {
            plan.left.note("general_settings.master_key: `torod token create --role admin` makes an admin's token");
        }
        general.end(&mut plan.left);
    }
    if let Some(variables) = root.take("environment_variables").and_then(Value::as_object) {
        plan.left.notes("environment_variables: set them where torod starts", variables.len() as u64);
    }
    root.end(&mut plan.left);
    plan
}

/// What both sections may say.
fn common(settings: &mut Branch<'_>, plan: &mut Plan) {
    let mut set = |key: &'static str, value: toml_edit::Value| {
        if !plan.settings.iter().any(|(known, _)| *known == key) {
            plan.settings.push((key, value));
        }
    };
    if let Some(retries) = settings.integer("num_retries").filter(|n| (0..10).contains(n)) {
        set("routing.attempts", (retries + 1).into());
    }
    if let Some(fails) = settings.integer("allowed_fails").filter(|n| (0..1000).contains(n)) {
        set("routing.breaker.failures", (fails + 1).into());
    }
    if let Some(seconds) = settings.integer("cooldown_time").filter(|n| (1..86_400).contains(n)) {
        set("routing.breaker.recovery", format!("{seconds}s").into());
    }
}

fn deployment(entry: &Value, presets: &Presets, plan: &mut Plan) -> Option<Deployment> {
    let mut entry = Branch::new("model_list[].", entry);
    let name = entry.text("model_name")?;
    let mut params = entry.branch("litellm_params")?;
    let whole = params.text("model")?;
    let url = params.text("api_base").or_else(|| params.text("base_url"));
    let secret = params.text("api_key");
    let own = params.text("custom_llm_provider");
    let pace = (
        params.integer("rpm").or_else(|| entry.integer("rpm")),
        params.integer("tpm").or_else(|| entry.integer("tpm")),
    );
    let weight = params.integer("weight").filter(|n| (1..=1_000_000).contains(n)).and_then(|n| u32::try_from(n).ok());
    let order = params.integer("order").unwrap_or(0);
    params.pass(&["api_version", "drop_params", "input_cost_per_token", "output_cost_per_token"]);
    let mut known = ForeignModel::default();
    describe(&mut params, &mut known);
    if let Some(mut info) = entry.branch("model_info") {
        describe(&mut info, &mut known);
        info.pass(&["id", "mode", "base_model", "description", "metadata", "db_model"]);
        info.end(&mut plan.left);
    }
    requests(params, &mut plan.left);
    entry.end(&mut plan.left);

    let (prefix, model) = match own {
        Some(own) => (own, whole.clone()),
        None => match whole.split_once('/') {
            Some((prefix, rest)) => (prefix.to_owned(), rest.to_owned()),
            // Bare names are OpenAI's, or Claude.
            None if whole.starts_with("claude") => ("anthropic".to_owned(), whole.clone()),
            None => ("openai".to_owned(), whole.clone()),
        },
    };
    let foreign = match provider(&prefix, url.as_deref(), secret.as_deref(), presets) {
        Ok(foreign) => foreign,
        Err(why) => {
            plan.left.note(format!("model_list: {} ({}): {why}", shorten(&name), shorten(&prefix)));
            return None;
        }
    };
    let same =
        |known: &Foreign| known.preset == foreign.preset && known.urls == foreign.urls && known.keys == foreign.keys;
    let at = plan.providers.iter().position(same).unwrap_or_else(|| {
        plan.providers.push(foreign);
        plan.providers.len() - 1
    });
    let found = plan.providers.get_mut(at)?;
    let is_wild = model.contains('*');
    if !is_wild {
        if found.models.iter().all(|known| known.id != model) {
            // A pace is a deployment's there and a provider's here.
            found.pace = if found.models.is_empty() { pace } else { (None, None) };
            if pace != (None, None) && !found.models.is_empty() {
                plan.left.note("litellm_params.rpm and tpm: here a provider has one pace for all its models");
            }
            found.models.push(ForeignModel { id: model.clone(), ..known });
        }
        return Some(Deployment { name, provider: at, model, weight, order });
    }
    if name != "*" && !name.ends_with("/*") {
        plan.left.note(format!("model_list: {}: a pattern; its models are called `provider/model`", shorten(&name)));
    }
    None
}

fn describe(from: &mut Branch<'_>, model: &mut ForeignModel) {
    let prices = [
        "input_cost_per_token",
        "output_cost_per_token",
        "cache_read_input_token_cost",
        "cache_creation_input_token_cost",
    ];
    for (price, key) in model.price.iter_mut().zip(prices) {
        *price = from.number(key).filter(|cost| (0.0..1.0).contains(cost)).map(|cost| cost * 1e6).or(*price);
    }
    let window = from.integer("max_input_tokens");
    let longest = from.integer("max_output_tokens");
    for (room, found) in model.room.iter_mut().zip([window, longest]) {
        *room = found.filter(|n| *n > 0).or(*room);
    }
    let abilities = ["supports_function_calling", "supports_vision", "supports_reasoning", "supports_response_schema"];
    for (can, key) in model.can.iter_mut().zip(abilities) {
        *can = from.switch(key).or(*can);
    }
}

/// Tells of parameters that go to a provider with every request.
fn requests(mut params: Branch<'_>, left: &mut Left) {
    let defaults = [
        "temperature",
        "max_tokens",
        "top_p",
        "stop",
        "seed",
        "timeout",
        "stream_timeout",
        "max_retries",
        "extra_headers",
        "extra_body",
    ];
    for key in defaults {
        if params.take(key).is_some() {
            left.note(format!("{}: {OF_REQUESTS}", named("litellm_params.", key)));
        }
    }
    params.end(left);
}

fn provider(prefix: &str, url: Option<&str>, secret: Option<&str>, presets: &Presets) -> Result<Foreign, String> {
    let prefix = prefix.trim().to_ascii_lowercase();
    let ours = NAMES.iter().find(|(theirs, _)| *theirs == prefix).map_or(prefix.as_str(), |(_, ours)| ours);
    let preset = presets.find(ours);
    let keys: Vec<KeyOf> = secret.and_then(key).into_iter().collect();
    let url = match url {
        Some(text) if text.starts_with("os.environ/") => {
            return Err("its api_base is in an environment variable: add the provider by hand".to_owned());
        }
        Some(text) => Some(base_url(text).ok_or("its api_base is no URL that can be called")?),
        None => None,
    };
    let mut foreign = Foreign { name: provider_name(ours), keys, enabled: true, ..Foreign::default() };
    match (preset, url) {
        (Some(preset), None) => {
            if preset.endpoints.iter().any(|endpoint| endpoint.placeholders().next().is_some()) {
                return Err(format!("`{}` needs an account: `torod provider add {}`", preset.id, preset.id));
            }
            foreign.preset = Some(preset.id.clone());
        }
        (Some(preset), Some(url)) if ours == "azure" => {
            let base = url.trim_end_matches("/openai").trim_end_matches("/openai/v1");
            foreign.preset = Some(preset.id.clone());
            foreign.urls = vec![(String::new(), format!("{base}/openai/v1"))];
        }
        (Some(preset), Some(url)) => {
            let is_its_own = preset
                .endpoints
                .iter()
                .any(|endpoint| endpoint.base_url.trim_end_matches("/v1") == url.trim_end_matches("/v1"));
            if is_its_own {
                foreign.preset = Some(preset.id.clone());
            } else {
                let protocol = match ours {
                    "anthropic" | "gemini" | "cohere" => ours,
                    _ => "openai",
                };
                foreign.urls = vec![(protocol.to_owned(), url)];
            }
        }
        (None, Some(url)) => foreign.urls = vec![("openai".to_owned(), url)],
        (None, None) => return Err("no provider is known by this name here, and there is no api_base".to_owned()),
    }
    Ok(foreign)
}

fn target(provider: Option<String>, model: &str, weight: Option<u32>) -> TargetConfig {
    TargetConfig { profile: None, provider, model: model.to_owned(), weight }
}

fn alias(name: &str, targets: impl IntoIterator<Item = TargetConfig>) -> AliasConfig {
    AliasConfig { name: name.to_owned(), targets: targets.into_iter().collect(), ..AliasConfig::default() }
}

/// One alias for each name; several deployments of one name share its requests, or follow one another where they say so.
fn aliases(deployments: &[Deployment], plan: &mut Plan) {
    for one in deployments {
        if plan.aliases.iter().any(|alias| alias.name == one.name) {
            continue;
        }
        let mut same: Vec<&Deployment> = deployments.iter().filter(|other| other.name == one.name).collect();
        same.sort_by_key(|one| one.order);
        let is_shared = same.len() > 1 && same.iter().all(|one| one.order == 0);
        let targets = same.iter().map(|one| {
            // By its place: names are settled when it is known which are free.
            let provider = Some(format!("#{}", one.provider));
            target(provider, &one.model, is_shared.then(|| one.weight.unwrap_or(1)))
        });
        plan.aliases.push(alias(&one.name, targets));
    }
}

/// `{"a": ["b", "c"]}`: after `a` come `b` and `c`. What these mean is written out: there two may well follow one another, and
/// here no alias may lead back to itself.
fn add_fallbacks(fallback: &Value, known: &[AliasConfig], plan: &mut Plan) {
    for (name, others) in fallback.as_object().into_iter().flatten() {
        let others: Vec<String> = others.as_array().into_iter().flatten().filter_map(text).collect();
        let Some(alias) = plan.aliases.iter_mut().find(|alias| alias.name == *name) else {
            plan.left.note(format!("fallbacks of {}: no such model", shorten(name)));
            continue;
        };
        for other in others {
            let meant = deployed(&other, known, STEPS);
            if meant.is_empty() {
                plan.left.note(format!("fallbacks of {}: {}: no such model", shorten(name), shorten(&other)));
            }
            for target in meant {
                let is_same = |one: &TargetConfig| (&one.provider, &one.model) == (&target.provider, &target.model);
                if !alias.targets.iter().any(is_same) {
                    alias.targets.push(target);
                }
            }
        }
    }
}

/// Who serves what is called `name`.
fn deployed(name: &str, known: &[AliasConfig], steps: usize) -> Vec<TargetConfig> {
    let Some(alias) = known.iter().find(|alias| alias.name == name) else { return Vec::new() };
    let each = alias.targets.iter().flat_map(|target| match (&target.provider, steps) {
        (Some(_), _) => vec![TargetConfig { weight: None, ..target.clone() }],
        (None, 0) => Vec::new(),
        (None, _) => deployed(&target.model, known, steps - 1),
    });
    each.take(MOST_TARGETS).collect()
}
