//! Budgets as people type them: `5usd`, `100usd/month@Europe/Berlin`, `1000req/24h`, `2Mtok/day`.

use crate::limits::{Budget, BudgetUnit, MAX_LIMIT, Period, Window};
use crate::money::{DOLLAR_PLACES, scaled};

/// The grammar, for help texts.
pub const GRAMMAR: &str = "Budgets: AMOUNT, then what is counted (usd, req or tok), then, if it is not for the whole life, `/` and a time:\n  \
    --budget 5usd                        5 US dollars in all\n  \
    --budget 100usd/month@Europe/Berlin  100 dollars each calendar month, by the clocks of Berlin (without @: UTC)\n  \
    --budget 2Mtok/day                   2 million tokens, in and out, each calendar day; also hour and week\n  \
    --budget 1000req/24h                 1000 requests within the last 24 hours, whenever that is; also s, m and d\n\
    Several hold at the same time. A token is also bound by the limits of every token above it.\n\
    Patterns for --allow and --deny: `*` stands for any characters; compared with the name asked for and with provider/model.";

const EXAMPLES: &str = "write 5usd, 100usd/month@Europe/Berlin, 2Mtok/day or 1000req/24h";

const UNITS: [(&str, BudgetUnit); 8] = [
    ("requests", BudgetUnit::Requests),
    ("request", BudgetUnit::Requests),
    ("req", BudgetUnit::Requests),
    ("tokens", BudgetUnit::Tokens),
    ("token", BudgetUnit::Tokens),
    ("tok", BudgetUnit::Tokens),
    ("usd", BudgetUnit::UsdNanos),
    ("USD", BudgetUnit::UsdNanos),
];

/// Reads a budget.
pub fn parse(text: &str) -> Result<Budget, String> {
    let said = |why: &str| format!("{why}; {EXAMPLES}");
    let (amount, window) = match text.split_once('/') {
        Some((amount, window)) => (amount.trim(), Some(window.trim())),
        None => (text.trim(), None),
    };
    let unit = UNITS.iter().find_map(|(word, unit)| Some((amount.strip_suffix(word)?, *unit)));
    let (number, unit) = match (unit, amount.strip_prefix('$')) {
        (None, Some(number)) => (number, BudgetUnit::UsdNanos),
        (Some((number, unit)), _) => (number.trim_end(), unit),
        (None, None) => return Err(said("it does not end in usd, req or tok")),
    };
    let places = if unit == BudgetUnit::UsdNanos { DOLLAR_PLACES } else { 0 };
    let limit = scaled(number, places).ok_or_else(|| said(&format!("`{number}` is no amount")))?;
    if limit > MAX_LIMIT {
        return Err(said("that is more than can be counted"));
    }
    let window = match window {
        None => Window::Lifetime,
        Some(window) => window_of(window).ok_or_else(|| said(&format!("`{window}` is no time")))?,
    };
    Ok(Budget { unit, limit, window })
}

fn window_of(text: &str) -> Option<Window> {
    let (name, zone) = text.split_once('@').map_or((text, None), |(name, zone)| (name, Some(zone)));
    if let Some(period) = Period::ALL.into_iter().find(|period| period.as_str() == name) {
        return Some(Window::Calendar { period, time_zone: zone.unwrap_or("UTC").to_owned() });
    }
    let units = [('s', 1), ('m', 60), ('h', 3_600), ('d', 86_400)];
    let (unit, seconds) = units.into_iter().find(|(unit, _)| name.ends_with(*unit))?;
    let number: u32 = name.strip_suffix(unit).filter(|digits| is_digits(digits))?.parse().ok()?;
    let seconds = number.checked_mul(seconds).filter(|seconds| *seconds > 0 && zone.is_none())?;
    Some(Window::Rolling { seconds })
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_meant_is_refused_with_examples() {
        for text in [
            "",
            "5",
            "usd",
            "5eur",
            "-5usd",
            "5.usd",
            ".5usd",
            "1.5req",
            "0.0000000001usd",
            "5usd/",
            "5usd/year",
            "5usd/24h@Europe/Berlin",
            "5usd/0s",
            "5usd/-1h",
            "1e3req",
            "99999999999Gusd",
            "5usd/99999999999d",
            "5 5usd",
            "1.5.5usd",
            "٣usd",
            "$5req/day/day",
        ] {
            let refused = parse(text).unwrap_err();
            assert!(refused.ends_with(EXAMPLES), "{text}: {refused}");
        }
    }
}
