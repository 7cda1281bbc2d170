//! `POST /admin/api/providers/{name}/keys`, `DELETE /admin/api/providers/{name}/keys/{label}`: one more key beside those
//! there are, and one less.

use std::path::Path as FilePath;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use tokenrouter_shared::provider::KeyAdd;

use super::key::{Giving, keep, own_secret};
use super::{named, unprocessable};
use crate::access::Operator;
use crate::admin::Admin;
use crate::admin::answer::Failure;
use crate::admin::body::Small;
use crate::admin::noted::{Deed, noted};
use crate::admin::version::Expected;
use crate::config::edit::provider::far::Places;
use crate::config::edit::provider::keys::{self, NewKey};
use crate::config::{CredentialConfig, NAME_RULE, ProviderConfig, is_name, shorten};

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
    let giving = Giving::begin(&admin, &headers, wanted.version).await?;
    // Nobody else's key is replaced.
    if giving.provider(&name).and_then(|known| find(known, &wanted.name)).is_some() {
        let said = format!("The provider has a key `{}` already.", wanted.name);
        return Err(Failure::new(StatusCode::CONFLICT, "key_exists", said, "Give this one another name."));
    }
    let called = format!("{name}/{}", wanted.name);
    let source = keep(&admin, &operator, &called, giving.origins(&name), wanted.key, &giving.config).await?;
    let deed = Deed::new(operator, "provider.key_add", &name, format!("{}: {}", wanted.name, source.reference()));
    let key = NewKey { name: wanted.name, source, weight: wanted.weight };
    let edit =
        move |path: &FilePath, expected: Option<&str>, places: &Places| keys::add(path, &name, &key, expected, places);
    giving.write(&admin, deed, edit, || None).await
}

/// Takes one away; where `If-Match` names a version of the file, only from that one. A key that was kept sealed for it alone
/// is forgotten with it.
pub async fn remove(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
    Path((name, label)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<StatusCode, Failure> {
    Failure::unless_admin(&operator)?;
    let name = named(&admin, &name)?;
    let expected = Expected::read(&headers)?.version();
    let giving = Arc::clone(&admin.giving_key).lock_owned().await;
    let config = Arc::clone(&admin.reload.status().config);
    let provider = config.providers.iter().find(|one| one.name == name);
    let key = provider.and_then(|provider| find(provider, &label));
    let freed = provider.zip(key).and_then(|(provider, key)| own_secret(provider, key)).into_iter().collect();
    let deed = Deed::new(operator, "provider.key_remove", &name, shorten(&label)).freeing(freed);
    let reload = Arc::clone(&admin.reload);
    let change = async move {
        let removed = reload.edit(move |path| keys::remove(path, &name, &label, expected.as_deref())).await;
        Ok((removed?, giving))
    };
    noted(&admin, deed, change, |_| None).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn find<'c>(provider: &'c ProviderConfig, label: &str) -> Option<&'c CredentialConfig> {
    let mut keys = provider.credentials.iter().enumerate();
    keys.find_map(|(at, key)| (key.label(at) == label).then_some(key))
}
