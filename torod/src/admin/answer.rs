//! What an operation answers: JSON, or a problem as JSON.

use axum::Json;
use axum::http::header::{CONTENT_LENGTH, ETAG, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use tokenrouter::Protocol;
use tokenrouter_shared::problem::ProblemBody;
use tokenrouter_shared::{Problem, Role};

use crate::access::issue::IssueError;
use crate::access::secrets::SecretsError;
use crate::access::{NoRandomness, Operator};
use crate::config::ConfigError;
use crate::config::edit::EditError;
use crate::reload::ReloadError;
use crate::reports::ReportError;
use crate::store::StoreError;

/// An operation that failed.
#[derive(Debug)]
pub struct Failure {
    status: StatusCode,
    problem: Box<Problem>,
    retry_after_s: Option<u32>,
}

/// Goes with the answer to where its request's id is known.
#[derive(Clone, Debug)]
struct Told(Problem);

/// Puts the id of the request into the body of an answer that is a problem.
pub fn name_request(response: &mut Response, id: &str) {
    let Some(Told(problem)) = response.extensions_mut().remove::<Told>() else { return };
    let body = ProblemBody { error: Problem { request_id: Some(id.to_owned()), ..problem } };
    if let Ok(text) = serde_json::to_vec(&body) {
        response.headers_mut().remove(CONTENT_LENGTH);
        *response.body_mut() = text.into();
    }
}

impl Failure {
    /// A failure of its own kind.
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>, advice: impl Into<String>) -> Self {
        let problem =
            Problem { code: code.into(), message: message.into(), advice: advice.into(), ..Problem::default() };
        Self { status, problem: Box::new(problem), retry_after_s: None }
    }

    /// Too many attempts have failed; `wait_ms` until the next may be made.
    pub fn too_many(wait_ms: i64) -> Self {
        let seconds = u32::try_from(wait_ms.saturating_add(999) / 1000).unwrap_or(u32::MAX).max(1);
        let said = format!("Too many attempts have failed: try again in {seconds} s.");
        let advice = "Nobody needs many attempts: copy the whole key.";
        let failure = Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_attempts", said, advice);
        Self { retry_after_s: Some(seconds), ..failure }
    }

    /// A report that takes too long.
    pub fn too_slow() -> Self {
        let said = "The report took too long and was given up.";
        let advice = "Ask for a shorter span, or for less at once.";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "report_too_slow", said, advice)
    }

    /// Too many reports are being made.
    pub fn busy() -> Self {
        let said = "Other reports are being made, and none was ready in time.";
        let failure = Self::new(StatusCode::SERVICE_UNAVAILABLE, "reports_busy", said, "Ask again in a moment.");
        Self { retry_after_s: Some(5), ..failure }
    }

    /// May be tried again in so many seconds.
    #[must_use]
    pub fn again_in(self, seconds: u32) -> Self {
        Self { retry_after_s: Some(seconds), ..self }
    }

    /// A request that makes no sense.
    pub fn bad_request(message: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", message, advice)
    }

    /// With the version that the thing is at.
    #[must_use]
    pub fn at_version(mut self, version: Option<String>) -> Self {
        self.problem.version = version;
        self
    }

    /// What was asked for is not there.
    pub fn not_found(code: &'static str, message: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, message, advice)
    }
}

impl Failure {
    /// Refuses whoever is no admin.
    pub fn unless_admin(operator: &Operator) -> Result<(), Self> {
        if operator.role() == Role::Admin {
            return Ok(());
        }
        let message = format!("A token of role {} may not see or change the configuration.", operator.role());
        Err(Self::new(StatusCode::FORBIDDEN, "role_forbidden", message, "Ask an admin."))
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
            ReloadError::Edit(EditError::Stale(_)) => (
                StatusCode::CONFLICT,
                "version_conflict",
                "Look at what changed, and send the change with that version.",
            ),
            ReloadError::Edit(EditError::IsProvider(_)) => {
                (StatusCode::CONFLICT, "provider_exists", "Give this one a name of its own.")
            }
            ReloadError::Edit(EditError::NoProvider { .. }) => {
                (StatusCode::NOT_FOUND, "provider_not_found", "GET /admin/api/providers lists those there are.")
            }
            ReloadError::Edit(EditError::NoSuch("alias", _)) => {
                (StatusCode::NOT_FOUND, "alias_not_found", "GET /admin/api/aliases lists those there are.")
            }
            ReloadError::Edit(EditError::NoSuch(..)) => {
                (StatusCode::NOT_FOUND, "key_not_found", "GET /admin/api/providers/{name} shows its keys.")
            }
            ReloadError::Edit(EditError::NotFromHere(_) | EditError::NotByApi { .. }) => {
                (StatusCode::FORBIDDEN, "not_from_here", kept)
            }
            ReloadError::Edit(EditError::KeyElsewhere { .. }) => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "key_elsewhere",
                "Give the key again, for the new address: as `key` of the change. Nothing changed.",
            ),
            ReloadError::Edit(EditError::Raced(_)) => (StatusCode::CONFLICT, "config_changed", "Try again."),
            ReloadError::NoProfile(_) | ReloadError::File(_) | ReloadError::Edit(_) => {
                (StatusCode::UNPROCESSABLE_ENTITY, "config_invalid", kept)
            }
            ReloadError::Stopping => (StatusCode::SERVICE_UNAVAILABLE, "stopping", "Ask again when it runs."),
        };
        let version = match &error {
            ReloadError::Edit(EditError::Stale(now)) => Some(now.clone()),
            _ => None,
        };
        Self::new(status, code, sentence(&error.to_string()), advice).at_version(version)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(ProblemBody { error: Problem::clone(&self.problem) })).into_response();
        let tag = self.problem.version.as_ref().and_then(|now| HeaderValue::try_from(format!("\"{now}\"")).ok());
        if let Some(tag) = tag {
            response.headers_mut().insert(ETAG, tag);
        }
        response.extensions_mut().insert(Told(*self.problem));
        if let Some(seconds) = self.retry_after_s {
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<IssueError> for Failure {
    fn from(error: IssueError) -> Self {
        let status = match &error {
            IssueError::Refused(refusal) if refusal.is_forbidden() => StatusCode::FORBIDDEN,
            IssueError::Refused(_)
            | IssueError::BadName
            | IssueError::BadLease
            | IssueError::Limits(_)
            | IssueError::Unclear(_) => StatusCode::BAD_REQUEST,
            IssueError::NotFound(_) | IssueError::NoRun(_) => StatusCode::NOT_FOUND,
            IssueError::Ambiguous { .. } | IssueError::Version(_) | IssueError::Ended(_) => StatusCode::CONFLICT,
            IssueError::NoVersion => StatusCode::PRECONDITION_REQUIRED,
            IssueError::Store(e) if e.is_transient() => StatusCode::SERVICE_UNAVAILABLE,
            IssueError::Store(_) | IssueError::NoRandomness(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        if status.is_server_error() {
            tracing::error!("an admin operation failed: {error}");
        }
        Self { status, problem: Box::new(error.problem()), retry_after_s: None }
    }
}

impl From<ReportError> for Failure {
    fn from(error: ReportError) -> Self {
        let status = match error {
            ReportError::Unclear(_) => StatusCode::BAD_REQUEST,
            ReportError::NoRequest(_) => StatusCode::NOT_FOUND,
            ReportError::Issue(IssueError::Store(StoreError::Interrupted)) => return Self::too_slow(),
            ReportError::Issue(error) => return error.into(),
        };
        Self { status, problem: Box::new(error.problem()), retry_after_s: None }
    }
}

impl From<SecretsError> for Failure {
    fn from(error: SecretsError) -> Self {
        let status = match &error {
            SecretsError::NotFound(_) => StatusCode::NOT_FOUND,
            SecretsError::Version(_) => StatusCode::CONFLICT,
            SecretsError::Store(e) if e.is_transient() => StatusCode::SERVICE_UNAVAILABLE,
            SecretsError::Store(_) => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::BAD_REQUEST,
        };
        if status.is_server_error() {
            tracing::error!("a secret was not kept: {error}");
        }
        Self { status, problem: Box::new(error.problem()), retry_after_s: None }
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

impl From<tokenrouter::error::Problem> for Failure {
    fn from(problem: tokenrouter::error::Problem) -> Self {
        let status = StatusCode::from_u16(problem.http_status(Protocol::OpenAi));
        let failure = Self::new(
            status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            problem.code,
            sentence(&problem.message),
            problem.advice,
        );
        Self { retry_after_s: problem.retry_after_s, ..failure }
    }
}

/// What clients of a protocol are told in half a sentence, whole.
fn sentence(message: &str) -> String {
    let mut letters = message.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    let end = if message.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{first}{}{end}", letters.as_str())
}

/// No operation has this path.
pub async fn not_found() -> Failure {
    Failure::not_found(
        "path_not_found",
        "There is no such admin operation.",
        "/admin/api/openapi.json describes those there are.",
    )
}
