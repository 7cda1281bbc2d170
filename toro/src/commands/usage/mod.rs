//! `toro usage`: what the stored token and those below it have used.

mod plot;
mod table;

use clap::{Args, ValueEnum};
use tokenrouter_shared::usage_of::{UsageGroup, UsageOf};

use super::Context;
use crate::client::{block_on, escape};
use crate::exit::{Exit, Failure};
use crate::printer::time::Zone;

/// Show what your token and those below it have used.
///
/// Days are those of this machine's time zone. `week` begins on Monday, `month` on the first.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  toro usage\n  toro usage today --by model\n  toro usage month --by run\n  toro usage week --model gpt-5.5 --label '!team=search'\n  \
                  toro usage --since 2026-11-01 --until 2026-11-15 --csv > usage.csv\n  toro usage --since 36h --by session --json"
)]
pub struct Usage {
    /// Which span [default: the last seven days].
    #[arg(value_enum, value_name = "SPAN", conflicts_with_all = ["since", "until"])]
    span: Option<Span>,
    /// From when on: 2026-11-01, 2026-11-01T14:00, or so long ago as 36h or 7d.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Until when; a day is counted to its end [default: now].
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// What the lines are.
    #[arg(long, value_name = "WHAT", default_value = "day")]
    by: UsageGroup,
    /// Only of this token below yours, gone or not, by its id or name; for an admin any, or '*' for all.
    #[arg(long, value_name = "WHICH")]
    token: Option<String>,
    /// Only of this provider. Each of these can be named again; `!` in front of a value leaves it out.
    #[arg(long, value_name = "NAME")]
    provider: Vec<String>,
    /// Only of this model, as it was sent to the provider.
    #[arg(long, value_name = "NAME")]
    model: Vec<String>,
    /// Only of this run, by its id.
    #[arg(long, value_name = "ID")]
    run: Vec<String>,
    /// Only of this conversation, by the agent's own id.
    #[arg(long, value_name = "ID")]
    session: Vec<String>,
    /// Only of this program, such as codex.
    #[arg(long, value_name = "NAME")]
    agent: Vec<String>,
    /// Only of tokens with this label.
    #[arg(long, value_name = "KEY=VALUE")]
    label: Vec<String>,
    /// Only those that ended so: `ok`, `client_abort`, `upstream_error`, `timeout`, `connect_failed`, `cut`, `refused`.
    #[arg(long, value_name = "WORD")]
    outcome: Vec<String>,
    /// So many lines at most, the dearest first; days are always all there.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000), default_value = "50")]
    limit: u32,
    /// By whose clocks days are told [default: this machine's].
    #[arg(long, value_name = "ZONE")]
    time_zone: Option<String>,
    /// Print comma-separated values.
    #[arg(long)]
    csv: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Span {
    Today,
    Yesterday,
    Week,
    Month,
}

impl Usage {
    /// Shows it.
    pub fn run(&self, context: &Context) -> Result<Exit, Failure> {
        if self.csv && context.printer.is_json() {
            return Err(Failure::unclear("--csv and --json are two forms of one thing", "Leave one of them out."));
        }
        let zone = match &self.time_zone {
            None => Zone::here(),
            Some(name) => Zone::named(name).ok_or_else(|| {
                Failure::unclear(
                    "this machine knows no such time zone",
                    "Write one such as Europe/Berlin or UTC; where it knows none, install tzdata.",
                )
            })?,
        };
        let (since_ms, until_ms) = self.span(&zone, context.clock.now_ms())?;
        let mut path = format!(
            "/admin/api/me/usage?by={}&since_ms={since_ms}&until_ms={until_ms}&time_zone={}&limit={}",
            self.by,
            escape(zone.name()),
            self.limit
        );
        if let Some(token) = &self.token {
            path += &format!("&token={}", escape(token));
        }
        path += &self.filters();
        let client = context.client()?;
        let of: UsageOf = block_on(client.get(&path))??;
        if context.printer.is_json() {
            context.printer.json(&of)?;
        } else if self.csv {
            context.printer.bytes(table::csv(&of).as_bytes())?;
        } else {
            table::print(context, &of, &zone)?;
        }
        Ok(Exit::Done)
    }

    /// What is looked at and what is left out, as the query says it.
    fn filters(&self) -> String {
        let all = [
            ("provider", &self.provider),
            ("model", &self.model),
            ("run", &self.run),
            ("session", &self.session),
            ("agent", &self.agent),
            ("label", &self.label),
            ("outcome", &self.outcome),
        ];
        let one = |name: &str, value: &str| match value.strip_prefix('!') {
            Some(value) => format!("&not_{name}={}", escape(value)),
            None => format!("&{name}={}", escape(value)),
        };
        all.into_iter().flat_map(|(name, values)| values.iter().map(move |value| one(name, value))).collect()
    }

    /// From when to when, in milliseconds since 1970.
    fn span(&self, zone: &Zone, now_ms: i64) -> Result<(i64, i64), Failure> {
        const EXAMPLES: &str = "Write 2026-11-01, 2026-11-01T14:00, or so long ago as 36h or 7d.";
        let read = |flag: &str, text: &str, is_end| {
            zone.read(text, now_ms, is_end).filter(|ms| *ms >= 0).ok_or_else(|| {
                Failure::unclear(format!("`{}` after {flag} is no time", crate::printer::plain(text)), EXAMPLES)
            })
        };
        let now = now_ms.saturating_add(1);
        let told = match self.span {
            Some(Span::Today) => (zone.day(now_ms, 0), Some(now)),
            Some(Span::Yesterday) => (zone.day(now_ms, 1), zone.day(now_ms, 0)),
            Some(Span::Week) => (zone.week(now_ms), Some(now)),
            Some(Span::Month) => (zone.month(now_ms), Some(now)),
            None => {
                let until = self.until.as_deref().map_or(Ok(now), |text| read("--until", text, true))?;
                let since = match &self.since {
                    Some(text) => Some(read("--since", text, false)?),
                    None => zone.day(until.saturating_sub(1), 6),
                };
                (since, Some(until))
            }
        };
        let (Some(since), Some(until)) = told else {
            return Err(Failure::failed("this machine's clock cannot be right", "Set it."));
        };
        if since >= until {
            return Err(Failure::unclear("the span ends before it begins", EXAMPLES));
        }
        Ok((since, until))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Words {
        #[command(flatten)]
        usage: Usage,
    }

    /// Thursday, 2026-11-19 15:00 UTC.
    const NOW: i64 = 1_795_100_400_000;

    fn told(words: &str) -> String {
        let zone = Zone::named("UTC").unwrap();
        let words = std::iter::once("x").chain(words.split(' ').filter(|word| !word.is_empty()));
        let usage = Words::try_parse_from(words).unwrap().usage;
        match usage.span(&zone, NOW) {
            Ok((since, until)) => format!("{} – {}", zone.minute(since), zone.minute(until)),
            Err(failure) => failure.message,
        }
    }

    #[test]
    fn filters_choose_and_leave_out() {
        let usage =
            Words::try_parse_from(["x", "--model", "a/b", "--model", "!c d", "--label", "team=x"]).unwrap().usage;
        assert_eq!(usage.filters(), "&model=a%2Fb&not_model=c%20d&label=team%3Dx");
    }

    #[test]
    fn spans_are_what_their_words_say() {
        for (words, expected) in [
            ("", "2026-11-13 00:00 – 2026-11-19 15:00"),
            ("today", "2026-11-19 00:00 – 2026-11-19 15:00"),
            ("yesterday", "2026-11-18 00:00 – 2026-11-19 00:00"),
            ("week", "2026-11-16 00:00 – 2026-11-19 15:00"),
            ("month", "2026-11-01 00:00 – 2026-11-19 15:00"),
            ("--since 2026-10-01 --until 2026-10-31", "2026-10-01 00:00 – 2026-11-01 00:00"),
            ("--until 2026-10-31", "2026-10-25 00:00 – 2026-11-01 00:00"),
            ("--since 36h", "2026-11-18 03:00 – 2026-11-19 15:00"),
            ("--since 2026-11-20", "the span ends before it begins"),
            ("--since soon", "`soon` after --since is no time"),
        ] {
            assert_eq!(told(words), expected, "{words}");
        }
        assert!(Words::try_parse_from(["x", "week", "--since", "7d"]).is_err());
    }
}
