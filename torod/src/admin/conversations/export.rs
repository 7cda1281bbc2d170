//! `GET /admin/api/conversations/{id}/export`: all of one conversation, as JSON or as Markdown.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, RawQuery, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use tokenrouter_shared::money::dollars;

use super::{gone, number};
use crate::access::Operator;
use crate::admin::Admin;
use crate::admin::answer::Failure;
use crate::admin::query::Words;
use crate::conversations::export::markdown;
use crate::conversations::read::{self, Wanted};

/// The most requests that are told at once: more than a conversation of one session has.
pub const MOST: usize = 2_000;

/// Gives it out.
pub async fn handler(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Failure> {
    Failure::unless_admin(&operator)?;
    let words = Words::read(query.as_deref(), &["form", "internal"])?;
    let is_markdown = words.choice("form", &[("json", false), ("markdown", true)])?.unwrap_or(false);
    let internal = words.choice("internal", &[("true", true), ("false", false)])?.unwrap_or(true);
    let number = number(&id)?;
    let wanted = Wanted { after: 0, limit: MOST, internal, system: true, system_once: true };
    // It may be long: it is written where nobody's request waits for it.
    let read = admin.conversations.read(move |connection| {
        let detail = read::conversation(connection, number, wanted)?;
        Ok(detail.map(|detail| {
            if is_markdown {
                markdown(&detail, time, |nanos| dollars(u64::try_from(nanos).unwrap_or(0))).into_bytes()
            } else {
                serde_json::to_vec(&detail).unwrap_or_default()
            }
        }))
    });
    let text = read.await?.flatten().ok_or_else(|| gone(&id))?;
    if !is_markdown {
        return Ok(([(CONTENT_TYPE, "application/json")], text).into_response());
    }
    let file = format!("attachment; filename=\"conversation-{number}.md\"");
    let headers = [(CONTENT_TYPE, "text/markdown; charset=utf-8".to_owned()), (CONTENT_DISPOSITION, file)];
    Ok((headers, text).into_response())
}

fn time(ms: i64) -> String {
    let time = chrono::DateTime::from_timestamp_millis(ms);
    time.map(|time| time.format("%Y-%m-%d %H:%M UTC").to_string()).unwrap_or_default()
}
