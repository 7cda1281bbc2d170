//! `POST /admin/api/providers/{name}/test`: tries a provider with real calls, with the keys that it has.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::{Extension, Json};
use tokenrouter_shared::provider::{ProviderTest, Tried, TriedStep};
use tokio::sync::Semaphore;

use crate::access::Operator;
use crate::admin::Admin;
use crate::admin::answer::Failure;
use crate::admin::body::Small;
use crate::admin::noted::Deed;
use crate::upstreams::provider::Provider;
use crate::upstreams::trial::{self, Terms};

/// How long one call may take: all of them together within the time that an operation has.
const DEADLINE: Duration = Duration::from_secs(20);
/// So many are tried at once: the calls are real and cost what they cost.
const AT_ONCE: usize = 2;
static TURNS: Semaphore = Semaphore::const_new(AT_ONCE);

/// Tries it.
pub async fn handler(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
    Path(name): Path<String>,
    wanted: Small<ProviderTest>,
) -> Result<Json<Tried>, Failure> {
    Failure::unless_admin(&operator)?;
    let wanted = wanted.read("Send nothing, or {\"model\": \"…\"}.")?;
    let Some(provider) = find(&admin, &name) else {
        let advice = "GET /admin/api/providers lists those there are.";
        return Err(Failure::not_found("provider_not_found", "There is no such provider.", advice));
    };
    let Ok(_turn) = TURNS.try_acquire() else {
        let said = "Others are being tried at the moment.";
        return Err(Failure::new(StatusCode::SERVICE_UNAVAILABLE, "busy", said, "Try again in a minute."));
    };
    let secrets = provider.credentials().iter().filter_map(|key| Some(key.held.issued()?.secret)).collect();
    let terms = Terms { model: wanted.model, deadline: DEADLINE, secrets };
    let (mut begins, mut ends) = (|_: trial::What, _: Option<&str>| {}, |_: &TriedStep| {});
    let tried = trial::run(&provider, &terms, &admin.clock, &mut begins, &mut ends).await;
    let result = if tried.works { "works" } else { "does not work" };
    admin.note(Deed::new(operator, "provider.test", &provider.name, result)).await?;
    Ok(Json(tried))
}

fn find(admin: &Admin, name: &str) -> Option<Arc<Provider>> {
    admin.live.load().providers.iter().find(|seen| seen.name.eq_ignore_ascii_case(name)).map(Arc::clone)
}
