//! What an operation answers: JSON, or a problem as JSON.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tokenrouter_shared::Problem;

use crate::access::NoRandomness;
use crate::access::grant::Refusal;
use crate::access::issue::IssueError;
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
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        (self.status, Json(Body { error: self.problem })).into_response()
    }
}

impl From<IssueError> for Failure {
    fn from(error: IssueError) -> Self {
        let status = match &error {
            IssueError::Refused(Refusal::Role { .. }) => StatusCode::FORBIDDEN,
            IssueError::Refused(_) | IssueError::BadName => StatusCode::BAD_REQUEST,
            IssueError::NotFound(_) => StatusCode::NOT_FOUND,
            IssueError::Ambiguous { .. } => StatusCode::CONFLICT,
            IssueError::Store(e) if e.is_transient() => StatusCode::SERVICE_UNAVAILABLE,
            IssueError::Store(_) | IssueError::NoRandomness(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        if status.is_server_error() {
            tracing::error!("an admin operation failed: {error}");
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
            advice: "Operations: GET and POST /admin/api/tokens, DELETE /admin/api/tokens/{id}.".into(),
        },
    }
}
