//! `PATCH /admin/api/providers/{name}`: changes some of its keys in the file; comments stay.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::{Map, Value, json};
use tokenrouter_shared::settings::SettingsChange;

use super::named;
use crate::access::Operator;
use crate::admin::Admin;
use crate::admin::answer::Failure;
use crate::admin::body::Small;
use crate::admin::noted::{Deed, noted};
use crate::admin::settings::{changed, changes};
use crate::admin::version::Expected;
use crate::config::edit::provider::far;
use crate::config::{self, shorten};

/// Changes them: all of it holds, or nothing. The answer is sent when requests see it.
pub async fn handler(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
    Path(name): Path<String>,
    headers: HeaderMap,
    wanted: Small<SettingsChange>,
) -> Result<Response, Failure> {
    Failure::unless_admin(&operator)?;
    let wanted =
        wanted.read("Send {\"version\": \"…\", \"set\": {\"priority\": 10, \"timeouts.connect\": \"5s\"}}.")?;
    let name = named(&admin, &name)?;
    let expected = Expected::read(&headers)?.and(wanted.version)?.required()?;
    let before = shown(&admin, &name);
    let keys = changes(&wanted.set);
    // Values may hold what only the reader of the file knows to be secret.
    let asked = wanted.set.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
    let deed = Deed::new(operator, "provider.change", &name, shorten(&asked));
    let (inner, subject) = (Arc::clone(&admin), name.clone());
    let change =
        async move { Ok(inner.reload.edit(move |path| far::set_all(path, &name, &keys, expected.as_deref())).await?) };
    let inner = Arc::clone(&admin);
    let done = noted(&admin, deed, change, move |_| Some(difference(&before, &shown(&inner, &subject)))).await?;
    changed(&admin, &done).await
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
