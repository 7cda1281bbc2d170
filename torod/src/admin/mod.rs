//! The admin API below `/admin/api`: one operation, one file.

pub mod answer;
pub mod audit;
pub mod config;
pub mod models;
mod query;
pub mod routes;
pub mod routing;
pub mod secrets;
pub mod tokens;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post, put};

use crate::access::issue::IssueError;
use crate::access::{Random, TokenIndex};
use crate::clock::Clock;
use crate::reload::Reload;
use crate::store::{Connection, Keyring, Readers, SignIns, StoreError, WriterHandle};
use crate::upstreams::decisions::Decisions;
use crate::upstreams::snapshot::Live;

/// What the operations may reach.
pub struct Admin {
    /// The database's writing side.
    pub writer: WriterHandle,
    /// Its reading side.
    pub readers: Arc<Readers>,
    /// Who may come in; published anew before a change is answered.
    pub tokens: Arc<TokenIndex>,
    /// The configuration in force.
    pub reload: Arc<Reload>,
    /// Providers, and how they stand.
    pub live: Arc<Live>,
    /// The last decisions about who got a request.
    pub decisions: Arc<Decisions>,
    /// What secrets are sealed under.
    pub keys: Arc<Keyring>,
    /// The sign-ins that people made.
    pub sign_ins: Arc<SignIns>,
    /// The time.
    pub clock: Clock,
    /// Random bytes.
    pub random: Random,
}

impl Admin {
    /// Asks the database on a connection for reading: it sees every change that was answered.
    async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, IssueError> + Send + 'static,
    ) -> Result<T, IssueError> {
        let readers = Arc::clone(&self.readers);
        let asked = tokio::task::spawn_blocking(move || readers.with(|connection| Ok(query(connection))));
        asked.await.map_err(|_| StoreError::Closed)??
    }
}

/// The routes. Whoever mounts them has put the [`Operator`](crate::access::Operator) into the request's extensions.
pub fn router(admin: Arc<Admin>) -> Router {
    Router::new()
        .route("/admin/api/tokens", get(tokens::list::handler).post(tokens::create::handler))
        .route(
            "/admin/api/tokens/{which}",
            get(tokens::show::handler).patch(tokens::edit::handler).delete(tokens::revoke::handler),
        )
        .route("/admin/api/tokens/{which}/rotate", post(tokens::rotate::handler))
        .route("/admin/api/audit", get(audit::list))
        .route("/admin/api/models", get(models::list))
        .route("/admin/api/models/{id}", get(models::show))
        .route("/admin/api/reload", post(config::reload))
        .route("/admin/api/routing", get(routing::show).patch(routing::change))
        .route("/admin/api/routes/explain", get(routes::explain).post(routes::explain_request))
        .route("/admin/api/routes/{request_id}", get(routes::show))
        .route("/admin/api/secrets", get(secrets::list))
        .route("/admin/api/secrets/{name}", put(secrets::put).delete(secrets::remove))
        .route("/admin/api/secrets-key/rotate", post(secrets::rotate))
        .fallback(answer::not_found)
        .with_state(admin)
}
