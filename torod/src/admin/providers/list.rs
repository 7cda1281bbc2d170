//! `GET /admin/api/providers`: those of the file, and those that were found; how each stands, and never a key.

use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};
use tokenrouter_shared::provider::{ProtocolUrl, ProviderList, ProviderSummary};

use crate::access::Operator;
use crate::admin::Admin;
use crate::admin::answer::Failure;
use crate::admin::settings::version;
use crate::config::{self, ProviderConfig};
use crate::upstreams::credential::Credential;
use crate::upstreams::provider::Provider;
use crate::upstreams::snapshot::Snapshot;

/// Lists them.
pub async fn handler(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
) -> Result<Json<ProviderList>, Failure> {
    Failure::unless_admin(&operator)?;
    let version = version(&admin).await?;
    let (config, live) = (Arc::clone(&admin.reload.status().config), admin.live.load());
    let providers = config.providers.iter().map(|described| summary(described, &live)).collect();
    let is_found = |seen: &&Arc<Provider>| config.providers.iter().all(|described| described.name != *seen.name);
    let found = live.providers.iter().filter(is_found).map(|seen| found(seen)).collect();
    Ok(Json(ProviderList { version, providers, found }))
}

/// One of the file, as it is seen now.
pub(super) fn summary(described: &ProviderConfig, live: &Snapshot) -> ProviderSummary {
    let mut summary = config::summary(described);
    let Some(seen) = live.providers.iter().find(|seen| *seen.name == *described.name) else { return summary };
    if seen.enabled {
        summary.state = Some(seen.health.state().as_str().to_owned());
    }
    summary.models = seen.listed.load().as_ref().map(|listed| listed.len());
    let standings: Vec<_> = seen.credentials().iter().filter_map(Credential::standing).collect();
    for (at, key) in summary.keys.iter_mut().enumerate() {
        let label = key.name.clone().unwrap_or_else(|| (at + 1).to_string());
        key.standing = standings.iter().find(|standing| standing.label == label).cloned();
    }
    summary
}

/// One that nobody described.
pub(super) fn found(seen: &Provider) -> ProviderSummary {
    let url =
        |place: (tokenrouter::Protocol, String)| ProtocolUrl { protocol: place.0.as_str().to_owned(), url: place.1 };
    ProviderSummary {
        name: seen.name.to_string(),
        preset: seen.preset.as_ref().map(|preset| preset.id.clone()),
        enabled: seen.enabled,
        priority: seen.priority,
        protocols: seen.protocols().map(|protocol| url((protocol, String::new()))).collect(),
        keys: Vec::new(),
        state: Some(seen.health.state().as_str().to_owned()),
        models: seen.listed.load().as_ref().map(|listed| listed.len()),
    }
}
