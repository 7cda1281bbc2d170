//! `torod config check|show|reference`.

use std::io::Write;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::{Exit, system_env};
use crate::config::{self, Finding, Paths, Severity, reference};

/// Check, show or explain the configuration.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  torod config check\n  torod config show\n  torod config reference | grep timeouts"
)]
pub struct Config {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Tell what is wrong with the file, and where.
    Check(Json),
    /// Show what is in force, defaults included; secrets as references.
    Show,
    /// Explain every key.
    Reference(Json),
}

#[derive(Debug, Args)]
struct Json {
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct FindingView<'a> {
    file: &'a str,
    line: usize,
    column: usize,
    key: &'a str,
    severity: &'static str,
    message: &'a str,
    advice: &'a str,
}

#[derive(Serialize)]
struct KeyView {
    key: &'static str,
    kind: &'static str,
    default: &'static str,
    meaning: &'static str,
    example: &'static str,
}

impl Config {
    /// Does it and tells.
    pub fn run(self, paths: &Paths, out: &mut dyn Write, is_terminal: bool) -> anyhow::Result<Exit> {
        match self.action {
            Action::Check(format) => check(paths, out, format.json, is_terminal),
            Action::Show => {
                let config = config::load(&paths.config_file)?;
                write!(out, "{}", config::show(&config))?;
                Ok(Exit::Done)
            }
            Action::Reference(format) => explain(out, format.json),
        }
    }
}

fn check(paths: &Paths, out: &mut dyn Write, json: bool, is_terminal: bool) -> anyhow::Result<Exit> {
    let examined = config::examine_file(&paths.config_file)?;
    let mut findings = examined.findings.clone();
    if !examined.has_errors() {
        findings.extend(examined.check_secrets(&system_env));
    }
    let failed = findings.iter().any(Finding::is_error);
    if json {
        let views: Vec<_> = findings.iter().map(view).collect();
        serde_json::to_writer(&mut *out, &views)?;
        writeln!(out)?;
    } else {
        for finding in &findings {
            if is_terminal { finding.write_with_source(out)? } else { writeln!(out, "{finding}")? }
        }
        if !failed {
            let enabled = examined.config.providers.iter().filter(|p| p.enabled).count();
            let all = examined.config.providers.len();
            writeln!(out, "{}: ok, {enabled} of {all} providers enabled", paths.config_file.display())?;
        }
    }
    Ok(if failed { Exit::Failed } else { Exit::Done })
}

fn view(finding: &Finding) -> FindingView<'_> {
    FindingView {
        file: &finding.file,
        line: finding.line,
        column: finding.column,
        key: &finding.key,
        severity: match finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        },
        message: &finding.message,
        advice: &finding.advice,
    }
}

fn explain(out: &mut dyn Write, json: bool) -> anyhow::Result<Exit> {
    if json {
        let views: Vec<_> = reference::KEYS
            .iter()
            .map(|k| KeyView { key: k.path, kind: k.kind, default: k.default, meaning: k.meaning, example: k.example })
            .collect();
        serde_json::to_writer(&mut *out, &views)?;
        writeln!(out)?;
        return Ok(Exit::Done);
    }
    for key in reference::KEYS {
        let default = if key.default.is_empty() { String::new() } else { format!(", default {}", key.default) };
        writeln!(out, "{} ({}{default})\n    {}\n    {}\n", key.path, key.kind, key.meaning, key.example)?;
    }
    Ok(Exit::Done)
}
