//! `POST /admin/api/providers/{name}/enable` and `…/disable`: uses a provider again, or leaves it out.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;

use super::named;
use crate::access::Operator;
use crate::admin::Admin;
use crate::admin::answer::Failure;
use crate::admin::config::told;
use crate::admin::noted::{Deed, noted};
use crate::admin::settings::changed;
use crate::admin::version::Expected;
use crate::config::edit::provider::far;

/// Uses it again.
pub async fn enable(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    switch(&admin, operator, &name, &headers, true).await
}

/// Leaves it out.
pub async fn disable(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    switch(&admin, operator, &name, &headers, false).await
}

async fn switch(
    admin: &Arc<Admin>,
    operator: Operator,
    name: &str,
    headers: &HeaderMap,
    is_on: bool,
) -> Result<Response, Failure> {
    Failure::unless_admin(&operator)?;
    let name = named(admin, name)?;
    let expected = Expected::read(headers)?.version();
    let deed = Deed::new(operator, if is_on { "provider.enable" } else { "provider.disable" }, &name, "");
    let reload = Arc::clone(&admin.reload);
    let change =
        async move { Ok(reload.edit(move |path| far::switch(path, &name, is_on, expected.as_deref())).await?) };
    let done = noted(admin, deed, change, |done| Some(told(done).changed.join("; "))).await?;
    changed(admin, &done).await
}
