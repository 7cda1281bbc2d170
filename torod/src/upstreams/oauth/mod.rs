//! Token servers (RFC 6749, RFC 8628): asked over our own client, with the operator's client id, bounded in time and bytes.
//!
//! Of OAuth this is three forms and their answers. The crates that speak more of it bring another HTTP client along, and
//! what matters here — no redirect followed, nothing unbounded, no secret in an error — would still be ours to keep.

mod answer;
pub mod device;
pub mod failure;

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use form_urlencoded::byte_serialize;
use http::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, USER_AGENT};
use http::{HeaderValue, Request};
use http_body_util::{BodyExt as _, Limited};
use tokenrouter::call::{Client, Pieces, Timeouts};
use tokenrouter_shared::Secret;
use zeroize::Zeroizing;

pub use self::answer::Tokens;
pub use self::failure::OAuthError;
use crate::clock::Clock;
use crate::config::{ClientAuth, GrantConfig};

/// How long one question to a token server may take, all of it.
pub const DEADLINE: Duration = Duration::from_secs(15);
/// How large its answer may be.
const MAX_BYTES: usize = 64 << 10;

/// A token server with the client that asks it.
#[derive(Debug)]
pub struct TokenServer<'a> {
    grant: &'a GrantConfig,
    password: Option<Secret>,
    client: Client,
    clock: &'a Clock,
    deadline: Duration,
}

impl<'a> TokenServer<'a> {
    /// The server of `grant`, asked with the client's password if it has one.
    pub fn new(grant: &'a GrantConfig, password: Option<Secret>, clock: &'a Clock) -> Self {
        let timeouts = Timeouts { connect: DEADLINE, first_byte: DEADLINE, idle: DEADLINE };
        Self { grant, password, client: Client::guarded(timeouts, 1, grant.egress.guard()), clock, deadline: DEADLINE }
    }

    /// The same with another deadline for each question.
    #[must_use]
    pub fn within(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }

    /// A token for the client itself (RFC 6749 §4.4).
    pub async fn client_credentials(&self) -> Result<Tokens, OAuthError> {
        self.tokens(&[("grant_type", "client_credentials")], true).await
    }

    /// A token for a sign-in that was made before (RFC 6749 §6).
    pub async fn refresh(&self, refresh_token: &Secret) -> Result<Tokens, OAuthError> {
        self.tokens(&[("grant_type", "refresh_token"), ("refresh_token", refresh_token.expose())], false).await
    }

    async fn tokens(&self, form: &[(&str, &str)], is_scoped: bool) -> Result<Tokens, OAuthError> {
        let body = self.ask(&self.grant.token_url, form, is_scoped).await?;
        answer::tokens(&body, self.clock.now_ms())
    }

    /// Sends a form and reads the JSON object that answers it; what the server refuses is an error.
    async fn ask(&self, url: &str, form: &[(&str, &str)], is_scoped: bool) -> Result<answer::Object, OAuthError> {
        let request = self.request(url, form, is_scoped)?;
        let asked = async {
            let answer = self.client.send(request).await.map_err(|e| OAuthError::Unreachable(e.to_string()))?;
            let status = answer.status();
            if status.is_redirection() {
                return Err(OAuthError::Redirect(status.as_u16()));
            }
            let body = Limited::new(answer.into_body(), MAX_BYTES).collect().await;
            let body = body.map_err(|e| match e.downcast_ref::<http_body_util::LengthLimitError>() {
                Some(_) => OAuthError::TooLarge,
                None => OAuthError::Unreachable("it broke off".to_owned()),
            })?;
            Ok((status.as_u16(), Zeroizing::new(body.to_bytes().to_vec())))
        };
        let in_time = tokio::time::timeout(self.deadline, asked).await;
        let (status, body) = in_time.unwrap_or(Err(OAuthError::Silent(self.deadline)))?;
        let secrets = form.iter().filter(|(name, _)| SECRETS.contains(name)).map(|(_, value)| *value);
        let secrets: Vec<&str> = secrets.chain(self.password.as_ref().map(Secret::expose)).collect();
        answer::read(status, &body, &secrets)
    }

    fn request(&self, url: &str, form: &[(&str, &str)], is_scoped: bool) -> Result<Request<Pieces>, OAuthError> {
        let GrantConfig { client_id, scope, audience, auth, .. } = self.grant;
        let mut body = form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(form);
        for (name, value) in [("scope", scope), ("audience", audience)] {
            if let Some(value) = value.as_ref().filter(|_| is_scoped) {
                body.append_pair(name, value);
            }
        }
        let mut header = None;
        match (&self.password, auth) {
            (Some(password), ClientAuth::Basic) => {
                // RFC 6749 §2.3.1 has both encoded as in a form before they are joined.
                let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
                let pair = Zeroizing::new(format!("{}:{}", encoded(client_id), encoded(password.expose())));
                let mut value = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(pair.as_bytes())))
                    .map_err(|_| OAuthError::Url)?;
                value.set_sensitive(true);
                header = Some(value);
            }
            (Some(password), ClientAuth::Post) => {
                body.append_pair("client_id", client_id).append_pair("client_secret", password.expose());
            }
            (None, _) => {
                body.append_pair("client_id", client_id);
            }
        }
        let body = Bytes::from(body.finish());
        let mut request = Request::post(url)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(ACCEPT, "application/json")
            .header(ACCEPT_ENCODING, "identity")
            .header(USER_AGENT, concat!("tokenrouter/", env!("CARGO_PKG_VERSION")))
            .header(CONTENT_LENGTH, body.len())
            .body(Pieces::new(vec![body]))
            .map_err(|_| OAuthError::Url)?;
        if let Some(header) = header {
            request.headers_mut().insert(AUTHORIZATION, header);
        }
        Ok(request)
    }
}

/// Fields of a form that must not come back in an error.
const SECRETS: [&str; 2] = ["refresh_token", "device_code"];

#[cfg(test)]
mod tests;
