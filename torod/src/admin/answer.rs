//! What an operation answers: JSON, or a problem as JSON.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tokenrouter_shared::{Problem, Role};

use crate::access::issue::IssueError;
use crate::access::secrets::SecretsError;
use crate::access::{NoRandomness, Operator};
use crate::config::ConfigError;
use crate::config::edit::EditError;
use crate::reload::ReloadError;
use crate::store::StoreError;

/// An operation that failed.
#[derive(Debug)]
pub struct Failure {
    status: StatusCode,
    problem: Problem,
}

#[derive(Serialize)]
struct Body {
    error: Problem,
}

impl Failure {
    /// A request that makes no sense.
    pub fn bad_request(message: impl Into<String>, advice: impl Into<String>) -> Self {
        let problem = Problem { code: "bad_request".into(), message: message.into(), advice: advice.into() };
        Self { status: StatusCode::BAD_REQUEST, problem }
    }

    /// What was asked for is not there.
    pub fn not_found(code: &'static str, message: impl Into<String>, advice: impl Into<String>) -> Self {
        let problem = Problem { code: code.into(), message: message.into(), advice: advice.into() };
        Self { status: StatusCode::NOT_FOUND, problem }
    }
}

impl Failure {
    /// Refuses whoever is no admin.
    pub fn unless_admin(operator: &Operator) -> Result<(), Self> {
        if operator.role() == Role::Admin {
            return Ok(());
        }
        let message = format!("A token of role {} may not see or change the configuration.", operator.role());
        let problem = Problem { code: "role_forbidden".into(), message, advice: "Ask an admin.".into() };
        Err(Self { status: StatusCode::FORBIDDEN, problem })
    }
}

impl From<ReloadError> for Failure {
    fn from(error: ReloadError) -> Self {
        let kept = "Nothing changed: what was in force before still is.";
        let (status, code, advice) = match &error {
            ReloadError::NoFile => {
                (StatusCode::CONFLICT, "no_config_file", "Start torod with --config to have one read.")
            }
            ReloadError::File(ConfigError::Io { .. }) | ReloadError::Edit(EditError::File(ConfigError::Io { .. })) => {
                (StatusCode::INTERNAL_SERVER_ERROR, "config_file_failed", "Look at the file's owner and mode.")
            }
            ReloadError::Edit(EditError::Raced(_)) => (StatusCode::CONFLICT, "config_changed", "Try again."),
            ReloadError::NoProfile(_) | ReloadError::File(_) | ReloadError::Edit(_) => {
                (StatusCode::UNPROCESSABLE_ENTITY, "config_invalid", kept)
            }
            ReloadError::Stopping => (StatusCode::SERVICE_UNAVAILABLE, "stopping", "Ask again when it runs."),
        };
        let problem = Problem { code: code.into(), message: error.to_string(), advice: advice.into() };
        Self { status, problem }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        (self.status, Json(Body { error: self.problem })).into_response()
    }
}

impl From<IssueError> for Failure {
    fn from(error: IssueError) -> Self {
        let status = match &error {
            IssueError::Refused(refusal) if refusal.is_forbidden() => StatusCode::FORBIDDEN,
            IssueError::Refused(_) | IssueError::BadName | IssueError::Limits(_) | IssueError::Unclear(_) => {
                StatusCode::BAD_REQUEST
            }
            IssueError::NotFound(_) => StatusCode::NOT_FOUND,
            IssueError::Ambiguous { .. } | IssueError::Version(_) | IssueError::Ended(_) => StatusCode::CONFLICT,
            IssueError::NoVersion => StatusCode::PRECONDITION_REQUIRED,
            IssueError::Store(e) if e.is_transient() => StatusCode::SERVICE_UNAVAILABLE,
            IssueError::Store(_) | IssueError::NoRandomness(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        if status.is_server_error() {
            tracing::error!("an admin operation failed: {error}");
        }
        Self { status, problem: error.problem() }
    }
}

impl From<SecretsError> for Failure {
    fn from(error: SecretsError) -> Self {
        let status = match &error {
            SecretsError::NotFound(_) => StatusCode::NOT_FOUND,
            SecretsError::Store(e) if e.is_transient() => StatusCode::SERVICE_UNAVAILABLE,
            SecretsError::Store(_) => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::BAD_REQUEST,
        };
        if status.is_server_error() {
            tracing::error!("a secret was not kept: {error}");
        }
        Self { status, problem: error.problem() }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        IssueError::from(error).into()
    }
}

impl From<NoRandomness> for Failure {
    fn from(error: NoRandomness) -> Self {
        IssueError::from(error).into()
    }
}

/// No operation has this path.
pub async fn not_found() -> Failure {
    Failure {
        status: StatusCode::NOT_FOUND,
        problem: Problem {
            code: "path_not_found".into(),
            message: "There is no such admin operation.".into(),
            advice:
                "Operations: GET and POST /admin/api/tokens, GET, PATCH and DELETE /admin/api/tokens/{id}, \
                     POST /admin/api/tokens/{id}/rotate, GET /admin/api/audit, POST /admin/api/reload, \
                     GET /admin/api/models, GET /admin/api/models/{id}, GET and PATCH /admin/api/routing, GET and POST /admin/api/routes/explain, \
                     GET /admin/api/routes/{request_id}, GET /admin/api/secrets, PUT and DELETE /admin/api/secrets/{name}, \
                     POST /admin/api/secrets-key/rotate."
                    .into(),
        },
    }
}
