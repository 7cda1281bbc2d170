//! How runs look: a table; one with its bill, its models and the tree of its sessions.

use tokenrouter_shared::run::{RunDetail, RunEnd, RunSession, RunView};
use tokenrouter_shared::usage_of::UsageTotals;

use crate::exit::Failure;
use crate::printer::time::Zone;
use crate::printer::{Printer, counted, figures, grouped, plain, span};
use tokenrouter_shared::money::dollars;

/// From these widths on there is room for more columns.
const FOR_TIMES: usize = 100;
const FOR_PLACE: usize = 124;
/// Sessions deeper than this are told as if they were this deep.
const DEEPEST: u32 = 12;

/// How it ended, in a word or two.
fn ended(run: &RunView) -> String {
    match (run.ended_by, run.exit_code, run.exit_signal) {
        (RunEnd::Finished, Some(0), _) => "ok".to_owned(),
        (RunEnd::Finished, Some(code), _) => format!("exit {code}"),
        (RunEnd::Finished, None, Some(signal)) => format!("signal {signal}"),
        (RunEnd::Finished, None, None) => "finished".to_owned(),
        (RunEnd::Lease, ..) => "lost".to_owned(),
        (RunEnd::UsedUp, ..) => "used up".to_owned(),
        (other, ..) => other.as_str().to_owned(),
    }
}

/// The same as a sentence.
fn ended_whole(run: &RunView) -> String {
    match (run.ended_by, run.exit_code, run.exit_signal) {
        (RunEnd::Running, ..) => "it runs".to_owned(),
        (RunEnd::Finished, Some(code), _) => format!("the agent returned {code}"),
        (RunEnd::Finished, None, Some(signal)) => format!("the agent died of signal {signal}"),
        (RunEnd::Finished, None, None) => "the agent ended".to_owned(),
        (RunEnd::Lease, ..) => "toro was killed or out of reach: nobody renewed the lease".to_owned(),
        (RunEnd::Expired, ..) => "its time was over".to_owned(),
        (RunEnd::Revoked, ..) => "somebody ended its token, or one above it".to_owned(),
        (RunEnd::UsedUp, ..) => "its budget was used up".to_owned(),
    }
}

fn place(run: &RunView) -> String {
    match (run.labels.get("repository"), run.labels.get("branch")) {
        (Some(repository), Some(branch)) => format!("{repository}@{branch}"),
        (Some(only), None) | (None, Some(only)) => only.clone(),
        (None, None) => String::new(),
    }
}

fn lasted(run: &RunView, now_ms: i64) -> String {
    span(u64::try_from(run.ended_ms.unwrap_or(now_ms).saturating_sub(run.started_ms)).unwrap_or(0))
}

/// A table of them.
pub(super) fn list(printer: &Printer, runs: &[RunView], now_ms: i64) -> Result<(), Failure> {
    let zone = Zone::here();
    let width = printer.width().unwrap_or(usize::MAX);
    let (has_times, has_place) = (width >= FOR_TIMES, width >= FOR_PLACE);
    let mut titles = vec![("id", false), ("began", false), ("name", false)];
    titles.extend(has_place.then_some(("where", false)));
    titles.push(("end", false));
    titles.extend(has_times.then_some([("ran", true), ("requests", true), ("tokens", true)]).into_iter().flatten());
    titles.push(("cost", true));
    let mut table = printer.table().columns(titles.into_iter()).whole([0, 1]);
    for run in runs {
        let mut row = vec![run.id.clone(), zone.minute(run.started_ms), run.name.clone()];
        row.extend(has_place.then(|| place(run)));
        row.push(ended(run));
        if has_times {
            row.extend([lasted(run, now_ms), grouped(run.spent.requests), figures::short(run.spent.tokens)]);
        }
        row.push(dollars(run.spent.cost_nanos));
        table.row(row);
    }
    printer.line(&table.to_string())
}

/// One, with all that is known of it.
pub(super) fn detail(printer: &Printer, detail: &RunDetail, now_ms: i64) -> Result<(), Failure> {
    let (run, totals, zone) = (&detail.run, &detail.totals, Zone::here());
    let line = |label: &str, text: &str| printer.line(&format!("{label:<9}  {}", plain(text)));
    line("run", &format!("{} ({})", run.name, run.id))?;
    let when = match run.ended_ms {
        Some(end) => format!("{} – {}, {}", zone.minute(run.started_ms), zone.minute(end), lasted(run, now_ms)),
        None => format!("since {}, {}", zone.minute(run.started_ms), lasted(run, now_ms)),
    };
    line("when", &when)?;
    line("end", &ended_whole(run))?;
    for (key, value) in &run.labels {
        line("label", &format!("{key}={value}"))?;
    }
    line("cost", &format!("{} for {}", figures::cost(totals), counted(totals.requests, "request")))?;
    line("tokens", &tokens(totals))?;
    if totals.failures > 0 {
        line("failed", &format!("{} of {}", grouped(totals.failures), counted(totals.attempts, "attempt")))?;
    }
    for budget in &detail.budgets {
        line("budget", &figures::budget(budget, now_ms))?;
    }
    if !detail.models.is_empty() {
        let mut table =
            printer.table().header(["model", "requests", "in", "cached", "out", "cost"]).numbers([1, 2, 3, 4, 5]);
        for model in &detail.models {
            let name = if model.name.is_empty() { &model.key } else { &model.name };
            table.row([vec![name.clone()], sums(&model.totals)].concat());
        }
        printer.line(&format!("\n{table}"))?;
    }
    if !detail.sessions.is_empty() {
        printer.line(&format!("\n{}", sessions(printer, &detail.sessions, &zone)))?;
    }
    if detail.sessions_omitted > 0 {
        printer.say(&format!("{} left out; the sums count them", counted(detail.sessions_omitted, "session")));
    }
    Ok(())
}

fn tokens(totals: &UsageTotals) -> String {
    let counts = &totals.counts;
    let cached = Some(figures::cached(counts)).filter(|_| counts.cache_read > 0);
    let cached = cached.map(|share| format!(" ({share} from the prompt cache)")).unwrap_or_default();
    let thought =
        if counts.reasoning > 0 { format!(" ({} reasoning)", grouped(counts.reasoning)) } else { String::new() };
    format!("{} in{cached}, {} out{thought}", grouped(counts.input()), grouped(counts.output))
}

fn sums(totals: &UsageTotals) -> Vec<String> {
    let counts = &totals.counts;
    vec![
        grouped(totals.requests),
        figures::short(counts.input()),
        figures::cached(counts),
        figures::short(counts.output),
        figures::cost(totals),
    ]
}

/// Each session under the one that began it.
fn sessions(printer: &Printer, sessions: &[RunSession], zone: &Zone) -> String {
    let has_below = sessions.iter().any(|session| session.depth > 0);
    let mut titles = vec![("session", false), ("began", false)];
    titles.extend([("requests", true), ("in", true), ("cached", true), ("out", true), ("cost", true)]);
    titles.extend(has_below.then_some(("with below", true)));
    let mut table = printer.table().columns(titles.into_iter());
    for session in sessions {
        let branch = match session.depth {
            0 => String::new(),
            depth => format!("{}└ ", "  ".repeat(depth.min(DEEPEST) as usize - 1)),
        };
        let id = session.id.as_deref().unwrap_or("(none named)");
        let agent = session.agent.as_deref().map(|agent| format!("{agent} ")).unwrap_or_default();
        let mut row = vec![format!("{branch}{agent}{id}"), zone.minute(session.first_ms)];
        row.extend(sums(&session.totals));
        row.extend(has_below.then(|| dollars(session.tree_cost_nanos)));
        table.row(row);
    }
    table.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_end_is_told() {
        let run = |ended_by, exit_code, exit_signal| RunView {
            id: "tok_1".into(),
            name: "n".into(),
            labels: [("repository".to_owned(), "r".to_owned()), ("branch".to_owned(), "b".to_owned())].into(),
            started_ms: 0,
            ended_ms: Some(61_000),
            ended_by,
            exit_code,
            exit_signal,
            spent: tokenrouter_shared::run::RunSpent::default(),
        };
        let told = |end, code, signal| ended(&run(end, code, signal));
        assert_eq!(told(RunEnd::Finished, Some(0), None), "ok");
        assert_eq!(told(RunEnd::Finished, Some(42), None), "exit 42");
        assert_eq!(told(RunEnd::Finished, None, Some(9)), "signal 9");
        assert_eq!(told(RunEnd::Lease, None, None), "lost");
        for end in RunEnd::ALL {
            assert!(!ended(&run(end, None, None)).is_empty() && !ended_whole(&run(end, None, None)).is_empty());
        }
        let run = run(RunEnd::Running, None, None);
        assert_eq!((lasted(&run, 0), place(&run)), ("61 s".into(), "r@b".into()));
    }
}
