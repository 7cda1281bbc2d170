//! What is shipped for those who watch the gateway: every expression of the dashboard and of the rules names what `/metrics` shows.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use torod::telemetry::metrics::families::ALL;
use torod::telemetry::metrics::text::Kind;

use crate::promtool;

fn packaged(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging").join(name)
}

/// The labels of each name that a sample may have.
fn samples() -> BTreeMap<String, BTreeSet<&'static str>> {
    let mut all = BTreeMap::new();
    for family in ALL {
        let labels: BTreeSet<&str> = family.labels.iter().copied().collect();
        if family.kind == Kind::Histogram {
            for end in ["_sum", "_count"] {
                all.insert(format!("{}{end}", family.name), labels.clone());
            }
            all.insert(format!("{}_bucket", family.name), labels.into_iter().chain(["le"]).collect());
        } else {
            all.insert(family.name.to_owned(), labels);
        }
    }
    all
}

/// The words of `text` with what stands behind each.
fn words(text: &str) -> Vec<(&str, &str)> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let (mut found, mut rest) = (Vec::new(), text);
    while let Some(start) = rest.find(is_word) {
        let tail = &rest[start..];
        let end = tail.find(|c| !is_word(c)).unwrap_or(tail.len());
        found.push((&tail[..end], &tail[end..]));
        rest = &tail[end..];
    }
    found
}

/// Checks one expression: its names, the labels that it matches, and those that it groups by.
fn check(expr: &str, recorded: &BTreeSet<String>) {
    let samples = samples();
    let mut known: BTreeSet<&str> = BTreeSet::new();
    let mut seen = 0;
    for (word, behind) in words(expr) {
        let is_ours = word.starts_with("tokenrouter_") || word.starts_with("process_");
        if !is_ours {
            assert!(!word.starts_with("tokenrouter:") || recorded.contains(word), "{word} in {expr}");
            seen += usize::from(recorded.contains(word) || word == "up");
            continue;
        }
        let labels = samples.get(word).unwrap_or_else(|| panic!("{word} is shown nowhere: {expr}"));
        seen += 1;
        known.extend(labels);
        let Some(matchers) = behind.strip_prefix('{') else { continue };
        let matchers = matchers.split_once('}').unwrap().0;
        for matcher in matchers.split(',') {
            let label = matcher.split(['=', '!', '~']).next().unwrap().trim();
            assert!(labels.contains(label), "{word} has no label {label}: {expr}");
        }
    }
    assert!(seen > 0, "{expr}");
    for (_, group) in words(expr).into_iter().filter(|(word, _)| ["by", "without"].contains(word)) {
        let group = group.trim_start().strip_prefix('(').unwrap().split_once(')').unwrap().0;
        for label in group.split(',').map(str::trim) {
            assert!(known.contains(label), "nothing in {expr} has the label {label}");
        }
    }
}

fn expressions<'v>(value: &'v Value, found: &mut Vec<&'v str>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(text) if name == "expr" => found.push(text),
                    value => expressions(value, found),
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| expressions(value, found)),
        _ => {}
    }
}

#[test]
fn the_dashboard_shows_what_there_is() {
    let text = fs::read_to_string(packaged("grafana/tokenrouter.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&text).unwrap();
    let mut found = Vec::new();
    expressions(&dashboard, &mut found);
    assert!(found.len() >= 35, "{}", found.len());
    for expr in &found {
        check(expr, &BTreeSet::new());
    }
    let variables = dashboard["templating"]["list"].as_array().unwrap();
    for variable in variables.iter().filter(|variable| variable["type"] == "query") {
        let query = variable["query"]["query"].as_str().unwrap();
        let (name, label) =
            query.strip_prefix("label_values(").unwrap().strip_suffix(')').unwrap().rsplit_once(", ").unwrap();
        let name = name.split('{').next().unwrap();
        assert!(samples()[name].contains(label), "{query}");
    }
    // Nobody's own data source is named in it.
    assert!(!text.contains("\"uid\": \"P") && text.contains("${datasource}"));
    let ids: Vec<_> =
        dashboard["panels"].as_array().unwrap().iter().map(|panel| panel["id"].as_i64().unwrap()).collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
}

#[test]
fn the_rules_are_rules_about_what_there_is() {
    let text = fs::read_to_string(packaged("prometheus/rules.yml")).unwrap();
    let recorded: BTreeSet<String> =
        text.lines().filter_map(|line| line.trim().strip_prefix("- record: ")).map(str::to_owned).collect();
    let mut expressions: Vec<String> = Vec::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let Some(expr) = line.trim().strip_prefix("expr: ") else { continue };
        let mut expr = expr.trim_start_matches(">-").to_owned();
        if expr.is_empty() {
            let indent = line.len() - line.trim_start().len();
            while let Some(more) = lines.next_if(|more| more.len() - more.trim_start().len() > indent) {
                expr = format!("{expr} {}", more.trim());
            }
        }
        expressions.push(expr);
    }
    assert!(expressions.len() >= 10, "{expressions:?}");
    for expr in &expressions {
        check(expr, &recorded);
    }
    promtool::check("rules", &text);
}
