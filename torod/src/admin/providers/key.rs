//! `PUT /admin/api/providers/{name}/key`: another key, in the place of all that the provider had.

use std::path::Path as FilePath;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use tokenrouter_shared::provider::{KeyChange, KeyGiven};
use tokio::sync::OwnedMutexGuard;

use super::named;
use crate::access::Operator;
use crate::access::secrets::{self, Wanted};
use crate::admin::Admin;
use crate::admin::answer::Failure;
use crate::admin::body::Small;
use crate::admin::noted::{Deed, noted};
use crate::admin::settings::{changed, version};
use crate::admin::version::Expected;
use crate::config::edit::EditError;
use crate::config::edit::provider::far::{self, Places};
use crate::config::{Config, CredentialConfig, ProviderConfig, SecretSource, StoredSecret};
use crate::reload::ReloadError;
use crate::store;

/// Gives it the key. One that is given itself is kept sealed, and the file only names it.
pub async fn handler(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
    Path(name): Path<String>,
    headers: HeaderMap,
    wanted: Small<KeyChange>,
) -> Result<Response, Failure> {
    Failure::unless_admin(&operator)?;
    let wanted =
        wanted.read("Send {\"version\": \"…\", \"key\": {\"value\": \"…\"}}; or `env` or `secret` for `value`.")?;
    let name = named(&admin, &name)?;
    let giving = Giving::begin(&admin, &headers, wanted.version).await?;
    let source = keep(&admin, &operator, &name, giving.origins(&name), wanted.key, &giving.config).await?;
    let deed = Deed::new(operator, "provider.key", &name, format!("now {}", source.reference()));
    let deed = deed.freeing(giving.provider(&name).map(own_secrets).unwrap_or_default());
    let edit = move |path: &FilePath, expected: Option<&str>, places: &Places| {
        far::set_all(path, &name, &[], Some(&source), expected, places)
    };
    giving.write(&admin, deed, edit, || None).await
}

/// Somebody gives a key: nobody else does meanwhile, and what it is for is as whoever asked knows it.
pub(super) struct Giving {
    guard: OwnedMutexGuard<()>,
    expected: Option<String>,
    /// The configuration in force.
    pub(super) config: Arc<Config>,
}

impl Giving {
    /// Begins; before anything is kept it is looked whether the file still has the version that is asked for.
    pub(super) async fn begin(
        admin: &Admin,
        headers: &HeaderMap,
        version_said: Option<String>,
    ) -> Result<Self, Failure> {
        let guard = Arc::clone(&admin.giving_key).lock_owned().await;
        let now = version(admin).await?.ok_or(ReloadError::NoFile)?;
        let expected = Expected::read(headers)?.and(version_said)?.required()?;
        if expected.as_ref().is_some_and(|expected| now != *expected) {
            return Err(ReloadError::Edit(EditError::Stale(now)).into());
        }
        Ok(Self { guard, expected, config: Arc::clone(&admin.reload.status().config) })
    }

    /// The version of the file that is asked for.
    pub(super) fn expected(&self) -> Option<String> {
        self.expected.clone()
    }

    /// The provider of this name.
    pub(super) fn provider(&self, name: &str) -> Option<&ProviderConfig> {
        self.config.providers.iter().find(|one| one.name == name)
    }

    /// Where its keys are sent.
    pub(super) fn origins(&self, name: &str) -> Vec<String> {
        self.provider(name).map(ProviderConfig::origins).unwrap_or_default()
    }

    /// Changes the file, with `deed` in the audit trail; then somebody else may give a key.
    pub(super) async fn write(
        self,
        admin: &Arc<Admin>,
        deed: Deed,
        edit: impl FnOnce(&FilePath, Option<&str>, &Places) -> Result<bool, EditError> + Send + 'static,
        tell: impl FnOnce() -> Option<String> + Send + 'static,
    ) -> Result<Response, Failure> {
        let Self { guard, expected, .. } = self;
        let (reload, places) = (Arc::clone(&admin.reload), places(admin));
        let change = async move {
            // Held until what it frees is forgotten too.
            Ok((reload.edit(move |path| edit(path, expected.as_deref(), &*places)).await?, guard))
        };
        let (done, guard) = noted(admin, deed, change, |_| tell()).await?;
        drop(guard);
        changed(admin, &done).await
    }
}

/// Where stored secrets may be sent.
pub(super) fn places(admin: &Admin) -> Box<Places> {
    let readers = Arc::clone(&admin.readers);
    // Where the database does not say it, the store still guards them.
    Box::new(move |name| readers.with(|connection| store::secrets::origins(connection, name)).ok().flatten())
}

/// The stored secrets of a provider that were made for it alone.
pub(super) fn own_secrets(provider: &ProviderConfig) -> Vec<String> {
    provider.credentials.iter().filter_map(|key| own_secret(provider, key)).collect()
}

/// The one of a key, such as `provider/openai` or `provider/openai/second`.
pub(super) fn own_secret(provider: &ProviderConfig, key: &CredentialConfig) -> Option<String> {
    let SecretSource::Stored(stored) = &key.secret else { return None };
    let rest = stored.name.strip_prefix("provider/")?.strip_prefix(provider.name.as_str())?;
    (rest.is_empty() || rest.starts_with('/')).then(|| stored.name.clone())
}

/// How the file refers to `key`; one that is given itself is kept in the store, `called` so.
pub(super) fn source_of(called: &str, key: &KeyGiven) -> SecretSource {
    let stored = |name: String| SecretSource::Stored(StoredSecret { name, origins: Vec::new() });
    match key {
        KeyGiven::Env(variable) => SecretSource::Env(variable.clone()),
        KeyGiven::Secret(name) => stored(name.clone()),
        KeyGiven::Value(_) => stored(format!("provider/{called}")),
    }
}

/// The same for a key that may be sent to `places`; one that is given itself is in the store since.
pub(super) async fn keep(
    admin: &Admin,
    operator: &Operator,
    called: &str,
    places: Vec<String>,
    key: KeyGiven,
    config: &Config,
) -> Result<SecretSource, Failure> {
    let source = source_of(called, &key);
    if let (SecretSource::Stored(stored), KeyGiven::Value(secret)) = (&source, key) {
        let wanted = Wanted::new(&stored.name, &places, secret, config)?;
        let (keys, operator, now_ms) = (Arc::clone(&admin.keys), operator.clone(), admin.clock.now_ms());
        let set = move |connection: &mut _| secrets::set(connection, &keys, &wanted, &operator, now_ms);
        admin.writer.call(set).await?;
    }
    Ok(source)
}
