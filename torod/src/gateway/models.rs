//! `/v1/models` and `/v1/models/{id}`: what this gateway can be asked for.

use std::borrow::Cow;
use std::sync::Arc;

use http::{HeaderMap, Response};
use tokenrouter::openai::models::{self, Model};
use tokenrouter::peek::MAX_MODEL_BYTES;
use tokenrouter::pick::name::Unknown;
use tokenrouter::protocol::Protocol;

use super::reply::Reply;
use super::request_id::RequestId;
use super::{entry, reject};
use crate::access::caller;
use crate::app::App;
use crate::problem;
use crate::server::connection::Peer;
use crate::upstreams::snapshot::Snapshot;

/// Answers `GET /v1/models`, or with `id` `GET /v1/models/{id}`.
pub fn serve(app: &Arc<App>, peer: Peer, headers: &HeaderMap, id: Option<&str>) -> Response<Reply> {
    let now_ms = app.clock.now_ms();
    let request_id = RequestId::of(headers, app.ids.exchange(now_ms).0);
    if app.lifecycle.is_draining() {
        return problem::stopping(Protocol::OpenAi, &request_id);
    }
    let live = app.live.load();
    if let Err(refused) = caller::identify(headers, peer, &app.tokens, now_ms, live.allow_loopback) {
        return problem::respond(&refused, Protocol::OpenAi, &request_id);
    }
    let entries = entries(&live);
    match id {
        None => {
            let list: Vec<_> = entries.iter().map(Entry::model).collect();
            entry::json(models::list_body(&list), &request_id)
        }
        // No model has such a name, and looking for the closest would take long.
        Some(id) if id.len() > MAX_MODEL_BYTES => {
            problem::respond(&reject::unknown_model(id, Unknown::Model(Vec::new())), Protocol::OpenAi, &request_id)
        }
        Some(id) => match live.names.resolve(id) {
            Ok(picked) if !live.names.may_exist(picked) => {
                let unknown = Unknown::Model(live.names.closest(id));
                problem::respond(&reject::unknown_model(id, unknown), Protocol::OpenAi, &request_id)
            }
            Ok(picked) => {
                let provider = live.providers.get(picked.provider);
                let full = provider.map(|p| format!("{}/{}", p.name, picked.model));
                let known = entries.iter().find(|e| Some(&e.id) == full.as_ref());
                // A provider without a list may have it; asking is the only way to know.
                let model = known.map_or_else(
                    || Model::new(id, provider.map_or("", |p| &p.name), None),
                    |e| Model { id, ..e.model() },
                );
                entry::json(model.body(), &request_id)
            }
            Err(unknown) => problem::respond(&reject::unknown_model(id, unknown), Protocol::OpenAi, &request_id),
        },
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

/// Every model of every enabled provider by its full name: providers in the file's order, models sorted.
fn entries(live: &Snapshot) -> Vec<Entry<'_>> {
    let mut entries = Vec::new();
    for provider in live.providers.iter().filter(|p| p.enabled) {
        let mut ids: Vec<(String, Option<u64>)> = provider.declared.clone();
        for id in provider.listed.load().iter().flat_map(|list| list.iter()) {
            if !provider.declared.iter().any(|(declared, _)| declared == id) {
                ids.push((id.clone(), None));
            }
        }
        ids.sort_unstable();
        ids.dedup();
        entries.extend(ids.into_iter().map(|(id, context)| Entry {
            id: format!("{}/{id}", provider.name),
            provider: Cow::Borrowed(&provider.name),
            context,
        }));
    }
    entries
}
