//! `PATCH /admin/api/providers/{name}`: changes some of its keys in the file; comments stay.

use std::path::Path as FilePath;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::{Map, Value, json};
use tokenrouter_shared::provider::ProviderChange;

use super::key::{Giving, keep, own_secrets, source_of};
use super::named;
use crate::access::Operator;
use crate::admin::Admin;
use crate::admin::answer::Failure;
use crate::admin::body::Small;
use crate::admin::noted::Deed;
use crate::admin::settings::changes;
use crate::config::edit::provider::far::{self, Places};
use crate::config::{self, shorten};
use crate::reload::ReloadError;

/// Changes them: all of it holds, or nothing. A key that comes along takes the place of all that it had. The answer is sent
/// when requests see it.
pub async fn handler(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
    Path(name): Path<String>,
    headers: HeaderMap,
    wanted: Small<ProviderChange>,
) -> Result<Response, Failure> {
    Failure::unless_admin(&operator)?;
    let wanted =
        wanted.read("Send {\"version\": \"…\", \"set\": {\"priority\": 10, \"timeouts.connect\": \"5s\"}}.")?;
    let name = named(&admin, &name)?;
    let giving = Giving::begin(&admin, &headers, wanted.version).await?;
    let before = shown(&admin, &name);
    let keys = changes(&wanted.set);
    // Values may hold what only the reader of the file knows to be secret.
    let mut asked = wanted.set.keys().map(String::as_str).collect::<Vec<_>>();
    let mut freed = Vec::new();
    let key = match wanted.key {
        None => None,
        Some(key) => {
            asked.push("key");
            freed = giving.provider(&name).map(own_secrets).unwrap_or_default();
            // What cannot be written is refused before the key is kept, for where it will be.
            let (path, source) = (admin.reload.path().ok_or(ReloadError::NoFile)?.to_owned(), source_of(&name, &key));
            let (name_there, keys, expected) = (name.clone(), keys.clone(), giving.expected());
            let look = move || far::origins_with(&path, &name_there, &keys, Some(&source), expected.as_deref());
            let looking = tokio::task::spawn_blocking(look).await.map_err(|_| ReloadError::Stopping)?;
            let origins = looking.map_err(ReloadError::from)?;
            Some(keep(&admin, &operator, &name, origins, key, &giving.config).await?)
        }
    };
    let deed = Deed::new(operator, "provider.change", &name, shorten(&asked.join(", "))).freeing(freed);
    let (inner, subject) = (Arc::clone(&admin), name.clone());
    let edit = move |path: &FilePath, expected: Option<&str>, places: &Places| {
        far::set_all(path, &name, &keys, key.as_ref(), expected, places)
    };
    giving.write(&admin, deed, edit, move || Some(difference(&before, &shown(&inner, &subject)))).await
}

/// A provider as it is in force, in JSON without secrets.
pub(super) fn shown(admin: &Admin, name: &str) -> Value {
    let status = admin.reload.status();
    let found = status.config.providers.iter().find(|provider| provider.name == *name);
    found.map(config::view_provider).unwrap_or_default()
}

/// What was and what is of everything that differs, for the audit trail.
fn difference(before: &Value, after: &Value) -> String {
    let empty = Map::new();
    let (before, after) = (before.as_object().unwrap_or(&empty), after.as_object().unwrap_or(&empty));
    let differs = after.iter().filter(|(key, value)| before.get(*key) != Some(value));
    let one = |(key, value): (&String, &Value)| (key.clone(), json!({ "before": before.get(key), "after": value }));
    Value::Object(differs.map(one).collect()).to_string()
}
