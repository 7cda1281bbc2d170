//! `torod usage` as it is typed: every report, every form, and what is refused.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tokenrouter_shared::report::Report;
use torod::clock::Clock;

use super::{make_tokens, some, write};

struct Site {
    folder: tempfile::TempDir,
}

impl Site {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        make_tokens(folder.path());
        let now_ms = Clock::system().now_ms();
        write(folder.path(), &some(41, 300, now_ms, 40));
        Self { folder }
    }

    fn ask(&self, words: &str) -> Output {
        torod(self.folder.path(), words)
    }

    fn told(&self, words: &str) -> String {
        let output = self.ask(words);
        let told = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{words}: {told}{}", String::from_utf8_lossy(&output.stderr));
        told
    }

    fn json(&self, words: &str) -> Value {
        serde_json::from_str(&self.told(words)).unwrap()
    }

    fn refused(&self, words: &str) -> String {
        let output = self.ask(words);
        assert!(!output.status.success(), "{words}: {}", String::from_utf8_lossy(&output.stdout));
        String::from_utf8(output.stderr).unwrap()
    }
}

fn torod(data: &Path, words: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_torod"));
    command.env_clear().env("HOME", data).env("TZ", "Europe/Berlin").stdin(Stdio::null());
    command.arg("usage").args(words.split_whitespace()).arg("--data-dir").arg(data);
    command.output().unwrap()
}

#[test]
fn every_report_is_told_as_a_table_and_as_json_with_the_same_figures() {
    let site = Site::new();
    let whole = site.json("30d --by model --json");
    assert_eq!(whole["time_zone"], "Europe/Berlin", "this machine's");
    for words in
        ["30d --by provider,token", "30d --by day", "30d --by label:team", "30d --by session,week --long", "30d"]
    {
        let of = site.json(&format!("{words} --json"));
        assert_eq!(of["total"]["attempts"], whole["total"]["attempts"], "{words}");
        let table = site.told(words);
        assert!(table.contains("requests") && table.contains("cost") && table.contains("≤ $"), "{words}:\n{table}");
        assert!(!table.contains('\u{1b}') && !table.contains('─'), "plain where it is piped: {table}");
    }
    for (words, told) in [
        ("movers 7d --by token", "change"),
        ("forecast", "by its end"),
        ("cache 30d", "written 5m"),
        ("errors 30d", "attempts failed"),
        ("requests 30d --top 5", "req_"),
    ] {
        let text = site.told(words);
        assert!(text.contains(told), "{words}:\n{text}");
        let json = site.json(&format!("{words} --json"));
        assert!(json.is_object() || json.is_array(), "{words}");
    }
    let id = site.json("requests 30d --top 1 --json")[0]["id"].as_str().unwrap().to_owned();
    let shown = site.told(&format!("request {id}"));
    assert!(shown.contains(&id) && shown.contains("model") && shown.contains("attempt 1 of"), "{shown}");
    assert_eq!(site.json(&format!("request {id} --json"))["id"], id.as_str());
}

#[test]
fn what_is_exported_comes_back_exactly() {
    let site = Site::new();
    let of: Report = serde_json::from_str(&site.told("30d --by model,token --top 1000 --json")).unwrap();
    let csv = site.told("30d --by model,token --top 1000 --csv");
    let mut lines = csv.split("\r\n");
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    let at = |name: &str| header.iter().position(|known| *known == name).unwrap();
    let rows: Vec<Vec<&str>> = lines.filter(|line| !line.is_empty()).map(|line| line.split(',').collect()).collect();
    assert_eq!(rows.len(), of.rows.len());
    for (fields, row) in rows.iter().zip(&of.rows) {
        assert_eq!(fields[at("model")], row.key[0].as_deref().unwrap_or_default());
        assert_eq!(fields[at("token")], row.key[1].as_deref().unwrap_or_default());
        assert_eq!(fields[at("cost_nanos")], row.totals.cost_nanos.to_string());
        assert_eq!(fields[at("reasoning")], row.totals.counts.reasoning.to_string());
    }
    let file = site.folder.path().join("out.csv");
    site.told(&format!("30d --by model,token --top 1000 --export csv {}", file.display()));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), csv);
    let every = site.folder.path().join("all.ndjson");
    site.told(&format!("requests 30d --export json {}", every.display()));
    let lines = std::fs::read_to_string(&every).unwrap();
    let cost: u64 =
        lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["cost_nanos"].as_u64().unwrap()).sum();
    assert_eq!(cost, of.total.cost_nanos);
    assert_eq!(site.told("requests 30d --export json"), lines);
}

#[test]
fn filters_choose_and_leave_out() {
    let site = Site::new();
    let attempts = |words: &str| site.json(&format!("30d {words} --json"))["total"]["attempts"].as_u64().unwrap();
    let all = attempts("");
    for (with, without) in [
        ("--model name-1", "--not-model name-1"),
        ("--model name-1 --model name-2", "--model !name-1 --model !name-2"),
        ("--token tok_2", "--token !tok_2"),
        ("--label team=red", "--not-label team=red"),
        ("--outcome ok", "--outcome !ok"),
        ("--stream true", "--stream false"),
        ("--status 200", "--not-status 200"),
        ("--session session-1", "--not-session session-1"),
    ] {
        let (with_it, without_it) = (attempts(with), attempts(without));
        assert_eq!(with_it + without_it, all, "{with}");
        assert!(with_it > 0 && without_it > 0, "{with}");
    }
    assert_eq!(attempts("--model nobody"), 0);
}

#[test]
fn charts_stay_within_the_width_and_bars_descend() {
    let site = Site::new();
    for words in ["30d --chart", "7d --by token --chart --ascii", "24h --chart --sort requests --by provider,model"] {
        let chart = site.told(words);
        assert!(
            chart.lines().all(|line| line.chars().count() <= 80 || line.starts_with(['≤', '<'])),
            "{words}:\n{chart}"
        );
        assert!(chart.contains('█') || chart.contains('#'), "{words}:\n{chart}");
    }
    let plain = site.told("30d --chart --ascii");
    let bars: Vec<usize> =
        plain.lines().filter(|line| line.starts_with("name-")).map(|line| line.matches('#').count()).collect();
    assert!(plain.is_ascii(), "{plain}");
    assert!(bars.len() > 3 && bars.is_sorted_by(|a, b| a >= b), "{plain}");
}

#[test]
fn what_means_nothing_is_refused_with_what_would() {
    let site = Site::new();
    for (words, told) in [
        ("monht", "last-month"),
        ("--since soon", "2026-11-01"),
        ("--by colour", "provider, model"),
        ("--by model,token,run", "two things"),
        ("--zone Mars/Olympus", "Europe/Berlin"),
        ("--outcome good", "known: ok, client_abort"),
        ("--token nobody", "nobody"),
        ("--export xml", "csv or json"),
        ("--export csv 7d", "is a span"),
        ("--since 2026-11-05 --until 2026-11-04", "ends before it begins"),
        ("request req_0000000000000000", "no request"),
        ("movers --by day", "no time"),
        ("today --since 7d", "cannot be used with"),
    ] {
        let text = site.refused(words);
        assert!(text.contains(told), "{words}: {text}");
    }
    let empty = tempfile::tempdir().unwrap();
    let output = torod(empty.path(), "today");
    assert!(String::from_utf8_lossy(&output.stderr).contains("no usage yet"));
    drop(torod::store::schema::open_writer(empty.path()).unwrap());
    for words in ["today", "movers", "forecast", "cache", "errors", "requests", "month --chart", "today --csv"] {
        let output = torod(empty.path(), words);
        assert!(output.status.success(), "{words}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(!output.stdout.is_empty(), "{words}");
    }
}
