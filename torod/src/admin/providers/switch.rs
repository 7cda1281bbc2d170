//! `POST /admin/api/providers/{name}/enable` and `…/disable`: uses a provider again, or leaves it out.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::{Extension, Json};
use tokenrouter_shared::settings::SettingsChanged;

use super::named;
use crate::access::Operator;
use crate::admin::Admin;
use crate::admin::answer::Failure;
use crate::admin::config::{note, told};
use crate::admin::settings::version;
use crate::config::edit::provider as edit;

/// Uses it again.
pub async fn enable(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
    Path(name): Path<String>,
) -> Result<Json<SettingsChanged>, Failure> {
    switch(&admin, &operator, &name, true).await
}

/// Leaves it out.
pub async fn disable(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
    Path(name): Path<String>,
) -> Result<Json<SettingsChanged>, Failure> {
    switch(&admin, &operator, &name, false).await
}

async fn switch(admin: &Admin, operator: &Operator, name: &str, is_on: bool) -> Result<Json<SettingsChanged>, Failure> {
    Failure::unless_admin(operator)?;
    let name = named(admin, name)?;
    let subject = name.clone();
    let done = admin.reload.edit(move |path| edit::set(path, &name, "enabled", Some(&is_on.into()))).await?;
    let action = if is_on { "provider.enable" } else { "provider.disable" };
    note(admin, operator, action, &subject, told(&done).changed.join("; ")).await?;
    Ok(Json(SettingsChanged { version: version(admin).await?.unwrap_or_default(), reloaded: told(&done) }))
}
