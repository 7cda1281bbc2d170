//! `/v1/models` and `/v1/models/{id}`: what this gateway can be asked for.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Response, Uri};
use tokenrouter::catalog::listing;
use tokenrouter::error::Problem;
use tokenrouter::openai::models::Model;
use tokenrouter::peek::MAX_MODEL_BYTES;
use tokenrouter::pick::name::Unknown;
use tokenrouter::protocol::Protocol;

use super::reply::Reply;
use super::request_id::RequestId;
use super::{entry, in_path, reject};
use crate::access::caller;
use crate::app::App;
use crate::problem;
use crate::server::connection::Peer;
use crate::upstreams::snapshot::Snapshot;

/// Answers `GET /v1/models`, or with `id` `GET /v1/models/{id}`, in the form that the caller reads.
pub fn serve(app: &Arc<App>, peer: Peer, uri: &Uri, headers: &HeaderMap, id: Option<&str>) -> Response<Reply> {
    let now_ms = app.clock.now_ms();
    let request_id = RequestId::of(headers, app.ids.exchange(now_ms).0);
    let protocol = speaks(uri, headers);
    let refuse = |problem: &Problem| problem::respond(problem, protocol, &request_id);
    if app.lifecycle.is_draining() {
        return problem::stopping(protocol, &request_id);
    }
    let live = app.live.load();
    let headers = in_path::key_in_query(uri, headers);
    if let Err(refused) = caller::identify(&headers, peer, &app.tokens, now_ms, live.allow_loopback) {
        return refuse(&refused);
    }
    let entries = entries(&live);
    let Some(id) = id else {
        let list: Vec<_> = entries.iter().map(Entry::model).collect();
        let for_codex = uri.query().is_some_and(|query| query.contains("client_version="));
        return told(listing::list(protocol, &list, for_codex), protocol, &request_id);
    };
    // No model has such a name, and looking for the closest would take long.
    if id.len() > MAX_MODEL_BYTES {
        return refuse(&reject::unknown_model(id, Unknown::Model(Vec::new())));
    }
    if let Some(known) = entries.iter().find(|entry| entry.id == id) {
        return told(listing::one(protocol, &known.model()), protocol, &request_id);
    }
    match entry::find(&live, id, app.clock.uptime_ms()) {
        Ok((provider, _, model)) if !live.table.names().may_have(&provider.name, model) => {
            refuse(&reject::unknown_model(id, Unknown::Model(live.table.names().closest(id))))
        }
        Ok((provider, _, model)) => {
            let full = format!("{}/{model}", provider.name);
            let known = entries.iter().find(|e| e.id == full);
            // A provider without a list may have it; asking is the only way to know.
            let model = known.map_or_else(|| Model::new(id, &provider.name, None), |e| Model { id, ..e.model() });
            told(listing::one(protocol, &model), protocol, &request_id)
        }
        Err(unknown) => refuse(&unknown),
    }
}

fn told(body: Bytes, protocol: Protocol, id: &RequestId) -> Response<Reply> {
    let mut response = entry::json(body, id);
    id.say(protocol, response.headers_mut());
    response
}

/// What a client speaks that asks for something which all protocols have at the same path: decided by the path where it
/// says so, else by headers that only its SDKs send.
pub fn speaks(uri: &Uri, headers: &HeaderMap) -> Protocol {
    let path = uri.path().trim_start_matches('/');
    let leads = [
        ("anthropic/", Protocol::Anthropic),
        ("gemini/", Protocol::Gemini),
        ("v1beta/", Protocol::Gemini),
        ("v1alpha/", Protocol::Gemini),
        ("cohere/", Protocol::Cohere),
        ("v2/", Protocol::Cohere),
        ("openai/", Protocol::OpenAi),
    ];
    if let Some((_, protocol)) = leads.iter().find(|(lead, _)| path.starts_with(lead)) {
        return *protocol;
    }
    let says = |name: &str, word: &str| {
        headers.get(name).and_then(|v| v.to_str().ok()).is_some_and(|v| v.to_ascii_lowercase().contains(word))
    };
    let has_key = uri.query().is_some_and(|query| query.split('&').any(|pair| pair.starts_with("key=")));
    if headers.contains_key("anthropic-version") {
        Protocol::Anthropic
    } else if headers.contains_key("x-goog-api-key") || headers.contains_key("x-goog-api-client") || has_key {
        Protocol::Gemini
    } else if says("x-fern-sdk-name", "cohere") || says("user-agent", "cohere") || says("x-client-name", "cohere") {
        Protocol::Cohere
    } else if says("user-agent", "google-genai-sdk") {
        Protocol::Gemini
    } else {
        Protocol::OpenAi
    }
}

struct Entry<'a> {
    id: String,
    provider: Cow<'a, str>,
    context: Option<u64>,
}

impl Entry<'_> {
    fn model(&self) -> Model<'_> {
        Model::new(&self.id, &self.provider, self.context)
    }
}

/// Every alias, then every model of every enabled provider by its full name: in the file's order, models sorted.
fn entries(live: &Snapshot) -> Vec<Entry<'_>> {
    let models = models(live);
    let mut entries: Vec<Entry<'_>> = Vec::new();
    let known = |at: usize| models.get(at).and_then(|model| model.context);
    let places: HashMap<&str, usize> = models.iter().enumerate().map(|(at, model)| (model.id.as_str(), at)).collect();
    for alias in &live.aliases {
        // What fits wherever it goes; not known where one of them is not.
        let contexts = alias
            .targets
            .iter()
            .map(|target| known(*places.get(format!("{}/{}", target.provider, target.model).as_str())?));
        let context = contexts.min().flatten();
        entries.push(Entry { id: alias.name.clone(), provider: Cow::Borrowed("tokenrouter"), context });
    }
    entries.extend(models);
    entries
}

/// Every model of every enabled provider by its full name.
fn models(live: &Snapshot) -> Vec<Entry<'_>> {
    let mut entries: Vec<Entry<'_>> = Vec::new();
    for provider in live.providers.iter().filter(|p| p.enabled) {
        let declared = provider.declared.iter().map(|model| (model.id.clone(), model.context));
        let mut ids: Vec<(String, Option<u64>)> = declared.collect();
        // What the file declares goes before what the provider says, and that before nothing.
        for model in provider.listed.load().iter().flat_map(|list| list.iter()) {
            match provider.declared.iter().position(|declared| declared.id == model.id) {
                Some(at) => {
                    if let Some((_, context)) = ids.get_mut(at) {
                        *context = context.or(model.context_window);
                    }
                }
                None => ids.push((model.id.clone(), model.context_window)),
            }
        }
        ids.sort_unstable();
        ids.dedup_by(|a, b| a.0 == b.0);
        entries.extend(ids.into_iter().map(|(id, context)| Entry {
            id: format!("{}/{id}", provider.name),
            provider: Cow::Borrowed(&provider.name),
            context,
        }));
    }
    entries
}
