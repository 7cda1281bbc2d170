//! `POST /admin/api/providers`: adds a well-known provider by its preset, or any other by its URL.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::{Extension, Json};
use tokenrouter_shared::provider::{ProviderCreate, ProviderSummary};

use super::key::{keep, places};
use super::list::summary;
use super::unprocessable;
use crate::access::Operator;
use crate::admin::Admin;
use crate::admin::answer::Failure;
use crate::admin::body::Small;
use crate::admin::noted::{Deed, noted};
use crate::admin::settings::version;
use crate::admin::version::Expected;
use crate::config::draft::{Source, drafted, missing};
use crate::config::edit::EditError;
use crate::config::edit::provider::far;
use crate::reload::ReloadError;

/// Adds it, without a call to it: `POST …/test` tries it. The answer is sent when requests see it.
pub async fn handler(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
    headers: HeaderMap,
    wanted: Small<ProviderCreate>,
) -> Result<(StatusCode, Json<ProviderSummary>), Failure> {
    Failure::unless_admin(&operator)?;
    let wanted = wanted.read("Send {\"provider\": \"groq\", \"key\": {\"value\": \"…\"}}; a URL for others.")?;
    let expected = Expected::read(&headers)?.version();
    let path = admin.reload.path().ok_or(ReloadError::NoFile)?.to_owned();
    let giving = Arc::clone(&admin.giving_key).lock_owned().await;
    let config = Arc::clone(&admin.reload.status().config);
    let bad =
        |error: crate::config::draft::DraftError| unprocessable("provider_invalid", error, "Nothing was written.");
    let source = Source::read(&wanted.provider, &config.presets).map_err(bad)?;
    let name = wanted.name.clone().unwrap_or_else(|| source.usual_name());
    if config.providers.iter().any(|other| other.name.eq_ignore_ascii_case(&name)) {
        let said = format!("There is already a provider `{}`.", crate::config::shorten(&name));
        return Err(Failure::new(StatusCode::CONFLICT, "provider_exists", said, "Give this one a name of its own."));
    }
    let mut draft = drafted(&source, wanted.name, wanted.account.into_iter().collect(), &config).map_err(bad)?;
    if let Some(preset) = source.preset() {
        if let Some((name, meaning)) = missing(&draft.account, preset).first() {
            let said = format!("the URL of {} depends on your account: `{name}` is missing ({meaning})", preset.id);
            return Err(unprocessable("account_missing", said, "Add it under `account`."));
        }
        if wanted.key.is_none() && preset.needs_key() {
            let said = format!("{} needs a key", preset.id);
            return Err(unprocessable("key_missing", said, "Add {\"key\": {\"value\": \"…\"}}."));
        }
    }
    if let Some(key) = wanted.key {
        let now = version(&admin).await?.ok_or(ReloadError::NoFile)?;
        if expected.as_ref().is_some_and(|expected| now != *expected) {
            return Err(ReloadError::Edit(EditError::Stale(now)).into());
        }
        // Where it is says whereto its key may be sent; what cannot be written is refused before the key is kept.
        let (at, without_key) = (path.clone(), draft.clone());
        let looking = tokio::task::spawn_blocking(move || far::preview(&at, &without_key));
        let examined = looking.await.map_err(|_| ReloadError::Stopping)?.map_err(ReloadError::from)?;
        let places = examined.config.providers.iter().find(|one| one.name == draft.name);
        let places = places.map(crate::config::ProviderConfig::origins).unwrap_or_default();
        draft.key = Some(keep(&admin, &operator, &draft.name, places, key, &examined.config).await?);
    }
    let name = draft.name.clone();
    let deed = Deed::new(operator, "provider.add", &name, draft.masked().text());
    let (reload, places) = (Arc::clone(&admin.reload), places(&admin));
    let change = async move {
        let added = reload.edit(move |path| far::add(path, &draft, expected.as_deref(), &*places).map(|()| true)).await;
        drop(giving);
        Ok(added?)
    };
    noted(&admin, deed, change, |_| None).await?;
    let (config, live) = (Arc::clone(&admin.reload.status().config), admin.live.load());
    let added = config.providers.iter().find(|one| one.name == name);
    let added =
        added.ok_or_else(|| unprocessable("provider_gone", "somebody has removed it already", "Add it again."))?;
    Ok((StatusCode::CREATED, Json(summary(added, &live))))
}
