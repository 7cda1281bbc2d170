//! `GET /admin/api/quotas`, `POST /admin/api/quotas/refresh`: what providers have left.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::{Extension, Json};
use tokenrouter_shared::quota::{QuotaPage, QuotaRefresh, QuotaRefreshed, QuotaView};
use tokio::sync::Semaphore;

use super::Admin;
use super::answer::Failure;
use super::body::Small;
use super::paging::{self, has};
use super::query::Words;
use crate::access::Operator;
use crate::upstreams::quota::{refresh as ask, view_all};

/// How long asking may take, all vendors together.
const DEADLINE: Duration = Duration::from_secs(25);
/// One asks at a time; the others are told to wait.
static TURN: Semaphore = Semaphore::const_new(1);

/// Lists what is known; nobody is asked.
pub async fn list(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
    RawQuery(query): RawQuery,
) -> Result<Json<QuotaPage>, Failure> {
    Failure::unless_admin(&operator)?;
    let words = Words::read(query.as_deref(), &["provider", "q", "cursor", "limit"])?;
    let (limit, text) = (paging::limit(&words)?, paging::text(&words)?);
    let only = words.text("provider");
    let mut all = view_all(&admin.live.load(), only.as_deref(), admin.clock.now_ms());
    if all.is_empty() && only.is_some() {
        return Err(no_provider());
    }
    all.retain(|view| has(text.as_deref(), [view.provider.as_str(), view.display_name.as_str()]));
    let (quotas, next) = paging::page(all, name, words.text("cursor").as_deref(), limit)?;
    Ok(Json(QuotaPage { quotas, next }))
}

/// Asks vendors anew, where they can be asked and were not only just.
pub async fn refresh(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
    wanted: Small<QuotaRefresh>,
) -> Result<Json<QuotaRefreshed>, Failure> {
    Failure::unless_admin(&operator)?;
    let QuotaRefresh { provider: only } = wanted.read("Send nothing, or {\"provider\": \"…\"}.")?;
    let live = admin.live.load();
    if let Some(name) = &only
        && !live.providers.iter().any(|provider| provider.name.eq_ignore_ascii_case(name))
    {
        return Err(no_provider());
    }
    let Ok(_turn) = TURN.try_acquire() else {
        let said = "Vendors are being asked at the moment.";
        return Err(Failure::new(StatusCode::SERVICE_UNAVAILABLE, "busy", said, "Try again in half a minute."));
    };
    let asked = tokio::time::timeout(DEADLINE, ask(&live, only.as_deref(), &admin.clock)).await.unwrap_or_default();
    admin.alerts.look();
    let quotas = view_all(&live, only.as_deref(), admin.clock.now_ms());
    Ok(Json(QuotaRefreshed { asked: asked.asked, too_soon: asked.too_soon, quotas }))
}

/// What tells a key of a provider from all others on a page.
fn name(view: &QuotaView) -> String {
    format!("{}\n{}", view.provider, view.credential.as_deref().unwrap_or_default())
}

fn no_provider() -> Failure {
    let advice = "GET /admin/api/providers lists those there are.";
    Failure::not_found("provider_not_found", "There is no such provider.", advice)
}
