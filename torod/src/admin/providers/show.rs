//! `GET /admin/api/providers/{name}`: one provider, with its models' breakers.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use axum::{Extension, Json};
use tokenrouter_shared::provider::ProviderDetail;

use super::list::{found, summary};
use crate::access::Operator;
use crate::admin::Admin;
use crate::admin::answer::Failure;
use crate::admin::settings::version;
use crate::admin::version::tagged;
use crate::upstreams::condition::notable;
use crate::upstreams::standing::{Moment, named};

/// So many of its endpoints are shown.
const MOST_ENDPOINTS: usize = 200;

/// Shows it.
pub async fn handler(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
    Path(name): Path<String>,
) -> Result<Response, Failure> {
    Failure::unless_admin(&operator)?;
    let version = version(&admin).await?;
    let (config, live) = (Arc::clone(&admin.reload.status().config), admin.live.load());
    let described = config.providers.iter().find(|described| described.name.eq_ignore_ascii_case(&name));
    let place = live.providers.iter().position(|seen| seen.name.eq_ignore_ascii_case(&name));
    let seen = place.and_then(|at| live.providers.get(at));
    let provider = match (described, seen) {
        (Some(described), _) => summary(described, &live),
        (None, Some(seen)) => found(seen),
        (None, None) => return Err(super::named(&admin, &name).err().unwrap_or_else(gone)),
    };
    let moment = Moment::now(&admin.clock);
    let notable = place.and_then(|at| notable(&live).into_iter().nth(at)).unwrap_or_default();
    let shown = notable.iter().take(MOST_ENDPOINTS);
    let (last_ok_ms, last_failure_ms) = seen.map(|seen| seen.health.times_ms()).unwrap_or_default();
    let answer = ProviderDetail {
        version: version.clone(),
        in_file: described.is_some(),
        provider,
        calls: seen.map_or(0, |seen| seen.calls.load(std::sync::atomic::Ordering::Relaxed)),
        last_ok_ms,
        last_failure_ms,
        endpoints: seen.map_or_else(Vec::new, |seen| shown.map(|one| named(seen, one, moment)).collect()),
        endpoints_left_out: notable.len().saturating_sub(MOST_ENDPOINTS),
    };
    Ok(tagged(version.as_deref(), Json(answer)))
}

fn gone() -> Failure {
    Failure::not_found("provider_not_found", "There is no such provider.", "Ask again.")
}
