//! How tokens look: a table, a tree, one with all that is known of it.

use std::collections::{HashMap, HashSet};
use std::io::Write;

use tokenrouter_shared::limits::BudgetUnit;
use tokenrouter_shared::run::RunEnd;
use tokenrouter_shared::token::{TokenCreated, TokenDetail, TokenName, TokenRevoked, TokenState, TokenView};

use super::standing;
use crate::access::bounds::grouped;
use crate::access::grant::span;
use crate::commands::table::table;
use crate::commands::terminal::tell;

/// A key that was made, once.
pub(super) fn created(out: &mut dyn Write, made: &TokenCreated, is_terminal: bool) -> std::io::Result<()> {
    if !is_terminal {
        return writeln!(out, "{}", made.key);
    }
    writeln!(out, "Token {} ({}, {}), shown once:\n\n  {}\n", made.id, made.name, made.role, made.key)?;
    tell(out, &format!("Clients send it as their API key. `torod token revoke {}` ends it.", made.id), 0)
}

/// What becomes of the key before.
pub(super) fn old_key(out: &mut dyn Write, grace_ms: Option<i64>) -> std::io::Result<()> {
    match grace_ms {
        None => writeln!(out, "The old key opens nothing any more."),
        Some(ms) => writeln!(out, "The old key opens for another {}.", span(ms)),
    }
}

/// What ended, one token a line.
pub(super) fn revoked(out: &mut dyn Write, ended: &TokenRevoked) -> std::io::Result<()> {
    for token in &ended.names {
        let below = if token.id == ended.id { "" } else { ", which was below it" };
        writeln!(out, "revoked {} ({}){below}", token.name, token.id)?;
    }
    Ok(())
}

/// That there is no token: none at all, or none of those that were asked for.
pub(super) fn nothing(out: &mut dyn Write, is_chosen: bool, all: bool) -> std::io::Result<()> {
    match (is_chosen, all) {
        (false, _) => writeln!(out, "no tokens; `torod token create` makes one"),
        (true, false) => writeln!(out, "no token matches; --all also looks at those that ended"),
        (true, true) => writeln!(out, "no token matches"),
    }
}

/// A table of tokens; `is_tree` puts those below another one under it; without `has_parents` it is known
/// which token all of them lie below.
pub(super) fn list(
    out: &mut dyn Write,
    views: &[TokenView],
    is_tree: bool,
    has_parents: bool,
    is_terminal: bool,
    now_ms: i64,
) -> std::io::Result<()> {
    let lines = if is_tree { tree(views) } else { views.iter().map(|view| (String::new(), view)).collect() };
    let mut table = table(is_terminal);
    let mut header = vec!["name", "id", "role", "state", "expires", "last used", "limits"];
    if has_parents && !is_tree {
        header.push("parent");
    }
    table.set_header(header);
    // An id is what other commands take; it is of no use in part.
    table.keep_whole(&[1]);
    let all_live = views.iter().all(|view| view.state == TokenState::Live);
    table.spare(if all_live { &[5, 4, 3, 2] } else { &[5, 4, 2] });
    let names: HashMap<&str, &str> = views.iter().map(|view| (&*view.id, &*view.name)).collect();
    for (branch, view) in lines {
        let mut row = vec![
            format!("{branch}{}", view.name),
            view.id.clone(),
            view.role.to_string(),
            view.state.as_str().to_owned(),
            match view.expires_ms {
                Some(at) if view.state == TokenState::Live => in_time(at.saturating_sub(now_ms)),
                Some(at) if at <= now_ms => ago(now_ms, Some(at)),
                _ => "never".to_owned(),
            },
            ago(now_ms, view.last_used_ms),
            limits(view),
        ];
        if has_parents && !is_tree {
            let parent = view.parent.as_deref().unwrap_or_default();
            row.push((*names.get(parent).unwrap_or(&parent)).to_owned());
        }
        table.add_row(row);
    }
    writeln!(out, "{table}")
}

/// Each token after the one above it, with the branch that leads to it. One whose parent is not there stands on top.
fn tree(views: &[TokenView]) -> Vec<(String, &TokenView)> {
    let known: HashSet<&str> = views.iter().map(|view| &*view.id).collect();
    let mut children: HashMap<&str, Vec<&TokenView>> = HashMap::new();
    for view in views {
        let parent = view.parent.as_deref().filter(|parent| known.contains(parent)).unwrap_or_default();
        children.entry(parent).or_default().push(view);
    }
    // What is still to be told, the next one last, each with the branches of those above it.
    let mut waiting: Vec<(String, bool, bool, &TokenView)> = Vec::new();
    let mut lines = Vec::with_capacity(views.len());
    let mut put = |waiting: &mut Vec<_>, parent: &str, indent: &str, is_top: bool| {
        let below = children.remove(parent).unwrap_or_default();
        let last = below.len().saturating_sub(1);
        let new = below.into_iter().enumerate().map(|(at, view)| (indent.to_owned(), is_top, at == last, view));
        waiting.extend(new.collect::<Vec<_>>().into_iter().rev());
    };
    put(&mut waiting, "", "", true);
    while let Some((indent, is_top, is_last, view)) = waiting.pop() {
        let (branch, further) = match (is_top, is_last) {
            (true, _) => (String::new(), String::new()),
            (false, true) => (format!("{indent}└ "), format!("{indent}  ")),
            (false, false) => (format!("{indent}├ "), format!("{indent}│ ")),
        };
        lines.push((branch, view));
        put(&mut waiting, &view.id, &further, false);
    }
    lines
}

/// All limits in a few words.
fn limits(view: &TokenView) -> String {
    let limits = &view.limits;
    let mut words = standing::brief(view);
    words.extend(limits.requests_per_minute.map(|rate| format!("{rate} rpm")));
    words.extend(limits.tokens_per_minute.map(|rate| format!("{} tpm", grouped(rate))));
    words.extend(limits.concurrent.map(|count| format!("{count} at once")));
    if !limits.models.is_empty() {
        words.push("some models".to_owned());
    }
    if view.run {
        words.push("run".to_owned());
    }
    words.extend(view.lease_s.map(|seconds| format!("{seconds} s lease")));
    words.join(", ")
}

/// One token, line by line.
pub(super) fn detail(out: &mut dyn Write, detail: &TokenDetail, now_ms: i64) -> std::io::Result<()> {
    let view = &detail.token;
    let mut lines: Vec<(&str, String)> = vec![
        ("name", view.name.clone()),
        ("id", view.id.clone()),
        ("role", view.role.to_string()),
        ("state", state(view, &detail.path)),
        ("expires", view.expires_ms.map_or_else(|| "never".to_owned(), |at| moment(now_ms, at))),
        ("created", moment(now_ms, view.created_ms)),
        ("created by", view.created_by.clone().unwrap_or_else(|| "unknown".to_owned())),
        (
            "last used",
            match (view.last_used_ms, &view.last_used_from) {
                (None, _) => "never".to_owned(),
                (Some(at), None) => ago(now_ms, Some(at)),
                (Some(at), Some(from)) => format!("{} from {from}", ago(now_ms, Some(at))),
            },
        ),
        ("version", view.version.to_string()),
    ];
    let path: Vec<&str> = detail.path.iter().map(|token| &*token.name).collect();
    if !path.is_empty() {
        lines.push(("lies below", path.join(" › ")));
    }
    lines.push(("has below", counted(detail.below)));
    for (budget, told) in view.limits.budgets.iter().zip(standing::whole(view)) {
        lines.push((if budget.unit == BudgetUnit::UsdNanos { "budget" } else { "quota" }, told));
    }
    for (label, value) in [
        ("requests", view.limits.requests_per_minute.map(|rate| format!("{rate} a minute"))),
        ("tokens", view.limits.tokens_per_minute.map(|rate| format!("{} a minute", grouped(rate)))),
        ("at once", view.limits.concurrent.map(|count| counted_as(u64::from(count), "request"))),
        ("models", patterns(&view.limits.models.allow)),
        ("not", patterns(&view.limits.models.deny)),
        ("lossy", view.lossy.map(|lossy| lossy.to_string())),
        ("run", view.run.then(|| "made for one run of an agent".to_owned())),
        ("lease", view.lease_s.map(|seconds| format!("ends when nobody renews it for {seconds} s"))),
        ("capture", (!view.capture).then(|| "never".to_owned())),
        ("inspected", view.inspect_until_ms.map(|until| format!("until {}", moment(now_ms, until)))),
    ] {
        lines.extend(value.map(|value| (label, value)));
    }
    lines.extend(view.labels.iter().map(|(key, value)| ("label", format!("{key}={value}"))));
    for (label, value) in lines {
        tell(out, &format!("{label:<11} {value}"), 12)?;
    }
    Ok(())
}

fn patterns(list: &[String]) -> Option<String> {
    (!list.is_empty()).then(|| list.join(", "))
}

fn state(view: &TokenView, path: &[TokenName]) -> String {
    match &view.ended_by {
        Some(id) => {
            let above = path.iter().find(|token| token.id == *id).map_or(id, |token| &token.name);
            format!("{}, with {above} above it", view.state.as_str())
        }
        None => match view.end_reason.filter(|_| view.state == TokenState::Revoked) {
            Some(RunEnd::Lease) => "revoked, since nobody renewed its lease".to_owned(),
            Some(RunEnd::Finished) => "revoked, since its run has finished".to_owned(),
            Some(RunEnd::UsedUp) => "revoked, since its budget was used up".to_owned(),
            _ => view.state.as_str().to_owned(),
        },
    }
}

fn counted(below: u64) -> String {
    if below == 0 { "no other token".to_owned() } else { counted_as(below, "token") }
}

fn counted_as(count: u64, one: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") }
}

/// A time, and how far it is from now.
fn moment(now_ms: i64, at_ms: i64) -> String {
    let time = chrono::DateTime::from_timestamp_millis(at_ms);
    let time = time.map(|time| time.with_timezone(&chrono::Local).format("%Y-%m-%d %H:%M").to_string());
    let distance = if at_ms > now_ms { in_time(at_ms.saturating_sub(now_ms)) } else { ago(now_ms, Some(at_ms)) };
    time.map_or_else(|| distance.clone(), |time| format!("{time} ({distance})"))
}

fn ago(now_ms: i64, at_ms: Option<i64>) -> String {
    at_ms.map_or_else(|| "never".to_owned(), |at| format!("{} ago", span(now_ms.saturating_sub(at))))
}

fn in_time(ms: i64) -> String {
    format!("in {}", span(ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(id: &str, parent: Option<&str>) -> TokenView {
        let mut view: TokenView = serde_json::from_str(
            r#"{"id":"","name":"","role":"inferrer","parent":null,"state":"live","created_ms":0,"expires_ms":null,"revoked_ms":null,"last_used_ms":null,"version":1,"created_by":null,"last_used_from":null,"capture":true}"#,
        )
        .unwrap();
        (view.id, view.name, view.parent) = (id.into(), id.to_uppercase(), parent.map(str::to_owned));
        view
    }

    #[test]
    fn a_tree_shows_who_is_below_whom() {
        let views = [
            view("a", None),
            view("b", Some("a")),
            view("c", Some("b")),
            view("d", Some("a")),
            view("e", Some("gone")),
            view("f", Some("c")),
        ];
        let lines: Vec<String> =
            tree(&views).into_iter().map(|(branch, view)| format!("{branch}{}", view.name)).collect();
        assert_eq!(lines, ["A", "├ B", "│ └ C", "│   └ F", "└ D", "E"]);
        let mut out = Vec::new();
        list(&mut out, &views, true, true, false, 0).unwrap();
        assert!(String::from_utf8(out).unwrap().contains("│   └ F"));
    }

    #[test]
    fn tokens_that_lie_below_each_other_do_not_go_round_for_ever() {
        assert_eq!(tree(&[view("a", Some("b")), view("b", Some("a"))]).len(), 0);
    }
}
