//! `RateLimit` and `RateLimit-Policy`, the structured fields of the IETF's draft: `"api";r=50;t=30` and `"api";q=500;w=300`.

use super::headers::Reading;
use super::reset::reset_ms;

/// Policies beyond these are not read.
const MOST: usize = 8;

/// Notes what a field tells: limits of a policy, or what is left of them.
pub(super) fn read<'h>(reading: &mut Reading<'h>, text: &'h str, now_unix_ms: i64) {
    for item in text.split(',').take(MOST) {
        let mut parts = item.split(';').map(str::trim);
        let Some(head) = parts.next() else { continue };
        // An older draft has all of it in one list: `limit=100, remaining=50, reset=30`.
        if let Some((key, value)) = head.split_once('=') {
            old(reading, key.trim(), value.trim(), now_unix_ms);
            continue;
        }
        let mut name = unquoted(head);
        let (mut quota, mut left, mut window, mut reset) = (None, None, 0, None);
        for part in parts {
            match part.split_once('=').map(|(key, value)| (key.trim(), value.trim())) {
                Some(("q", value)) => quota = value.parse().ok(),
                Some(("r", value)) => left = value.parse().ok(),
                Some(("w", value)) => window = value.parse().unwrap_or(0),
                Some(("t", value)) => reset = reset_ms(value, now_unix_ms),
                // Before the name of the policy some tell its kind: `"fixed window";"api";q=500;w=300`.
                None if part.starts_with('"') => name = unquoted(part),
                Some(_) | None => {}
            }
        }
        // Both fields tell of one limit, and only one of them knows the window.
        let Some(entry) = reading.policy(name) else { continue };
        if window > 0 {
            entry.window_s = window;
        }
        entry.limit = quota.or(entry.limit);
        entry.left = left.or(entry.left);
        entry.reset_ms = reset.or(entry.reset_ms);
    }
}

fn old(reading: &mut Reading<'_>, key: &str, value: &str, now_unix_ms: i64) {
    let Some(entry) = reading.entry("", "", 0) else { return };
    match key {
        "limit" => entry.limit = value.parse().ok(),
        "remaining" => entry.left = value.parse().ok(),
        "reset" => entry.reset_ms = reset_ms(value, now_unix_ms),
        _ => {}
    }
}

fn unquoted(text: &str) -> &str {
    text.trim_matches('"')
}
