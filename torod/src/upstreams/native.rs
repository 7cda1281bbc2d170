//! Asks local servers in their own API for what their copy of OpenAI's list lacks: how much fits, what a model can do.
//!
//! Whatever fails here costs the details and never the list.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;
use tokenrouter::catalog::listed::{self, Bounds, Listed};

use super::fetch::ask;
use super::provider::{Provider, Route};

/// How long the details may take, all together.
const DEADLINE: Duration = Duration::from_secs(5);
/// How large an answer may be.
const MAX_BYTES: usize = 4 << 20;
/// The most models that are asked about one by one.
const MOST: usize = 200;
/// So many at once.
const AT_ONCE: usize = 4;

/// Adds to `models`, which `provider` lists, what else it tells of them.
pub async fn complete(provider: &Provider, credential: usize, models: &mut [Listed]) {
    let Some(route) = provider.list_route_with(credential) else { return };
    let Some(preset) = &provider.preset else { return };
    let url = route.uri.to_string();
    let Some(root) = url.strip_suffix("/v1/models") else { return };
    let asking = async {
        match preset.id.as_str() {
            "ollama" => ollama(provider, &route, root, models).await,
            "lmstudio" => lm_studio(provider, &route, root, models).await,
            "llama-cpp" => llama(provider, &route, root, models).await,
            _ => {}
        }
    };
    if tokio::time::timeout(DEADLINE, asking).await.is_err() {
        tracing::debug!(provider = &*provider.name, "not every detail of its models came in time");
    }
}

/// The revisions of all models, then the details of those that are new.
async fn ollama(provider: &Provider, route: &Route<'_>, root: &str, models: &mut [Listed]) {
    if let Some(tags) = lists(provider, route, &format!("{root}/api/tags")).await {
        merge(models, &tags);
    }
    let before = provider.listed.load();
    let before = before.as_ref().map(|before| by_id(before)).unwrap_or_default();
    let known = |model: &Listed| {
        let then = before.get(model.id.as_str()).copied().filter(|then| then.revision.is_some())?;
        (then.revision == model.revision && then.context_window.is_some()).then_some(then)
    };
    let mut unknown = Vec::new();
    for model in models.iter_mut() {
        match known(model) {
            Some(then) => model.complete(then),
            None => unknown.push(model),
        }
    }
    unknown.truncate(MOST);
    let show = format!("{root}/api/show");
    let asked = stream::iter(unknown).for_each_concurrent(AT_ONCE, |model| async {
        let answer = ask(provider, route, &show, Some(listed::ollama_question(&model.id)), MAX_BYTES).await;
        if let Some(details) = answer.and_then(|body| listed::ollama_show(&body)) {
            model.learn(&details);
        }
    });
    asked.await;
}

async fn lm_studio(provider: &Provider, route: &Route<'_>, root: &str, models: &mut [Listed]) {
    if let Some(own) = lists(provider, route, &format!("{root}/api/v0/models")).await {
        merge(models, &own);
    }
}

/// It serves one model, of which it says how it was started.
async fn llama(provider: &Provider, route: &Route<'_>, root: &str, models: &mut [Listed]) {
    let [model] = models else { return };
    let answer = ask(provider, route, &format!("{root}/props"), None, MAX_BYTES).await;
    if let Some(details) = answer.and_then(|body| listed::llama_props(&body)) {
        model.learn(&details);
    }
}

async fn lists(provider: &Provider, route: &Route<'_>, url: &str) -> Option<Vec<Listed>> {
    let body = ask(provider, route, url, None, MAX_BYTES).await?;
    Some(listed::read(&body, Bounds::default()).ok()?.models)
}

fn merge(models: &mut [Listed], own: &[Listed]) {
    let own = by_id(own);
    for model in models {
        if let Some(better) = own.get(model.id.as_str()) {
            model.complete(better);
        }
    }
}

fn by_id(models: &[Listed]) -> HashMap<&str, &Listed> {
    models.iter().map(|model| (model.id.as_str(), model)).collect()
}
