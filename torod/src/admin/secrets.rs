//! `/admin/api/secrets`: keeps, lists, forgets and seals anew the secrets of the store. Nothing gives one out.

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;
use axum::{Extension, Json};
use tokenrouter_shared::secrets::{SecretPage, SecretPut, SecretRemoved, SecretsRotated};

use super::Admin;
use super::answer::Failure;
use super::body::{NoObject, Object};
use super::paging;
use super::query::Words;
use super::version::{Expected, tagged};
use crate::access::Operator;
use crate::access::secrets::{self, SecretsError, Wanted};
use crate::config::is_secret_name;

/// `GET /admin/api/secrets`
pub async fn list(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
    RawQuery(query): RawQuery,
) -> Result<Json<SecretPage>, Failure> {
    Failure::unless_admin(&operator)?;
    let words = Words::read(query.as_deref(), &["q", "cursor", "limit"])?;
    let (text, cursor, limit) = (paging::text(&words)?, words.text("cursor"), paging::limit(&words)?);
    if cursor.as_deref().is_some_and(|name| !is_secret_name(name)) {
        return Err(paging::no_cursor());
    }
    let list = move |connection: &mut _| {
        Ok::<_, SecretsError>(secrets::page(connection, text.as_deref(), cursor.as_deref(), limit)?)
    };
    let (secrets, has_more) = admin.writer.call(list).await?;
    let next = secrets.last().filter(|_| has_more).map(|last| last.name.clone());
    Ok(Json(SecretPage { secrets, next }))
}

/// `PUT /admin/api/secrets/{name}`
pub async fn put(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
    Path(name): Path<String>,
    headers: HeaderMap,
    wanted: Result<Object<SecretPut>, NoObject>,
) -> Result<Response, Failure> {
    Failure::unless_admin(&operator)?;
    // What the parser says may quote the secret.
    let Object(SecretPut { value, places }) = wanted.map_err(|e| {
        Failure::bad_request(e.masked(), "Send {\"value\": \"…\", \"for\": [\"https://api.example.com\"]}.")
    })?;
    let wanted = Wanted::new(&name, &places, value, &admin.reload.status().config)?;
    let (keys, now_ms) = (Arc::clone(&admin.keys), admin.clock.now_ms());
    let expected = Expected::read(&headers)?.version();
    let set = move |connection: &mut _| {
        secrets::at_version(connection, &name, expected.as_deref())?;
        secrets::set(connection, &keys, &wanted, &operator, now_ms)
    };
    let made = admin.writer.call(set).await?;
    use_anew(&admin).await;
    Ok(tagged(Some(&made.version.clone()), Json(made)))
}

/// `DELETE /admin/api/secrets/{name}`
pub async fn remove(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Json<SecretRemoved>, Failure> {
    Failure::unless_admin(&operator)?;
    let (now_ms, removed) = (admin.clock.now_ms(), name.clone());
    let expected = Expected::read(&headers)?.version();
    let remove = move |connection: &mut _| {
        secrets::at_version(connection, &name, expected.as_deref())?;
        secrets::remove(connection, &name, &operator, now_ms)
    };
    admin.writer.call(remove).await?;
    use_anew(&admin).await;
    Ok(Json(SecretRemoved { removed }))
}

/// `POST /admin/api/secrets-key/rotate`
pub async fn rotate(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
) -> Result<Json<SecretsRotated>, Failure> {
    Failure::unless_admin(&operator)?;
    let (keys, sign_ins, now_ms) = (Arc::clone(&admin.keys), Arc::clone(&admin.sign_ins), admin.clock.now_ms());
    let rotate = move |connection: &mut _| secrets::rotate(connection, &keys, &sign_ins, &operator, now_ms);
    Ok(Json(admin.writer.call(rotate).await?))
}

/// Has the providers go by what is stored from the next request on.
async fn use_anew(admin: &Admin) {
    if let Err(error) = admin.reload.reload().await {
        tracing::warn!("providers go by the changed secret only when the configuration is read again: {error}");
    }
}
