//! The run's own token: a child of the stored one, ended with the run.

use std::time::Duration;

use http::StatusCode;
use tokenrouter_shared::Secret;
use tokenrouter_shared::token::{TokenCreate, TokenCreated, TokenRevoked};

use crate::client::{Client, ClientError, escape};

/// Where tokens are made.
const TOKENS: &str = "/admin/api/tokens";

/// The token that the agent gets.
#[derive(Clone, Debug)]
pub struct RunToken {
    /// `tok_…`, also the run's id; nothing where the run has no token of its own.
    pub id: Option<String>,
    /// Its key.
    pub key: Secret,
    /// Its name.
    pub name: String,
    /// When it ends by itself, in milliseconds since 1970.
    pub expires_ms: Option<i64>,
}

/// Makes it. Where nobody chose its life, it is cut to what the stored token has left.
pub async fn make(client: &Client, mut wanted: TokenCreate, is_ttl_chosen: bool) -> Result<RunToken, ClientError> {
    let made: Result<TokenCreated, ClientError> = client.post(TOKENS, &wanted).await;
    let made = match made {
        Err(e) if e.code() == "outlives_parent" && !is_ttl_chosen => {
            wanted.ttl_ms = None;
            client.post(TOKENS, &wanted).await
        }
        other => other,
    };
    let made = made?;
    Ok(RunToken { id: Some(made.id), key: Secret::new(made.key), name: made.name, expires_ms: made.expires_ms })
}

/// Whether the stored token may not make others.
pub fn is_powerless(error: &ClientError) -> bool {
    error.status() == Some(StatusCode::FORBIDDEN) && matches!(error.code(), "role_forbidden" | "forbidden" | "inferrer")
}

/// Ends it, with how the run ended. One that has ended already is as good.
pub async fn end(client: &Client, id: &str, how: &str) -> Result<(), ClientError> {
    let path = format!("{TOKENS}/{}?reason=finished&{how}", escape(id));
    match client.delete::<TokenRevoked>(&path).await {
        Err(e) if e.status() == Some(StatusCode::NOT_FOUND) => Ok(()),
        other => other.map(|_| ()),
    }
}

/// The same, again and again within `patience` while the gateway is away.
pub async fn end_surely(client: &Client, id: &str, how: &str, patience: Duration) -> Result<(), ClientError> {
    const PAUSE: Duration = Duration::from_millis(250);
    let trying = async {
        loop {
            match end(client, id, how).await {
                Err(e) if e.is_passing() => tokio::time::sleep(PAUSE).await,
                other => return other,
            }
        }
    };
    let hurried = client.hurried(patience, patience);
    match tokio::time::timeout(patience, trying).await {
        Ok(ended) => ended,
        // Once more, for the reason that is told.
        Err(_) => end(&hurried.hurried(PAUSE, PAUSE), id, how).await,
    }
}
