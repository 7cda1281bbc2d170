//! `POST /admin/api/logout`: ends the session that the request came with.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::SET_COOKIE;
use axum::response::{IntoResponse as _, Response};

use super::finish;
use crate::access::Operator;
use crate::access::session::{Session, no_cookie};
use crate::admin::Admin;
use crate::admin::answer::Failure;
use crate::server::connection::Peer;

/// Ends it, and takes the cookie away.
pub async fn handler(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
    Extension(peer): Extension<Peer>,
    session: Option<Extension<Arc<Session>>>,
) -> Result<Response, Failure> {
    let Some(Extension(session)) = session else {
        let said = "This request came with a key, not with a session.";
        return Err(Failure::new(StatusCode::CONFLICT, "no_session", said, "There is nothing to log out of."));
    };
    finish(&admin, &operator, session).await?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    if let Some(none) = no_cookie(peer.is_https()) {
        response.headers_mut().insert(SET_COOKIE, none);
    }
    Ok(response)
}
