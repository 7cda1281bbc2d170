//! `PUT /admin/api/providers/{name}/key`: another key, in the place of all that the provider had.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use tokenrouter_shared::provider::{KeyChange, KeyGiven};

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
use crate::config::edit::provider::far;
use crate::config::{Config, SecretSource, StoredSecret};
use crate::reload::ReloadError;

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
    let giving = Arc::clone(&admin.giving_key).lock_owned().await;
    // Before anything is kept: what the key is kept for must still be there.
    let now = version(&admin).await?.ok_or(ReloadError::NoFile)?;
    let expected = Expected::read(&headers)?.and(wanted.version)?.required()?;
    if expected.as_ref().is_some_and(|expected| now != *expected) {
        return Err(ReloadError::Edit(EditError::Stale(now)).into());
    }
    let config = Arc::clone(&admin.reload.status().config);
    let places = config.providers.iter().find(|one| one.name == name).map(crate::config::ProviderConfig::origins);
    let source = keep(&admin, &operator, &name, places.unwrap_or_default(), wanted.key, &config).await?;
    let deed = Deed::new(operator, "provider.key", &name, format!("now {}", source.reference()));
    let reload = Arc::clone(&admin.reload);
    let change = async move {
        let set = reload.edit(move |path| far::set_key(path, &name, &source, expected.as_deref())).await;
        drop(giving);
        Ok(set?)
    };
    let done = noted(&admin, deed, change, |_| None).await?;
    changed(&admin, &done).await
}

/// How the file refers to a key that may be sent to `places`; one that is given itself is kept in the store, `called` so.
pub(super) async fn keep(
    admin: &Admin,
    operator: &Operator,
    called: &str,
    places: Vec<String>,
    key: KeyGiven,
    config: &Config,
) -> Result<SecretSource, Failure> {
    let stored = |name: String| SecretSource::Stored(StoredSecret { name, origins: Vec::new() });
    match key {
        KeyGiven::Env(variable) => Ok(SecretSource::Env(variable)),
        KeyGiven::Secret(name) => Ok(stored(name)),
        KeyGiven::Value(secret) => {
            let name = format!("provider/{called}");
            let wanted = Wanted::new(&name, &places, secret, config)?;
            let (keys, operator, now_ms) = (Arc::clone(&admin.keys), operator.clone(), admin.clock.now_ms());
            let set = move |connection: &mut _| secrets::set(connection, &keys, &wanted, &operator, now_ms);
            admin.writer.call(set).await?;
            Ok(stored(name))
        }
    }
}
