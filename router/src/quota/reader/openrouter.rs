//! OpenRouter: what the key may spend, and what the account has where the key may ask for that too.

use chrono::{DateTime, Datelike as _, Days, Months, NaiveDate};
use serde::Deserialize;

use super::{Account, Amount, Asked, Unread, balance, parsed};
use crate::quota::Unit;

#[derive(Deserialize)]
struct Answer<T> {
    data: T,
}

#[derive(Deserialize)]
struct Key<'a> {
    limit: Option<Amount>,
    limit_remaining: Option<Amount>,
    #[serde(default, borrow)]
    limit_reset: Option<&'a str>,
    usage: Amount,
    #[serde(default)]
    is_free_tier: bool,
}

#[derive(Deserialize)]
struct Credits {
    total_credits: Amount,
    total_usage: Amount,
}

pub(super) fn read(key: &[u8], credits: Option<&[u8]>, now_unix_ms: i64) -> Result<Account, Unread> {
    let key: Answer<Key<'_>> = parsed(key)?;
    let Key { limit, limit_remaining, limit_reset, usage, is_free_tier } = key.data;
    let mut asked = Vec::new();
    if let Some(limit) = limit {
        let left = limit_remaining.unwrap_or(Amount(limit.0 - usage.0));
        let (window_s, resets_ms) = limit_reset.map_or((0, None), |word| window(word, now_unix_ms));
        asked.push(Asked { window_s, resets_ms, ..balance("key", Unit::Usd, left, Some(limit)) });
    }
    // Most keys may not ask for it.
    if let Some(Ok(Answer { data: credits })) = credits.map(parsed::<Answer<Credits>>) {
        let left = Amount(credits.total_credits.0 - credits.total_usage.0);
        asked.push(balance("balance", Unit::Usd, left, None));
    }
    let plan = if is_free_tier { "free" } else { "paid" };
    Ok(Account { plan: Some(plan.to_owned()), asked })
}

/// The window of a word, and when it ends: at midnight UTC, weeks on Monday; hours at the next full one.
fn window(word: &str, now_unix_ms: i64) -> (u32, Option<i64>) {
    const HOUR_MS: i64 = 3_600_000;
    if matches!(word, "hourly" | "hour") {
        let past_ms = now_unix_ms.rem_euclid(HOUR_MS);
        return (3_600, now_unix_ms.checked_add(HOUR_MS - past_ms));
    }
    let today = DateTime::from_timestamp_millis(now_unix_ms).map(|now| now.date_naive());
    let first = |date: NaiveDate| date.with_day(1);
    let (window_s, end) = match word {
        "daily" | "day" => (86_400, today.and_then(|date| date.checked_add_days(Days::new(1)))),
        "weekly" | "week" => {
            let ahead = |date: NaiveDate| Days::new(u64::from(7 - date.weekday().num_days_from_monday()));
            (604_800, today.and_then(|date| date.checked_add_days(ahead(date))))
        }
        "monthly" | "month" => {
            (2_592_000, today.and_then(first).and_then(|date| date.checked_add_months(Months::new(1))))
        }
        "yearly" | "year" => {
            let next = |date: NaiveDate| NaiveDate::from_ymd_opt(date.year().checked_add(1)?, 1, 1);
            (31_536_000, today.and_then(next))
        }
        _ => (0, None),
    };
    (window_s, end.and_then(|date| Some(date.and_hms_opt(0, 0, 0)?.and_utc().timestamp_millis())))
}
