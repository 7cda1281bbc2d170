//! Why a token server gave no token, in words that hold no secret.

use std::time::Duration;

/// Why there is no token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OAuthError {
    /// The URL or the client cannot stand in a request.
    #[error("the token server's URL is not valid")]
    Url,
    /// There is no connection, or it broke.
    #[error("the token server cannot be reached: {0}")]
    Unreachable(String),
    /// It said nothing, or not all of it, in time.
    #[error("the token server did not answer within {} s", .0.as_secs_f32())]
    Silent(Duration),
    /// It said too much.
    #[error("the token server's answer is longer than 64 KiB")]
    TooLarge,
    /// It answered from elsewhere, where no secret is taken.
    #[error("the token server answered with a redirect (status {0}), which is not followed: check its URL")]
    Redirect(u16),
    /// It answered with something else than JSON.
    #[error("the token server answered with status {0} and no JSON: check its URL")]
    NoJson(u16),
    /// It refused.
    #[error("the token server says {}", said(code, description, *status))]
    Refused {
        /// RFC 6749's `error`, or what the server made up.
        code: String,
        /// Its `error_description`.
        description: String,
        /// The status.
        status: u16,
    },
    /// It answered without a token, or with one that no header can carry.
    #[error("the token server's answer has no `{0}` that can be used")]
    Missing(&'static str),
    /// The token is of a type that we cannot send.
    #[error("the token server gave a token of type `{0}`; only bearer tokens are understood")]
    TokenType(String),
}

fn said(code: &str, description: &str, status: u16) -> String {
    match (code, description) {
        ("", _) => format!("no, with status {status}"),
        (code, "") => format!("`{code}` (status {status})"),
        (code, description) => format!("`{code}`: {description} (status {status})"),
    }
}

impl OAuthError {
    /// The server's code for it; empty where it gave none.
    pub fn code(&self) -> &str {
        match self {
            Self::Refused { code, .. } => code,
            _ => "",
        }
    }

    /// Whether it would say the same again soon: what was asked is wrong, not the moment.
    pub fn is_settled(&self) -> bool {
        match self {
            Self::Refused { code, status, .. } => {
                !matches!(code.as_str(), "temporarily_unavailable" | "server_error" | "slow_down")
                    && (400..500).contains(status)
                    && !matches!(status, 408 | 425 | 429)
            }
            Self::TokenType(_) | Self::Url => true,
            _ => false,
        }
    }
}
