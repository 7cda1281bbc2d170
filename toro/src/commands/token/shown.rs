//! How tokens look: a table, a tree, one with all that is known of it.

use std::collections::HashMap;

use tokenrouter_shared::run::RunEnd;
use tokenrouter_shared::token::{TokenCreated, TokenDetail, TokenRevoked, TokenState, TokenView};

use crate::exit::Failure;
use crate::printer::time::{Zone, distance};
use crate::printer::{Printer, counted, figures, grouped, plain, span};

/// A key that was made, once; on a pipe nothing else.
pub(super) fn created(printer: &Printer, made: &TokenCreated) -> Result<(), Failure> {
    if !printer.is_terminal() {
        return printer.line(&plain(&made.key));
    }
    printer.line(&format!("Token {} ({}, {}), shown once:", plain(&made.id), plain(&made.name), made.role))?;
    printer.line(&format!("\n  {}\n", plain(&made.key)))?;
    printer.say(&format!("Clients send it as their API key. `toro token revoke {}` ends it.", plain(&made.id)));
    Ok(())
}

/// What becomes of the key before.
pub(super) fn old_key(printer: &Printer, grace_ms: Option<i64>) {
    match grace_ms {
        None => printer.say("The old key opens nothing any more."),
        Some(ms) => printer.say(&format!("The old key opens for another {}.", span(ms.unsigned_abs()))),
    }
}

/// What ended, one token a line.
pub(super) fn revoked(printer: &Printer, ended: &TokenRevoked) -> Result<(), Failure> {
    let names: HashMap<&str, &str> = ended.names.iter().map(|token| (&*token.id, &*token.name)).collect();
    for id in &ended.revoked {
        let below = if *id == ended.id { "" } else { ", which was below it" };
        let name = names.get(id.as_str()).copied().unwrap_or_default();
        printer.line(&format!("revoked {} ({}){below}", plain(name), plain(id)))?;
    }
    Ok(())
}

/// A table of tokens.
pub(super) fn list(printer: &Printer, views: &[TokenView], now_ms: i64) -> Result<(), Failure> {
    let has_ended = views.iter().any(|view| view.state != TokenState::Live);
    let names: HashMap<&str, &str> = views.iter().map(|view| (&*view.id, &*view.name)).collect();
    let mut titles = vec!["id", "name", "role"];
    titles.extend(has_ended.then_some("state"));
    titles.extend(["ends", "last used", "limits", "below"]);
    let mut table = printer.table().columns(titles.into_iter().map(|title| (title, false))).whole([0]);
    for view in views {
        let ends = match view.expires_ms {
            _ if view.state != TokenState::Live => String::new(),
            Some(at) => distance(at, now_ms),
            None => "never".to_owned(),
        };
        let used = view.last_used_ms.map_or_else(|| "never".to_owned(), |at| distance(at, now_ms));
        let parent = view.parent.as_deref().unwrap_or_default();
        let mut row = vec![view.id.clone(), view.name.clone(), view.role.to_string()];
        row.extend(has_ended.then(|| view.state.as_str().to_owned()));
        row.extend([ends, used, limits(view), (*names.get(parent).unwrap_or(&parent)).to_owned()]);
        table.row(row);
    }
    printer.line(&table.to_string())
}

/// All limits in a few words.
fn limits(view: &TokenView) -> String {
    let limits = &view.limits;
    let left = |at: usize| view.budgets.get(at).map(|budget| figures::amount(budget.unit, budget.remaining));
    let budget = |(at, budget): (usize, &tokenrouter_shared::Budget)| {
        let limit = format!("{}{}", figures::amount(budget.unit, budget.limit), figures::within(&budget.window));
        left(at).map_or_else(|| limit.clone(), |left| format!("{left} left of {limit}"))
    };
    let mut words: Vec<String> = limits.budgets.iter().enumerate().map(budget).collect();
    words.extend(limits.requests_per_minute.map(|rate| format!("{rate} rpm")));
    words.extend(limits.tokens_per_minute.map(|rate| format!("{} tpm", grouped(rate))));
    words.extend(limits.concurrent.map(|count| format!("{count} at once")));
    words.extend((!limits.models.is_empty()).then(|| "some models".to_owned()));
    words.extend(view.run.then(|| "a run's".to_owned()));
    words.join(", ")
}

/// One token, line by line.
pub(super) fn detail(printer: &Printer, detail: &TokenDetail, now_ms: i64) -> Result<(), Failure> {
    let (view, zone) = (&detail.token, Zone::here());
    let moment = |ms: Option<i64>| ms.map_or_else(|| "never".to_owned(), |at| zone.moment(at, now_ms));
    let path: Vec<&str> = detail.path.iter().map(|token| &*token.name).collect();
    let used = match &view.last_used_from {
        Some(from) => format!("{} from {from}", moment(view.last_used_ms)),
        None => moment(view.last_used_ms),
    };
    let limits = &view.limits;
    let mut lines: Vec<(&str, Option<String>)> = vec![
        ("name", Some(view.name.clone())),
        ("id", Some(view.id.clone())),
        ("role", Some(view.role.to_string())),
        ("state", Some(state(view))),
        ("ends", Some(moment(view.expires_ms))),
        ("created", Some(moment(Some(view.created_ms)))),
        ("created by", view.created_by.clone()),
        ("last used", Some(used)),
        ("lies below", (!path.is_empty()).then(|| path.join(" › "))),
        (
            "has below",
            Some(if detail.below == 0 { "no other token".to_owned() } else { counted(detail.below, "token") }),
        ),
    ];
    lines.extend(view.budgets.iter().map(|budget| ("budget", Some(figures::budget(budget, now_ms)))));
    let patterns = |list: &[String]| (!list.is_empty()).then(|| list.join(", "));
    lines.extend([
        ("requests", limits.requests_per_minute.map(|rate| format!("{rate} a minute"))),
        ("tokens", limits.tokens_per_minute.map(|rate| format!("{} a minute", grouped(rate)))),
        ("at once", limits.concurrent.map(|count| counted(u64::from(count), "request"))),
        ("models", patterns(&limits.models.allow)),
        ("not", patterns(&limits.models.deny)),
        ("lossy", view.lossy.map(|lossy| lossy.to_string())),
        ("run", view.run.then(|| "made for one run of an agent".to_owned())),
        ("lease", view.lease_s.map(|seconds| format!("ends when nobody renews it for {seconds} s"))),
        ("capture", (!view.capture).then(|| "never".to_owned())),
    ]);
    lines.extend(view.labels.iter().map(|(key, value)| ("label", Some(format!("{key}={value}")))));
    for (label, value) in lines {
        let Some(value) = value else { continue };
        printer.line(&format!("{label:<10}  {}", plain(&value)))?;
    }
    Ok(())
}

fn state(view: &TokenView) -> String {
    let why = match view.end_reason.filter(|_| view.state == TokenState::Revoked) {
        _ if view.ended_by.is_some() => ", with the token above it",
        Some(RunEnd::Lease) => ", since nobody renewed its lease",
        Some(RunEnd::Finished) => ", since its run has finished",
        Some(RunEnd::UsedUp) => ", since its budget was used up",
        _ => "",
    };
    format!("{}{why}", view.state.as_str())
}
