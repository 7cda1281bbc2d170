//! `POST /admin/api/reload`: reads the configuration file and every secret anew.

use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};
use tokenrouter_shared::routing::Reloaded;

use super::Admin;
use super::answer::Failure;
use super::noted::Deed;
use crate::access::Operator;
use crate::reload::Changes;

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
