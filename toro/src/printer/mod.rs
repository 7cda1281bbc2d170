//! The only place that writes: standard output is data, standard error is talk. Colours are for terminals, and not
//! where `NO_COLOR` is set.

pub mod figures;
mod table;
pub mod time;
mod words;

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::exit::Failure;

pub use table::Table;
pub use words::{counted, grouped, plain, said, span, wrapped};

/// Where what is said goes.
#[derive(Clone, Debug)]
pub struct Printer {
    json: Option<PathBuf>,
    quiet: bool,
    is_terminal: bool,
    width: Option<usize>,
}

impl Printer {
    /// The printer of this process. `json`: where JSON goes; `-` is the output.
    pub fn new(json: Option<PathBuf>, quiet: bool) -> Self {
        let is_terminal = std::io::stdout().is_terminal();
        let width = terminal_size::terminal_size_of(std::io::stdout()).map(|(width, _)| usize::from(width.0));
        Self { json, quiet, is_terminal, width: width.filter(|_| is_terminal) }
    }

    /// Whether JSON was asked for.
    pub const fn is_json(&self) -> bool {
        self.json.is_some()
    }

    /// The file that JSON goes to, where one was named.
    pub fn json_file(&self) -> Option<&Path> {
        self.json.as_deref().filter(|path| *path != Path::new("-"))
    }

    /// Whether nothing but errors is to be said.
    pub const fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Whether a person reads the output.
    pub const fn is_terminal(&self) -> bool {
        self.is_terminal
    }

    /// How wide the output's terminal is, in characters; none where it goes elsewhere.
    pub const fn width(&self) -> Option<usize> {
        self.width
    }

    /// Writes a line of data.
    pub fn line(&self, text: &str) -> Result<(), Failure> {
        writeln!(anstream::stdout(), "{text}").map_err(Failure::from)
    }

    /// Writes data as it is, without a line's end, and sends it off at once: for what streams.
    pub fn raw(&self, text: &str) -> Result<(), Failure> {
        let mut out = anstream::stdout();
        out.write_all(text.as_bytes())?;
        out.flush().map_err(Failure::from)
    }

    /// Writes bytes of data as they are.
    pub fn bytes(&self, data: &[u8]) -> Result<(), Failure> {
        let mut out = std::io::stdout();
        out.write_all(data)?;
        out.flush().map_err(Failure::from)
    }

    /// An empty table that fits where the output goes.
    pub const fn table(&self) -> Table {
        Table::new(self.is_terminal, self.width)
    }

    /// Writes `value` as JSON to the output or the file that was named.
    pub fn json(&self, value: &impl Serialize) -> Result<(), Failure> {
        match self.json_file() {
            Some(path) => self.json_to(path, value),
            None if self.is_terminal => self.line(&serde_json::to_string_pretty(value)?),
            None => self.line(&serde_json::to_string(value)?),
        }
    }

    /// Writes `value` as JSON into a file.
    pub fn json_to(&self, path: &Path, value: &impl Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(value)? + "\n";
        std::fs::write(path, text)
            .map_err(|e| Failure::failed(format!("cannot write {}: {e}", path.display()), "Name another file."))
    }

    /// Writes `value` as JSON, in one line, beside the output.
    pub fn json_beside(&self, value: &impl Serialize) -> Result<(), Failure> {
        writeln!(std::io::stderr(), "{}", serde_json::to_string(value)?).map_err(Failure::from)
    }

    /// Says something beside the output, unless quiet.
    pub fn say(&self, text: &str) {
        if !self.quiet {
            talk(text, 0);
        }
    }

    /// Says something beside the output that must be known, quiet or not.
    pub fn warn(&self, text: &str) {
        talk(&format!("toro: {text}"), "toro: ".len());
    }
}

/// Says `text` beside the output; a terminal that is gone is no reason to stop.
fn talk(text: &str, indent: usize) {
    let width = terminal_size::terminal_size_of(std::io::stderr()).map(|(width, _)| usize::from(width.0));
    _ = writeln!(anstream::stderr(), "{}", wrapped(text, indent, width));
}

/// Tells a failure beside the output, and where a program reads JSON, tells it there too.
pub fn fail(failure: &Failure, is_json: bool) {
    if failure.message.is_empty() {
        return;
    }
    talk(&format!("toro: {failure}"), "toro: ".len());
    if is_json {
        let error = serde_json::json!({ "message": failure.message, "advice": failure.advice });
        _ = writeln!(std::io::stdout(), "{}", serde_json::json!({ "error": error }));
    }
}
