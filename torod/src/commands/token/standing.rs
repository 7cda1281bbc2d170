//! How a token's budgets stand, in words: what was used, what is left, and when all of it is there again.

use chrono::{DateTime, FixedOffset};
use tokenrouter_shared::budget::BudgetView;
use tokenrouter_shared::limits::{Budget, BudgetUnit, Window};
use tokenrouter_shared::money::dollars;
use tokenrouter_shared::token::TokenView;

use crate::access::bounds::{grouped, said};
use crate::calendar::Zone;

const CENT_NANOS: u64 = 10_000_000;

/// Every budget of a token, with all that is known of it.
pub(super) fn whole(view: &TokenView) -> Vec<String> {
    let told = |budget: &Budget| match of(view, budget) {
        None => said(budget),
        Some(standing) => {
            let again = standing.resets_ms.filter(|_| standing.used > 0).and_then(|at| moment(at, &budget.window));
            let again = again.map(|at| format!(", again {at}")).unwrap_or_default();
            let (used, left) = (used(standing), left(standing));
            format!("{used} of {} used, {left} left{again}", said(budget))
        }
    };
    view.limits.budgets.iter().map(told).collect()
}

/// Every budget of a token, with what is left of it.
pub(super) fn brief(view: &TokenView) -> Vec<String> {
    let told = |budget: &Budget| match of(view, budget) {
        None => said(budget),
        Some(standing) => format!("{} of {} left", left(standing), said(budget)),
    };
    view.limits.budgets.iter().map(told).collect()
}

fn of<'a>(view: &'a TokenView, budget: &Budget) -> Option<&'a BudgetView> {
    view.budgets.iter().find(|one| one.unit == budget.unit && one.window == budget.window)
}

fn used(standing: &BudgetView) -> String {
    match standing.unit {
        BudgetUnit::UsdNanos => dollars(standing.used),
        BudgetUnit::Requests | BudgetUnit::Tokens => grouped(standing.used),
    }
}

/// Rounded down: what cannot be spent is not shown as left.
fn left(standing: &BudgetView) -> String {
    let remaining = standing.remaining;
    if standing.unit != BudgetUnit::UsdNanos {
        return grouped(remaining);
    }
    let unit = match remaining {
        0..CENT_NANOS => 1,
        CENT_NANOS..1_000_000_000 => CENT_NANOS / 100,
        _ => CENT_NANOS,
    };
    said(&Budget { unit: BudgetUnit::UsdNanos, limit: remaining - remaining % unit, window: Window::Lifetime })
}

/// By the clock that the window goes by; by the clock here, where it goes by none.
fn moment(at_ms: i64, window: &Window) -> Option<String> {
    const FORMAT: &str = "%Y-%m-%d %H:%M";
    let at = DateTime::from_timestamp_millis(at_ms)?;
    Some(match window {
        Window::Calendar { time_zone, .. } if time_zone == "UTC" => at.format("%Y-%m-%d %H:%M UTC").to_string(),
        Window::Calendar { time_zone, .. } => {
            let offset = FixedOffset::east_opt(Zone::named(time_zone)?.offset_s(at_ms)?)?;
            at.with_timezone(&offset).format(FORMAT).to_string()
        }
        Window::Rolling { .. } | Window::Lifetime => at.with_timezone(&chrono::Local).format(FORMAT).to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(limits: &str, budgets: &str) -> TokenView {
        serde_json::from_str(&format!(
            r#"{{"id":"a","name":"a","role":"inferrer","parent":null,"state":"live","created_ms":0,"expires_ms":null,"revoked_ms":null,"last_used_ms":null,"version":1,"created_by":null,"last_used_from":null,"capture":true,"limits":{{"budgets":[{limits}]}},"budgets":[{budgets}]}}"#
        ))
        .unwrap()
    }

    #[test]
    fn what_was_used_and_what_is_left_is_told() {
        let month =
            r#""unit":"usd_nanos","limit":100000000000,"window":{"calendar":"month","time_zone":"Europe/Berlin"}"#;
        let day = r#""unit":"tokens","limit":2000000,"window":{"calendar":"day","time_zone":"UTC"}"#;
        let life = r#""unit":"requests","limit":5"#;
        let limits = format!("{{{month}}},{{{day}}},{{{life}}}");
        let token = view(
            &limits,
            &format!(
                r#"{{{month},"used":300000,"remaining":99999700000,"resets_ms":1796079600000}},
                   {{{day},"used":1500,"remaining":1998500,"resets_ms":1795305600000}},
                   {{{life},"used":5,"remaining":0,"resets_ms":null}}"#
            ),
        );
        assert_eq!(
            whole(&token),
            [
                "$0.00030 of $100 per month (Europe/Berlin) used, $99.99 left, again 2026-12-01 00:00",
                "1,500 of 2,000,000 tokens per day used, 1,998,500 left, again 2026-11-22 00:00 UTC",
                "5 of 5 requests used, 0 left",
            ]
        );
        assert_eq!(
            brief(&token),
            [
                "$99.99 of $100 per month (Europe/Berlin) left",
                "1,998,500 of 2,000,000 tokens per day left",
                "0 of 5 requests left",
            ]
        );
        // Without a daemon nobody has counted.
        assert_eq!(whole(&view(&limits, ""))[2], "5 requests");
        assert_eq!(brief(&view(&limits, "")), whole(&view(&limits, "")));
    }

    #[test]
    fn nothing_is_left_that_cannot_be_spent() {
        let of = |remaining| {
            let limit = 2_000_000_000_u64;
            let used = limit - remaining;
            let (unit, window, resets_ms) = (BudgetUnit::UsdNanos, Window::Lifetime, None);
            left(&BudgetView { unit, limit, window, used, remaining, resets_ms })
        };
        assert_eq!([of(0), of(7), of(999_999_999), of(1_999_999_999)], ["$0", "$0.000000007", "$0.9999", "$1.99"]);
    }
}
