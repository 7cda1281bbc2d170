//! `/admin/api/secrets`: keeps, lists, forgets and seals anew the secrets of the store. Nothing gives one out.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::{Extension, Json};
use tokenrouter_shared::secrets::{SecretPut, SecretRemoved, SecretView, SecretsRotated};

use super::Admin;
use super::answer::Failure;
use super::body::{NoObject, Object};
use crate::access::Operator;
use crate::access::secrets::{self, SecretsError, Wanted};

/// `GET /admin/api/secrets`
pub async fn list(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
) -> Result<Json<Vec<SecretView>>, Failure> {
    Failure::unless_admin(&operator)?;
    let listed = admin.writer.call(|connection| Ok::<_, SecretsError>(secrets::list(connection)?)).await?;
    Ok(Json(listed))
}

/// `PUT /admin/api/secrets/{name}`
pub async fn put(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
    Path(name): Path<String>,
    wanted: Result<Object<SecretPut>, NoObject>,
) -> Result<Json<SecretView>, Failure> {
    Failure::unless_admin(&operator)?;
    // What the parser says may quote the secret.
    let Object(SecretPut { value, places }) = wanted.map_err(|_| {
        Failure::bad_request(
            "This is no secret to be kept.",
            "Send {\"value\": \"…\", \"for\": [\"https://api.example.com\"]}.",
        )
    })?;
    let wanted = Wanted::new(&name, &places, value, &admin.reload.status().config)?;
    let (keys, now_ms) = (Arc::clone(&admin.keys), admin.clock.now_ms());
    let made = admin.writer.call(move |connection| secrets::set(connection, &keys, &wanted, &operator, now_ms)).await?;
    use_anew(&admin).await;
    Ok(Json(made))
}

/// `DELETE /admin/api/secrets/{name}`
pub async fn remove(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
    Path(name): Path<String>,
) -> Result<Json<SecretRemoved>, Failure> {
    Failure::unless_admin(&operator)?;
    let (now_ms, removed) = (admin.clock.now_ms(), name.clone());
    admin.writer.call(move |connection| secrets::remove(connection, &name, &operator, now_ms)).await?;
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
