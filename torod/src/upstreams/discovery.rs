//! Learns which models the providers list, in the background, again and again.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use http_body_util::{BodyExt, Limited};
use tokenrouter::openai::models::read_list;

use super::provider::{Origin, Provider};
use super::snapshot::Live;
use super::{detect, probe};
use crate::clock::Clock;
use crate::config::ProviderConfig;
use crate::lifecycle::Lifecycle;

/// How long a server of this machine may take to say that it is there.
const PROBE: Duration = Duration::from_millis(300);
/// How long one list may take.
const DEADLINE: Duration = Duration::from_secs(15);
/// How large it may be.
const MAX_BYTES: usize = 16 << 20;
/// Until the next look, when it worked.
const REFRESH: Duration = Duration::from_mins(15);
/// Until the next look, when it did not; doubled each time, up to a minute.
const RETRY: (Duration, Duration) = (Duration::from_secs(2), Duration::from_mins(1));

/// Finds the model servers of this machine once and adds those that the file does not describe.
pub async fn find_local(own: SocketAddr, live: Arc<Live>, clock: Clock, lifecycle: Lifecycle) {
    let presets = live.load().config.presets.clone();
    for server in detect::local_servers(&presets, own, PROBE).await {
        let known = live.load().providers.iter().any(|p| p.serves(&server.url));
        let Some(preset) = presets.find(&server.preset).filter(|_| !known) else { continue };
        let config = ProviderConfig::local(&preset, &server.url);
        match config.map(|c| Provider::new(&c, &[])) {
            Some(Ok(provider)) => {
                let provider = Arc::new(provider.found(Origin::Local));
                if !live.add(&provider) {
                    continue;
                }
                tracing::info!(provider = &*provider.name, url = %server.url, models = server.models, "local model server found");
                lifecycle.spawn_connection(follow(provider, Arc::clone(&live), clock.clone(), lifecycle.clone()));
            }
            Some(Err(e)) => tracing::warn!("{e}"),
            None => {}
        }
    }
}

/// Asks those that serve without a key for their models and adds who answers, unless the file describes it.
pub async fn find_public(live: Arc<Live>, clock: Clock, lifecycle: Lifecycle) {
    let presets = live.load().config.presets.clone();
    let looks = presets.all().filter(|preset| preset.public).map(|preset| async {
        let provider = match Provider::new(&ProviderConfig::public(preset)?, &[]) {
            Ok(provider) => Arc::new(provider.found(Origin::Public)),
            Err(e) => {
                tracing::warn!("{e}");
                return None;
            }
        };
        if live.load().providers.iter().any(|known| known.shares_a_url(&provider)) {
            return None;
        }
        match tokio::time::timeout(DEADLINE, list(&provider, &clock)).await {
            Ok(Ok(models)) => provider.listed.store(Some(Arc::new(models))),
            Ok(Err(why)) => {
                tracing::debug!(provider = &*provider.name, why, "serves nothing without a key");
                return None;
            }
            Err(_) => return None,
        }
        Some(provider)
    });
    for provider in join_all(looks).await.into_iter().flatten() {
        if live.add(&provider) {
            tracing::info!(provider = &*provider.name, "serves without a key: used from now on");
            lifecycle.spawn_connection(follow(provider, Arc::clone(&live), clock.clone(), lifecycle.clone()));
        }
    }
}

/// Keeps one provider's list current until it serves no longer or the daemon stops.
pub async fn follow(provider: Arc<Provider>, live: Arc<Live>, clock: Clock, lifecycle: Lifecycle) {
    if !provider.has_list() {
        return;
    }
    tokio::select! {
        () = keep_current(&provider, &live, &clock) => {}
        () = live.left(&provider) => {}
        () = lifecycle.soft_stop() => {}
    }
}

async fn keep_current(provider: &Arc<Provider>, live: &Live, clock: &Clock) {
    let mut retry = RETRY.0;
    loop {
        let wait = match tokio::time::timeout(DEADLINE, list(provider, clock))
            .await
            .unwrap_or(Err("no answer in time".into()))
        {
            Ok(models) => {
                provider.health.answered(clock.now_ms());
                retry = RETRY.0;
                tracing::debug!(provider = &*provider.name, models = models.len(), "model list read");
                provider.listed.store(Some(Arc::new(models)));
                live.publish_lists();
                REFRESH
            }
            Err(why) => {
                tracing::debug!(provider = &*provider.name, why, "no model list");
                let wait = retry;
                retry = (retry * 2).min(RETRY.1);
                wait
            }
        };
        tokio::time::sleep(wait).await;
    }
}

async fn list(provider: &Provider, clock: &Clock) -> Result<Vec<String>, String> {
    let mut refused = String::new();
    for credential in 0..provider.credentials().len().max(1) {
        match list_with(provider, credential, clock).await {
            // One key may be refused where another is not.
            Err(Failed::Status(401 | 403)) => refused = "its keys are refused".into(),
            Err(Failed::Status(status)) => return Err(format!("status {status}")),
            Err(Failed::Otherwise(why)) => return Err(why),
            Ok(mut models) => {
                models.retain(|model| provider.offers(model));
                return Ok(models);
            }
        }
    }
    Err(refused)
}

enum Failed {
    Status(u16),
    Otherwise(String),
}

async fn list_with(provider: &Provider, credential: usize, clock: &Clock) -> Result<Vec<String>, Failed> {
    let otherwise = |why: &str| Failed::Otherwise(why.to_owned());
    let route = provider.list_route_with(credential).ok_or_else(|| otherwise("no URL to ask"))?;
    let request = probe::question(&route).ok_or_else(|| otherwise("its URL is not valid"))?;
    let answer = match provider.client.send(request).await {
        Ok(answer) => answer,
        Err(e) => {
            provider.health.failed(clock.now_ms());
            return Err(Failed::Otherwise(e.to_string()));
        }
    };
    let status = answer.status();
    if !status.is_success() {
        // It answers; that it keeps no list, or refuses the key, a request will tell with more words.
        return Err(Failed::Status(status.as_u16()));
    }
    let body = Limited::new(answer.into_body(), MAX_BYTES).collect().await;
    let body = body.map_err(|e| Failed::Otherwise(e.to_string()))?.to_bytes();
    read_list(&body).ok_or_else(|| otherwise("no model list in the answer"))
}
