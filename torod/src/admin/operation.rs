//! The list of operations: what the router is made of, what the `OpenAPI` document says, and what tests walk through.

use std::borrow::Cow;
use std::sync::Arc;

use axum::Router;
use axum::routing::{MethodRouter, delete, get, patch, post, put};
use serde::Serialize;
use tokenrouter_shared::model::{ModelView, ModelsView};
use tokenrouter_shared::route::{RouteDecision, RouteExplained};
use tokenrouter_shared::routing::{Reloaded, RoutingChange, RoutingChanged, RoutingView};
use tokenrouter_shared::secrets::{SecretPut, SecretRemoved, SecretView, SecretsRotated};
use tokenrouter_shared::session::{Login, Me, SessionList, SessionView, SetupCreate, SetupCreated};
use tokenrouter_shared::token::{TokenCreate, TokenCreated, TokenRevoked, TokenView};
use utoipa::ToSchema;
use utoipa::openapi::{RefOr, Schema};

use super::{Admin, answer, config, me, models, openapi, routes, routing, secrets, sessions, setup, tokens};

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
    fn new(
        method: &'static str,
        path: &'static str,
        needs: Needs,
        summary: &'static str,
        handler: MethodRouter<Arc<Admin>>,
    ) -> Self {
        Self { method, path, needs, summary, query: &[], body: None, status: 200, answer: None, handler }
    }

    fn takes<T: ToSchema>(self) -> Self {
        Self { body: Some(Shape::of::<T>()), ..self }
    }

    fn gives<T: ToSchema>(self, status: u16) -> Self {
        Self { status, answer: Some(Shape::of::<T>()), ..self }
    }

    fn lists<T: ToSchema>(self) -> Self {
        Self { answer: Some(Shape::list::<T>()), ..self }
    }

    fn ends(self) -> Self {
        Self { status: 204, ..self }
    }

    fn asked(self, query: &'static [(&'static str, &'static str)]) -> Self {
        Self { query, ..self }
    }
}

/// Every operation of the admin API.
pub fn operations() -> Vec<Operation> {
    let mut all = who();
    all.extend(token_operations());
    all.extend(routing_operations());
    all.extend(secret_operations());
    all
}

fn who() -> Vec<Operation> {
    use Needs::{Nothing, Token};
    let new = Operation::new;
    vec![
        new("GET", "/admin/api/openapi.json", Nothing, "This document.", get(openapi::handler)),
        new(
            "POST",
            "/admin/api/setup",
            Nothing,
            "Makes the first admin token, as long as there is none.",
            post(setup::handler),
        )
        .takes::<SetupCreate>()
        .gives::<SetupCreated>(201),
        new(
            "POST",
            "/admin/api/login",
            Nothing,
            "Begins a session in a cookie, for the key of a token.",
            post(sessions::login::handler),
        )
        .takes::<Login>()
        .gives::<SessionView>(201),
        new(
            "POST",
            "/admin/api/logout",
            Token,
            "Ends the session that the request comes with.",
            post(sessions::logout::handler),
        )
        .ends(),
        new(
            "GET",
            "/admin/api/sessions",
            Token,
            "Lists the sessions of the own token; for an admin, all.",
            get(sessions::list::handler),
        )
        .gives::<SessionList>(200),
        new(
            "DELETE",
            "/admin/api/sessions/{id}",
            Token,
            "Ends a session of the own token; for an admin, any.",
            delete(sessions::end::handler),
        )
        .ends(),
        new("GET", "/admin/api/me", Token, "Who asks, and what that token has used today.", get(me::handler))
            .gives::<Me>(200),
    ]
}

fn token_operations() -> Vec<Operation> {
    use Needs::{Keymaster, Token};
    let new = Operation::new;
    vec![
        new("GET", "/admin/api/tokens", Token, "Lists the tokens that may be seen.", get(tokens::list::handler))
            .asked(&[("all", "`true`: also those that ended")])
            .lists::<TokenView>(),
        new(
            "POST",
            "/admin/api/tokens",
            Keymaster,
            "Makes a token and shows its key, once.",
            post(tokens::create::handler),
        )
        .takes::<TokenCreate>()
        .gives::<TokenCreated>(201),
        new(
            "DELETE",
            "/admin/api/tokens/{which}",
            Token,
            "Ends a token and all below it.",
            delete(tokens::revoke::handler),
        )
        .gives::<TokenRevoked>(200),
    ]
}

fn routing_operations() -> Vec<Operation> {
    use Needs::Admin;
    const QUESTION: &[(&str, &str)] = &[
        ("model", "the model; goes before what the request says"),
        ("surface", "`chat`, `responses`, …; without it, the request's form tells"),
        ("session", "the session that an agent would name in a header"),
        ("token", "the id or name of the token that asks"),
    ];
    let new = Operation::new;
    vec![
        new("GET", "/admin/api/models", Admin, "Lists what this gateway can be asked for.", get(models::list))
            .gives::<ModelsView>(200),
        new("GET", "/admin/api/models/{id}", Admin, "Shows what is known of a model.", get(models::show))
            .gives::<ModelView>(200),
        new(
            "POST",
            "/admin/api/reload",
            Admin,
            "Reads the configuration file and every secret anew.",
            post(config::reload),
        )
        .gives::<Reloaded>(200),
        new("GET", "/admin/api/routing", Admin, "Shows what aliases mean.", get(routing::show))
            .gives::<RoutingView>(200),
        new("PATCH", "/admin/api/routing", Admin, "Changes the active profile.", patch(routing::change))
            .takes::<RoutingChange>()
            .gives::<RoutingChanged>(200),
        new(
            "GET",
            "/admin/api/routes/explain",
            Admin,
            "Says who would get a request for a model.",
            get(routes::explain),
        )
        .asked(QUESTION)
        .gives::<RouteExplained>(200),
        new(
            "POST",
            "/admin/api/routes/explain",
            Admin,
            "Says who would get this request of a client.",
            post(routes::explain_request),
        )
        .asked(QUESTION)
        .gives::<RouteExplained>(200),
        new("GET", "/admin/api/routes/{request_id}", Admin, "Says who got a request.", get(routes::show))
            .gives::<RouteDecision>(200),
    ]
}

fn secret_operations() -> Vec<Operation> {
    use Needs::Admin;
    let new = Operation::new;
    vec![
        new("GET", "/admin/api/secrets", Admin, "Lists the secrets of the store by name.", get(secrets::list))
            .lists::<SecretView>(),
        new(
            "PUT",
            "/admin/api/secrets/{name}",
            Admin,
            "Keeps a secret; nothing gives it out again.",
            put(secrets::put),
        )
        .takes::<SecretPut>()
        .gives::<SecretView>(200),
        new("DELETE", "/admin/api/secrets/{name}", Admin, "Forgets a secret.", delete(secrets::remove))
            .gives::<SecretRemoved>(200),
        new(
            "POST",
            "/admin/api/secrets-key/rotate",
            Admin,
            "Seals every secret anew under a new key.",
            post(secrets::rotate),
        )
        .gives::<SecretsRotated>(200),
    ]
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
