//! Providers: list, show, add, change, remove, switch, give a key, try.

pub mod add;
pub mod change;
pub mod key;
pub mod keys;
pub mod list;
pub mod remove;
pub mod show;
pub mod switch;
pub mod trial;

use axum::http::StatusCode;

use super::Admin;
use super::answer::Failure;
use crate::config::edit::EditError;
use crate::reload::ReloadError;

/// The name of a provider of the file as it stands there.
fn named(admin: &Admin, name: &str) -> Result<String, Failure> {
    let status = admin.reload.status();
    let found = status.config.providers.iter().find(|provider| provider.name.eq_ignore_ascii_case(name));
    found.map(|provider| provider.name.clone()).ok_or_else(|| {
        let names = status.config.providers.iter().map(|provider| provider.name.as_str());
        let close = crate::config::closest(name, names).map(str::to_owned);
        ReloadError::Edit(EditError::NoProvider { name: crate::config::shorten(name), close }).into()
    })
}

fn unprocessable(code: &'static str, message: impl std::fmt::Display, advice: &'static str) -> Failure {
    Failure::new(StatusCode::UNPROCESSABLE_ENTITY, code, format!("{message}."), advice)
}
