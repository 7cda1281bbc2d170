//! `GET /admin/api/providers`: those of the file, and those that were found; how each stands, and never a key.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::response::Response;
use axum::{Extension, Json};
use tokenrouter_shared::provider::{ProtocolUrl, ProviderList, ProviderSummary};

use crate::access::Operator;
use crate::admin::answer::Failure;
use crate::admin::query::Words;
use crate::admin::settings::version;
use crate::admin::version::tagged;
use crate::admin::{Admin, paging};
use crate::config::{self, ProviderConfig};
use crate::upstreams::credential::Credential;
use crate::upstreams::provider::Provider;
use crate::upstreams::snapshot::Snapshot;

/// Lists them.
pub async fn handler(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
    RawQuery(query): RawQuery,
) -> Result<Response, Failure> {
    Failure::unless_admin(&operator)?;
    let words = Words::read(query.as_deref(), &["q", "cursor", "limit"])?;
    let (text, limit) = (paging::text(&words)?, paging::limit(&words)?);
    let version = version(&admin).await?;
    let (config, live) = (Arc::clone(&admin.reload.status().config), admin.live.load());
    let providers = config.providers.iter().map(|described| (true, summary(described, &live)));
    let is_found = |seen: &&Arc<Provider>| config.providers.iter().all(|described| described.name != *seen.name);
    let found = live.providers.iter().filter(is_found).map(|seen| (false, found(seen)));
    let is_wanted = |(_, one): &(bool, ProviderSummary)| {
        let urls = one.protocols.iter().map(|place| place.url.as_str());
        paging::has(text.as_deref(), [one.name.as_str()].into_iter().chain(one.preset.as_deref()).chain(urls))
    };
    let all = providers.chain(found).filter(is_wanted).collect();
    let (page, next) = paging::page(all, |(_, one)| one.name.clone(), words.text("cursor").as_deref(), limit)?;
    let (providers, found): (Vec<_>, Vec<_>) = page.into_iter().partition(|(in_file, _)| *in_file);
    let plain = |list: Vec<(bool, ProviderSummary)>| list.into_iter().map(|(_, one)| one).collect();
    let list = ProviderList { version: version.clone(), providers: plain(providers), found: plain(found), next };
    Ok(tagged(version.as_deref(), Json(list)))
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
