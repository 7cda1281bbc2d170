//! What stands in a cell of an export: a day, a model, a count, an amount of money.

use chrono::{DateTime, NaiveDate, NaiveDateTime};
use tokenrouter_shared::ids::MAX_MS;

/// Days since 1970, in UTC.
pub(super) fn day(text: &str) -> Option<i64> {
    const DAY_MS: i64 = 86_400_000;
    let text = text.trim();
    if let Ok(number) = text.parse::<i64>() {
        let ms = if number < 100_000_000_000 { number.checked_mul(1_000)? } else { number };
        return (1..MAX_MS).contains(&ms).then(|| ms.div_euclid(DAY_MS));
    }
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        let ms = at.timestamp_millis();
        return (1..MAX_MS).contains(&ms).then(|| ms.div_euclid(DAY_MS));
    }
    let text = text.strip_suffix(" UTC").unwrap_or(text);
    let times = ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M"];
    let time = times.iter().find_map(|form| NaiveDateTime::parse_from_str(text, form).ok());
    let date = time.map(|time| time.date()).or_else(|| {
        ["%Y-%m-%d", "%Y/%m/%d", "%m/%d/%Y", "%d.%m.%Y"]
            .iter()
            .find_map(|form| NaiveDate::parse_from_str(text, form).ok())
    })?;
    let ms = date.and_hms_opt(0, 0, 0)?.and_utc().timestamp_millis();
    (1..MAX_MS).contains(&ms).then(|| ms.div_euclid(DAY_MS))
}

/// A model's name as both sides mean it: without its vendor, its date, and what of it was billed.
pub fn model(name: &str) -> String {
    let name = name.split(", ").next().unwrap_or_default().trim().to_ascii_lowercase();
    let name = name.rsplit('/').next().unwrap_or_default();
    let name = name.split('@').next().unwrap_or_default();
    let is_date = |text: &str| {
        let digits = text.bytes().filter(u8::is_ascii_digit).count();
        digits == 8 && text.bytes().all(|b| b.is_ascii_digit() || b == b'-') && text.starts_with("20")
    };
    for length in [11, 9] {
        let cut = name.len().checked_sub(length).and_then(|at| name.split_at_checked(at));
        if let Some((rest, date)) = cut
            && let Some(date) = date.strip_prefix('-')
            && is_date(date)
            && !rest.is_empty()
        {
            return rest.to_owned();
        }
    }
    name.to_owned()
}

/// A count, which may have marks between thousands or a fraction of nothing.
pub(super) fn count(text: &str) -> Option<u64> {
    let text: String = text.chars().filter(|c| !matches!(c, ',' | ' ' | '_')).collect();
    let whole = text.strip_suffix(".0").unwrap_or(&text);
    whole.parse().ok().filter(|count| *count < 1 << 60)
}

/// What a dollar is, in nano-dollars.
pub(super) const DOLLAR_NANOS: f64 = 1e9;

/// US dollars, or other units of so many nano-dollars, in nano-dollars, rounded: `$1,234.5`, `0.0000001`, `1.2e-5`, `-3`.
pub(super) fn nanos(text: &str, unit_nanos: f64) -> Option<i64> {
    let text: String = text.chars().filter(|c| !matches!(c, '$' | ',' | ' ')).collect();
    let text = text.strip_suffix("USD").unwrap_or(&text);
    let amount: f64 = text.parse().ok()?;
    let nanos = (amount * unit_nanos).round();
    (nanos.abs() < 1e18).then_some(nanos as i64)
}
