//! `GET /admin/api/status`: how the gateway stands: what runs, where it listens, what it keeps, and what is wrong.

use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};
use tokenrouter_shared::gateway::{ConfigStatus, FileView, GatewayStatus, ListenerView, WriterView};

use super::Admin;
use super::answer::Failure;
use super::settings::version;
use crate::access::Operator;
use crate::store::StoreError;
use crate::upstreams::condition::why_degraded;

/// Tells it.
pub async fn handler(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
) -> Result<Json<GatewayStatus>, Failure> {
    Failure::unless_admin(&operator)?;
    // A file that cannot be read is told below, as what is wrong with it.
    let version = version(&admin).await.unwrap_or_default();
    let readers = Arc::clone(&admin.readers);
    let files = tokio::task::spawn_blocking(move || readers.files()).await.map_err(|_| StoreError::Closed)?;
    let (status, live, usage) = (admin.reload.status(), admin.live.load(), admin.usage.status());
    let reason = why_degraded(&live, admin.clock.uptime_ms());
    let (alerts_firing, alerts_unacknowledged) = admin.alerts.counts();
    let tls = admin.reload.tls();
    let metrics = admin.metrics_at.map(|at| {
        let is_loopback = at.ip().to_canonical().is_loopback();
        let is_tls = tls.is_some() && !is_loopback;
        ListenerView { what: "metrics".to_owned(), address: at.to_string(), is_loopback, is_tls }
    });
    let now_ms = admin.clock.now_ms();
    let sessions = admin.sessions.live(&admin.tokens, &status.config.admin, now_ms).len();
    Ok(Json(GatewayStatus {
        status: match reason {
            _ if admin.lifecycle.is_draining() => "stopping",
            None => "ok",
            Some(_) => "degraded",
        }
        .to_owned(),
        reason: reason.map(str::to_owned),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started_ms: admin.started_ms,
        now_ms,
        in_flight: admin.lifecycle.in_flight() as u64,
        listeners: admin.network.standing().listeners.into_iter().chain(metrics).collect(),
        tls: tls.map(|keeper| keeper.view()),
        files: files.into_iter().map(|(name, bytes)| FileView { name, bytes }).collect(),
        usage: WriterView {
            written: usage.written,
            waiting: usage.queued as u64,
            behind_ms: usage.behind_ms,
            lost: usage.dropped,
            error: usage.last_error,
        },
        conversations: admin.conversations.status(),
        config: config_status(&admin, version),
        alerts_firing,
        alerts_unacknowledged,
        tokens: admin.tokens.len() as u64,
        sessions: sessions as u64,
        providers: live.providers.len() as u64,
        providers_enabled: live.providers.iter().filter(|provider| provider.enabled).count() as u64,
        log_dropped: admin.lines.get().map_or(0, |lines| lines.dropped()),
    }))
}

/// How the configuration stands, whose file has this version.
pub(super) fn config_status(admin: &Admin, version: Option<String>) -> ConfigStatus {
    let status = admin.reload.status();
    ConfigStatus {
        path: admin.reload.path().map(|path| path.display().to_string()),
        version,
        loaded_ms: status.loaded_ms,
        error: status.error.clone(),
        reloads: status.reloads,
        refused: status.refused,
    }
}
