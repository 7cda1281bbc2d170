//! `PATCH /admin/api/providers/{name}`: changes some of its keys in the file; comments stay.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::{Extension, Json};
use serde_json::{Map, Value, json};
use tokenrouter_shared::settings::{SettingsChange, SettingsChanged};

use super::named;
use crate::access::Operator;
use crate::admin::Admin;
use crate::admin::answer::Failure;
use crate::admin::body::Small;
use crate::admin::config::{note, told};
use crate::admin::settings::{changes, version};
use crate::config;
use crate::config::edit::provider::far;

/// Changes them: all of it holds, or nothing. The answer is sent when requests see it.
pub async fn handler(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
    Path(name): Path<String>,
    wanted: Small<SettingsChange>,
) -> Result<Json<SettingsChanged>, Failure> {
    Failure::unless_admin(&operator)?;
    let wanted =
        wanted.read("Send {\"version\": \"…\", \"set\": {\"priority\": 10, \"timeouts.connect\": \"5s\"}}.")?;
    let name = named(&admin, &name)?;
    let before = shown(&admin, &name);
    let (subject, keys) = (name.clone(), changes(&wanted.set));
    let done = admin.reload.edit(move |path| far::set_all(path, &name, &keys, &wanted.version)).await?;
    let detail = difference(&before, &shown(&admin, &subject));
    note(&admin, &operator, "provider.change", &subject, detail).await?;
    let version = version(&admin).await?.unwrap_or_default();
    Ok(Json(SettingsChanged { version, reloaded: told(&done) }))
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
