//! Errors as providers word them, in the shape of the protocol that was asked.
use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};

/// An error answer.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    kind: &'static str,
    code: Option<&'static str>,
    param: Option<String>,
    pub(crate) message: String,
    /// What Google and Anthropic add in `details`.
    detail: Option<Box<Value>>,
    /// When to come back, for Google, which has no header for that.
    retry_after_ms: Option<u64>,
}

impl Problem {
    /// The error usual for a status.
    pub(crate) fn of_status(status: u16, message: impl Into<String>) -> Self {
        let (kind, code) = match status {
            401 => ("authentication_error", Some("invalid_api_key")),
            403 => ("permission_error", None),
            404 => ("not_found_error", None),
            429 => ("rate_limit_error", Some("rate_limit_exceeded")),
            503 | 529 => ("server_error", Some("overloaded")),
            500.. => ("server_error", None),
            _ => ("invalid_request_error", None),
        };
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self { status, kind, code, param: None, message: message.into(), detail: None, retry_after_ms: None }
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::of_status(400, message)
    }

    pub(crate) fn with_code(mut self, code: &'static str) -> Self {
        self.code = Some(code);
        self
    }

    pub(crate) fn with_param(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }

    pub(crate) fn with_detail(mut self, detail: Value) -> Self {
        self.detail = Some(Box::new(detail));
        self
    }

    pub(crate) fn with_retry_after(mut self, ms: Option<u64>) -> Self {
        self.retry_after_ms = ms;
        self
    }

    pub(crate) fn model_not_found(model: &str) -> Self {
        let message = format!("The model `{model}` does not exist or you do not have access to it.");
        Self::of_status(404, message).with_code("model_not_found")
    }

    /// The code, or where there is none, the type.
    pub(crate) fn code_or_kind(&self) -> &'static str {
        self.code.unwrap_or(self.kind)
    }

    /// `{"error":{…}}` of OpenAI's API.
    pub(crate) fn openai(&self) -> String {
        format!(r#"{{"error":{}}}"#, self.inner())
    }

    /// What stands in `error` of OpenAI's API.
    pub(crate) fn inner(&self) -> String {
        json!({"message": self.message, "type": self.kind, "param": self.param, "code": self.code}).to_string()
    }

    /// The type Anthropic gives a status.
    fn anthropic_kind(&self) -> &'static str {
        match self.status.as_u16() {
            401 => "authentication_error",
            402 => "billing_error",
            403 => "permission_error",
            404 => "not_found_error",
            408 | 504 => "timeout_error",
            409 => "conflict_error",
            413 => "request_too_large",
            429 => "rate_limit_error",
            503 | 529 => "overloaded_error",
            500.. => "api_error",
            _ => "invalid_request_error",
        }
    }

    /// `{"type":"error",…}` of Anthropic's API.
    pub(crate) fn anthropic(&self, request_id: &str) -> String {
        let mut error = json!({"type": self.anthropic_kind(), "message": self.message});
        if let (Some(fields), Some(detail)) = (error.as_object_mut(), &self.detail) {
            fields.insert("details".to_owned(), (**detail).clone());
        }
        json!({"type": "error", "error": error, "request_id": request_id}).to_string()
    }

    /// The name Google gives a status (`google.rpc.Code`).
    fn google_status(&self) -> &'static str {
        match self.status.as_u16() {
            401 => "UNAUTHENTICATED",
            403 => "PERMISSION_DENIED",
            404 => "NOT_FOUND",
            409 => "ABORTED",
            429 => "RESOURCE_EXHAUSTED",
            499 => "CANCELLED",
            501 => "UNIMPLEMENTED",
            503 | 529 => "UNAVAILABLE",
            504 => "DEADLINE_EXCEEDED",
            500.. => "INTERNAL",
            _ => "INVALID_ARGUMENT",
        }
    }

    /// `{"error":{"code":…,"message":…,"status":…}}` of Google's APIs.
    pub(crate) fn gemini(&self) -> String {
        let code = self.status.as_u16();
        let mut error = json!({"code": code, "message": self.message, "status": self.google_status()});
        let delay = self.retry_after_ms.map(|ms| {
            let delay = format!("{}.{:03}s", ms / 1_000, ms % 1_000);
            json!({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay})
        });
        let details: Vec<_> = self.detail.as_deref().cloned().into_iter().chain(delay).collect();
        if let (Some(fields), false) = (error.as_object_mut(), details.is_empty()) {
            fields.insert("details".to_owned(), details.into());
        }
        json!({"error": error}).to_string()
    }

    /// `{"id":…,"message":…}` of Cohere's API.
    pub(crate) fn cohere(&self, id: &str) -> String {
        json!({"id": id, "message": self.message}).to_string()
    }
}

/// What a proxy in front of a provider answers when it cannot reach it.
pub(crate) fn html_page(status: StatusCode) -> Bytes {
    let reason = status.canonical_reason().unwrap_or("Error");
    let status = status.as_u16();
    Bytes::from(format!(
        "<html>\r\n<head><title>{status} {reason}</title></head>\r\n<body>\r\n<center><h1>{status} {reason}</h1></center>\r\n<hr><center>proxy</center>\r\n</body>\r\n</html>\r\n"
    ))
}
