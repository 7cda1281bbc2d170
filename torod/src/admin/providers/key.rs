//! `PUT /admin/api/providers/{name}/key`: another key, in the place of all that the provider had.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::{Extension, Json};
use tokenrouter_shared::provider::{KeyChange, KeyGiven};
use tokenrouter_shared::settings::SettingsChanged;

use super::named;
use crate::access::Operator;
use crate::access::secrets::{self, Wanted};
use crate::admin::Admin;
use crate::admin::answer::Failure;
use crate::admin::body::Small;
use crate::admin::config::{note, told};
use crate::admin::settings::version;
use crate::config::edit::EditError;
use crate::config::edit::provider::far;
use crate::config::{Config, SecretSource, StoredSecret};
use crate::reload::ReloadError;

/// Gives it the key. One that is given itself is kept sealed, and the file only names it.
pub async fn handler(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
    Path(name): Path<String>,
    wanted: Small<KeyChange>,
) -> Result<Json<SettingsChanged>, Failure> {
    Failure::unless_admin(&operator)?;
    let wanted =
        wanted.read("Send {\"version\": \"…\", \"key\": {\"value\": \"…\"}}; or `env` or `secret` for `value`.")?;
    let name = named(&admin, &name)?;
    // Before anything is kept: what the key is kept for must still be there.
    let now = version(&admin).await?.ok_or(ReloadError::NoFile)?;
    if now != wanted.version {
        return Err(ReloadError::Edit(EditError::Stale(now)).into());
    }
    let config = Arc::clone(&admin.reload.status().config);
    let places = config.providers.iter().find(|one| one.name == name).map(crate::config::ProviderConfig::origins);
    let source = keep(&admin, &operator, &name, places.unwrap_or_default(), wanted.key, &config).await?;
    let (subject, reference) = (name.clone(), source.reference());
    let done = admin.reload.edit(move |path| far::set_key(path, &name, &source, &wanted.version)).await?;
    note(&admin, &operator, "provider.key", &subject, format!("now {reference}")).await?;
    let version = version(&admin).await?.unwrap_or_default();
    Ok(Json(SettingsChanged { version, reloaded: told(&done) }))
}

/// How the file refers to a key that may be sent to `places`; one that is given itself is kept in the store.
pub(super) async fn keep(
    admin: &Admin,
    operator: &Operator,
    provider: &str,
    places: Vec<String>,
    key: KeyGiven,
    config: &Config,
) -> Result<SecretSource, Failure> {
    let stored = |name: String| SecretSource::Stored(StoredSecret { name, origins: Vec::new() });
    match key {
        KeyGiven::Env(variable) => Ok(SecretSource::Env(variable)),
        KeyGiven::Secret(name) => Ok(stored(name)),
        KeyGiven::Value(secret) => {
            let name = format!("provider/{provider}");
            let wanted = Wanted::new(&name, &places, secret, config)?;
            let (keys, operator, now_ms) = (Arc::clone(&admin.keys), operator.clone(), admin.clock.now_ms());
            let set = move |connection: &mut _| secrets::set(connection, &keys, &wanted, &operator, now_ms);
            admin.writer.call(set).await?;
            Ok(stored(name))
        }
    }
}
