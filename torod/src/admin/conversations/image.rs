//! `GET /admin/api/exchanges/{request_id}/images/{sha256}`: an image that was sent with a kept request.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};

use crate::access::Operator;
use crate::admin::Admin;
use crate::admin::answer::Failure;
use crate::conversations::images;

/// Gives it out, as what its bytes are and never as what a client called them.
pub async fn handler(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
    Path((request_id, sha256)): Path<(String, String)>,
) -> Result<Response, Failure> {
    Failure::unless_admin(&operator)?;
    let read = admin.conversations.read(move |connection| images::image(connection, &request_id, &sha256)).await?;
    let (kind, bytes) = read.flatten().ok_or_else(|| {
        let said = "No such image of that request is kept.";
        Failure::not_found("image_not_found", said, "What is shown of a conversation says which of its images are.")
    })?;
    Ok(([(CONTENT_TYPE, kind)], bytes).into_response())
}
