//! Which usage is asked for, as it is typed: the span, the time zone, and what is left out.

use clap::{Arg, ArgAction, ArgMatches, Args, Command, Error, FromArgMatches};

use crate::calendar::Zone;
use crate::reports::asked::{Asked, Choice, Grouping};
use crate::reports::span::{EXAMPLES, MOMENTS, Span, moment};
use crate::telemetry::plain::plain;

/// Span, zone and filters; the same for every report.
#[derive(Debug, Args)]
pub(super) struct Which {
    /// Which span: today, yesterday, week, last-week, month, last-month, 24h, 7d, 2026-11-01 or 2026-11-01..2026-11-15.
    #[arg(value_name = "SPAN", conflicts_with_all = ["since", "until"])]
    span: Option<String>,
    /// From when on: today, 24h, 7d, 2026-11-01 or 2026-11-01T14:30.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Until when; a day is counted to its end [default: now].
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    #[command(flatten)]
    place: Place,
}

/// Zone and filters, where the span is settled.
#[derive(Debug, Args)]
pub(super) struct Place {
    /// By whose clocks days are told, such as Europe/Berlin [default: this machine's].
    #[arg(long, value_name = "ZONE")]
    zone: Option<String>,
    #[command(flatten)]
    filters: Filters,
}

impl Place {
    /// The question over the span that `word` names.
    pub(super) fn asked(&self, word: &str, now_ms: i64) -> anyhow::Result<Asked> {
        let zone = self.zone()?;
        let span =
            Span::named(word, &zone, now_ms).ok_or_else(|| anyhow::anyhow!("this machine's clock cannot be right"))?;
        Ok(Asked { span, zone, choices: self.filters.0.clone() })
    }

    /// By whose clocks days are told.
    pub(super) fn zone(&self) -> anyhow::Result<Zone> {
        zone(self.zone.as_deref())
    }
}

/// The time zone of this name; without one, this machine's.
pub(super) fn zone(name: Option<&str>) -> anyhow::Result<Zone> {
    let Some(name) = name else { return Ok(Zone::here()) };
    Zone::named(name)
        .ok_or_else(|| anyhow::anyhow!("`{}` is no time zone; write one such as Europe/Berlin or UTC", plain(name)))
}

impl Which {
    /// The span, which is `default` where none is named.
    fn span(&self, default: &str, zone: &Zone, now_ms: i64) -> anyhow::Result<Span> {
        let read = |flag: &str, text: &str, is_end| {
            moment(text, zone, now_ms, is_end)
                .ok_or_else(|| anyhow::anyhow!("`{flag} {}` is no time; write {MOMENTS}", plain(text)))
        };
        if self.since.is_none() && self.until.is_none() {
            let text = self.span.as_deref().unwrap_or(default);
            return Span::named(text, zone, now_ms).ok_or_else(|| {
                let text = plain(text);
                anyhow::anyhow!("`{text}` is no span of time that has begun; write {EXAMPLES}")
            });
        }
        let until_ms = match &self.until {
            None => now_ms.saturating_add(1),
            Some(text) => read("--until", text, true)?.min(now_ms.saturating_add(1)),
        };
        let since_ms = match &self.since {
            None => 0,
            Some(text) => read("--since", text, false)?,
        };
        if since_ms >= until_ms {
            anyhow::bail!("the span ends before it begins: --since lies before --until, and before now");
        }
        Ok(Span::between(since_ms, until_ms))
    }

    /// The question, without what it is grouped by.
    pub(super) fn asked(&self, default: &str, now_ms: i64) -> anyhow::Result<Asked> {
        let zone = self.place.zone()?;
        let span = self.span(default, &zone, now_ms)?;
        Ok(Asked { span, zone, choices: self.place.filters.0.clone() })
    }

    /// The span in words, for people.
    pub(super) fn words(&self, default: &str) -> String {
        match (&self.span, &self.since, &self.until) {
            (Some(span), ..) => span.clone(),
            (None, None, None) => default.to_owned(),
            (None, since, until) => {
                let words = [("since", since), ("until", until)];
                let told = words.into_iter().filter_map(|(word, text)| Some(format!("{word} {}", text.as_deref()?)));
                told.collect::<Vec<_>>().join(" ")
            }
        }
    }
}

/// What is looked at, and what is left out.
#[derive(Clone, Debug, Default)]
struct Filters(Vec<Choice>);

/// Every filter: its name, the name that leaves out, and what it takes.
const NAMES: [(&str, &str, &str, &str); 18] = [
    (
        "provider",
        "not-provider",
        "NAME",
        "Only of this provider; each filter can be named again, and `!` in front leaves out",
    ),
    ("model", "not-model", "NAME", "Only of this model, as it was sent upstream"),
    ("model-asked", "not-model-asked", "NAME", "Only of this model, as the client asked for it"),
    ("token", "not-token", "WHICH", "Only of this token and those below it, by id or name, gone or not"),
    ("own-token", "not-own-token", "WHICH", "Only of this token itself, without those below it"),
    ("run", "not-run", "WHICH", "Only of this run, by its id"),
    ("session", "not-session", "ID", "Only of this conversation of an agent, by its own id"),
    ("agent", "not-agent", "NAME", "Only of this program, such as codex"),
    ("label", "not-label", "KEY=VALUE", "Only of tokens with this label"),
    ("address", "not-address", "IP", "Only from this address"),
    ("user-agent", "not-user-agent", "TEXT", "Only of this client, as it calls itself"),
    ("credential", "not-credential", "NAME", "Only with this key of a provider, by its label"),
    ("surface", "not-surface", "NAME", "Only chat, responses, messages, embeddings, …"),
    ("protocol", "not-protocol", "NAME", "Only of clients that speak openai, responses, anthropic, gemini or cohere"),
    ("status", "not-status", "CODE", "Only with this HTTP status"),
    (
        "outcome",
        "not-outcome",
        "WORD",
        "Only those that ended so: ok, client_abort, upstream_error, timeout, connect_failed, cut, refused",
    ),
    ("error-class", "not-error-class", "WORD", "Only failures of this class"),
    ("stream", "not-stream", "true|false", "Only answers that were streamed, or not"),
];

impl FromArgMatches for Filters {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let mut choices = Vec::new();
        for (name, not, _, _) in NAMES {
            for (id, is_not) in [(name, false), (not, true)] {
                for text in matches.get_many::<String>(id).into_iter().flatten() {
                    let (text, is_not) = match text.strip_prefix('!') {
                        Some(rest) if !is_not => (rest, true),
                        _ => (text.as_str(), is_not),
                    };
                    let choice = Choice::typed(name, text, is_not);
                    choices
                        .push(choice.map_err(|why| Error::raw(clap::error::ErrorKind::ValueValidation, why + "\n"))?);
                }
            }
        }
        Ok(Self(choices))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for Filters {
    fn augment_args(mut command: Command) -> Command {
        for (name, not, value, help) in NAMES {
            let one =
                |name| Arg::new(name).long(name).value_name(value).action(ArgAction::Append).help_heading("Filters");
            command = command.arg(one(name).help(help)).arg(one(not).hide(true));
        }
        command
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

/// `provider`, `model,token`, `day`: what lines stand for, and how long a stretch of time is.
pub(super) fn grouping(words: &[String]) -> anyhow::Result<Grouping> {
    let words: Vec<&str> = words.iter().flat_map(|word| word.split(',')).map(str::trim).collect();
    Grouping::typed(&words).map_err(|why| anyhow::anyhow!(why))
}
