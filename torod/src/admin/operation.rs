//! One operation of the admin API, and the router that is made of their list.

use std::borrow::Cow;
use std::sync::Arc;

use axum::Router;
use axum::routing::MethodRouter;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::{RefOr, Schema};

use super::operations::operations;
use super::{Admin, answer};

/// Who may ask for an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Needs {
    /// Everybody.
    Nothing,
    /// Every live token.
    Token,
    /// A token that makes others.
    Keymaster,
    /// A token of the role admin.
    Admin,
}

impl Needs {
    /// The text form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Token => "token",
            Self::Keymaster => "keymaster",
            Self::Admin => "admin",
        }
    }
}

/// The form of a body.
#[derive(Clone, Copy)]
pub struct Shape {
    /// Its name, where it has one of its own.
    pub name: fn() -> Cow<'static, str>,
    /// The form itself.
    pub schema: fn() -> RefOr<Schema>,
    /// The forms that it refers to.
    pub others: fn(&mut Vec<(String, RefOr<Schema>)>),
    /// Whether it is a list of such.
    pub is_list: bool,
}

impl Shape {
    /// That of `T`.
    pub fn of<T: ToSchema>() -> Self {
        Self { name: T::name, schema: T::schema, others: T::schemas, is_list: false }
    }

    /// That of a list of `T`.
    pub fn list<T: ToSchema>() -> Self {
        Self { is_list: true, ..Self::of::<T>() }
    }
}

/// One method of one path.
pub struct Operation {
    /// `GET`, `POST`, `PATCH` or `DELETE`.
    pub method: &'static str,
    /// With `{…}` for what differs.
    pub path: &'static str,
    /// Who may ask.
    pub needs: Needs,
    /// What it does, in one sentence.
    pub summary: &'static str,
    /// Parameters of the query with their meaning.
    pub query: &'static [(&'static str, &'static str)],
    /// What is sent.
    pub body: Option<Shape>,
    /// The status of success.
    pub status: u16,
    /// What comes back.
    pub answer: Option<Shape>,
    handler: MethodRouter<Arc<Admin>>,
}

impl Operation {
    pub(super) fn new(
        method: &'static str,
        path: &'static str,
        needs: Needs,
        summary: &'static str,
        handler: MethodRouter<Arc<Admin>>,
    ) -> Self {
        Self { method, path, needs, summary, query: &[], body: None, status: 200, answer: None, handler }
    }

    pub(super) fn takes<T: ToSchema>(self) -> Self {
        Self { body: Some(Shape::of::<T>()), ..self }
    }

    pub(super) fn gives<T: ToSchema>(self, status: u16) -> Self {
        Self { status, answer: Some(Shape::of::<T>()), ..self }
    }

    pub(super) fn lists<T: ToSchema>(self) -> Self {
        Self { answer: Some(Shape::list::<T>()), ..self }
    }

    pub(super) fn ends(self) -> Self {
        Self { status: 204, ..self }
    }

    pub(super) fn asked(self, query: &'static [(&'static str, &'static str)]) -> Self {
        Self { query, ..self }
    }
}

/// Whether an operation is for everybody.
pub fn is_open(method: &str, path: &str) -> bool {
    OPEN.contains(&(method, path))
}

/// Those of [`operations`] that need nothing; looked at for every request, so it is no list that is made each time.
const OPEN: [(&str, &str); 3] =
    [("GET", "/admin/api/openapi.json"), ("POST", "/admin/api/setup"), ("POST", "/admin/api/login")];

/// The router. Whoever mounts it has put the [`Operator`](crate::access::Operator) and the
/// [`Peer`](crate::server::connection::Peer) into the request's extensions.
pub fn router(admin: Arc<Admin>) -> Router {
    let routed = operations().into_iter().fold(Router::new(), |router, one| router.route(one.path, one.handler));
    routed.fallback(answer::not_found).with_state(admin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_open_is_what_the_list_says() {
        let listed: Vec<_> = operations()
            .into_iter()
            .filter(|one| one.needs == Needs::Nothing)
            .map(|one| (one.method, one.path))
            .collect();
        assert_eq!(listed, OPEN);
    }
}
