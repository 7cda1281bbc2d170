//! Counts of LLM tokens, prices, money and budgets as people read them.

use tokenrouter_shared::budget::BudgetView;
use tokenrouter_shared::limits::{BudgetUnit, Window};
use tokenrouter_shared::money::dollars;
use tokenrouter_shared::usage_of::{Buckets, UsageTotals};

use super::words::{counted, grouped, span};

/// What nobody has said.
pub const UNKNOWN: &str = "unknown";

/// How many fit: `200K`, `128K` of 131,072, `1.05M`.
pub fn size(count: Option<u64>) -> String {
    let Some(count) = count else { return UNKNOWN.to_owned() };
    // Windows are powers of two or of ten; both are called by the same round names.
    let kilo = if count.is_multiple_of(1_024) && !count.is_multiple_of(1_000) { 1_024 } else { 1_000 };
    match count {
        n if n >= kilo * kilo => format!("{}M", rounded(n, kilo * kilo)),
        n if n >= kilo => format!("{}K", rounded(n, kilo)),
        n => n.to_string(),
    }
}

/// How many there were, in few characters: `950`, `12.3K`, `4.56M`.
pub fn short(count: u64) -> String {
    match count {
        n if n >= 1_000_000_000 => format!("{}G", rounded(n, 1_000_000_000)),
        n if n >= 1_000_000 => format!("{}M", rounded(n, 1_000_000)),
        n if n >= 10_000 => format!("{}K", rounded(n, 1_000)),
        n => grouped(n),
    }
}

/// With two decimals at most, and none that say nothing; tens and more without.
fn rounded(count: u64, unit: u64) -> String {
    if count >= 10 * unit {
        return (count.saturating_add(unit / 2) / unit).to_string();
    }
    let hundredths = (u128::from(count) * 100 + u128::from(unit) / 2) / u128::from(unit);
    let text = format!("{}.{:02}", hundredths / 100, hundredths % 100);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A price in dollars, exact, with two decimals at least: `3.00`, `0.0375`.
pub fn price(nanos: Option<u64>) -> String {
    let Some(nanos) = nanos else { return UNKNOWN.to_owned() };
    let digits = format!("{nanos:010}");
    let (whole, fraction) = digits.split_at(digits.len() - 9);
    let fraction = fraction.trim_end_matches('0');
    format!("{whole}.{fraction:0<2}")
}

/// What was charged; says where no price is known.
pub fn cost(totals: &UsageTotals) -> String {
    match (totals.cost_nanos, totals.unpriced_attempts) {
        (0, n) if n > 0 => UNKNOWN.to_owned(),
        (nanos, 0) => dollars(nanos),
        (nanos, _) => format!("≥ {}", dollars(nanos)),
    }
}

/// `63.4%` of all input came from a prompt cache; nothing where there was no input.
pub fn cached(counts: &Buckets) -> String {
    counts.cached_per_mille().map(|share| format!("{}.{}%", share / 10, share % 10)).unwrap_or_default()
}

/// So much of a unit.
pub fn amount(unit: BudgetUnit, n: u64) -> String {
    match unit {
        BudgetUnit::UsdNanos => dollars(n),
        BudgetUnit::Requests => counted(n, "request"),
        BudgetUnit::Tokens => counted(n, "token"),
    }
}

/// Within which time: ` per day (Europe/Berlin)`; nothing for a whole life.
pub fn within(window: &Window) -> String {
    match window {
        Window::Lifetime => String::new(),
        Window::Rolling { seconds } => format!(" per {}", span(u64::from(*seconds) * 1_000)),
        Window::Calendar { period, time_zone } if time_zone == "UTC" => format!(" per {}", period.as_str()),
        Window::Calendar { period, time_zone } => format!(" per {} ({time_zone})", period.as_str()),
    }
}

/// `$4.20 left of $5.00 per day, all of it again in 3 h`.
pub fn budget(view: &BudgetView, now_ms: i64) -> String {
    let mut text = format!(
        "{} left of {}{}",
        amount(view.unit, view.remaining),
        amount(view.unit, view.limit),
        within(&view.window)
    );
    if let Some(at) = view.resets_ms.filter(|at| *at > now_ms && view.used > 0) {
        text += &format!(", all of it again in {}", span(at.abs_diff(now_ms)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short_and_lose_nothing_that_matters() {
        let sizes = [Some(200_000), Some(131_072), Some(1_048_576), Some(1_050_000), Some(8_191), Some(512), None];
        assert_eq!(sizes.map(size), ["200K", "128K", "1M", "1.05M", "8.19K", "512", "unknown"]);
        let counts = [0, 9_999, 12_345, 4_560_000, 12_000_000_000, u64::MAX];
        assert_eq!(counts.map(short), ["0", "9,999", "12K", "4.56M", "12G", "18446744073G"]);
        let prices = [3_000_000_000, 300_000_000, 37_500_000, 0, 1, 150_000_000_000];
        assert_eq!(prices.map(|n| price(Some(n))), ["3.00", "0.30", "0.0375", "0.00", "0.000000001", "150.00"]);
        assert_eq!(price(None), "unknown");
    }

    #[test]
    fn a_cost_without_a_price_is_not_nothing() {
        let of = |cost_nanos, unpriced_attempts| {
            cost(&UsageTotals { cost_nanos, unpriced_attempts, ..UsageTotals::default() })
        };
        assert_eq!(
            [of(0, 0), of(0, 2), of(2_000_000_000, 0), of(2_000_000_000, 1)],
            ["$0", "unknown", "$2.00", "≥ $2.00"]
        );
    }

    #[test]
    fn a_budget_says_what_is_left_and_when_it_is_full_again() {
        let mut view = BudgetView {
            unit: BudgetUnit::UsdNanos,
            limit: 5_000_000_000,
            window: Window::Rolling { seconds: 86_400 },
            used: 1,
            remaining: 4_200_000_000,
            resets_ms: Some(10_800_000),
        };
        assert_eq!(budget(&view, 0), "$4.20 left of $5.00 per 24 h, all of it again in 3 h");
        (view.used, view.window) = (0, Window::Lifetime);
        assert_eq!(budget(&view, 0), "$4.20 left of $5.00");
    }
}
