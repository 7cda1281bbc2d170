//! What was found: a line for each check, with what to do where it is not good.

use std::time::Duration;

use owo_colors::OwoColorize as _;
use serde::Serialize;

use crate::exit::Failure;
use crate::printer::{Printer, counted, plain, span};

/// Lines that go on begin under the text.
const INDENT: usize = 17;

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

#[derive(Clone, Debug, Serialize)]
struct Finding {
    check: String,
    grade: Grade,
    text: String,
    /// What to do; empty where nothing is.
    advice: String,
}

/// All that was found.
pub(super) struct Report<'p> {
    printer: &'p Printer,
    findings: Vec<Finding>,
    /// Questions that were put to a model.
    pub(super) calls: usize,
    pub(super) cost_nanos: Option<u64>,
    has_title: bool,
}

impl<'p> Report<'p> {
    pub(super) const fn new(printer: &'p Printer) -> Self {
        Self { printer, findings: Vec::new(), calls: 0, cost_nanos: None, has_title: false }
    }

    /// What the next checks are about.
    pub(super) fn title(&mut self, text: &str) -> Result<(), Failure> {
        let is_first = !std::mem::replace(&mut self.has_title, true);
        if self.printer.is_json() || self.printer.is_quiet() {
            return Ok(());
        }
        self.printer.line(&format!("{}{}", if is_first { "" } else { "\n" }, plain(text).bold()))
    }

    /// Says something that is no finding.
    pub(super) fn say(&self, text: &str) {
        if !self.printer.is_json() {
            self.printer.say(text);
        }
    }

    pub(super) fn good(&mut self, check: &str, text: &str) -> Result<(), Failure> {
        self.add(check, Grade::Good, text, "")
    }

    pub(super) fn skipped(&mut self, check: &str, text: &str) -> Result<(), Failure> {
        self.add(check, Grade::Skipped, text, "")
    }

    pub(super) fn warn(&mut self, check: &str, text: &str, advice: &str) -> Result<(), Failure> {
        self.add(check, Grade::Warning, text, advice)
    }

    pub(super) fn bad(&mut self, check: &str, text: &str, advice: &str) -> Result<(), Failure> {
        self.add(check, Grade::Bad, text, advice)
    }

    /// Something that went wrong.
    pub(super) fn failed(&mut self, check: &str, error: impl Into<Failure>) -> Result<(), Failure> {
        let failure = error.into();
        self.bad(check, &failure.message, &failure.advice)
    }

    fn add(&mut self, check: &str, grade: Grade, text: &str, advice: &str) -> Result<(), Failure> {
        let finding = Finding { check: check.to_owned(), grade, text: plain(text), advice: plain(advice) };
        let is_shown = !self.printer.is_quiet() || matches!(grade, Grade::Warning | Grade::Bad);
        if !self.printer.is_json() && is_shown {
            let mark = match grade {
                Grade::Good => "✓".green().to_string(),
                Grade::Warning => "!".yellow().to_string(),
                Grade::Bad => "✗".red().to_string(),
                Grade::Skipped => "–".dimmed().to_string(),
            };
            let width = self.printer.width().map(|width| width.saturating_sub(2));
            let line = crate::printer::wrapped(&format!("{check:<13}  {}", finding.text), INDENT - 2, width);
            self.printer.line(&format!("{mark} {}", line.replace('\n', "\n  ")))?;
            if !finding.advice.is_empty() {
                let advice = format!("{:INDENT$}→ {}", "", finding.advice);
                self.printer.line(&crate::printer::wrapped(&advice, INDENT + 2, self.printer.width()))?;
            }
        }
        self.findings.push(finding);
        Ok(())
    }

    fn count(&self, grade: Grade) -> u64 {
        self.findings.iter().filter(|finding| finding.grade == grade).count() as u64
    }

    /// Whether something is wrong.
    pub(super) fn is_bad(&self) -> bool {
        self.count(Grade::Bad) > 0
    }

    /// Sums it up.
    pub(super) fn end(&self) -> Result<(), Failure> {
        if self.printer.is_json() {
            return self.printer.json(&serde_json::json!({
                "ok": !self.is_bad(),
                "calls": self.calls,
                "cost_nanos": self.cost_nanos,
                "checks": self.findings,
            }));
        }
        let (good, warnings, bad) = (self.count(Grade::Good), self.count(Grade::Warning), self.count(Grade::Bad));
        let cost = match (self.calls, self.cost_nanos) {
            (0, _) => String::new(),
            (n, None) => format!("; {} to a model", counted(n as u64, "question")),
            (n, Some(nanos)) => {
                let cost = tokenrouter_shared::money::dollars(nanos);
                format!("; {} to a model, {cost}", counted(n as u64, "question"))
            }
        };
        self.printer.say(&format!("\n{good} good, {warnings} to look at, {bad} wrong{cost}"));
        Ok(())
    }
}

/// A time as it is told beside a check.
pub(super) fn took(time: Duration) -> String {
    match u64::try_from(time.as_millis()).unwrap_or(u64::MAX) {
        0 => "less than 1 ms".to_owned(),
        ms => span(ms),
    }
}
