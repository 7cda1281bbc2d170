//! Whether a request can be told in another protocol, found out by translating it and keeping nothing of it.

use std::collections::HashMap;

use bytes::Bytes;
use tokenrouter::convert::{self, Context, Path, translate};
use tokenrouter::error::Problem;
use tokenrouter::peek::Peek;
use tokenrouter::pick::endpoint::Endpoint;
use tokenrouter::surface::Surface;
use tokenrouter_shared::Lossy;

use super::asked::Asked;
use super::provider::Provider;
use super::snapshot::Snapshot;
use super::unserved;

/// So many translations are tried: as many endpoints as one request is tried at.
const MOST: usize = 16;

/// What the translations of one request came to, by provider and model: the fields that get lost, or why it cannot be
/// told there.
#[derive(Debug, Default)]
pub struct Fitting(HashMap<(usize, String), Result<Option<String>, Problem>>);

impl Fitting {
    /// Translates `asked` for each of `endpoints` that speaks another protocol, and takes out what its model is known
    /// not to take; `model` is for those without a name.
    pub fn of<'e>(
        live: &Snapshot,
        asked: &Asked,
        model: &str,
        lossy: Lossy,
        now_ms: u64,
        endpoints: impl Iterator<Item = &'e Endpoint>,
    ) -> Self {
        let mut fitting = Self::default();
        // Where the body names no model, it is no request as clients send it, and nothing is known of how it would be.
        let is_whole = asked.surface == Surface::Generate || Peek::read(&asked.body).is_ok();
        if asked.body.is_empty() || !is_whole {
            return fitting;
        }
        for endpoint in endpoints {
            let key = (endpoint.provider, endpoint.model.to_string());
            let Some(provider) = live.providers.get(endpoint.provider) else { continue };
            let model = if endpoint.model.is_empty() { model } else { &endpoint.model };
            if fitting.0.len() >= MOST || fitting.0.contains_key(&key) {
                continue;
            }
            if let Some(told) = tell(live, provider, endpoint, asked, model, lossy, now_ms) {
                fitting.0.insert(key, told);
            }
        }
        fitting
    }

    /// What of the request would not reach `endpoint`, or why it cannot be told there; none where it passes whole.
    pub fn at(&self, endpoint: &Endpoint) -> Option<Result<&str, &Problem>> {
        match self.0.get(&(endpoint.provider, endpoint.model.to_string()))? {
            Ok(lost) => lost.as_deref().map(Ok),
            Err(problem) => Some(Err(problem)),
        }
    }
}

/// What of `asked` gets lost in the protocol of `endpoint`, and what its model is known not to take; none where its bytes
/// pass as they are.
fn tell(
    live: &Snapshot,
    provider: &Provider,
    endpoint: &Endpoint,
    asked: &Asked,
    model: &str,
    lossy: Lossy,
    now_ms: u64,
) -> Option<Result<Option<String>, Problem>> {
    let from = asked.surface.protocol();
    let (protocol, sent, mut fields) = if provider.speaks(from) {
        if provider.findings.is_empty() {
            return None;
        }
        (from, Bytes::copy_from_slice(&asked.body), Vec::new())
    } else {
        let protocol = provider.translated(asked.surface, endpoint.credential)?.protocol;
        let path = Path { model: &asked.model, stream: false, list: false };
        let request = convert::Asked { protocol: from, body: &asked.body, path };
        // What it continues is put in front of it elsewhere.
        let context = Context { continued: true, ..Context::default() };
        match translate(request, &live.target(provider, protocol, model), context) {
            Ok(done) => (protocol, done.body, done.losses.header().into_iter().collect()),
            Err(problem) => return Some(Err(problem)),
        }
    };
    let is_exact = lossy == Lossy::Reject;
    if let Some(fields) = fields.first().filter(|_| is_exact) {
        return Some(Err(unserved::lossy(fields, &provider.name, protocol)));
    }
    let without = provider.findings.without(&sent, protocol, model, (from, &asked.body), now_ms);
    let lost = without.map(|without| without.lost).unwrap_or_default();
    if is_exact && !lost.is_empty() {
        return Some(Err(unserved::not_taken(&lost, &provider.name, model)));
    }
    fields.extend(lost);
    Some(Ok((!fields.is_empty()).then(|| fields.join(", "))))
}
