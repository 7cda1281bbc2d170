//! `GET` and `PATCH /admin/api/routing`: what aliases mean, and which profile is the active one.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use axum::{Extension, Json};
use tokenrouter_shared::routing::{RoutingChange, RoutingChanged, RoutingView};

use super::Admin;
use super::answer::Failure;
use super::body::{NoObject, Object};
use super::config::told;
use super::noted::{Deed, noted};
use super::settings::version;
use super::version::{Expected, tagged};
use crate::access::Operator;

/// Shows it.
pub async fn show(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
) -> Result<Response, Failure> {
    Failure::unless_admin(&operator)?;
    let version = version(&admin).await?;
    let view = RoutingView { version: version.clone(), ..admin.reload.status().config.routing_view() };
    Ok(tagged(version.as_deref(), Json(view)))
}

/// Changes the active profile: in the file, if there is one. The answer is sent when requests see it.
pub async fn change(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
    headers: HeaderMap,
    wanted: Result<Object<RoutingChange>, NoObject>,
) -> Result<Response, Failure> {
    Failure::unless_admin(&operator)?;
    let Object(wanted) = wanted.map_err(|e| {
        Failure::bad_request(e.body_text(), "Send a JSON object such as {\"active_model_profile\": \"local\"}.")
    })?;
    let expected = Expected::read(&headers)?.and(wanted.version)?.version();
    let profile = wanted.active_model_profile;
    let deed = Deed::new(operator, "routing.profile", profile.as_deref().unwrap_or("none"), "");
    let reload = Arc::clone(&admin.reload);
    let change = async move { Ok(reload.set_profile(profile, expected).await?) };
    let done = noted(&admin, deed, change, |done| Some(told(done).changed.join("; "))).await?;
    let version = version(&admin).await?;
    let routing = RoutingView { version: version.clone(), ..admin.reload.status().config.routing_view() };
    Ok(tagged(version.as_deref(), Json(RoutingChanged { reloaded: told(&done), routing })))
}
