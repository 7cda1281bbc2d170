//! `GET /admin/api/conversations`: the latest first, searched by what was said.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::{Extension, Json};
use tokenrouter_shared::conversation::ConversationPage;

use crate::access::Operator;
use crate::admin::answer::Failure;
use crate::admin::query::Words;
use crate::admin::{Admin, paging};
use crate::store::conversations::list::{self, ConversationQuery};
use crate::store::conversations::words;

/// Lists them.
pub async fn handler(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
    RawQuery(query): RawQuery,
) -> Result<Json<ConversationPage>, Failure> {
    Failure::unless_admin(&operator)?;
    let known = ["q", "token", "agent", "model", "session", "since_ms", "until_ms", "internal", "cursor", "limit"];
    let said = Words::read(query.as_deref(), &known)?;
    // As it is typed: quotes and signs mean something.
    let typed = match paging::text(&said)? {
        None => None,
        Some(typed) => Some(words::question(&typed).ok_or_else(|| {
            let advice = "Write a word, a \"phrase\", or begin*; -word leaves out.";
            Failure::bad_request("`q` has no word that could be found.", advice)
        })?),
    };
    let after = match said.text("cursor") {
        None => None,
        Some(cursor) => {
            let pair = cursor.split_once('.').and_then(|(ms, id)| Some((ms.parse().ok()?, id.parse().ok()?)));
            Some(pair.ok_or_else(paging::no_cursor)?)
        }
    };
    let query = ConversationQuery {
        token: said.text("token"),
        agent: said.text("agent"),
        model: said.text("model"),
        session: said.text("session"),
        words: typed,
        since_ms: said.time_ms("since_ms")?,
        until_ms: said.time_ms("until_ms")?,
        internal: said.choice("internal", &[("true", true), ("false", false)])?.unwrap_or(false),
        after,
        limit: paging::limit(&said)?,
    };
    let read = admin.conversations.read(move |connection| list::page(connection, &query)).await?;
    let (conversations, has_more) = read.unwrap_or_default();
    let next = conversations.last().filter(|_| has_more).map(|last| format!("{}.{}", last.last_ms, last.id));
    Ok(Json(ConversationPage { conversations, next }))
}
