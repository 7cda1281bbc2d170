//! Builds what other programs see of the gateway: the numbers for Prometheus, with their door, and the exporter.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use arc_swap::ArcSwap;
use tokio::net::TcpListener;

use crate::access::Random;
use crate::clock::Clock;
use crate::config::{Egress, SecretSource, Telemetry, Vault, resolve_secret};
use crate::http::doorway::Insecure;
use crate::http::metrics::{Scrape, ScrapeKey};
use crate::http::routes::Routes;
use crate::lifecycle::Lifecycle;
use crate::server::accept::{self, Hall};
use crate::server::bind;
use crate::server::connection::Service;
use crate::server::crowd::{Crowd, Room};
use crate::server::front::{Front, Secure};
use crate::telemetry::metrics::Metrics;
use crate::telemetry::otel::{Exporter, Parts, Settings};
use crate::tls::Keeper;
use crate::upstreams::snapshot::Live;
use crate::usage::UsageWriter;

/// Connections to the metrics' own address: nobody needs more.
const CONNECTIONS: usize = 64;

/// What the operator wants, with its secrets at hand.
pub(super) struct Seeing {
    config: Telemetry,
    /// What is counted; none where nobody wants it.
    pub(super) metrics: Option<Arc<Metrics>>,
    /// What opens the metrics besides an admin's token.
    pub(super) scrape_key: Option<ScrapeKey>,
    /// Exports to a collector; none where there is none.
    pub(super) exporter: Option<Exporter>,
}

/// What it is built from.
#[derive(Clone, Copy)]
pub(super) struct Ground<'a> {
    pub(super) config: &'a Telemetry,
    pub(super) egress: &'a Egress,
    pub(super) live: &'a Arc<Live>,
    pub(super) usage: &'a UsageWriter,
    pub(super) clock: &'a Clock,
    pub(super) random: Random,
    pub(super) env: fn(&str) -> Option<String>,
    pub(super) vault: &'a dyn Vault,
}

impl Seeing {
    /// Begins to count. Blocks: secrets come from files and commands.
    pub(super) fn begin(ground: Ground<'_>) -> anyhow::Result<Self> {
        let Ground { config, egress, live, usage, clock, random, env, vault } = ground;
        let metrics = config.prometheus.then(|| Arc::new(Metrics::new(Arc::clone(live))));
        if let Some(metrics) = &metrics {
            usage.listen(metrics.feed());
        }
        let fetch = |source: &SecretSource| match resolve_secret(source, &env, vault) {
            Ok(secret) => Some(ScrapeKey::of(&secret)),
            Err(error) => {
                tracing::error!(
                    "`telemetry.metrics_token` cannot be had: {error}. Until torod starts again with it, only admins \
                     read the metrics, and not at `telemetry.metrics_addr`"
                );
                None
            }
        };
        let scrape_key = config.metrics_token.as_ref().filter(|_| metrics.is_some()).and_then(fetch);
        let exporter = Settings::read(config, env, vault)
            .map(|settings| Exporter::new(settings, Parts { config, egress, live, usage, clock, random }));
        let exporter = exporter.transpose()?;
        Ok(Self { config: config.clone(), metrics, scrape_key, exporter })
    }

    /// The metrics' own address, bound; none where there is none, or where its guard is missing.
    pub(super) async fn bind(&self) -> anyhow::Result<Option<TcpListener>> {
        let is_guarded = self.config.metrics_token.is_none() || self.scrape_key.is_some();
        match self.config.metrics_addr.filter(|_| self.metrics.is_some() && is_guarded) {
            Some(addr) => {
                let bound = bind::tcp(addr, "telemetry.metrics_addr").await;
                Ok(Some(bound.context("cannot show the metrics")?))
            }
            None => Ok(None),
        }
    }
}

/// What answers at the metrics' own address, with its port.
pub(super) type MetricsFront = (Arc<ArcSwap<Front>>, u16);

/// Shows the metrics on `listener`; says where that is, and how it is had speak TLS otherwise, where others reach it.
pub(super) fn show(
    listener: TcpListener,
    routes: &Arc<Routes>,
    tls: Option<&Arc<Keeper>>,
    lifecycle: &Lifecycle,
) -> anyhow::Result<(SocketAddr, Option<MetricsFront>)> {
    let addr = listener.local_addr()?;
    let is_local = addr.ip().to_canonical().is_loopback();
    let service: Arc<dyn Service> = Arc::new(Scrape { routes: Arc::clone(routes), is_local });
    let mut front = Front::plain(Arc::clone(&service));
    // What stays on this machine needs no certificate that Prometheus would have to be told of.
    front.secure = tls.filter(|_| !is_local).map(|tls| Secure {
        config: tls.config(),
        plain: Arc::new(Insecure { routes: Arc::clone(routes), service, keeper: Arc::clone(tls), port: addr.port() }),
    });
    let scheme = if front.secure.is_some() { "https" } else { "http" };
    let crowd = Arc::new(Crowd::new(Room { connections: CONNECTIONS, per_address: CONNECTIONS }));
    let hall = Hall::new(front, crowd, lifecycle.clone());
    let swapped = (!is_local).then(|| (Arc::clone(&hall.front), addr.port()));
    lifecycle.spawn("metrics", accept::tcp(listener, hall, |_| false));
    tracing::info!("metrics for Prometheus at {scheme}://{addr}/metrics");
    Ok((addr, swapped))
}
