//! `GET /admin/api/config`, `POST /admin/api/reload`: what is in force, and how the file and every secret are read anew.

use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};
use tokenrouter_shared::gateway::ConfigView;
use tokenrouter_shared::routing::Reloaded;

use super::Admin;
use super::answer::Failure;
use super::noted::Deed;
use super::settings::version;
use super::status::config_status;
use crate::access::Operator;
use crate::config;
use crate::reload::Changes;

/// Shows what is in force. Keys stand there as references, or masked.
pub async fn show(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
) -> Result<Json<ConfigView>, Failure> {
    Failure::unless_admin(&operator)?;
    let status = config_status(&admin, version(&admin).await.unwrap_or_default());
    let config = Arc::clone(&admin.reload.status().config);
    Ok(Json(ConfigView { status, toml: config::show(&config), config: config::view(&config) }))
}

/// Reads it. The answer is sent when requests see what changed.
pub async fn reload(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
) -> Result<Json<Reloaded>, Failure> {
    Failure::unless_admin(&operator)?;
    let changes = admin.reload.reload().await?;
    let reloaded = told(&changes);
    admin.note(Deed::new(operator, "config.reload", "torod.toml", reloaded.changed.join("; "))).await?;
    Ok(Json(reloaded))
}

/// What changed, in the words of the admin API.
pub(super) fn told(changes: &Changes) -> Reloaded {
    Reloaded {
        changed: changes.sentences().map(str::to_owned).collect(),
        at_restart: changes.at_restart.iter().map(|key| (*key).to_owned()).collect(),
    }
}
