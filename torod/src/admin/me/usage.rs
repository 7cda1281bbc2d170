//! `GET /admin/api/me/usage`: what the calling token and those below it have used; an admin may name any other.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::{Extension, Json};
use tokenrouter_shared::figures::StepUnit;
use tokenrouter_shared::usage_of::{UsageGroup, UsageOf};

use crate::access::Operator;
use crate::admin::Admin;
use crate::admin::answer::Failure;
use crate::admin::query::Words;
use crate::admin::usage::{FILTERS, choices};
use crate::reports::own::{self, Asked};

const DAY_MS: i64 = 86_400_000;
/// Whose usage it is, which is no filter here.
const TOKEN: &str = "token";

/// Sums it up, for the last 30 days where no span is named.
pub async fn handler(
    State(admin): State<Arc<Admin>>,
    Extension(operator): Extension<Operator>,
    RawQuery(query): RawQuery,
) -> Result<Json<UsageOf>, Failure> {
    let known = ["by", "since_ms", "until_ms", "time_zone", TOKEN, "step", "limit"];
    let filters: Vec<&str> = FILTERS.iter().map(|(name, ..)| *name).filter(|name| *name != TOKEN).collect();
    let words = Words::read_lists(query.as_deref(), &known, &filters)?;
    let now_ms = admin.clock.now_ms();
    let until_ms = words.parsed("until_ms", "1790000000000")?.unwrap_or_else(|| admin.rows_now_ms().saturating_add(1));
    let since_ms = words.parsed("since_ms", "1780000000000")?.unwrap_or(until_ms.saturating_sub(30 * DAY_MS).max(0));
    let asked = Asked {
        by: words.choice("by", &UsageGroup::ALL.map(|group| (group.as_str(), group)))?.unwrap_or_default(),
        since_ms,
        until_ms,
        time_zone: words.text("time_zone").unwrap_or_else(|| "UTC".to_owned()),
        token: words.text(TOKEN),
        choices: choices(&words, &filters)?,
        step: words.choice("step", &StepUnit::ALL.map(|unit| (unit.as_str(), unit)))?,
        limit: words.parsed("limit", "100")?.unwrap_or(100),
    };
    Ok(Json(admin.report(move |connection| own::usage(connection, &asked, &operator, now_ms)).await?))
}
