//! What was found: a line for each check, with what to do where it is not good.

use std::io::Write;

use owo_colors::OwoColorize as _;
use serde::Serialize;

use crate::commands::terminal;
use crate::telemetry::plain::plain;

/// Lines that go on begin under the text.
const INDENT: usize = 19;

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Grade {
    /// As it should be.
    Good,
    /// It works, but not as well as it might.
    Warning,
    /// It does not work.
    Bad,
    /// It was not looked at.
    Skipped,
}

/// One check.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Finding {
    pub(super) check: &'static str,
    pub(super) grade: Grade,
    pub(super) text: String,
    /// What to do; empty where nothing is.
    pub(super) advice: String,
}

/// All that was found.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) findings: Vec<Finding>,
}

impl Report {
    pub(super) fn good(&mut self, check: &'static str, text: impl AsRef<str>) {
        self.add(check, Grade::Good, text.as_ref(), "");
    }

    pub(super) fn skipped(&mut self, check: &'static str, text: impl AsRef<str>) {
        self.add(check, Grade::Skipped, text.as_ref(), "");
    }

    pub(super) fn warn(&mut self, check: &'static str, text: impl AsRef<str>, advice: impl AsRef<str>) {
        self.add(check, Grade::Warning, text.as_ref(), advice.as_ref());
    }

    pub(super) fn bad(&mut self, check: &'static str, text: impl AsRef<str>, advice: impl AsRef<str>) {
        self.add(check, Grade::Bad, text.as_ref(), advice.as_ref());
    }

    fn add(&mut self, check: &'static str, grade: Grade, text: &str, advice: &str) {
        self.findings.push(Finding {
            check,
            grade,
            text: plain(text).into_owned(),
            advice: plain(advice).into_owned(),
        });
    }

    /// Whether something is wrong.
    pub(super) fn is_bad(&self) -> bool {
        self.count(Grade::Bad) > 0
    }

    fn count(&self, grade: Grade) -> usize {
        self.findings.iter().filter(|finding| finding.grade == grade).count()
    }

    /// Tells all of it.
    pub(super) fn tell(&self, out: &mut dyn Write, json: bool) -> anyhow::Result<()> {
        if json {
            let told = serde_json::json!({ "ok": !self.is_bad(), "checks": self.findings });
            writeln!(out, "{told}")?;
            return Ok(());
        }
        for finding in &self.findings {
            let mark = match finding.grade {
                Grade::Good => "✓".green().to_string(),
                Grade::Warning => "!".yellow().to_string(),
                Grade::Bad => "✗".red().to_string(),
                Grade::Skipped => "–".dimmed().to_string(),
            };
            let room = INDENT - 4;
            terminal::tell(out, &format!("{mark} {:<room$}  {}", finding.check, finding.text), INDENT)?;
            if !finding.advice.is_empty() {
                terminal::tell(out, &format!("{:INDENT$}→ {}", "", finding.advice), INDENT + 2)?;
            }
        }
        let (good, warnings, bad) = (self.count(Grade::Good), self.count(Grade::Warning), self.count(Grade::Bad));
        writeln!(out, "\n{good} good, {warnings} to look at, {bad} wrong")?;
        Ok(())
    }
}
