//! `GET` and `PATCH /admin/api/routing`: what aliases mean, and which profile is the active one.

use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};
use tokenrouter_shared::routing::{RoutingChange, RoutingChanged, RoutingView};

use super::Admin;
use super::answer::Failure;
use super::body::{NoObject, Object};
use super::config::{note, told};
use crate::access::Operator;

/// Shows it.
pub async fn show(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
) -> Result<Json<RoutingView>, Failure> {
    Failure::unless_admin(&operator)?;
    Ok(Json(admin.reload.status().config.routing_view()))
}

/// Changes the active profile: in the file, if there is one. The answer is sent when requests see it.
pub async fn change(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
    wanted: Result<Object<RoutingChange>, NoObject>,
) -> Result<Json<RoutingChanged>, Failure> {
    Failure::unless_admin(&operator)?;
    let Object(wanted) = wanted.map_err(|e| {
        Failure::bad_request(e.body_text(), "Send a JSON object such as {\"active_model_profile\": \"local\"}.")
    })?;
    let changes = admin.reload.set_profile(wanted.active_model_profile).await?;
    let routing = admin.reload.status().config.routing_view();
    let reloaded = told(&changes);
    let subject = routing.active_model_profile.as_deref().unwrap_or("none");
    note(&admin, &operator, "routing.profile", subject, reloaded.changed.join("; ")).await?;
    Ok(Json(RoutingChanged { reloaded, routing }))
}
