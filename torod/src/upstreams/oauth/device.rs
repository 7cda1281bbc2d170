//! Device code sign-in (RFC 8628): a person opens a page elsewhere and enters a code, while we ask whether it is done.

use std::time::Duration;

use serde_json::Value;
use tokenrouter_shared::Secret;

use super::answer::{Object, Tokens, plain};
use super::{OAuthError, TokenServer};

/// The grant's name (RFC 8628 §3.4).
const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:device_code";
/// Between two questions where the server does not say (RFC 8628 §3.2), and how much longer after `slow_down` (§3.5).
const INTERVAL: Duration = Duration::from_secs(5);
/// Nobody is believed who wants to be asked more seldom.
const LONGEST_INTERVAL: Duration = Duration::from_mins(1);
/// How long a code is good for at most, and where the server does not say.
const LONGEST_LIFE: Duration = Duration::from_hours(1);
const USUAL_LIFE: Duration = Duration::from_mins(15);

/// What a person has to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// The page.
    pub url: String,
    /// The page with the code filled in, where the server has one.
    pub complete_url: Option<String>,
    /// What to enter there.
    pub user_code: String,
    /// For how long it is good.
    pub life: Duration,
    device_code: Secret,
    interval: Duration,
}

/// Why nobody is signed in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignInError {
    /// The person said no.
    #[error("the sign-in was refused on the page")]
    Denied,
    /// The code is too old.
    #[error("the code has expired before it was entered: try again")]
    Expired,
    /// The server failed.
    #[error(transparent)]
    Server(#[from] OAuthError),
}

impl TokenServer<'_> {
    /// Asks for a code (RFC 8628 §3.1).
    pub async fn invite(&self) -> Result<Invitation, OAuthError> {
        let url = self.grant.device_url.as_deref().ok_or(OAuthError::Url)?;
        invitation(&self.ask(url, &[], true).await?)
    }

    /// Asks until the person is done; `wait` lets time pass between two questions.
    pub async fn sign_in(
        &self,
        invitation: &Invitation,
        mut wait: impl AsyncFnMut(Duration),
    ) -> Result<Tokens, SignInError> {
        let form = [("grant_type", GRANT_TYPE), ("device_code", invitation.device_code.expose())];
        let (mut interval, mut waited) = (invitation.interval, Duration::ZERO);
        loop {
            if waited >= invitation.life {
                return Err(SignInError::Expired);
            }
            wait(interval).await;
            waited += interval;
            let error = match self.tokens(&form, false).await {
                Ok(tokens) => return Ok(tokens),
                Err(error) => error,
            };
            match error.code() {
                "authorization_pending" => {}
                "slow_down" => interval = (interval + INTERVAL).min(LONGEST_INTERVAL),
                "expired_token" => return Err(SignInError::Expired),
                "access_denied" => return Err(SignInError::Denied),
                // RFC 8628 §3.5: who did not answer is asked again, and more seldom.
                _ if !error.is_settled() && !matches!(error, OAuthError::Redirect(_) | OAuthError::NoJson(_)) => {
                    interval = (interval * 2).min(LONGEST_INTERVAL);
                }
                _ => return Err(error.into()),
            }
        }
    }
}

fn invitation(object: &Object) -> Result<Invitation, OAuthError> {
    let text = |name: &str| object.get(name).and_then(Value::as_str).filter(|text| !text.trim().is_empty());
    let seconds = |name: &str| object.get(name).and_then(Value::as_u64).map(Duration::from_secs);
    // Google calls it by the name of an early draft.
    let url = text("verification_uri").or_else(|| text("verification_url"));
    let url = url.filter(|url| is_page(url)).ok_or(OAuthError::Missing("verification_uri"))?;
    let user_code = plain(text("user_code").ok_or(OAuthError::Missing("user_code"))?, &[]);
    Ok(Invitation {
        url: plain(url, &[]),
        complete_url: text("verification_uri_complete").filter(|url| is_page(url)).map(|url| plain(url, &[])),
        user_code,
        life: seconds("expires_in").unwrap_or(USUAL_LIFE).min(LONGEST_LIFE),
        device_code: text("device_code").ok_or(OAuthError::Missing("device_code"))?.into(),
        interval: seconds("interval").unwrap_or(INTERVAL).clamp(Duration::from_secs(1), LONGEST_INTERVAL),
    })
}

/// Whether a person may be sent there.
fn is_page(url: &str) -> bool {
    url.len() < 500 && url.parse::<http::Uri>().is_ok_and(|uri| matches!(uri.scheme_str(), Some("https" | "http")))
}
