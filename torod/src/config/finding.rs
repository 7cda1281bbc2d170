//! What is wrong or doubtful in a configuration file, where it stands, and what to write instead.

use std::fmt;
use std::io::{self, Write};

/// Whether a finding keeps the file from being used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Severity {
    /// The file cannot be used.
    Error,
    /// The file works, but somebody should look.
    Warning,
}

/// One thing found in a configuration file. No field ever holds a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Name of the file as the caller gave it, or of the environment's variable.
    pub file: String,
    /// Line, from 1; 0 in the environment.
    pub line: usize,
    /// Column in characters, from 1; 0 in the environment.
    pub column: usize,
    /// The key's path, such as `providers[0].timeouts.connect`; empty for a syntax error.
    pub key: String,
    /// Whether the file can be used.
    pub severity: Severity,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub advice: String,
    /// The line of the file with everything masked that may be a secret; empty where there is none.
    pub snippet: String,
    /// How many characters from `column` on are meant; at least 1.
    pub width: usize,
}

impl Finding {
    /// Whether this keeps the file from being used.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// Writes the message and below it the line of the file with a caret under the place.
    pub fn write_with_source(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{self}")?;
        if self.snippet.is_empty() {
            return Ok(());
        }
        let number = self.line.to_string();
        let gutter = " ".repeat(number.len());
        let blank: String = self
            .snippet
            .chars()
            .take(self.column.saturating_sub(1))
            .map(|c| if c == '\t' { '\t' } else { ' ' })
            .collect();
        writeln!(out, " {number} | {}", self.snippet)?;
        writeln!(out, " {gutter} | {blank}{}", "^".repeat(self.width.max(1)))
    }
}

/// `torod.toml:12:3: unknown key …: did you mean …?`
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What stands in the environment is on no line.
        match self.line {
            0 => write!(f, "{}: ", self.file)?,
            line => write!(f, "{}:{line}:{}: ", self.file, self.column)?,
        }
        if self.severity == Severity::Warning {
            f.write_str("warning: ")?;
        }
        write!(f, "{}: {}", self.message, self.advice)
    }
}
