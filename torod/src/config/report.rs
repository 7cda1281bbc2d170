//! Collects the findings of one reading: turns byte spans into lines and columns, and masks secrets in quoted lines.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::ops::Range;

use super::egress::Egress;
use super::environment::EnvSetting;
use super::finding::{Finding, Severity};
use super::{environment, reference};

/// Longest quoted source line, in characters.
const LONGEST_SNIPPET: usize = 160;

/// The findings of one reading of one file.
pub(super) struct Report<'t> {
    file: &'t str,
    text: &'t str,
    notes: RefCell<Vec<Note>>,
    secrets: RefCell<Vec<Range<usize>>>,
    asked: RefCell<BTreeSet<String>>,
    places: RefCell<Vec<Place>>,
    providers: Cell<usize>,
    broken: Cell<bool>,
    egress: RefCell<Egress>,
    /// Where the file ends, and the settings of the environment that stand behind it.
    layers: Option<(usize, &'t [(usize, EnvSetting)])>,
}

/// Where a credential stands in the file.
#[derive(Debug)]
pub(super) struct Place {
    /// Index in `Config::providers`.
    pub(super) provider: usize,
    /// Index in `ProviderConfig::credentials`.
    pub(super) credential: usize,
    span: Range<usize>,
    key: String,
}

struct Note {
    span: Range<usize>,
    key: String,
    severity: Severity,
    message: String,
    advice: String,
}

impl<'t> Report<'t> {
    pub(super) fn new(file: &'t str, text: &'t str) -> Self {
        Self {
            file,
            text,
            notes: RefCell::default(),
            secrets: RefCell::default(),
            asked: RefCell::default(),
            places: RefCell::default(),
            providers: Cell::default(),
            broken: Cell::default(),
            egress: RefCell::default(),
            layers: None,
        }
    }

    /// The report of a text that is a file's, `length` bytes of it, and then a line for each of `settings`.
    pub(super) fn layered(file: &'t str, text: &'t str, length: usize, settings: &'t [(usize, EnvSetting)]) -> Self {
        Self { layers: Some((length, settings)), ..Self::new(file, text) }
    }

    /// The setting of the environment that stands at `at`.
    fn setting_at(&self, at: usize) -> Option<&EnvSetting> {
        let (length, settings) = self.layers?;
        let inside = at.checked_sub(length + 1)?;
        settings.iter().rev().find(|(begin, _)| *begin <= inside).map(|(_, setting)| setting)
    }

    /// What the file says of where torod may connect to; it is read before any URL.
    pub(super) fn set_egress(&self, egress: &Egress) {
        self.egress.replace(egress.clone());
    }

    /// Where torod may connect to.
    pub(super) fn egress(&self) -> Egress {
        self.egress.borrow().clone()
    }

    /// The file's name as the caller gave it.
    pub(super) fn file(&self) -> &'t str {
        self.file
    }

    /// Notes what keeps the file from being used.
    pub(super) fn error(&self, span: Range<usize>, key: &str, message: String, advice: String) {
        self.note(Note { span, key: key.to_owned(), severity: Severity::Error, message, advice });
    }

    /// Notes what works but is doubtful.
    pub(super) fn warn(&self, span: Range<usize>, key: &str, message: String, advice: String) {
        self.note(Note { span, key: key.to_owned(), severity: Severity::Warning, message, advice });
    }

    fn note(&self, note: Note) {
        self.notes.borrow_mut().push(note);
    }

    /// Remembers that a secret stands at `span`, so that no quoted line shows it.
    pub(super) fn hide(&self, span: Range<usize>) {
        self.secrets.borrow_mut().push(span);
    }

    /// Remembers where the next credential of the provider being read stands.
    pub(super) fn credential_at(&self, span: Range<usize>, key: &str) {
        let provider = self.providers.get();
        let mut places = self.places.borrow_mut();
        let credential = places.iter().filter(|place| place.provider == provider).count();
        places.push(Place { provider, credential, span, key: key.to_owned() });
    }

    /// The next credential belongs to the next provider.
    pub(super) fn provider_read(&self) {
        self.providers.set(self.providers.get() + 1);
    }

    /// The file is no TOML: where its secrets stand can only be guessed.
    pub(super) fn is_broken(&self) {
        self.broken.set(true);
    }

    /// Remembers that the reader knows this key (`providers[].name`).
    pub(super) fn asked_for(&self, schema: String) {
        self.asked.borrow_mut().insert(schema);
    }

    /// Every key the reader looked for.
    #[cfg(test)]
    pub(super) fn asked(&self) -> BTreeSet<String> {
        self.asked.borrow().clone()
    }

    /// Builds a finding at `span` without keeping it.
    pub(super) fn finding(
        &self,
        span: &Range<usize>,
        key: &str,
        severity: Severity,
        message: &str,
        advice: &str,
    ) -> Finding {
        let start = floor(self.text, span.start);
        if let Some(setting) = self.setting_at(start) {
            return environment::finding(&setting.variable, key, severity, message.to_owned(), advice.to_owned());
        }
        let before = self.text.get(..start).unwrap_or("");
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line_end = self.text.get(start..).and_then(|rest| rest.find('\n')).map_or(self.text.len(), |at| start + at);
        let lead = self.text.get(line_start..start).unwrap_or("");
        let end = floor(self.text, span.end.min(line_end)).max(start);
        let width = self.text.get(start..end).map_or(1, |shown| shown.chars().count()).max(1);
        let snippet = self.snippet(line_start..line_end);
        // A byte order mark stands on no column.
        let column = lead.trim_start_matches('\u{feff}').chars().count() + 1;
        let room = snippet.chars().count().saturating_sub(column.saturating_sub(1)).max(1);
        Finding {
            file: self.file.to_owned(),
            line: before.matches('\n').count() + 1,
            column,
            key: key.to_owned(),
            severity,
            message: message.to_owned(),
            advice: advice.to_owned(),
            snippet: if column > LONGEST_SNIPPET { String::new() } else { snippet },
            width: width.min(room),
        }
    }

    /// Every credential with a finding at its place, to be filled in.
    pub(super) fn credential_places(&self) -> Vec<(Place, Finding)> {
        let places = self.places.take().into_iter();
        places.map(|p| (self.finding(&p.span, &p.key, Severity::Error, "", ""), p)).map(|(f, p)| (p, f)).collect()
    }

    /// Every finding in the order of the file.
    pub(super) fn into_findings(self) -> Vec<Finding> {
        let mut notes = self.notes.take();
        notes.sort_by_key(|note| note.span.start);
        notes
            .iter()
            .map(|note| self.finding(&note.span, &note.key, note.severity, &note.message, &note.advice))
            .collect()
    }

    /// The line with all secrets masked. In a broken file nobody knows where they stand: only what is surely none is shown.
    fn snippet(&self, line: Range<usize>) -> String {
        let text = self.text.get(line.clone()).unwrap_or("").trim_start_matches('\u{feff}').trim_end();
        let offset = line.end - self.text.get(line.clone()).map_or(0, |raw| raw.trim_start_matches('\u{feff}').len());
        let secrets = self.secrets.borrow();
        let shown = if self.broken.get() { harmless(text) } else { text.len() };
        let masked = |at: usize, c: char| {
            c.is_alphanumeric() && (at >= shown || secrets.iter().any(|span| span.contains(&(offset + at))))
        };
        let show = |(at, c): (usize, char)| match c {
            c if masked(at, c) => '*',
            c if c.is_control() && c != '\t' => ' ',
            c => c,
        };
        text.char_indices().take(LONGEST_SNIPPET).map(show).collect()
    }
}

/// How much of a line of a broken file is surely no secret: a table header, a key, and the value of a key that never
/// holds one.
fn harmless(text: &str) -> usize {
    let is_bare =
        |part: &str| part.bytes().all(|b| b.is_ascii_alphabetic() || matches!(b, b'_' | b'-' | b'.' | b' ' | b'\t'));
    let Some(at) = text.find(['=', ':']) else {
        let header = text.trim().trim_start_matches('[').trim_end_matches(']');
        return if text.trim().starts_with('[') && is_bare(header) { text.len() } else { 0 };
    };
    let (key, value) = text.split_at(at);
    if !is_bare(key) {
        return 0;
    }
    let is_plain = reference::KEYS.iter().any(|known| known.name() == key.trim() && known.is_plain());
    let one_value = !value.get(1..).unwrap_or("").contains(['=', ':', ',', '{', '[']);
    if one_value && is_plain { text.len() } else { at }
}

fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}
