//! `DELETE /admin/api/providers/{name}`: removes a provider from the file, with its comments.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::header::IF_MATCH;
use axum::http::{HeaderMap, StatusCode};

use super::change::shown;
use super::named;
use crate::access::Operator;
use crate::admin::Admin;
use crate::admin::answer::Failure;
use crate::admin::config::note;
use crate::config::edit::provider::far;

/// Removes it; where `If-Match` names a version of the file, only from that one. What is under way there ends as it
/// began; a key in the store stays there.
pub async fn handler(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<StatusCode, Failure> {
    Failure::unless_admin(&operator)?;
    let name = named(&admin, &name)?;
    let before = shown(&admin, &name).to_string();
    let subject = name.clone();
    // What cannot be read matches no version.
    let expected = headers.get(IF_MATCH).map(|value| value.to_str().unwrap_or_default().trim_matches('"').to_owned());
    admin
        .reload
        .edit(move |path| {
            far::remove(path, &name, expected.as_deref())?;
            Ok(true)
        })
        .await?;
    note(&admin, &operator, "provider.remove", &subject, before).await?;
    Ok(StatusCode::NO_CONTENT)
}
