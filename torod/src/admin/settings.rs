//! `GET` and `PATCH /admin/api/settings`: the settings of torod.toml that are no lists of tables.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::{Extension, Json};
use serde_json::{Value, json};
use tokenrouter_shared::settings::{SettingValue, Settings, SettingsChange, SettingsChanged};

use super::Admin;
use super::answer::Failure;
use super::body::Small;
use super::config::told;
use super::noted::{Deed, noted};
use super::version::{Expected, tagged};
use crate::access::Operator;
use crate::config::edit::{self, By, Change};
use crate::config::settings::{is_setting, settings};
use crate::config::{self, closest, shorten};
use crate::reload::Changes;

/// Shows them.
pub async fn show(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
) -> Result<Response, Failure> {
    Failure::unless_admin(&operator)?;
    let status = admin.reload.status();
    let (config, error) = (Arc::clone(&status.config), status.error.clone());
    drop(status);
    let version = version(&admin).await?;
    Ok(tagged(version.clone().as_deref(), Json(Settings { version, error, settings: settings(&config) })))
}

/// Changes some: all of it holds, or nothing. The answer is sent when requests see it.
pub async fn change(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
    headers: HeaderMap,
    wanted: Small<SettingsChange>,
) -> Result<Response, Failure> {
    Failure::unless_admin(&operator)?;
    let wanted = wanted.read("Send {\"version\": \"…\", \"set\": {\"routing.attempts\": 5}}.")?;
    if let Some(key) = wanted.set.keys().find(|key| !is_setting(key)) {
        let known = config::reference::KEYS.iter().map(|key| key.path).filter(|path| is_setting(path));
        let advice = match closest(key, known) {
            Some(known) => format!("Did you mean `{known}`?"),
            None => "GET /admin/api/settings lists those there are.".to_owned(),
        };
        let said = format!("`{}` is no setting.", shorten(key));
        return Err(Failure::new(StatusCode::UNPROCESSABLE_ENTITY, "setting_unknown", said, advice));
    }
    let before = Arc::clone(&admin.reload.status().config);
    let expected = Expected::read(&headers)?.and(wanted.version)?.required()?;
    let changes = changes(&wanted.set);
    let deed = Deed::new(operator, "settings.change", "torod.toml", detail(&settings(&before), &wanted.set));
    let reload = Arc::clone(&admin.reload);
    let change =
        async move { Ok(reload.edit(move |path| edit::set_all(path, &changes, expected.as_deref(), By::Api)).await?) };
    let done = noted(&admin, deed, change, |_| None).await?;
    changed(&admin, &done).await
}

/// What a change of the file did, with the version that it has since.
pub(super) async fn changed(admin: &Admin, done: &Changes) -> Result<Response, Failure> {
    let version = version(admin).await?;
    let answer = SettingsChanged { version: version.clone().unwrap_or_default(), reloaded: told(done) };
    Ok(tagged(version.as_deref(), Json(answer)))
}

/// The version of the file as it is now.
pub(super) async fn version(admin: &Admin) -> Result<Option<String>, Failure> {
    let Some(path) = admin.reload.path().map(std::path::Path::to_owned) else { return Ok(None) };
    let reading = tokio::task::spawn_blocking(move || edit::version(&path)).await;
    match reading {
        Ok(version) => Ok(Some(version.map_err(crate::reload::ReloadError::from)?)),
        Err(_) => Err(crate::reload::ReloadError::Stopping.into()),
    }
}

/// The changes as the file takes them.
pub(super) fn changes(set: &BTreeMap<String, Option<SettingValue>>) -> Vec<Change> {
    set.iter().map(|(key, value)| (key.clone(), value.as_ref().map(in_file))).collect()
}

fn in_file(value: &SettingValue) -> toml_edit::Value {
    match value {
        SettingValue::Switch(value) => (*value).into(),
        SettingValue::Number(value) => (*value).into(),
        SettingValue::Decimal(value) => (*value).into(),
        SettingValue::Text(text) => text.as_str().into(),
        SettingValue::Texts(texts) => texts.iter().map(String::as_str).collect(),
        SettingValue::Numbers(numbers) => numbers.iter().copied().collect(),
    }
}

/// What was and what is, for the audit trail. No setting is a secret.
pub(super) fn detail(
    before: &[tokenrouter_shared::settings::Setting],
    set: &BTreeMap<String, Option<SettingValue>>,
) -> String {
    let was = |key: &str| before.iter().find(|one| one.key == key).and_then(|one| one.value.clone());
    let one =
        |(key, value): (&String, &Option<SettingValue>)| (key.clone(), json!({ "before": was(key), "after": value }));
    Value::Object(set.iter().map(one).collect()).to_string()
}
