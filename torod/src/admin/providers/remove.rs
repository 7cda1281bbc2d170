//! `DELETE /admin/api/providers/{name}`: removes a provider from the file, with its comments.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::StatusCode;

use super::change::shown;
use super::named;
use crate::access::Operator;
use crate::admin::Admin;
use crate::admin::answer::Failure;
use crate::admin::config::note;
use crate::config::edit::provider::far;

/// Removes it. What is under way there ends as it began; a key in the store stays there.
pub async fn handler(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
    Path(name): Path<String>,
) -> Result<StatusCode, Failure> {
    Failure::unless_admin(&operator)?;
    let name = named(&admin, &name)?;
    let before = shown(&admin, &name).to_string();
    let subject = name.clone();
    admin
        .reload
        .edit(move |path| {
            far::remove(path, &name, None)?;
            Ok(true)
        })
        .await?;
    note(&admin, &operator, "provider.remove", &subject, before).await?;
    Ok(StatusCode::NO_CONTENT)
}
