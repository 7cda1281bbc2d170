//! What a run may do, as it is typed: `--ttl 8h --budget 5 --models 'openai/*'`.

use clap::Args;
use tokenrouter_shared::Labels;
use tokenrouter_shared::label::check_labels;
use tokenrouter_shared::limits::{Budget, BudgetUnit, Limits, MAX_LIMIT, ModelRights, Window};
use tokenrouter_shared::money::{DOLLAR_PLACES, scaled};

use crate::exit::Failure;

/// A run lives so long where nobody said otherwise.
pub const USUAL_TTL_MS: i64 = 8 * 3_600_000;
/// The longest life, in milliseconds: a hundred years.
const MAX_TTL_MS: i64 = 100 * 365 * 86_400_000;

/// What a run may do. Stands before the agent's name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
#[command(next_help_heading = "A run's token (before the agent's name)")]
pub struct RunFlags {
    /// How long the run's token lives at most, such as 30m, 8h or 2d [default: 8h, or as long as your own token].
    #[arg(long, value_name = "TIME", value_parser = ttl_ms, allow_hyphen_values = true)]
    pub ttl: Option<i64>,
    /// What the run may cost, in US dollars: 5, 0.50.
    #[arg(long, value_name = "USD", value_parser = dollars, allow_hyphen_values = true)]
    pub budget: Option<u64>,
    /// How many requests the run may make.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=MAX_LIMIT))]
    pub max_requests: Option<u64>,
    /// Which models the run may use: names or patterns such as 'openai/*', separated by commas.
    #[arg(long, value_name = "PATTERNS", value_delimiter = ',')]
    pub models: Vec<String>,
    /// What the run is called in reports [default: the agent and the folder].
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// A label for reports, besides agent, repository, branch and host; may be given several times.
    #[arg(long, value_name = "KEY=VALUE", value_parser = label)]
    pub label: Vec<(String, String)>,
    /// The model: any model or alias of the gateway; opus=NAME, sonnet=NAME, haiku=NAME … for an agent's slots.
    #[arg(long, value_name = "MODEL")]
    pub model: Vec<String>,
    /// Put a door on 127.0.0.1 between agent and gateway: for agents that take https or localhost alone. The agent then
    /// never sees the run's real token.
    #[arg(long)]
    pub forward: bool,
    /// Run with the stored token itself instead of one of its own: for tokens that cannot make others.
    #[arg(long)]
    pub own_token: bool,
    /// The run's token ends so many seconds after its last sign of life: longer for machines that sleep [default: 60].
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(15..=3600))]
    pub lease: Option<u32>,
}

impl RunFlags {
    /// These, and where they say nothing, those of `outer`.
    #[must_use]
    pub fn over(self, outer: &Self) -> Self {
        let join = |inner: Vec<String>, outer: &Vec<String>| if inner.is_empty() { outer.clone() } else { inner };
        Self {
            ttl: self.ttl.or(outer.ttl),
            budget: self.budget.or(outer.budget),
            max_requests: self.max_requests.or(outer.max_requests),
            models: join(self.models, &outer.models),
            name: self.name.or_else(|| outer.name.clone()),
            label: outer.label.iter().cloned().chain(self.label).collect(),
            model: join(self.model, &outer.model),
            forward: self.forward || outer.forward,
            own_token: self.own_token || outer.own_token,
            lease: self.lease.or(outer.lease),
        }
    }

    /// The first flag that was given and means nothing to a command that starts no run.
    pub fn first_given(&self) -> Option<&'static str> {
        let given = [
            (self.ttl.is_some(), "--ttl"),
            (self.budget.is_some(), "--budget"),
            (self.max_requests.is_some(), "--max-requests"),
            (!self.models.is_empty(), "--models"),
            (self.name.is_some(), "--name"),
            (!self.label.is_empty(), "--label"),
            (!self.model.is_empty(), "--model"),
            (self.forward, "--forward"),
            (self.own_token, "--own-token"),
            (self.lease.is_some(), "--lease"),
        ];
        given.into_iter().find(|(is_given, _)| *is_given).map(|(_, flag)| flag)
    }

    /// The first flag that only a token of the run's own can keep.
    pub fn limiting(&self) -> Option<&'static str> {
        let given = [
            (self.ttl.is_some(), "--ttl"),
            (self.budget.is_some(), "--budget"),
            (self.max_requests.is_some(), "--max-requests"),
            (!self.models.is_empty(), "--models"),
        ];
        given.into_iter().find(|(is_given, _)| *is_given).map(|(_, flag)| flag)
    }

    /// What the run's token may use up.
    pub fn limits(&self) -> Result<Limits, Failure> {
        let of = |unit, limit: Option<u64>| limit.map(|limit| Budget { unit, limit, window: Window::Lifetime });
        let budgets = [of(BudgetUnit::UsdNanos, self.budget), of(BudgetUnit::Requests, self.max_requests)];
        let allow = self.models.iter().map(|pattern| pattern.trim().to_owned()).filter(|p| !p.is_empty()).collect();
        let limits = Limits {
            budgets: budgets.into_iter().flatten().collect(),
            models: ModelRights { allow, deny: Vec::new() },
            ..Limits::default()
        };
        limits.check().map_err(|e| Failure::unclear(e.to_string(), e.advice()))?;
        Ok(limits)
    }

    /// The labels that were typed.
    pub fn labels(&self) -> Result<Labels, Failure> {
        let labels: Labels = self.label.iter().cloned().collect();
        check_labels(&labels).map_err(|e| Failure::unclear(e.to_string(), e.advice()))?;
        Ok(labels)
    }
}

/// `30s`, `45m`, `8h`, `2d`, `1h30m`, in milliseconds.
pub fn ttl_ms(text: &str) -> Result<i64, String> {
    const EXAMPLES: &str = "write a time such as 45m, 8h, 1h30m or 2d";
    if text.trim_start().starts_with('-') {
        return Err(format!("a token cannot end before it begins; {EXAMPLES}"));
    }
    let mut total: i64 = 0;
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(EXAMPLES.to_owned());
    }
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, after) = rest.split_at(digits);
        let unit = after.len() - after.trim_start_matches(|c: char| c.is_ascii_alphabetic()).len();
        let (unit, after) = after.split_at(unit);
        let unit_ms: i64 = match unit {
            "s" => 1_000,
            "m" | "min" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "" if number == "0" => 1,
            _ => return Err(EXAMPLES.to_owned()),
        };
        let part = number.parse::<i64>().ok().and_then(|n| n.checked_mul(unit_ms));
        total = part.and_then(|part| total.checked_add(part)).filter(|ms| *ms <= MAX_TTL_MS).ok_or_else(|| {
            if number.is_empty() {
                EXAMPLES.to_owned()
            } else {
                format!("that is more than a hundred years; {EXAMPLES}")
            }
        })?;
        rest = after;
    }
    if total == 0 { Err(format!("a token that lives for no time opens nothing; {EXAMPLES}")) } else { Ok(total) }
}

/// `5`, `$5`, `0.50`, `5usd`, in nano-dollars.
pub fn dollars(text: &str) -> Result<u64, String> {
    const EXAMPLES: &str = "write dollars such as 5 or 0.50";
    let number = text.trim();
    let number = number.strip_prefix('$').unwrap_or(number);
    let number = ["usd", "USD"].iter().find_map(|unit| number.strip_suffix(unit)).unwrap_or(number).trim();
    match scaled(number, DOLLAR_PLACES) {
        Some(0) => Err(format!("with nothing to spend no request is possible; {EXAMPLES}")),
        Some(nanos) if nanos <= MAX_LIMIT => Ok(nanos),
        Some(_) => Err(format!("that is more than can be counted; {EXAMPLES}")),
        None => Err(EXAMPLES.to_owned()),
    }
}

/// `key=value`.
pub(crate) fn label(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("write KEY=VALUE, such as team=search")?;
    Ok((key.trim().to_owned(), value.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_and_impossible_ones_are_explained() {
        let good = [("45m", 2_700_000), ("8h", 28_800_000), ("1h30m", 5_400_000), ("2d", 172_800_000), ("90s", 90_000)];
        for (text, ms) in good {
            assert_eq!(ttl_ms(text), Ok(ms), "{text}");
        }
        for text in ["", "0", "0h", "-1h", "-5m", "8", "h", "8 h x", "1.5h", "99999999999999999999h", "40000d", "8H"] {
            let why = ttl_ms(text).unwrap_err();
            assert!(why.contains("such as 45m"), "{text}: {why}");
        }
    }

    #[test]
    fn dollars_are_read_exactly() {
        for (text, nanos) in [("5", 5_000_000_000), ("$0.50", 500_000_000), ("0.000000001", 1), ("2usd", 2_000_000_000)]
        {
            assert_eq!(dollars(text), Ok(nanos), "{text}");
        }
        for text in ["", "0", "-5", "5eur", "0.0000000001", "1e3", "99999999999"] {
            assert!(dollars(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_said_nearer_to_the_command_holds() {
        let outer =
            RunFlags { ttl: Some(1), budget: Some(2), label: vec![("a".into(), "1".into())], ..RunFlags::default() };
        let inner = RunFlags { ttl: Some(3), label: vec![("a".into(), "2".into())], ..RunFlags::default() };
        let both = inner.over(&outer);
        assert_eq!((both.ttl, both.budget), (Some(3), Some(2)));
        assert_eq!(both.labels().unwrap(), [("a".to_owned(), "2".to_owned())].into());
    }
}
