//! `DELETE /admin/api/providers/{name}`: removes a provider from the file, with its comments.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};

use super::change::shown;
use super::key::own_secrets;
use super::named;
use crate::access::Operator;
use crate::admin::Admin;
use crate::admin::answer::Failure;
use crate::admin::noted::{Deed, noted};
use crate::admin::version::Expected;
use crate::config::edit::provider::far;

/// Removes it; where `If-Match` names a version of the file, only from that one. What is under way there ends as it
/// began; keys that were kept sealed for it alone are forgotten with it.
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
    let expected = Expected::read(&headers)?.version();
    let giving = Arc::clone(&admin.giving_key).lock_owned().await;
    let config = Arc::clone(&admin.reload.status().config);
    let freed = config.providers.iter().find(|one| one.name == name).map(own_secrets).unwrap_or_default();
    let deed = Deed::new(operator, "provider.remove", &subject, before).freeing(freed);
    let reload = Arc::clone(&admin.reload);
    let change = async move {
        let edit = move |path: &std::path::Path| far::remove(path, &name, expected.as_deref()).map(|()| true);
        Ok((reload.edit(edit).await?, giving))
    };
    noted(&admin, deed, change, |_| None).await?;
    Ok(StatusCode::NO_CONTENT)
}
