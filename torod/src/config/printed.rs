//! What a command prints as a key: the key itself, or JSON around it that also says until when it holds.
//!
//! Understood are, with the time under any of the names of [`TIMES`] or [`SPANS`]:
//!
//! * `{"token": …}`, `{"access_token": …, "expires_in": …}` as OAuth token servers answer (RFC 6749 §5.1), and
//!   `{"accessToken": …, "expires_on": …}` as cloud tools print;
//! * a Kubernetes `ExecCredential`: `{"status": {"token": …, "expirationTimestamp": …}}`;
//! * `Expiration`, as the credential processes of AWS say it.
//!
//! Where nothing says until when, a JSON Web Token's own `exp` does (RFC 7519 §4.1.4).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};
use tokenrouter_shared::Secret;
use zeroize::Zeroizing;

use super::resolve::{SecretError, clean};

/// Names under which the token stands.
const TOKENS: [&str; 5] = ["token", "access_token", "accessToken", "api_key", "id_token"];
/// Names of a moment: RFC 3339, or seconds or milliseconds since 1970.
const TIMES: [&str; 10] = [
    "expires_at",
    "expiresAt",
    "expires_on",
    "expiration",
    "Expiration",
    "expirationTimestamp",
    "expireTime",
    "expiry",
    "token_expiry",
    "expiresOn",
];
/// Names of a span in seconds from now on.
const SPANS: [&str; 2] = ["expires_in", "expiresIn"];
/// Greater numbers are milliseconds: as seconds they would be in the year 5138.
const MOST_SECONDS: i64 = 100_000_000_000;

/// A key as it was fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// The key.
    pub secret: Secret,
    /// Until when it holds, in Unix milliseconds; none where nobody says so.
    pub expires_ms: Option<i64>,
}

/// Reads what a command printed at `now_ms`.
pub(super) fn read(text: &str, now_ms: i64) -> Result<Fetched, SecretError> {
    let trimmed = text.trim();
    if !trimmed.starts_with('{') {
        let secret = clean(Secret::from(trimmed))?;
        let expires_ms = token_expiry_ms(secret.expose());
        return Ok(Fetched { secret, expires_ms });
    }
    let mut value: Value = serde_json::from_str(trimmed).map_err(|_| SecretError::BrokenJson)?;
    let fetched = fetched(&value, now_ms);
    wipe(&mut value);
    fetched
}

fn fetched(value: &Value, now_ms: i64) -> Result<Fetched, SecretError> {
    let outer = value.as_object().ok_or(SecretError::BrokenJson)?;
    let inner = outer.get("status").and_then(Value::as_object);
    let found = [Some(outer), inner].into_iter().flatten().find_map(|object| Some((object, token(object)?)));
    let (object, token) = found.ok_or(SecretError::NoToken)?;
    let secret = clean(Secret::from(token))?;
    let expires_ms = expiry_ms(object, now_ms).or_else(|| token_expiry_ms(secret.expose()));
    Ok(Fetched { secret, expires_ms })
}

fn token(object: &Map<String, Value>) -> Option<&str> {
    TOKENS.iter().find_map(|name| object.get(*name)?.as_str()).filter(|token| !token.is_empty())
}

/// Until when, in Unix milliseconds, `object` says that its token holds. A time that cannot be read is not said.
pub fn expiry_ms(object: &Map<String, Value>, now_ms: i64) -> Option<i64> {
    let span = SPANS.iter().find_map(|name| number(object.get(*name)?)).filter(|seconds| *seconds > 0);
    let span = span.map(|seconds| now_ms.saturating_add(seconds.saturating_mul(1_000)));
    span.or_else(|| TIMES.iter().find_map(|name| moment_ms(object.get(*name)?)))
}

fn number(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => {
            number.as_i64().or_else(|| number.as_f64().filter(|n| (0.0..1e15).contains(n)).map(|n| n as i64))
        }
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn moment_ms(value: &Value) -> Option<i64> {
    if let Some(number) = number(value).filter(|number| *number > 0) {
        return Some(if number < MOST_SECONDS { number * 1_000 } else { number });
    }
    let time = chrono::DateTime::parse_from_rfc3339(value.as_str()?.trim()).ok()?;
    Some(time.timestamp_millis())
}

/// Until when, in Unix milliseconds, a JSON Web Token says itself that it holds. Its signature is not for us to check.
pub fn token_expiry_ms(token: &str) -> Option<i64> {
    let mut parts = token.split('.');
    let (_, payload, _) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let payload = Zeroizing::new(URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?);
    let claims: Map<String, Value> = serde_json::from_slice(&payload).ok()?;
    moment_ms(claims.get("exp")?)
}

/// Overwrites every text of `value`, which may be a token.
fn wipe(value: &mut Value) {
    use zeroize::Zeroize as _;
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(values) => values.iter_mut().for_each(wipe),
        Value::Object(object) => object.values_mut().for_each(wipe),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000_000;

    fn told(text: &str) -> Result<(String, Option<i64>), String> {
        let fetched = read(text, NOW).map_err(|error| error.to_string())?;
        Ok((fetched.secret.expose().to_owned(), fetched.expires_ms.map(|ms| ms - NOW)))
    }

    fn jwt(claims: &str) -> String {
        format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims))
    }

    #[test]
    fn every_common_form_is_understood() {
        let token = jwt(r#"{"exp":1800000060}"#);
        for (text, expires_ms) in [
            ("tok\n", None),
            (" { \"token\": \"tok\" } \n", None),
            (r#"{"access_token":"tok","token_type":"Bearer","expires_in":3599}"#, Some(3_599_000)),
            (r#"{"access_token":"tok","expires_in":"60"}"#, Some(60_000)),
            (r#"{"token":"tok","expires_at":1800000100}"#, Some(100_000)),
            (r#"{"token":"tok","expires_at":1800000100000}"#, Some(100_000)),
            (r#"{"token":"tok","expiration":"2027-01-15T08:01:00Z"}"#, Some(60_000)),
            (r#"{"token":"tok","Expiration":"2027-01-15T09:01:00+01:00"}"#, Some(60_000)),
            (r#"{"accessToken":"tok","expiresOn":"2027-01-15 10:00:00.000000","expires_on":1800000007}"#, Some(7_000)),
            (r#"{"accessToken":"tok","expireTime":"2027-01-15T08:00:01.500Z"}"#, Some(1_500)),
            (
                r#"{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"tok","expirationTimestamp":"2027-01-15T08:00:09Z"}}"#,
                Some(9_000),
            ),
            // What cannot be read is not said.
            (r#"{"token":"tok","expires_at":"soon"}"#, None),
            (r#"{"token":"tok","expires_in":-1}"#, None),
            (r#"{"token":"tok","expires_in":null,"expiry":"2027-01-15T08:00:02Z"}"#, Some(2_000)),
        ] {
            assert_eq!(told(text), Ok(("tok".to_owned(), expires_ms)), "{text}");
        }
        assert_eq!(told(&token), Ok((token.clone(), Some(60_000))));
        assert_eq!(told(&format!("{{\"token\":\"{token}\"}}")), Ok((token.clone(), Some(60_000))));
        assert_eq!(told(&format!("{{\"token\":\"{token}\",\"expires_in\":5}}")), Ok((token, Some(5_000))));
    }

    #[test]
    fn what_looks_like_a_token_that_says_when_and_does_not_is_a_key() {
        for text in ["a.b.c", "a.e30.c", "a..c", "....", &jwt(r#"{"exp":"never"}"#), &jwt("[]"), &jwt("{\"exp\":-5}")] {
            assert_eq!(told(text), Ok((text.to_owned(), None)));
        }
    }

    #[test]
    fn what_is_no_key_is_refused_and_not_quoted() {
        for (text, expected) in [
            ("{", "the command printed something that begins like JSON and is none"),
            ("{\"token\":\"hunter2\"", "the command printed something that begins like JSON and is none"),
            ("{}", "the command printed JSON without a token"),
            ("{\"token\":\"\"}", "the command printed JSON without a token"),
            ("{\"token\":5}", "the command printed JSON without a token"),
            ("{\"status\":{\"other\":\"hunter2\"}}", "the command printed JSON without a token"),
            (
                "{\"token\":\"hun ter2\"}",
                "the key holds a blank or a character that no key has: copy it again, all of it and nothing else",
            ),
            (
                "hunter2\nhunter2",
                "the key holds a blank or a character that no key has: copy it again, all of it and nothing else",
            ),
            ("  ", "the secret is empty"),
        ] {
            assert_eq!(told(text), Err(expected.to_owned()), "{text}");
        }
    }
}
