//! Learns which models the providers list, in the background, again and again.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::header::{ACCEPT_ENCODING, USER_AGENT};
use http::{HeaderValue, Request};
use http_body_util::{BodyExt, Limited};
use tokenrouter::call::Pieces;
use tokenrouter::catalog::Preset;
use tokenrouter::openai::models::read_list;

use super::detect;
use super::provider::Provider;
use super::snapshot::Live;
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
    for server in detect::local_servers(own, PROBE).await {
        let known = live.load().providers.iter().any(|p| p.serves(&server.url));
        let Some(preset) = Preset::find(server.preset).filter(|_| !known) else { continue };
        let config = ProviderConfig::local(preset, &server.url);
        match config.map(|c| Provider::new(&c, &[])) {
            Some(Ok(provider)) => {
                let provider = Arc::new(provider);
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

/// Keeps one provider's list current until it serves no longer or the daemon stops.
pub async fn follow(provider: Arc<Provider>, live: Arc<Live>, clock: Clock, lifecycle: Lifecycle) {
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
    let route = provider.list_route().ok_or("no URL to ask")?;
    let mut request = Request::get(route.uri).body(Pieces::default()).map_err(|e| e.to_string())?;
    let headers = request.headers_mut();
    headers.insert(USER_AGENT, HeaderValue::from_static(concat!("tokenrouter/", env!("CARGO_PKG_VERSION"))));
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    for (name, value) in route.extra.iter().chain(route.credential) {
        headers.insert(name, value.clone());
    }
    if route.protocol == tokenrouter::Protocol::Anthropic {
        headers.insert("anthropic-version", HeaderValue::from_static("2023-06-01"));
    }
    let answer = match provider.client.send(request).await {
        Ok(answer) => answer,
        Err(e) => {
            provider.health.failed(clock.now_ms());
            return Err(e.to_string());
        }
    };
    let status = answer.status();
    if !status.is_success() {
        // It answers; that it keeps no list, or refuses the key, a request will tell with more words.
        return Err(format!("status {status}"));
    }
    let body = Limited::new(answer.into_body(), MAX_BYTES).collect().await.map_err(|e| e.to_string())?.to_bytes();
    read_list(&body).ok_or_else(|| "no model list in the answer".to_owned())
}
