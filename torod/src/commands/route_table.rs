//! How `torod route` shows an explanation: who, why, and a row for everybody who could have been it.

use std::io::{IsTerminal as _, Result, Write};

use chrono::{Local, TimeZone};
use comfy_table::{Cell, CellAlignment};
use tokenrouter_shared::route::{AttemptView, CandidateView, RouteDecision, RouteExplained};

use super::route_auto;
use super::table::{Table, table};
use crate::telemetry::plain::plain;

/// Shows who would get a request.
pub(super) fn explained(out: &mut dyn Write, told: &RouteExplained) -> Result<()> {
    headline(out, told)?;
    if let Some(how) = &told.how {
        let profile = told.alias.as_ref().and_then(|alias| alias.profile.as_deref());
        writeln!(out, "  name: {}", found(how, profile))?;
        writeln!(out, "  order: {}", told.order.join(", "))?;
    }
    if let Some(auto) = &told.auto {
        route_auto::explained(out, auto)?;
    }
    if let Some(conversation) = &told.conversation {
        let place = match conversation.home.and_then(|home| told.candidates.get(home)) {
            _ if conversation.is_opening => "a first request, placed anew".to_owned(),
            Some(home) => format!("served last by {}", name(home)),
            None => "not served before".to_owned(),
        };
        writeln!(out, "  conversation: known by {}; {place}", conversation.sign)?;
    }
    if told.candidates.is_empty() {
        return Ok(());
    }
    writeln!(out)?;
    let columns = Columns::of(told);
    let mut table = whole();
    table.set_header(columns.header());
    for (at, candidate) in told.candidates.iter().enumerate() {
        table.add_row(columns.row(candidate, told.chosen == Some(at)));
    }
    writeln!(out, "{table}")
}

fn headline(out: &mut dyn Write, told: &RouteExplained) -> Result<()> {
    let asked = plain(&told.model);
    if let (Some(why), Some(chosen)) = (&told.why, told.chosen.and_then(|at| told.candidates.get(at))) {
        writeln!(out, "{asked} → {}", name(chosen))?;
        return writeln!(out, "  because: {} ({})", why.sentence, why.by);
    }
    if let Some(wait_ms) = told.would_wait_ms {
        return writeln!(out, "{asked} → waits {} s, then tries again", wait_ms.div_ceil(1_000));
    }
    let Some(refusal) = &told.would_refuse else { return writeln!(out, "{asked} → nobody") };
    writeln!(out, "{asked} → nobody: {} {}", refusal.status, refusal.code)?;
    writeln!(out, "  because: {}", plain(&refusal.message))?;
    writeln!(out, "  advice: {}", plain(&refusal.advice))
}

/// By which rule a name was found.
fn found(how: &str, profile: Option<&str>) -> String {
    match (how, profile) {
        ("alias", Some(profile)) => format!("an alias, with its targets of the profile {}", plain(profile)),
        ("alias", None) => "an alias".to_owned(),
        ("prefix", _) => "it names its provider".to_owned(),
        ("listed", _) => "a model that is listed".to_owned(),
        ("default", _) => "nobody lists it, so the default provider is asked".to_owned(),
        ("auto", _) => "it stands for whichever model fits".to_owned(),
        ("first", _) => "nobody lists it, so the first provider without a list is asked".to_owned(),
        (how, _) => plain(how).into_owned(),
    }
}

fn name(candidate: &CandidateView) -> String {
    let model = format!("{}/{}", candidate.provider, candidate.model);
    match &candidate.credential {
        Some(key) => format!("{} with key {}", plain(&model), plain(key)),
        None => plain(&model).into_owned(),
    }
}

/// Columns that would say the same in every row are left out.
struct Columns {
    has_keys: bool,
    has_prices: bool,
    has_shares: bool,
    has_limits: bool,
    has_states: bool,
    is_live: bool,
}

impl Columns {
    fn of(told: &RouteExplained) -> Self {
        let any = |has: fn(&CandidateView) -> bool| told.candidates.iter().any(has);
        Self {
            has_keys: any(|c| c.credential.is_some()),
            has_prices: any(|c| c.price_nanos.is_some()),
            has_shares: told.order.iter().any(|criterion| criterion == "weighted"),
            has_limits: any(|c| c.left_permille < 1_000),
            has_states: told.is_live || any(|c| c.why_not.is_some() || c.degraded.is_some()),
            is_live: told.is_live,
        }
    }

    fn header(&self) -> Vec<Cell> {
        let mut cells = vec![Cell::new(" "), right("tier"), Cell::new("provider")];
        cells.extend(self.has_keys.then(|| Cell::new("key")));
        cells.extend([Cell::new("model"), Cell::new("protocol")]);
        cells.extend(self.has_prices.then(|| right("price")));
        cells.extend(self.has_shares.then(|| right("weight")));
        cells.extend(self.has_limits.then(|| right("left")));
        if self.is_live {
            cells.extend([right("latency"), right("calls")]);
        }
        cells.extend(self.has_states.then(|| Cell::new("state")));
        cells
    }

    fn row(&self, candidate: &CandidateView, is_chosen: bool) -> Vec<Cell> {
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        let mark = if is_chosen { "→" } else { " " };
        let mut cells = vec![Cell::new(mark), right(candidate.tier), Cell::new(plain(&candidate.provider))];
        let key = candidate.credential.as_deref().map(|key| plain(key).into_owned());
        cells.extend(self.has_keys.then(|| Cell::new(or_dash(key))));
        let protocol = candidate
            .protocol
            .as_deref()
            .map(|protocol| if candidate.is_native { protocol.to_owned() } else { format!("via {protocol}") });
        cells.extend([Cell::new(plain(&candidate.model)), Cell::new(or_dash(protocol))]);
        cells.extend(self.has_prices.then(|| right(or_dash(candidate.price_nanos.map(dollars)))));
        cells.extend(self.has_shares.then(|| right(candidate.weight)));
        cells.extend(self.has_limits.then(|| right(format!("{} %", candidate.left_permille / 10))));
        if self.is_live {
            cells.push(right(or_dash(candidate.standing.latency_ms.map(|ms| format!("{ms} ms")))));
            cells.push(right(candidate.standing.in_flight));
        }
        cells.extend(self.has_states.then(|| Cell::new(self.state(candidate))));
        cells
    }

    fn state(&self, candidate: &CandidateView) -> String {
        if let Some(why_not) = &candidate.why_not {
            return plain(why_not).into_owned();
        }
        let state = self.standing(candidate);
        match &candidate.degraded {
            Some(lost) => format!("{state}, without {}", plain(lost)),
            None => state,
        }
    }

    fn standing(&self, candidate: &CandidateView) -> String {
        match candidate.standing.state.as_str() {
            _ if !self.is_live => "-".to_owned(),
            "unused" => "not called yet".to_owned(),
            "half_open" => "the next call finds out whether it has recovered".to_owned(),
            "up" if candidate.standing.failures > 0 => format!("up, failures: {}", candidate.standing.failures),
            other => other.to_owned(),
        }
    }
}

/// What a million tokens in and a million out cost.
fn dollars(nanos: u64) -> String {
    let cents = nanos.div_ceil(10_000_000);
    format!("${}.{:02}", cents / 100, cents % 100)
}

/// A table whose texts are not shortened: why somebody is not called is what was asked for.
fn whole() -> Table {
    table(std::io::stdout().is_terminal()).wrapped()
}

fn right(text: impl std::fmt::Display) -> Cell {
    Cell::new(text.to_string()).set_alignment(CellAlignment::Right)
}

/// Shows who got a request.
pub(super) fn decided(out: &mut dyn Write, told: &RouteDecision) -> Result<()> {
    let at = Local.timestamp_millis_opt(told.at_ms).single();
    let at = at.map_or_else(|| told.at_ms.to_string(), |at| at.format("%Y-%m-%d %H:%M:%S").to_string());
    let end = match told.attempts.last() {
        Some(AttemptView { fault: None, provider, model, .. }) => plain(&format!("{provider}/{model}")).into_owned(),
        Some(_) => "nobody served it".to_owned(),
        None => "nobody could be called".to_owned(),
    };
    writeln!(out, "{} → {end}", plain(&told.model))?;
    writeln!(out, "  request: {}, {at}", plain(&told.request_id))?;
    let s = if told.candidates == 1 { "" } else { "s" };
    writeln!(out, "  name: {}; {} endpoint{s}", found(&told.how, None), told.candidates)?;
    if let Some(chosen) = &told.auto {
        route_auto::decided(out, chosen)?;
    }
    if let Some(sign) = &told.conversation {
        writeln!(out, "  conversation: known by {sign}")?;
    }
    if told.attempts.is_empty() {
        return Ok(());
    }
    writeln!(out)?;
    let mut table = whole();
    let names = ["provider", "key", "model", "chosen by", "answer"].map(Cell::new);
    table.set_header(std::iter::once(right("call")).chain(names).chain([right("took")]));
    for (number, attempt) in told.attempts.iter().enumerate() {
        let by = if attempt.is_probe { "probe" } else { &attempt.by };
        let status = attempt.status.map_or_else(|| "none".to_owned(), |status| status.to_string());
        let mut answer = match &attempt.fault {
            Some(fault) => format!("{status}, {fault}"),
            None => status,
        };
        if let Some(fields) = &attempt.without {
            answer = format!("{answer}, without {fields}");
        }
        let key = attempt.credential.as_deref().unwrap_or("-");
        let cells = [&*attempt.provider, key, &attempt.model, by, &answer].map(|text| Cell::new(plain(text)));
        let row = std::iter::once(right(number + 1)).chain(cells).chain([right(format!("{} ms", attempt.took_ms))]);
        table.add_row(row);
    }
    writeln!(out, "{table}")
}
