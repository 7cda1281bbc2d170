//! Whether limits that are asked for lie within those of the tokens above.

use tokenrouter_shared::limits::{Budget, BudgetUnit, Limits, Window};

use super::grant::{Operator, Refusal};
use crate::store::tokens::TokenRow;

/// Refuses what `wanted` has more of than a token in `above`, unless `had` was as much already. A token without a limit
/// of its own is walled by those above it; what models it names is cut down to theirs.
pub(super) fn check(wanted: &Limits, had: &Limits, above: &[TokenRow], by: &Operator) -> Result<(), Refusal> {
    for token in above {
        let exceeded = |field: String, most: String| Refusal::ExceedsParent {
            field,
            // Of tokens above itself, whoever asks learns nothing but that they are in the way.
            parent: sees(by, above, token).then(|| (token.name.clone(), most)),
        };
        let raised = wanted.budgets.iter().filter(|budget| !was_as_much(budget, had));
        for budget in raised {
            if let Some(wall) = token.limits.budgets.iter().find(|wall| exceeds(budget, wall)) {
                return Err(exceeded(said(budget), said(wall)));
            }
        }
        for (field, wanted, had, most) in [
            (
                "requests_per_minute",
                wanted.requests_per_minute.map(u64::from),
                had.requests_per_minute.map(u64::from),
                token.limits.requests_per_minute.map(u64::from),
            ),
            ("tokens_per_minute", wanted.tokens_per_minute, had.tokens_per_minute, token.limits.tokens_per_minute),
            (
                "concurrent",
                wanted.concurrent.map(u64::from),
                had.concurrent.map(u64::from),
                token.limits.concurrent.map(u64::from),
            ),
        ] {
            if let (Some(wanted), Some(most)) = (wanted, most)
                && wanted > most
                && had.is_none_or(|had| had < wanted)
            {
                return Err(exceeded(format!("{field} of {wanted}"), most.to_string()));
            }
        }
    }
    Ok(())
}

/// Whether `by` may know of a token in the chain `above`: of its own and of those below it.
fn sees(by: &Operator, above: &[TokenRow], token: &TokenRow) -> bool {
    let Some(root) = by.root() else { return true };
    let place = |id: i64| above.iter().position(|row| row.id == id);
    matches!((place(token.id), place(root)), (Some(token), Some(root)) if token <= root)
}

fn was_as_much(budget: &Budget, had: &Limits) -> bool {
    had.budgets.iter().any(|old| old.unit == budget.unit && old.window == budget.window && old.limit >= budget.limit)
}

/// Whether `budget` promises what `wall` never gives: more in the same window, or in any than in the whole life.
fn exceeds(budget: &Budget, wall: &Budget) -> bool {
    let is_comparable = wall.window == budget.window || wall.window.is_lifetime();
    wall.unit == budget.unit && is_comparable && budget.limit > wall.limit
}

/// A budget in words: `$5`, `1,000 requests per day (Europe/Berlin)`, `200 tokens per 1 h`.
pub fn said(budget: &Budget) -> String {
    let amount = match budget.unit {
        BudgetUnit::Requests => counted(budget.limit, "request"),
        BudgetUnit::Tokens => counted(budget.limit, "token"),
        BudgetUnit::UsdNanos => {
            let (dollars, nanos) = (budget.limit / 1_000_000_000, budget.limit % 1_000_000_000);
            let decimals = format!("{nanos:09}");
            match decimals.trim_end_matches('0') {
                "" => format!("${dollars}"),
                decimals => format!("${dollars}.{decimals:0<2}"),
            }
        }
    };
    match &budget.window {
        Window::Lifetime => amount,
        Window::Rolling { seconds } => format!("{amount} per {}", span(*seconds)),
        Window::Calendar { period, time_zone } if time_zone == "UTC" => format!("{amount} per {}", period.as_str()),
        Window::Calendar { period, time_zone } => format!("{amount} per {} ({time_zone})", period.as_str()),
    }
}

/// `1 request`, `2,000 requests`.
fn counted(count: u64, one: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{} {one}s", grouped(count)) }
}

/// Digits in groups of three: `2,000,000`.
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `24 h`, `2 d`, `61 s`: as few units as say it exactly.
pub(super) fn span(seconds: u32) -> String {
    // The last 24 hours are no day of the calendar, and so are not called one.
    for (unit, length, least) in [("d", 86_400, 172_800), ("h", 3_600, 0), ("min", 60, 0)] {
        if seconds.is_multiple_of(length) && seconds >= least {
            return format!("{} {unit}", seconds / length);
        }
    }
    format!("{seconds} s")
}

#[cfg(test)]
mod tests {
    use tokenrouter_shared::Role;
    use tokenrouter_shared::limits::Period;

    use super::*;

    fn dollars(limit: u64, window: Window) -> Limits {
        let budget = Budget { unit: BudgetUnit::UsdNanos, limit: limit * 1_000_000_000, window };
        Limits { budgets: vec![budget], ..Limits::default() }
    }

    fn month(zone: &str) -> Window {
        Window::Calendar { period: Period::Month, time_zone: zone.into() }
    }

    fn with(limits: Limits) -> TokenRow {
        TokenRow { id: 1, limits, ..TokenRow::new("tok_above", Role::Keymaster) }
    }

    fn check(wanted: &Limits, had: &Limits, above: Limits) -> Result<(), Refusal> {
        super::check(wanted, had, &[with(above)], &Operator::LocalOwner)
    }

    #[test]
    fn a_budget_lies_within_those_above_it_that_can_be_compared() {
        let none = Limits::default();
        let lifetime = |limit| dollars(limit, Window::Lifetime);
        assert_eq!(check(&lifetime(5), &none, lifetime(5)), Ok(()));
        assert!(check(&lifetime(6), &none, lifetime(5)).is_err());
        // A month never has more than the life.
        assert!(check(&dollars(6, month("UTC")), &none, lifetime(5)).is_err());
        assert!(check(&dollars(6, month("UTC")), &none, dollars(5, month("UTC"))).is_err());
        // These cannot be compared; the wall above holds all the same.
        assert_eq!(check(&lifetime(60), &none, dollars(5, month("UTC"))), Ok(()));
        assert_eq!(check(&dollars(6, month("Europe/Berlin")), &none, dollars(5, month("UTC"))), Ok(()));
        let requests = Budget { unit: BudgetUnit::Requests, limit: u64::MAX, window: Window::Lifetime };
        assert_eq!(check(&Limits { budgets: vec![requests], ..Limits::default() }, &none, lifetime(5)), Ok(()));
        // What it had already, it may keep, and less of it.
        assert_eq!(check(&lifetime(6), &lifetime(7), lifetime(5)), Ok(()));
        assert!(check(&lifetime(8), &lifetime(7), lifetime(5)).is_err());
    }

    #[test]
    fn rates_lie_within_those_above() {
        let rates = |n: u32| Limits {
            requests_per_minute: Some(n),
            tokens_per_minute: Some(n.into()),
            concurrent: Some(n),
            ..Limits::default()
        };
        assert_eq!(check(&rates(5), &Limits::default(), rates(5)), Ok(()));
        let Err(Refusal::ExceedsParent { field, parent }) = check(&rates(6), &Limits::default(), rates(5)) else {
            panic!("6 is more than 5");
        };
        assert_eq!((&*field, parent), ("requests_per_minute of 6", Some(("tok_above".into(), "5".into()))));
        for one in [
            Limits { tokens_per_minute: Some(6), ..Limits::default() },
            Limits { concurrent: Some(6), ..Limits::default() },
        ] {
            assert!(check(&one, &Limits::default(), rates(5)).is_err());
        }
        assert_eq!(check(&rates(6), &rates(6), rates(5)), Ok(()));
        assert_eq!(check(&rates(6), &Limits::default(), Limits::default()), Ok(()));
    }

    #[test]
    fn budgets_are_said_in_words() {
        let text = |unit, limit, window| said(&Budget { unit, limit, window });
        assert_eq!(text(BudgetUnit::UsdNanos, 5_000_000_000, Window::Lifetime), "$5");
        assert_eq!(text(BudgetUnit::UsdNanos, 500_000_000, month("UTC")), "$0.50 per month");
        assert_eq!(text(BudgetUnit::Tokens, 7, month("Europe/Berlin")), "7 tokens per month (Europe/Berlin)");
        assert_eq!(text(BudgetUnit::Requests, 1, Window::Rolling { seconds: 86_400 }), "1 request per 24 h");
        assert_eq!(text(BudgetUnit::Tokens, 2_000_000, Window::Lifetime), "2,000,000 tokens");
        assert_eq!([grouped(0), grouped(999), grouped(1_000), grouped(1_234_567)], ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(text(BudgetUnit::Requests, 2, Window::Rolling { seconds: 61 }), "2 requests per 61 s");
    }
}
