//! `GET /admin/api/conversations/{id}`: one conversation with what was said, page by page.

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::{Extension, Json};
use tokenrouter_shared::conversation::ConversationDetail;

use super::{gone, number};
use crate::access::Operator;
use crate::admin::answer::Failure;
use crate::admin::query::Words;
use crate::admin::{Admin, paging};
use crate::conversations::read::{self, Wanted};

/// The most requests on a page, and how many there are where nobody says.
const MOST: usize = 200;
const USUAL: usize = 50;

/// Shows it.
pub async fn handler(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<ConversationDetail>, Failure> {
    Failure::unless_admin(&operator)?;
    let words = Words::read(query.as_deref(), &["internal", "system", "cursor", "limit"])?;
    let switch = |key: &str| Ok::<_, Failure>(words.choice(key, &[("true", true), ("false", false)])?.unwrap_or(false));
    let limit = words.parsed("limit", "50")?.unwrap_or(USUAL);
    if !(1..=MOST).contains(&limit) {
        let said = format!("`limit` lies between 1 and {MOST}.");
        return Err(Failure::bad_request(said, "Ask for the next page by `cursor`."));
    }
    let after = match words.text("cursor") {
        None => 0,
        Some(cursor) => cursor.parse().map_err(|_| paging::no_cursor())?,
    };
    let wanted = Wanted { after, limit, internal: switch("internal")?, system: switch("system")?, system_once: false };
    let number = number(&id)?;
    let read = admin.conversations.read(move |connection| read::conversation(connection, number, wanted)).await?;
    read.flatten().map(Json).ok_or_else(|| gone(&id))
}
