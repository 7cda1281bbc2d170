//! `DELETE /admin/api/tokens/{which}`: ends a token, by id or name, and everything below it, at once. Whoever launched an
//! agent says with `reason=finished` that it has ended, and with `exit` or `signal` how.

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderMap;
use axum::{Extension, Json};
use tokenrouter_shared::token::TokenRevoked;

use crate::access::Operator;
use crate::access::issue::{self, Farewell, IssueError};
use crate::admin::Admin;
use crate::admin::answer::Failure;
use crate::admin::query::Words;
use crate::admin::version::Expected;

/// Revokes it. The answer is sent after no request can use it any more.
pub async fn handler(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
    Path(which): Path<String>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Json<TokenRevoked>, Failure> {
    let said = farewell(query.as_deref())?;
    let expected = Expected::read(&headers)?.number()?;
    let now_ms = admin.clock.now_ms();
    // Published by the writer itself: changes cannot overtake each other, nor be lost with a caller that hangs up.
    let index = Arc::clone(&admin.tokens);
    let revoked = admin
        .writer
        .call(move |connection| {
            issue::at_version(connection, &which, expected, &operator, now_ms)?;
            let revoked = issue::revoke(connection, &which, said, &operator, now_ms)?;
            Ok::<_, IssueError>(revoked.publish(&index))
        })
        .await?;
    Ok(Json(revoked))
}

/// What the query says of the end.
fn farewell(query: Option<&str>) -> Result<Farewell, Failure> {
    let words = Words::read(query, &["reason", "exit", "signal"])?;
    let said = Farewell {
        is_finished: words.choice("reason", &[("finished", true), ("revoked", false)])?.unwrap_or(false),
        exit_code: words.parsed("exit", "0, 42")?,
        exit_signal: words.parsed("signal", "9, 15")?,
    };
    let is_possible = said.exit_signal.is_none_or(|signal| (1..=64).contains(&signal));
    let says_how = said.exit_code.is_some() || said.exit_signal.is_some();
    if !is_possible || says_how && !said.is_finished || said.exit_code.is_some() && said.exit_signal.is_some() {
        let advice = "With `reason=finished` goes `exit=42` or `signal=9`, not both; signals are 1 to 64.";
        return Err(Failure::bad_request("The query does not say how the run ended.", advice));
    }
    Ok(said)
}
