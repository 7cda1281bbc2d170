//! `GET` and `DELETE /admin/api/log`: the last lines of the log.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::{Extension, Json};
use tokenrouter_shared::log::{Level, LogCleared, LogPage};

use super::answer::Failure;
use super::query::Words;
use super::{Admin, paging};
use crate::access::Operator;
use crate::store::StoreError;
use crate::store::log::{self, LogQuery};

/// Lists lines: the newest first, or those after one that is known, the oldest first. Admins only.
pub async fn list(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
    RawQuery(query): RawQuery,
) -> Result<Json<LogPage>, Failure> {
    Failure::unless_admin(&operator)?;
    let known = ["level", "target", "request_id", "q", "since_ms", "until_ms", "cursor", "after", "limit"];
    let words = Words::read(query.as_deref(), &known)?;
    let levels = Level::ALL.map(|level| (level.as_str(), level));
    let query = LogQuery {
        level: words.choice("level", &levels)?,
        target: words.text("target"),
        request_id: words.text("request_id"),
        text: paging::text(&words)?,
        since_ms: words.time_ms("since_ms")?,
        until_ms: words.time_ms("until_ms")?,
        before: words.parsed("cursor", "the `next` of the page before")?,
        after: words.parsed("after", "the `last` of an answer")?,
        limit: words.parsed("limit", "100")?.unwrap_or(100),
    };
    if !(1..=paging::MOST).contains(&query.limit) {
        let said = format!("`limit` lies between 1 and {}.", paging::MOST);
        return Err(Failure::bad_request(said, "Ask for the next page by `cursor`."));
    }
    if query.before.is_some() && query.after.is_some() {
        return Err(Failure::bad_request("`cursor` and `after` exclude each other.", "Give one."));
    }
    let read = move |connection: &_| {
        let last = log::last(connection)?;
        Ok((log::page(connection, &query)?, last))
    };
    let ((lines, has_more), last) = admin.read(read).await?;
    let next = lines.last().filter(|_| has_more).map(|line| line.id.to_string());
    let keep = admin.reload.status().config.log.keep_lines.into();
    let dropped = admin.lines.get().map_or(0, |lines| lines.dropped());
    Ok(Json(LogPage { lines, next, last, dropped, keep }))
}

/// Takes all lines away.
pub async fn clear(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
) -> Result<Json<LogCleared>, Failure> {
    Failure::unless_admin(&operator)?;
    let (actor, now_ms) = (operator.actor().to_owned(), admin.clock.now_ms());
    let cleared = admin.writer.call(move |connection| log::clear(connection, &actor, now_ms)).await;
    Ok(Json(LogCleared { lines: cleared.map_err(|error: StoreError| Failure::from(error))? }))
}
