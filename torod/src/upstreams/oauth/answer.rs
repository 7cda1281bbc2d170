//! What token servers answer: tokens, or RFC 6749's errors, whatever the status and however long.

use serde_json::{Map, Value};
use tokenrouter_shared::Secret;

use super::failure::OAuthError;
use crate::config::{expiry_ms, token_expiry_ms};

/// The longest sentence of a server that is passed on, in characters.
const LONGEST: usize = 200;

/// A JSON object.
pub(super) type Object = Map<String, Value>;

/// What a token server gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tokens {
    /// What providers are called with.
    pub access: Secret,
    /// Until when it holds, in Unix milliseconds.
    pub expires_ms: Option<i64>,
    /// What the next one is had with; none: the one from before stays good.
    pub refresh: Option<Secret>,
}

/// Reads an answer; `secrets` went there and must not be told again.
pub(super) fn read(status: u16, body: &[u8], secrets: &[&str]) -> Result<Object, OAuthError> {
    let Ok(Value::Object(object)) = serde_json::from_slice(body) else {
        return Err(OAuthError::NoJson(status));
    };
    let text = |name: &str| plain(object.get(name).and_then(Value::as_str).unwrap_or_default(), secrets);
    let error = match object.get("error") {
        // Some wrap it as their API does.
        Some(Value::Object(inner)) => {
            let inner = |name: &str| inner.get(name).and_then(Value::as_str).unwrap_or_default();
            Some((plain(inner("code"), secrets), plain(inner("message"), secrets)))
        }
        Some(Value::String(_)) => Some((text("error"), text("error_description"))),
        _ => None,
    };
    match error {
        // Also with status 200, as some servers do it.
        Some((code, description)) => Err(OAuthError::Refused { code, description, status }),
        None if !(200..300).contains(&status) => {
            Err(OAuthError::Refused { code: String::new(), description: String::new(), status })
        }
        None => Ok(object),
    }
}

/// The tokens of an answer that came at `now_ms`.
pub(super) fn tokens(object: &Object, now_ms: i64) -> Result<Tokens, OAuthError> {
    let secret = |name: &str| {
        let text = object.get(name).and_then(Value::as_str).filter(|text| is_sendable(text))?;
        Some(Secret::from(text))
    };
    let access = secret("access_token").ok_or(OAuthError::Missing("access_token"))?;
    if let Some(kind) = object.get("token_type").and_then(Value::as_str)
        && !kind.eq_ignore_ascii_case("bearer")
    {
        return Err(OAuthError::TokenType(plain(kind, &[])));
    }
    let expires_ms = expiry_ms(object, now_ms).or_else(|| token_expiry_ms(access.expose()));
    Ok(Tokens { access, expires_ms, refresh: secret("refresh_token") })
}

fn is_sendable(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// A foreign text in one line of bounded length, without any of `secrets`.
pub(super) fn plain(text: &str, secrets: &[&str]) -> String {
    let mut text = text.to_owned();
    for secret in secrets.iter().filter(|secret| secret.len() > 3) {
        text = text.replace(*secret, "[secret]");
    }
    let shown = text.chars().map(|c| if tokenrouter::hidden::is_hidden(c) || c.is_control() { ' ' } else { c });
    let mut plain: String = shown.take(LONGEST).collect();
    if text.chars().count() > LONGEST {
        plain.push('…');
    }
    plain.trim().to_owned()
}
