//! `/admin/api/usage…`: reports for admins, and for keymasters about what lies below them.

pub mod cache;
pub mod dimensions;
pub mod errors;
pub mod export;
pub mod figures;
pub mod forecast;
pub mod movers;
pub mod requests;

use axum::http::StatusCode;
use tokenrouter_shared::Role;
use tokenrouter_shared::figures::Dimension;
use tokenrouter_shared::ids::MAX_MS;

use super::answer::Failure;
use super::operation::{Form, Parameter};
use super::query::Words;
use crate::access::Operator;
use crate::calendar::Zone;
use crate::reports::asked::{Asked, Choice, Grouping};
use crate::reports::span::{EXAMPLES, Span};

/// The filters: what passes, and what does not.
pub const FILTERS: [Parameter; 36] = [
    ("provider", Form::Texts, "only of these providers; an empty text stands for none, here and in every filter"),
    ("not_provider", Form::Texts, "but not of these"),
    ("model", Form::Texts, "only of these models, as they were sent upstream"),
    ("not_model", Form::Texts, "but not of these"),
    ("model_asked", Form::Texts, "only of these models, as clients asked for them"),
    ("not_model_asked", Form::Texts, "but not of these"),
    ("token", Form::Texts, "only of these tokens and those below them, by id or name, gone or not"),
    ("not_token", Form::Texts, "but not of these and those below them"),
    ("own_token", Form::Texts, "only of these tokens themselves, without those below them"),
    ("not_own_token", Form::Texts, "but not of these themselves"),
    ("run", Form::Texts, "only of these runs, by id"),
    ("not_run", Form::Texts, "but not of these"),
    ("session", Form::Texts, "only of these conversations, by the agent's own id"),
    ("not_session", Form::Texts, "but not of these"),
    ("agent", Form::Texts, "only of these programs, such as `codex`"),
    ("not_agent", Form::Texts, "but not of these"),
    ("label", Form::Texts, "only of tokens with these labels, each `KEY=VALUE`"),
    ("not_label", Form::Texts, "but not of these"),
    ("address", Form::Texts, "only from these addresses"),
    ("not_address", Form::Texts, "but not from these"),
    ("user_agent", Form::Texts, "only of these clients, as they call themselves"),
    ("not_user_agent", Form::Texts, "but not of these"),
    ("credential", Form::Texts, "only with these keys of providers, by label; for admins"),
    ("not_credential", Form::Texts, "but not with these"),
    ("surface", Form::Texts, "only `chat`, `responses`, `messages`, …"),
    ("not_surface", Form::Texts, "but not these"),
    ("client_protocol", Form::Texts, "only of clients that speak these"),
    ("not_client_protocol", Form::Texts, "but not these"),
    ("status", Form::Texts, "only with these HTTP statuses"),
    ("not_status", Form::Texts, "but not with these"),
    (
        "outcome",
        Form::Texts,
        "only those that ended so: `ok`, `client_abort`, `upstream_error`, `timeout`, `connect_failed`, `cut`, `refused`",
    ),
    ("not_outcome", Form::Texts, "but not so"),
    ("error_class", Form::Texts, "only failures of these classes"),
    ("not_error_class", Form::Texts, "but not of these"),
    ("stream", Form::Texts, "only answers that were streamed (`true`), or not (`false`)"),
    ("not_stream", Form::Texts, "the other way round"),
];

/// The span and the time zone.
pub const SPAN: [Parameter; 4] = [
    (
        "period",
        Form::Text,
        "`today`, `yesterday`, `week`, `last-week`, `month`, `last-month`, `24h`, `7d`, a day or `DAY..DAY`; the last seven days without any",
    ),
    ("since_ms", Form::Number(0, i64::MAX), "instead of `period`: from this time on, in milliseconds since 1970"),
    ("until_ms", Form::Number(0, i64::MAX), "before this time; now without it"),
    ("time_zone", Form::Text, "by whose clocks days are told, such as `Europe/Berlin`; `UTC` without it"),
];

/// Span and filters, with `more` that a report takes.
pub fn parameters(more: &[Parameter]) -> Vec<Parameter> {
    SPAN.iter().chain(more).chain(&FILTERS).copied().collect()
}

/// What every report is asked, with words of its own.
pub(super) struct Question {
    /// What is asked.
    pub asked: Asked,
    words: Words,
}

impl Question {
    /// Reads a query that may hold `more`.
    pub(super) fn read(query: Option<&str>, more: &[&str], default: &str, now_ms: i64) -> Result<Self, Failure> {
        let known: Vec<&str> = SPAN.iter().map(|(name, ..)| *name).chain(more.iter().copied()).collect();
        let filters = FILTERS.map(|(name, ..)| name);
        let words = Words::read_lists(query, &known, &filters)?;
        let zone = zone(&words)?;
        let span = span(&words, default, &zone, now_ms)?;
        Ok(Self { asked: Asked { span, zone, choices: choices(&words, &filters)? }, words })
    }

    /// The words of its own.
    pub(super) const fn words(&self) -> &Words {
        &self.words
    }

    /// What rows are told apart by.
    pub(super) fn grouping(&self, default: &str) -> Result<Grouping, Failure> {
        let by = self.words.text("by").unwrap_or_else(|| default.to_owned());
        let step = self.words.text("step").unwrap_or_default();
        let words: Vec<&str> = by.split(',').chain([step.as_str()]).map(str::trim).collect();
        Grouping::typed(&words).map_err(refused)
    }

    /// The same without stretches of time.
    pub(super) fn by(&self, default: &str) -> Result<Vec<Dimension>, Failure> {
        let grouping = self.grouping(default)?;
        if grouping.step.is_some() || grouping.by.is_empty() {
            return Err(refused("`by` is one or two things and no time, such as `model,token`".to_owned()));
        }
        Ok(grouping.by)
    }

    /// At most so many rows.
    pub(super) fn limit(&self, default: usize) -> Result<usize, Failure> {
        Ok(self.words.parsed("limit", "100")?.unwrap_or(default))
    }
}

/// The filters of a query.
pub(super) fn choices(words: &Words, names: &[&str]) -> Result<Vec<Choice>, Failure> {
    let read = |(name, value): (&str, &str)| match name.strip_prefix("not_") {
        Some(name) => Choice::typed(name, value, true),
        None => Choice::typed(name, value, false),
    };
    words.lists(names).map(|pair| read(pair).map_err(refused)).collect()
}

fn zone(words: &Words) -> Result<Zone, Failure> {
    let Some(name) = words.text("time_zone") else { return Ok(Zone::utc()) };
    let no_zone = || refused("`time_zone` is no name of the IANA database, such as Europe/Berlin".to_owned());
    Zone::named(&name).ok_or_else(no_zone)
}

fn span(words: &Words, default: &str, zone: &Zone, now_ms: i64) -> Result<Span, Failure> {
    let (since, until) = (words.time_ms("since_ms")?, words.time_ms("until_ms")?);
    let period = words.text("period");
    if since.is_none() && until.is_none() {
        let text = period.as_deref().unwrap_or(default);
        let no_span = || refused(format!("`period` is no span of time that has begun; write {EXAMPLES}"));
        return Span::named(text, zone, now_ms).ok_or_else(no_span);
    }
    if period.is_some() {
        return Err(refused("`period` stands alone, without `since_ms` and `until_ms`".to_owned()));
    }
    let (since_ms, until_ms) = (since.unwrap_or(0), until.unwrap_or(now_ms.saturating_add(1)));
    if since_ms > until_ms {
        return Err(refused("`since_ms` lies before `until_ms`, and after 1970".to_owned()));
    }
    // No row is younger than its id can tell, and no calendar goes on for ever.
    Ok(Span::between(since_ms.min(MAX_MS), until_ms.min(MAX_MS)))
}

pub(super) fn refused(why: String) -> Failure {
    crate::reports::ReportError::Unclear(why).into()
}

/// Reports are for those who answer for others: whoever is alone asks about itself.
pub(super) fn unless_alone(operator: &Operator) -> Result<(), Failure> {
    if operator.role() != Role::Inferrer {
        return Ok(());
    }
    let message = "A token of role inferrer sees its own usage alone.";
    let advice = "Ask /admin/api/me/usage.";
    Err(Failure::new(StatusCode::FORBIDDEN, "role_forbidden", message, advice))
}
