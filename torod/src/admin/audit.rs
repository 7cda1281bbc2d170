//! `GET /admin/api/audit`: who changed what, the newest first.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::{Extension, Json};
use tokenrouter_shared::audit::AuditPage;

use super::Admin;
use super::answer::Failure;
use super::query::Words;
use crate::access::Operator;
use crate::access::issue::IssueError;
use crate::store::audit::{self, AuditQuery};

/// The most entries on a page.
const MAX_PAGE: usize = 500;

/// Lists entries; admins only.
pub async fn list(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
    RawQuery(query): RawQuery,
) -> Result<Json<AuditPage>, Failure> {
    Failure::unless_admin(&operator)?;
    let known = ["actor", "action", "subject", "q", "since_ms", "until_ms", "cursor", "limit"];
    let words = Words::read(query.as_deref(), &known)?;
    let query = AuditQuery {
        actor: words.text("actor"),
        action: words.text("action"),
        subject: words.text("subject"),
        text: super::paging::text(&words)?,
        since_ms: words.time_ms("since_ms")?,
        until_ms: words.time_ms("until_ms")?,
        before: words.parsed("cursor", "the `next` of the page before")?,
        limit: words.parsed("limit", "100")?.unwrap_or(100),
    };
    if !(1..=MAX_PAGE).contains(&query.limit) {
        return Err(IssueError::Unclear("`limit` lies between 1 and 500").into());
    }
    let (entries, has_more) = admin.read(move |connection| Ok(audit::page(connection, &query)?)).await?;
    let next = entries.last().filter(|_| has_more).map(|entry| entry.id.to_string());
    Ok(Json(AuditPage { entries, next }))
}
