//! Whether a request can be told in another protocol, found out by translating it and keeping nothing of it.

use std::collections::HashMap;

use tokenrouter::convert::{self, Context, Path, translate};
use tokenrouter::error::Problem;
use tokenrouter::peek::Peek;
use tokenrouter::pick::endpoint::Endpoint;
use tokenrouter::surface::Surface;
use tokenrouter_shared::Lossy;

use super::asked::Asked;
use super::snapshot::Snapshot;
use super::unserved;

/// So many translations are tried: as many endpoints as one request is tried at.
const MOST: usize = 16;

/// What the translations of one request came to, by provider and model: the fields that get lost, or why it cannot be
/// told there.
#[derive(Debug, Default)]
pub struct Fitting(HashMap<(usize, String), Result<Option<String>, Problem>>);

impl Fitting {
    /// Translates `asked` for each of `endpoints` that speaks another protocol; `model` is for those without a name.
    pub fn of<'e>(
        live: &Snapshot,
        asked: &Asked,
        model: &str,
        lossy: Lossy,
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
            if fitting.0.len() >= MOST || fitting.0.contains_key(&key) || provider.speaks(asked.surface.protocol()) {
                continue;
            }
            let Some(route) = provider.translated(asked.surface, endpoint.credential) else { continue };
            let model = if endpoint.model.is_empty() { model } else { &endpoint.model };
            let target = provider.target(route.protocol, model);
            let path = Path { model: &asked.model, stream: false, list: false };
            let request = convert::Asked { protocol: asked.surface.protocol(), body: &asked.body, path };
            // What it continues is put in front of it elsewhere.
            let done = translate(request, &target, Context { continued: true, ..Context::default() });
            let told = match done.map(|done| done.losses.header()) {
                Ok(Some(fields)) if lossy == Lossy::Reject => {
                    Err(unserved::lossy(&fields, &provider.name, route.protocol))
                }
                told => told,
            };
            fitting.0.insert(key, told);
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
