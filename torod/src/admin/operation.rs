//! One operation of the admin API, and the router that is made of their list.

use std::sync::Arc;

use axum::Router;
use axum::routing::MethodRouter;
use serde::Serialize;

use super::operations::operations;
pub use super::shape::{Described, Shape};
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

/// What a word of the query may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Any text.
    Text,
    /// A whole number within these.
    Number(i64, i64),
    /// Any text, again and again.
    Texts,
    /// `true` or `false`.
    Switch,
    /// One of these words.
    Word(&'static [&'static str]),
}

/// A word of the query: its name, what it may be, what it means.
pub type Parameter = (&'static str, Form, &'static str);

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
    /// What the query may hold.
    pub query: Vec<Parameter>,
    /// What is sent.
    pub body: Option<Shape>,
    /// Whether it may be left out.
    pub is_body_optional: bool,
    /// Whether `If-Match` may name the version that it is for.
    pub takes_version: bool,
    /// Whether `ETag` tells the version of what comes back.
    pub tells_version: bool,
    /// What comes back instead where the query asks for another form.
    pub other: Option<&'static str>,
    /// The kinds of text that come back where that is no JSON.
    pub texts: &'static [&'static str],
    /// The events of a stream, each with the form of what it tells.
    pub events: Vec<(&'static str, Shape)>,
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
        Self {
            method,
            path,
            needs,
            summary,
            query: Vec::new(),
            body: None,
            is_body_optional: false,
            takes_version: false,
            tells_version: false,
            other: None,
            texts: &[],
            events: Vec::new(),
            status: 200,
            answer: None,
            handler,
        }
    }

    pub(super) fn takes<T: Described>(self) -> Self {
        Self { body: Some(Shape::of::<T>()), ..self }
    }

    /// As [`Self::takes`]; without a body, every field has its default.
    pub(super) fn may_take<T: Described>(self) -> Self {
        Self { is_body_optional: true, ..self.takes::<T>() }
    }

    /// Is made for the version that `If-Match` names.
    pub(super) fn for_version(self) -> Self {
        Self { takes_version: true, ..self }
    }

    /// Tells its version in `ETag`.
    pub(super) fn versioned(self) -> Self {
        Self { tells_version: true, ..self }
    }

    pub(super) fn or(self, other: &'static str) -> Self {
        Self { other: Some(other), ..self }
    }

    pub(super) fn gives<T: Described>(self, status: u16) -> Self {
        Self { status, answer: Some(Shape::of::<T>()), ..self }
    }

    /// Gives text of these kinds.
    pub(super) fn gives_text(self, kinds: &'static [&'static str]) -> Self {
        Self { texts: kinds, ..self }
    }

    /// Gives a stream of these events.
    pub(super) fn tells(self, events: Vec<(&'static str, Shape)>) -> Self {
        Self { events, ..self }
    }

    pub(super) fn ends(self) -> Self {
        Self { status: 204, ..self }
    }

    pub(super) fn asked(self, query: &[Parameter]) -> Self {
        Self { query: query.to_vec(), ..self }
    }
}

/// Whether an operation is for everybody.
pub fn is_open(method: &str, path: &str) -> bool {
    OPEN.contains(&(method, path))
}

/// Whether an operation waits for the answer of a model, which takes its time.
pub fn waits_for_a_model(path: &str) -> bool {
    path.strip_prefix("/admin/api/exchanges/").is_some_and(|rest| rest.ends_with("/replay"))
}

/// Those of [`operations`] that need nothing; looked at for every request, so it is no list that is made each time.
const OPEN: [(&str, &str); 4] = [
    ("GET", "/admin/api/openapi.json"),
    ("GET", "/admin/api/setup"),
    ("POST", "/admin/api/setup"),
    ("POST", "/admin/api/login"),
];

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
