//! `GET /admin/api/exchanges/{request_id}/wire`: what went over the wire for a request of a token that is inspected.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::{Extension, Json};
use tokenrouter_shared::conversation::WireView;

use crate::access::Operator;
use crate::admin::Admin;
use crate::admin::answer::Failure;
use crate::conversations::read;

/// Shows it.
pub async fn handler(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
    Path(request_id): Path<String>,
) -> Result<Json<WireView>, Failure> {
    Failure::unless_admin(&operator)?;
    let read = admin.conversations.read(move |connection| read::wire(connection, &request_id)).await?;
    read.flatten().map(Json).ok_or_else(|| {
        let said = "Nothing of that request is kept.";
        let advice =
            "`torod token edit TOKEN --inspect 1h` has the requests of a token kept from then on, for a day each.";
        Failure::not_found("wire_not_found", said, advice)
    })
}
