//! `GET` and `POST /admin/api/setup`: how the first admin token can be made, and makes it: with the code from the log, or without
//! on this machine.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::{Extension, Json};
use tokenrouter_shared::gateway::SetupView;
use tokenrouter_shared::session::{SetupCreate, SetupCreated};

use super::Admin;
use super::answer::Failure;
use super::body::Small;
use crate::access::issue::{IssueError, is_plain};
use crate::access::setup::{Door, SetupError};
use crate::server::connection::Peer;

/// Says how it can be made by whoever asks.
pub async fn show(
    State(admin): State<Arc<Admin>>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
) -> Json<SetupView> {
    Json(SetupView { state: admin.setup.door(&headers, peer).as_str().to_owned() })
}

/// Makes it, and shows its key once.
pub async fn handler(
    State(admin): State<Arc<Admin>>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    wanted: Small<SetupCreate>,
) -> Result<(StatusCode, Json<SetupCreated>), Failure> {
    let door = admin.setup.door(&headers, peer);
    if door == Door::Closed {
        return Err(SetupError::Closed.into());
    }
    let wanted = wanted.read("Send {\"code\": \"…\"} with the code from the daemon's log.")?;
    if wanted.name.as_deref().is_some_and(|name| !is_plain(name)) {
        return Err(IssueError::BadName.into());
    }
    let made = admin.setup.make_first(door, wanted.code.as_deref(), wanted.name).await?;
    let note = "This key is shown once. Keep it safe.".to_owned();
    let made = SetupCreated {
        id: made.id,
        key: made.key,
        name: made.name,
        role: made.role,
        expires_ms: made.expires_ms,
        note,
    };
    Ok((StatusCode::CREATED, Json(made)))
}

impl From<SetupError> for Failure {
    fn from(error: SetupError) -> Self {
        let (code, advice) = match error {
            SetupError::Closed => ("setup_closed", "Run `torod token create --role admin` on the gateway's machine."),
            SetupError::NoCode => ("setup_code_missing", "The daemon's log has it."),
            SetupError::WrongCode => ("setup_code_wrong", "The daemon's log has it."),
            SetupError::Issue(error) => return error.into(),
        };
        Self::new(StatusCode::FORBIDDEN, code, format!("{error}."), advice)
    }
}
