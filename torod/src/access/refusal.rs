//! What a token's holder is told when a limit stops a request: which limit, what is left, and when to come back.

use chrono::DateTime;
use tokenrouter::error::{Kind, Problem};
use tokenrouter_shared::limits::{BudgetUnit, Window};

use super::TokenEntry;
use super::bounds::span;
use super::wall::{Amounts, Moment, Purpose, Wall};

/// Requests under way give back what they do not need about so soon, in milliseconds.
const SOON_MS: u64 = 1_000;

/// The code of a budget that is used up, as OpenAI's clients know it.
pub const QUOTA: &str = "insufficient_quota";
/// The code of what passes by itself; without a time to come back, only for smaller requests.
pub const RATE: &str = "rate_limit_exceeded";

/// A wall that a request was too much for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The name of the token, where it is that of whoever asks: of those above it nothing is told.
    own: Option<Box<str>>,
    unit: BudgetUnit,
    window: Window,
    purpose: Purpose,
    limit: u64,
    used: u64,
    wanted: u64,
    /// Whether it would fit as soon as requests under way give back what they reserved.
    is_held: bool,
    /// In how many milliseconds it fits by the course of time alone.
    frees_in_ms: Option<u64>,
    now_ms: i64,
}

impl Refused {
    /// The wall of the token `at`, which stopped a request of `token` that wanted so much.
    pub fn wall(wall: &Wall, token: &TokenEntry, at: &TokenEntry, wanted: &Amounts, now: Moment) -> Self {
        let (used, wanted) = (wall.counter.used(now), wanted.of(wall.unit));
        let settled = used.saturating_sub(wall.counter.held());
        let excess = used.saturating_add(wanted).saturating_sub(wall.limit);
        let fits_ever = wanted <= wall.limit && wall.limit > 0;
        Self {
            own: (token.id == at.id).then(|| at.name.clone()),
            unit: wall.unit,
            window: wall.window.clone(),
            purpose: wall.purpose,
            limit: wall.limit,
            used,
            wanted,
            is_held: fits_ever && settled < wall.limit && settled.saturating_add(wanted) <= wall.limit,
            frees_in_ms: fits_ever.then(|| wall.counter.frees_in_ms(excess, now)).flatten(),
            now_ms: now.now_ms,
        }
    }

    /// Whether it is a rate that has no room for the request in any minute.
    fn never_fits(&self) -> bool {
        self.purpose == Purpose::Rate && self.wanted > self.limit
    }

    /// In how many milliseconds it is worth coming back; none: never.
    fn retry_ms(&self) -> Option<u64> {
        match self.frees_in_ms {
            _ if self.is_held => Some(SOON_MS),
            // What stood in the way was given back in this moment.
            None if self.purpose == Purpose::Rate && !self.never_fits() => Some(SOON_MS),
            frees_in_ms => frees_in_ms,
        }
    }

    /// Whether it stands in the way for longer than `other`.
    pub(super) fn outlasts(&self, other: &Self) -> bool {
        self.retry_ms().unwrap_or(u64::MAX) > other.retry_ms().unwrap_or(u64::MAX)
    }

    /// The same as the client is told it.
    pub fn problem(&self) -> Problem {
        let is_lifetime = self.window.is_lifetime();
        let retry_ms = self.retry_ms();
        let (code, status) = match self.purpose {
            Purpose::Rate => (RATE, 429),
            Purpose::Budget if self.is_held => (RATE, 429),
            Purpose::Budget if is_lifetime && self.unit == BudgetUnit::UsdNanos => (QUOTA, 402),
            Purpose::Budget => (QUOTA, 429),
        };
        let mut message = self.message();
        if let Some(free_ms) = self.frees_in_ms.filter(|_| !self.is_held && self.purpose == Purpose::Budget) {
            message.push_str(&format!("; there is room again at {}", told(self.now_ms, free_ms)));
        }
        let limit = match (self.purpose, self.unit) {
            (Purpose::Rate, BudgetUnit::Requests) => "token/requests_per_minute",
            (Purpose::Rate, _) => "token/tokens_per_minute",
            (Purpose::Budget, BudgetUnit::UsdNanos) => "token/budget_usd",
            (Purpose::Budget, BudgetUnit::Tokens) => "token/budget_tokens",
            (Purpose::Budget, BudgetUnit::Requests) => "token/budget_requests",
        };
        let problem = Problem::new(Kind::RateLimited, code, message, self.advice()).with_status(status).of_limit(limit);
        let seconds = |ms: u64| u32::try_from(ms.div_ceil(1_000).max(1)).unwrap_or(u32::MAX);
        match retry_ms {
            Some(ms) => problem.retry_after(seconds(ms)),
            None => problem,
        }
    }

    fn message(&self) -> String {
        let Some(name) = &self.own else {
            return match self.purpose {
                Purpose::Rate if self.never_fits() => {
                    "this request may need more than a rate limit of the token above this one ever lets through"
                        .to_owned()
                }
                Purpose::Rate => "a rate limit of the token above this one is reached".to_owned(),
                Purpose::Budget if self.is_held => {
                    "requests under way have reserved what is left of a budget of the token above this one".to_owned()
                }
                Purpose::Budget if self.used < self.limit => {
                    "a budget of the token above this one has too little room for what this request may need".to_owned()
                }
                Purpose::Budget => "a budget of the token above this one is used up".to_owned(),
            };
        };
        let amount = |amount: u64| amount_of(self.unit, amount);
        let left = self.limit.saturating_sub(self.used);
        if self.never_fits() {
            let wanted = amount(self.wanted);
            return format!(
                "this request may need {wanted}, more than the {} a minute of the token \"{name}\"",
                self.limit
            );
        }
        if self.purpose == Purpose::Rate {
            return format!("the token \"{name}\" may have {} a minute; {} are left now", amount(self.limit), left);
        }
        let budget = format!("{} of the token \"{name}\"", named(&self.window, &amount(self.limit)));
        if self.wanted > self.limit && self.limit > 0 {
            return format!("this request may need {}, which is more than {budget}", amount(self.wanted));
        }
        if self.is_held {
            return format!("requests under way have reserved what is left of {budget}");
        }
        if left == 0 {
            return format!("{budget} is used up");
        }
        format!("{budget} has {} left, and this request may need {}", amount(left), amount(self.wanted))
    }

    fn advice(&self) -> &'static str {
        match (self.purpose, self.is_held) {
            (Purpose::Rate, _) if self.never_fits() => {
                "Ask for a shorter answer (`max_tokens`), or have whoever gave you the token raise the limit."
            }
            (Purpose::Rate, _) => "Wait as long as Retry-After says.",
            (Purpose::Budget, true) => "Try again in a moment.",
            (Purpose::Budget, false) if self.used < self.limit && self.wanted > 1 => {
                "Ask for a shorter answer (`max_tokens`), or have whoever gave you the token raise the budget."
            }
            (Purpose::Budget, false) if self.frees_in_ms.is_some() => {
                "Wait until then, or have whoever gave you the token raise the budget."
            }
            (Purpose::Budget, false) => "Have whoever gave you the token raise the budget, or use another token.",
        }
    }
}

/// As many requests at the same time as there may be, of `at`, which stopped a request of `token`.
pub fn concurrent(token: &TokenEntry, at: &TokenEntry, limit: usize) -> Problem {
    let message = if token.id == at.id {
        format!("the token \"{}\" may have {limit} requests under way, and they are", at.name)
    } else {
        "as many requests are under way as the token above this one may have".to_owned()
    };
    Problem::new(Kind::RateLimited, RATE, message, "Wait until one of them has ended.")
        .retry_after(1)
        .of_limit("token/concurrent")
}

/// `2026-12-01 00:00:00 UTC`, so many milliseconds from `now_ms` on.
fn told(now_ms: i64, in_ms: u64) -> String {
    let at = now_ms.saturating_add(i64::try_from(in_ms).unwrap_or(i64::MAX));
    // Rounded up, so that it is not too early.
    let seconds = at.saturating_add(999).div_euclid(1_000);
    DateTime::from_timestamp(seconds, 0)
        .map_or_else(|| "a time that is far away".to_owned(), |at| at.format("%Y-%m-%d %H:%M:%S UTC").to_string())
}

/// A budget of `amount` in its window: `the lifetime budget of $5.00`, `the budget of 1 request in 24 h`.
fn named(window: &Window, amount: &str) -> String {
    match window {
        Window::Lifetime => format!("the lifetime budget of {amount}"),
        Window::Rolling { seconds } => format!("the budget of {amount} in {}", span(*seconds)),
        Window::Calendar { period, time_zone } => {
            format!("the budget of {amount} a {} ({time_zone})", period.as_str())
        }
    }
}

/// `12 requests`, `1000 LLM tokens`, `$0.0042`: to the last digit.
pub fn amount_of(unit: BudgetUnit, amount: u64) -> String {
    match unit {
        BudgetUnit::Requests if amount == 1 => "1 request".to_owned(),
        BudgetUnit::Requests => format!("{amount} requests"),
        BudgetUnit::Tokens => format!("{amount} LLM tokens"),
        BudgetUnit::UsdNanos => dollars(amount),
    }
}

/// All digits that mean something, and two at least.
pub fn dollars(nanos: u64) -> String {
    let digits = format!("{:09}", nanos % 1_000_000_000);
    let short = digits.trim_end_matches('0');
    format!("${}.{short:0<2}", nanos / 1_000_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(unit: BudgetUnit, window: Window) -> Refused {
        Refused {
            own: Some("ci".into()),
            unit,
            window,
            purpose: Purpose::Budget,
            limit: 5_000_000_000,
            used: 4_880_000_000,
            wanted: 300_000_000,
            is_held: false,
            frees_in_ms: None,
            now_ms: 1_796_000_000_000,
        }
    }

    #[test]
    fn a_refusal_says_what_is_left_and_when_it_is_more() {
        let life = refused(BudgetUnit::UsdNanos, Window::Lifetime);
        let problem = life.problem();
        assert_eq!((problem.status, problem.code, problem.retry_after_s), (Some(402), QUOTA, None));
        assert_eq!(
            problem.message,
            "the lifetime budget of $5.00 of the token \"ci\" has $0.12 left, and this request may need $0.30"
        );
        let window = Window::Rolling { seconds: 3_600 };
        let rolling = Refused { used: 5_000_000_000, frees_in_ms: Some(61_001), ..refused(BudgetUnit::Tokens, window) };
        let problem = rolling.problem();
        assert_eq!((problem.status, problem.code, problem.retry_after_s), (Some(429), QUOTA, Some(62)));
        assert_eq!(
            problem.message,
            "the budget of 5000000000 LLM tokens in 1 h of the token \"ci\" is used up; \
             there is room again at 2026-11-30 00:54:22 UTC"
        );
        let held = Refused { is_held: true, ..life.clone() };
        assert_eq!(
            (held.problem().status, held.problem().code, held.problem().retry_after_s),
            (Some(429), RATE, Some(1))
        );
        let never = Refused { wanted: 6_000_000_000, ..life.clone() };
        assert!(
            never.problem().message.starts_with("this request may need $6.00, which is more than the lifetime budget")
        );
        let above = Refused { own: None, ..life };
        let problem = above.problem();
        assert_eq!(
            problem.message,
            "a budget of the token above this one has too little room for what this request may need"
        );
        assert!(problem.advice.contains("`max_tokens`"), "{}", problem.advice);
        let empty = Refused { used: 5_000_000_000, ..above };
        assert_eq!(empty.problem().message, "a budget of the token above this one is used up");
        assert!(!empty.problem().advice.contains("max_tokens"));
    }

    #[test]
    fn a_rate_that_a_request_can_never_fit_asks_for_no_waiting() {
        let rate = Refused {
            purpose: Purpose::Rate,
            limit: 100,
            used: 0,
            wanted: 4_107,
            ..refused(BudgetUnit::Tokens, Window::Rolling { seconds: 60 })
        };
        let problem = rate.problem();
        assert_eq!((problem.status, problem.code, problem.retry_after_s), (Some(429), RATE, None));
        assert_eq!(
            problem.message,
            "this request may need 4107 LLM tokens, more than the 100 a minute of the token \"ci\""
        );
        assert!(problem.advice.contains("`max_tokens`"), "{}", problem.advice);
        let above = Refused { own: None, ..rate.clone() }.problem();
        assert!(above.message.contains("above this one") && !above.message.contains("100"), "{}", above.message);
        let fits = Refused { used: 100, wanted: 9, frees_in_ms: Some(7_000), ..rate.clone() }.problem();
        assert_eq!((fits.retry_after_s, &*fits.advice), (Some(7), "Wait as long as Retry-After says."));
        assert_eq!(Refused { wanted: 9, ..rate }.problem().retry_after_s, Some(1), "it was free a moment later");
    }

    #[test]
    fn money_is_told_to_the_last_digit() {
        for (nanos, text) in [(0, "$0.00"), (1, "$0.000000001"), (120_000_000, "$0.12"), (12_345_000_000, "$12.345")] {
            assert_eq!(dollars(nanos), text);
        }
    }
}
