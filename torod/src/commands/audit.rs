//! `torod audit`: who changed what, by the running daemon, or from the database itself when none runs.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;

use chrono::{DateTime, Local};
use http::Method;
use serde_json::{Map, Value};
use tokenrouter_shared::audit::{AuditPage, AuditView};

use super::table::table;
use super::terminal::tell;
use super::{Exit, control};
use crate::calendar::Zone;
use crate::clock::Clock;
use crate::config::Paths;
use crate::reports::span::{MOMENTS, moment};
use crate::store::audit::{self, AuditQuery};
use crate::store::lock::LockError;
use crate::store::{Connection, DATABASE, DirLock, schema};
use crate::telemetry::plain::plain;

/// The most entries that are asked for at once.
const PAGE: usize = 500;

/// Show who changed what, the newest first; nothing takes an entry back.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  torod audit\n  torod audit --since 7d --action token.\n  torod audit --actor alice --long\n  torod audit --subject torod.toml --since 2026-11-01 --json\n\nActors are `local owner` (whoever works with the data folder), `torod` itself, or tokens."
)]
pub struct Audit {
    /// Only by this one: a token's id or name, `local owner` or `torod`.
    #[arg(long, value_name = "WHO")]
    actor: Option<String>,
    /// Only of this action, such as token.create; `token.` stands for all that begins so.
    #[arg(long, value_name = "WORD")]
    action: Option<String>,
    /// Only to this: an id, or a name.
    #[arg(long, value_name = "WHICH")]
    subject: Option<String>,
    /// Only those with this text in one of these, or in the detail.
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// From when on: today, 24h, 7d, or a date such as 2026-11-01.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// At most so many.
    #[arg(long, value_name = "COUNT", default_value = "50", value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Show all of each entry, in as many lines as it needs.
    #[arg(long)]
    long: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Who knows the entries.
enum Way<'a> {
    Daemon(&'a Path),
    Here(Box<Connection>, #[expect(dead_code, reason = "held while the database is read")] DirLock),
}

impl Audit {
    /// Prints them.
    pub async fn run(
        self,
        paths: &Paths,
        out: &mut dyn Write,
        is_terminal: bool,
        clock: &Clock,
    ) -> anyhow::Result<Exit> {
        let query = self.query(clock.now_ms())?;
        if !paths.data_dir.join(DATABASE).exists() {
            let dir = paths.data_dir.display();
            anyhow::bail!("nothing was changed yet: there is no database in {dir}; `torod serve` makes it");
        }
        let (entries, has_more) = entries(&paths.data_dir, query).await?;
        if self.json {
            serde_json::to_writer(&mut *out, &entries)?;
            writeln!(out)?;
            return Ok(Exit::Done);
        }
        if entries.is_empty() {
            writeln!(out, "no entry{}", if self.is_chosen() { " matches" } else { " yet" })?;
            return Ok(Exit::Done);
        }
        show(out, &entries, self.long, is_terminal)?;
        if has_more && is_terminal {
            writeln!(out, "\nThere are more: --limit shows them, and --since, --action and --actor choose.")?;
        }
        Ok(Exit::Done)
    }

    fn is_chosen(&self) -> bool {
        [&self.actor, &self.action, &self.subject, &self.search, &self.since].into_iter().any(Option::is_some)
    }

    fn query(&self, now_ms: i64) -> anyhow::Result<AuditQuery> {
        let since_ms = match &self.since {
            None => None,
            Some(text) => {
                let since = moment(text, &Zone::here(), now_ms, false);
                Some(since.ok_or_else(|| anyhow::anyhow!("`--since {text}` is no time; write {MOMENTS}"))?)
            }
        };
        Ok(AuditQuery {
            actor: self.actor.clone(),
            action: self.action.clone(),
            subject: self.subject.clone(),
            text: self.search.clone(),
            since_ms,
            until_ms: None,
            before: None,
            limit: usize::try_from(self.limit).unwrap_or(usize::MAX),
        })
    }
}

/// So many as are asked for, page by page, and whether there are more.
async fn entries(dir: &Path, mut query: AuditQuery) -> anyhow::Result<(Vec<AuditView>, bool)> {
    let way = match DirLock::take(dir) {
        Ok(lock) => Way::Here(Box::new(schema::open_writer(dir)?), lock),
        Err(LockError::Held { .. }) => Way::Daemon(dir),
        Err(e) => return Err(e.into()),
    };
    let (wanted, mut entries) = (query.limit, Vec::new());
    loop {
        query.limit = wanted.saturating_sub(entries.len()).min(PAGE);
        let has_more = match &way {
            Way::Daemon(dir) => {
                let page: AuditPage = control::ask(dir, Method::GET, &path(&query), None::<&()>).await?;
                entries.extend(page.entries);
                page.next.is_some()
            }
            Way::Here(connection, _) => {
                let (page, has_more) = audit::page(connection, &query)?;
                entries.extend(page);
                has_more
            }
        };
        if !has_more || entries.len() >= wanted {
            return Ok((entries, has_more));
        }
        query.before = entries.last().map(|entry| entry.id);
    }
}

fn path(query: &AuditQuery) -> String {
    const START: &str = "/admin/api/audit?";
    let mut pairs = form_urlencoded::Serializer::for_suffix(START.to_owned(), START.len());
    let number = |number: Option<i64>| number.map(|number| number.to_string());
    for (key, value) in [
        ("actor", query.actor.clone()),
        ("action", query.action.clone()),
        ("subject", query.subject.clone()),
        ("q", query.text.clone()),
        ("since_ms", number(query.since_ms)),
        ("cursor", number(query.before)),
        ("limit", Some(query.limit.to_string())),
    ] {
        if let Some(value) = value {
            pairs.append_pair(key, &value);
        }
    }
    pairs.finish()
}

fn show(out: &mut dyn Write, entries: &[AuditView], long: bool, is_terminal: bool) -> std::io::Result<()> {
    let mut table = table(is_terminal);
    table.set_header(["when", "who", "did", "to", "what"]);
    table.keep_whole(&[0, 2]);
    for entry in entries {
        let who = named(entry.actor_name.as_deref(), &entry.actor);
        let to = named(entry.subject_name.as_deref(), &entry.subject);
        let what = plain(&what(entry)).into_owned();
        if !long {
            table.add_row([time(entry.at_ms), who, entry.action.clone(), to, what]);
            continue;
        }
        tell(out, &format!("{}  {who}  {}  {to}", time(entry.at_ms), entry.action), 4)?;
        if !what.is_empty() {
            tell(out, &format!("    {what}"), 4)?;
        }
    }
    if long { Ok(()) } else { writeln!(out, "{table}") }
}

fn time(at_ms: i64) -> String {
    let time = DateTime::from_timestamp_millis(at_ms);
    time.map(|time| time.with_timezone(&Local).format("%Y-%m-%d %H:%M").to_string()).unwrap_or_default()
}

/// By name where there is one: ids are long, and stand in the JSON.
fn named(name: Option<&str>, id: &str) -> String {
    plain(name.unwrap_or(id)).into_owned()
}

/// What changed: each field as it was and as it is.
fn what(entry: &AuditView) -> String {
    let (Some(Value::Object(before)), Some(Value::Object(after))) = (&entry.before, &entry.after) else {
        return entry.detail.clone();
    };
    let mut changes = Vec::new();
    compare("", before, after, &mut changes);
    // That a token ended, and which name it had, is said already.
    changes.extend((!entry.detail.is_empty() && !entry.detail.starts_with('`')).then(|| entry.detail.clone()));
    changes.join(", ")
}

/// Adds what differs between two objects at `place`, field by field at every depth.
fn compare(place: &str, before: &Map<String, Value>, after: &Map<String, Value>, changes: &mut Vec<String>) {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    for name in names {
        let (was, now) = (before.get(name).unwrap_or(&Value::Null), after.get(name).unwrap_or(&Value::Null));
        match (was, now) {
            (Value::Object(was), Value::Object(now)) => compare(&format!("{place}{name}."), was, now, changes),
            // Masked: it is another one.
            _ if was == now && place.is_empty() => changes.push(format!("another {name}")),
            _ if was == now || name == "revoked_ms" => {}
            _ => changes.push(format!("{place}{name} {} → {}", word(name, was), word(name, now))),
        }
    }
}

fn word(name: &str, value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "none".to_owned(),
        value => match value.as_i64().filter(|_| name.ends_with("_ms")) {
            Some(at_ms) => time(at_ms),
            None => value.to_string(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(before: &str, after: &str, detail: &str) -> AuditView {
        AuditView {
            id: 1,
            at_ms: 0,
            actor: "tok_1".into(),
            actor_name: Some("alice".into()),
            action: "token.edit".into(),
            subject: "tok_2".into(),
            subject_name: None,
            detail: detail.into(),
            before: serde_json::from_str(before).ok(),
            after: serde_json::from_str(after).ok(),
        }
    }

    #[test]
    fn what_changed_is_told_field_by_field() {
        let changed = entry(r#"{"name":"a","gone":1}"#, r#"{"name":"b","new":{"x":2}}"#, "`a`");
        assert_eq!(what(&changed), "gone 1 → none, name a → b, new none → {\"x\":2}");
        assert_eq!(what(&entry("", r#"{"name":"b"}"#, "inferrer `b`")), "inferrer `b`");
        let ended = entry(r#"{"revoked_ms":null}"#, r#"{"revoked_ms":5}"#, "its budget is used up");
        assert_eq!(what(&ended), "its budget is used up");
        let limits = entry(
            r#"{"limits":{"rpm":6,"models":{"a":1},"same":1}}"#,
            r#"{"limits":{"models":{"a":2},"same":1}}"#,
            "`a`",
        );
        assert_eq!(what(&limits), "limits.models.a 1 → 2, limits.rpm 6 → none");
        let rotated = entry(r#"{"key":"[secret]"}"#, r#"{"key":"[secret]"}"#, "the old key opens for 600 s more");
        assert_eq!(what(&rotated), "another key, the old key opens for 600 s more");
    }

    #[test]
    fn names_go_before_ids_and_command_no_terminal() {
        let mut out = Vec::new();
        show(&mut out, &[entry("", "", "a\u{1b}[2Jb")], false, false).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("alice") && text.contains("tok_2") && !text.contains("tok_1"), "{text}");
        assert!(!text.contains('\u{1b}'), "{text}");
    }
}
