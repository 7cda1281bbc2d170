//! `POST /admin/api/tls/renew`: another certificate, although the one that is shown is good.

use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};
use tokenrouter_shared::gateway::TlsRenewal;

use super::Admin;
use super::answer::Failure;
use super::noted::Deed;
use crate::access::Operator;

/// Has it made, read or ordered. The answer does not wait for it.
pub async fn renew(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
) -> Result<Json<TlsRenewal>, Failure> {
    Failure::unless_admin(&operator)?;
    let Some(keeper) = admin.reload.tls() else { return Ok(Json(TlsRenewal { renewing: false, tls: None })) };
    admin.note(Deed::new(operator, "tls.renew", "certificate", "")).await?;
    keeper.renew();
    Ok(Json(TlsRenewal { renewing: true, tls: Some(keeper.view()) }))
}
