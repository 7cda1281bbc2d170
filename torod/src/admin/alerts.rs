//! `/admin/api/alerts`: what somebody should know, who has seen it, and whether webhooks work.

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::{Extension, Json};
use tokenrouter_shared::alert::{AlertKind, AlertPage, AlertTested, AlertView};
use tokio::sync::Semaphore;

use super::Admin;
use super::answer::Failure;
use super::noted::Deed;
use super::query::Words;
use crate::access::Operator;
use crate::access::issue::IssueError;
use crate::store::alerts::{self as rows, AlertQuery};
use crate::store::audit::{self, Entry};

/// The most alerts on a page.
const MAX_PAGE: usize = 500;
/// One trial at a time.
static TURN: Semaphore = Semaphore::const_new(1);

/// Lists alerts, the newest first.
pub async fn list(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
    RawQuery(query): RawQuery,
) -> Result<Json<AlertPage>, Failure> {
    Failure::unless_admin(&operator)?;
    let words = Words::read(query.as_deref(), &["state", "kind", "cursor", "limit"])?;
    let kinds = AlertKind::ALL.map(|kind| (kind.as_str(), kind));
    let query = AlertQuery {
        firing: words.choice("state", &[("firing", true), ("resolved", false)])?,
        kind: words.choice("kind", &kinds)?.map(|kind| kind.as_str().to_owned()),
        before: words.parsed("cursor", "the `next` of the page before")?,
        limit: words.parsed("limit", "100")?.unwrap_or(100),
    };
    if !(1..=MAX_PAGE).contains(&query.limit) {
        return Err(IssueError::Unclear("`limit` lies between 1 and 500").into());
    }
    let read = admin.read(move |connection| Ok((rows::page(connection, &query)?, rows::firing(connection)?)));
    let ((alerts, has_more), counts) = read.await?;
    admin.alerts.counted(counts);
    let next = alerts.last().filter(|_| has_more).map(|alert| alert.id.to_string());
    Ok(Json(AlertPage { alerts, unacknowledged: counts.1, webhooks: admin.alerts.webhooks(), next }))
}

/// Notes that somebody has seen an alert; the first who did stays.
pub async fn acknowledge(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
    Path(id): Path<String>,
) -> Result<Json<AlertView>, Failure> {
    Failure::unless_admin(&operator)?;
    let id: i64 = id.parse().map_err(|_| not_found())?;
    let at_ms = admin.clock.now_ms();
    let seen = admin.writer.call(move |connection| {
        let transaction = connection.transaction().map_err(crate::store::StoreError::from)?;
        let by = match &operator {
            Operator::LocalOwner => operator.actor().to_owned(),
            Operator::Token(token) => token.name.to_string(),
        };
        let seen = rows::acknowledge(&transaction, id, &by, at_ms)?;
        // Only the first who did changes anything.
        if let Some((alert, true)) = &seen {
            let (subject, detail) = (id.to_string(), alert.message.as_str());
            let entry =
                Entry { at_ms, actor: operator.actor(), action: "alert.acknowledge", subject: &subject, detail };
            audit::add(&transaction, &entry)?;
        }
        let counts = rows::firing(&transaction)?;
        transaction.commit().map_err(crate::store::StoreError::from)?;
        Ok::<_, IssueError>((seen, counts))
    });
    let (seen, counts) = seen.await?;
    admin.alerts.counted(counts);
    admin.alerts.changed();
    seen.map(|(alert, _)| Json(alert)).ok_or_else(not_found)
}

/// Sends every webhook a trial.
pub async fn test(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
) -> Result<Json<AlertTested>, Failure> {
    Failure::unless_admin(&operator)?;
    let Ok(_turn) = TURN.try_acquire() else {
        let said = "Webhooks are being tried at the moment.";
        return Err(Failure::new(StatusCode::SERVICE_UNAVAILABLE, "busy", said, "Try again in a minute."));
    };
    let tested = admin.alerts.test().await;
    let took = tested.webhooks.iter().filter(|tried| tried.error.is_none()).count();
    let detail = format!("{took} of {} webhooks took it", tested.webhooks.len());
    admin.note(Deed::new(operator, "alert.test", "webhooks", detail)).await?;
    Ok(Json(tested))
}

fn not_found() -> Failure {
    Failure::not_found("alert_not_found", "There is no such alert.", "GET /admin/api/alerts lists those there are.")
}
