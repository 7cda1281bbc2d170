//! `POST /admin/api/providers/{name}/keys`, `DELETE /admin/api/providers/{name}/keys/{label}`: one more key beside those
//! there are, and one less.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use tokenrouter_shared::provider::KeyAdd;

use super::key::keep;
use super::{named, unprocessable};
use crate::access::Operator;
use crate::admin::Admin;
use crate::admin::answer::Failure;
use crate::admin::body::Small;
use crate::admin::noted::{Deed, noted};
use crate::admin::settings::{changed, version};
use crate::admin::version::Expected;
use crate::config::edit::EditError;
use crate::config::edit::provider::keys::{self, NewKey};
use crate::config::{NAME_RULE, ProviderConfig, is_name, shorten};
use crate::reload::ReloadError;

/// Gives it one more. One that is given itself is kept sealed, and the file only names it.
pub async fn add(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
    Path(name): Path<String>,
    headers: HeaderMap,
    wanted: Small<KeyAdd>,
) -> Result<Response, Failure> {
    Failure::unless_admin(&operator)?;
    let example = "Send {\"version\": \"…\", \"name\": \"second\", \"key\": {\"value\": \"…\"}}; or `env` or `secret` for `value`.";
    let wanted = wanted.read(example)?;
    let name = named(&admin, &name)?;
    if !is_name(&wanted.name) {
        let said = format!("`{}` is no name for a key", shorten(&wanted.name));
        return Err(unprocessable("bad_name", said, NAME_RULE));
    }
    if wanted.weight.is_some_and(|weight| !(1..=1_000_000).contains(&weight)) {
        return Err(unprocessable("bad_weight", "a weight lies between 1 and 1,000,000", "Leave it out for 1."));
    }
    let giving = Arc::clone(&admin.giving_key).lock_owned().await;
    // Before anything is kept: what the key is kept for must still be there, and nobody else's key be replaced.
    let now = version(&admin).await?.ok_or(ReloadError::NoFile)?;
    let expected = Expected::read(&headers)?.and(wanted.version)?.required()?;
    if expected.as_ref().is_some_and(|expected| now != *expected) {
        return Err(ReloadError::Edit(EditError::Stale(now)).into());
    }
    let config = Arc::clone(&admin.reload.status().config);
    let known = config.providers.iter().find(|one| one.name == name);
    let is_taken = |known: &ProviderConfig| {
        known.credentials.iter().enumerate().any(|(at, key)| match &key.name {
            Some(name) => *name == wanted.name,
            None => (at + 1).to_string() == wanted.name,
        })
    };
    if known.is_some_and(is_taken) {
        let said = format!("The provider has a key `{}` already.", wanted.name);
        return Err(Failure::new(StatusCode::CONFLICT, "key_exists", said, "Give this one another name."));
    }
    let places = known.map(ProviderConfig::origins).unwrap_or_default();
    let called = format!("{name}/{}", wanted.name);
    let source = keep(&admin, &operator, &called, places, wanted.key, &config).await?;
    let deed = Deed::new(operator, "provider.key_add", &name, format!("{}: {}", wanted.name, source.reference()));
    let key = NewKey { name: wanted.name, source, weight: wanted.weight };
    let reload = Arc::clone(&admin.reload);
    let change = async move {
        let set = reload.edit(move |path| keys::add(path, &name, &key, expected.as_deref())).await;
        drop(giving);
        Ok(set?)
    };
    let done = noted(&admin, deed, change, |_| None).await?;
    changed(&admin, &done).await
}

/// Takes one away; where `If-Match` names a version of the file, only from that one. What is in the store stays there.
pub async fn remove(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
    Path((name, label)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<StatusCode, Failure> {
    Failure::unless_admin(&operator)?;
    let name = named(&admin, &name)?;
    let expected = Expected::read(&headers)?.version();
    let deed = Deed::new(operator, "provider.key_remove", &name, shorten(&label));
    let reload = Arc::clone(&admin.reload);
    let change =
        async move { Ok(reload.edit(move |path| keys::remove(path, &name, &label, expected.as_deref())).await?) };
    noted(&admin, deed, change, |_| None).await?;
    Ok(StatusCode::NO_CONTENT)
}
