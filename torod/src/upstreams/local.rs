//! Model servers of this machine come and go: their usual loopback ports are knocked at again and again.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokenrouter::catalog::{Preset, Presets};
use tokio::net::TcpStream;

use super::detect;
use super::discovery::Discovery;
use super::provider::{Origin, Provider};
use crate::config::{Config, ProviderConfig};

/// How often it is knocked.
const EVERY: Duration = Duration::from_secs(10);
/// How long a server of this machine may take to say that it is there.
const PROBE: Duration = Duration::from_millis(300);
/// How long a server may be away before its models are.
const GONE_MS: u64 = 30_000;
/// Until a port is asked again that serves something else, doubled each time.
const ELSE_MS: (u64, u64) = (10_000, 300_000);

/// Asks the environment.
pub type Env = fn(&str) -> Option<String>;

/// A port that somebody listens at.
#[derive(Debug)]
struct Seen {
    addr: SocketAddr,
    what: What,
}

/// What was found there.
#[derive(Debug)]
enum What {
    /// A model server, and since when it is away.
    Server(Arc<Provider>, Option<u64>),
    /// No model server, or one that is known under another name; when to ask again, and how long after that.
    Other(u64, u64),
}

/// Watches the usual ports.
pub struct Locals {
    discovery: Discovery,
    own: SocketAddr,
    env: Env,
    seen: Vec<Seen>,
    /// The configuration under which it was looked last.
    config: Arc<Config>,
}

impl Locals {
    /// Watches with `discovery`, never our `own` address.
    pub fn new(discovery: Discovery, own: SocketAddr, env: Env) -> Self {
        let config = Arc::clone(&discovery.live.load().config);
        Self { discovery, own, env, seen: Vec::new(), config }
    }

    /// Watches until the daemon stops.
    pub async fn run(mut self) {
        let (live, lifecycle) = (Arc::clone(&self.discovery.live), self.discovery.lifecycle.clone());
        tokio::select! {
            () = async {
                loop {
                    live.local.begin(self.discovery.clock.uptime_ms());
                    self.round().await;
                    live.local.end();
                    tokio::select! {
                        () = tokio::time::sleep(EVERY) => {}
                        () = live.local.wanted() => {}
                    }
                }
            } => {}
            () = lifecycle.soft_stop() => {}
        }
    }

    /// Knocks once at every port.
    async fn round(&mut self) {
        let live = self.discovery.live.load();
        if !live.config.auto_detect_local_servers || !live.config.egress.allow_private {
            self.seen.clear();
            return;
        }
        let now_ms = self.discovery.clock.uptime_ms();
        let places = places(&live.config.presets, self.own, self.env);
        let knocks = places.iter().map(|(_, addr)| is_open(*addr));
        let open = join_all(knocks).await;
        // The file may describe a server by now, or no longer.
        let is_same = Arc::ptr_eq(&live.config, &self.config);
        self.config = Arc::clone(&live.config);
        self.seen.retain(|seen| match &seen.what {
            What::Server(provider, _) => live.providers.iter().any(|known| Arc::ptr_eq(known, provider)),
            What::Other(..) => is_same,
        });
        drop(live);
        for ((preset, addr), is_open) in places.into_iter().zip(open) {
            if is_open {
                self.is_open(&preset, addr, now_ms).await;
            } else {
                self.is_shut(addr, now_ms);
            }
        }
    }

    async fn is_open(&mut self, preset: &Arc<Preset>, addr: SocketAddr, now_ms: u64) {
        let mut again_ms = ELSE_MS.0;
        if let Some(at) = self.seen.iter().position(|seen| seen.addr == addr) {
            match self.seen.get_mut(at).map(|seen| &mut seen.what) {
                Some(What::Server(provider, away)) => {
                    if away.take().is_some() {
                        // It may have other models now.
                        drop(provider.listed.looks.want(now_ms));
                    }
                    return;
                }
                Some(What::Other(ask_ms, _)) if now_ms < *ask_ms => return,
                Some(What::Other(_, wait_ms)) => again_ms = (*wait_ms * 2).min(ELSE_MS.1),
                None => {}
            }
            self.seen.swap_remove(at);
        }
        let what = match self.add(preset, addr).await {
            Some(provider) => What::Server(provider, None),
            None => What::Other(now_ms + again_ms, again_ms),
        };
        self.seen.push(Seen { addr, what });
    }

    fn is_shut(&mut self, addr: SocketAddr, now_ms: u64) {
        let Some(at) = self.seen.iter().position(|seen| seen.addr == addr) else { return };
        if let Some(Seen { what: What::Server(provider, away), .. }) = self.seen.get_mut(at) {
            let since_ms = *away.get_or_insert(now_ms);
            if now_ms.saturating_sub(since_ms) < GONE_MS {
                return;
            }
            // What is under way there goes on.
            self.discovery.live.remove(provider);
            tracing::info!(provider = &*provider.name, "local model server left");
        }
        self.seen.swap_remove(at);
    }

    /// Adds the server at `addr`, if there is one and the file describes none there.
    async fn add(&self, preset: &Arc<Preset>, addr: SocketAddr) -> Option<Arc<Provider>> {
        let live = &self.discovery.live;
        let server = detect::probe(preset, addr, PROBE).await?;
        if live.load().providers.iter().any(|known| known.serves(&server.url)) {
            return None;
        }
        let provider = match Provider::new(&ProviderConfig::local(preset, &server.url, &self.config.egress)?, &[]) {
            Ok(mut provider) => {
                // It may be another gateway.
                provider.passage = Some(Arc::clone(&live.passage));
                Arc::new(provider.found(Origin::Local))
            }
            Err(e) => {
                tracing::warn!("{e}");
                return None;
            }
        };
        if !live.add(&provider) {
            return None;
        }
        tracing::info!(provider = &*provider.name, url = %server.url, models = server.models, "local model server found");
        self.discovery.follow(Arc::clone(&provider));
        Some(provider)
    }
}

async fn is_open(addr: SocketAddr) -> bool {
    matches!(tokio::time::timeout(PROBE, TcpStream::connect(addr)).await, Ok(Ok(_)))
}

/// Where to look for what; never at our own port.
fn places(presets: &Presets, own: SocketAddr, env: Env) -> Vec<(Arc<Preset>, SocketAddr)> {
    let mut places: Vec<(Arc<Preset>, SocketAddr)> = Vec::new();
    for preset in presets.all() {
        let Some(port) = preset.local_port else { continue };
        let told =
            if preset.id == "ollama" { env("OLLAMA_HOST").and_then(|host| ollama_host(&host, port)) } else { None };
        let usual = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        for addr in told.into_iter().chain([usual]) {
            if addr.port() != own.port() && !places.iter().any(|(_, known)| *known == addr) {
                places.push((Arc::clone(preset), addr));
            }
        }
    }
    places
}

/// Where `OLLAMA_HOST` says that Ollama is, if that is this machine: `[http://]host[:port]`, and `0.0.0.0` or `[::]` where
/// it was told to listen everywhere. Other machines are for the file to describe.
fn ollama_host(text: &str, usual_port: u16) -> Option<SocketAddr> {
    let text = text.trim().trim_matches(['"', '\'']);
    let (rest, port) = match text.split_once("://") {
        Some(("http", rest)) => (rest, 80),
        Some(_) => return None,
        None => (text, usual_port),
    };
    let authority = rest.split('/').next().unwrap_or_default();
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, digits)) if !host.contains(':') || host.ends_with(']') => (host, digits.parse().ok()?),
        _ => (authority, port),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let ip = match host {
        "" | "localhost" => IpAddr::V4(Ipv4Addr::LOCALHOST),
        host => match host.parse().ok()? {
            IpAddr::V4(Ipv4Addr::UNSPECIFIED) => IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(Ipv6Addr::UNSPECIFIED) => IpAddr::V6(Ipv6Addr::LOCALHOST),
            ip => ip,
        },
    };
    (ip.is_loopback() && port != 0).then_some(SocketAddr::new(ip, port))
}

#[cfg(test)]
mod tests;
