//! Where a key of a provider comes from, and how the next one is fetched from there.

use std::sync::Arc;
use std::time::Duration;

use tokenrouter_shared::Secret;

use super::credential::Key;
use super::held::{Held, Issued};
use super::oauth::{OAuthError, TokenServer};
use crate::clock::Clock;
use crate::config::{self, CredentialConfig, GrantConfig, SecretSource, Vault};
use crate::store::{SignIn, SignInName, SignIns};

/// A sign-in that lasts no longer than this is renewed before it is used, in milliseconds.
const MARGIN_MS: i64 = 30_000;

/// A key's source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySource {
    /// Whose key it is.
    pub provider: String,
    /// What people call the key.
    pub label: String,
    /// Where it comes from.
    pub secret: SecretSource,
    /// After how long it is fetched anew at the latest.
    pub refresh: Option<Duration>,
}

/// What a source needs of the world.
#[derive(Clone, Debug)]
pub struct World {
    /// The time.
    pub clock: Clock,
    /// The environment.
    pub env: fn(&str) -> Option<String>,
    /// Has the secrets that are stored.
    pub vault: Arc<dyn Vault>,
    /// Where sign-ins are kept.
    pub sign_ins: Arc<SignIns>,
}

/// Why there is no key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct KeyError {
    /// In words, without any of the key.
    pub why: String,
    /// Whether a person must sign in.
    pub needs_sign_in: bool,
    /// Whether it would be the same soon.
    pub is_settled: bool,
}

impl KeyError {
    fn passing(why: &impl ToString) -> Self {
        Self { why: why.to_string(), needs_sign_in: false, is_settled: false }
    }
}

impl From<OAuthError> for KeyError {
    fn from(error: OAuthError) -> Self {
        Self { is_settled: error.is_settled(), ..Self::passing(&error) }
    }
}

impl KeySource {
    /// The source of the key at `at` of `provider`.
    pub fn new(provider: &str, at: usize, credential: &CredentialConfig) -> Self {
        let label = credential.label(at);
        let CredentialConfig { secret, refresh, .. } = credential.clone();
        Self { provider: provider.to_owned(), label, secret, refresh }
    }

    /// The key that `held` is, for a provider that is about to be prepared.
    pub fn key(&self, weight: u32, held: Arc<Held>) -> Key {
        match held.issued().filter(|_| !held.is_renewed()) {
            Some(issued) => Key { held, ..Key::fixed(self.label.clone(), weight, issued.secret) },
            None => Key::renewed(self.label.clone(), weight, &self.origin(), self.grant().is_some(), held),
        }
    }

    /// What tells it from others.
    pub fn origin(&self) -> String {
        match &self.secret {
            SecretSource::Grant(grant) => grant.identity(),
            source => source.reference(),
        }
    }

    /// The token server that gives the key, if one does.
    pub fn grant(&self) -> Option<&GrantConfig> {
        match &self.secret {
            SecretSource::Grant(grant) => Some(grant),
            _ => None,
        }
    }

    /// The name of its sign-in, where a person signs in.
    pub fn sign_in(&self) -> Option<SignInName> {
        let grant = self.grant().filter(|grant| grant.is_device())?;
        Some(SignInName::new(&self.provider, &self.label, &grant.identity()))
    }

    /// Fetches a key that is another one than `current`, as far as that is in our hands.
    ///
    /// # Errors
    ///
    /// Why there is none.
    pub async fn fetch(&self, world: &World, current: Option<&Secret>) -> Result<Issued, KeyError> {
        let Some(grant) = self.grant() else {
            let (source, env, now_ms) = (self.secret.clone(), world.env, world.clock.now_ms());
            let vault = Arc::clone(&world.vault);
            let fetched = blocking(move || config::resolve_key(&source, &env, &*vault, now_ms)).await?;
            return Ok(Issued { secret: fetched.secret, expires_ms: fetched.expires_ms });
        };
        let server = server(grant, world).await?;
        match self.sign_in() {
            Some(name) => self.renew(&server, world, name, current).await,
            None => {
                let tokens = server.client_credentials().await?;
                Ok(Issued { secret: tokens.access, expires_ms: tokens.expires_ms })
            }
        }
    }

    /// What is kept of a sign-in, renewed if it must be. Nobody else uses it meanwhile.
    async fn renew(
        &self,
        server: &TokenServer<'_>,
        world: &World,
        name: SignInName,
        current: Option<&Secret>,
    ) -> Result<Issued, KeyError> {
        let sign_ins = Arc::clone(&world.sign_ins);
        let (lock, kept) = blocking(move || {
            let lock = sign_ins.lock(&name)?;
            let kept = sign_ins.read(&name)?;
            Ok::<_, crate::store::StoreError>((lock, kept))
        })
        .await?;
        let Some(kept) = kept else { return Err(self.unsigned("nobody is signed in")) };
        let lasts = kept.expires_ms.is_none_or(|ms| ms > world.clock.now_ms().saturating_add(MARGIN_MS));
        if lasts && current != Some(&kept.access) {
            return Ok(Issued { secret: kept.access, expires_ms: kept.expires_ms });
        }
        let Some(refresh) = kept.refresh else {
            return Err(self.unsigned("the token server gave no refresh token"));
        };
        let tokens = match server.refresh(&refresh).await {
            Ok(tokens) => tokens,
            Err(error) if error.code() == "invalid_grant" => return Err(self.unsigned(&error.to_string())),
            Err(error) => return Err(error.into()),
        };
        let next = SignIn {
            access: tokens.access.clone(),
            expires_ms: tokens.expires_ms,
            // Who gives no other one lets this one be used again (RFC 6749 §6).
            refresh: tokens.refresh.or(Some(refresh)),
            since_ms: kept.since_ms,
        };
        let sign_ins = Arc::clone(&world.sign_ins);
        if let Err(error) = blocking(move || sign_ins.write(&lock, &next)).await {
            tracing::error!(provider = %self.provider, key = %self.label, "the sign-in cannot be kept for a restart: {error}");
        }
        Ok(Issued { secret: tokens.access, expires_ms: tokens.expires_ms })
    }

    fn unsigned(&self, why: &str) -> KeyError {
        let why = format!("{why}: run `torod provider login {}`", self.provider);
        KeyError { why, needs_sign_in: true, is_settled: true }
    }
}

/// The server of `grant`, with the client's password fetched anew.
///
/// # Errors
///
/// Where the password cannot be fetched.
pub async fn server<'g>(grant: &'g GrantConfig, world: &'g World) -> Result<TokenServer<'g>, KeyError> {
    let mut password = None;
    if let Some(source) = grant.client_secret.clone() {
        let (env, vault) = (world.env, Arc::clone(&world.vault));
        let fetched = blocking(move || config::resolve_secret(&source, &env, &*vault)).await;
        password = Some(fetched.map_err(|error| KeyError::passing(&format!("`client_secret`: {}", error.why)))?);
    }
    Ok(TokenServer::new(grant, password, &world.clock))
}

async fn blocking<T: Send + 'static, E: std::fmt::Display + Send + 'static>(
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, KeyError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| KeyError::passing(&"torod is stopping"))?.map_err(|error| KeyError::passing(&error))
}
