//! `[log]`: what torod says on stderr.

use super::section::Section;

/// What is written to the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// The least important level that is written.
    pub level: LogLevel,
    /// How a line looks.
    pub format: LogFormat,
    /// Whether every request gets a line.
    pub requests: bool,
    /// How many lines the database keeps; 0: none.
    pub keep_lines: u32,
}

/// Importance of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    /// Something failed.
    Error,
    /// Something is doubtful.
    Warn,
    /// What an operator wants to know.
    Info,
    /// What a developer wants to know.
    Debug,
    /// Everything.
    Trace,
}

impl LogLevel {
    const CHOICES: [(&'static str, Self); 5] = [
        ("error", Self::Error),
        ("warn", Self::Warn),
        ("info", Self::Info),
        ("debug", Self::Debug),
        ("trace", Self::Trace),
    ];

    /// As it stands in the file.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

/// How a log line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// `human` on a terminal, `json` elsewhere.
    Auto,
    /// For people.
    Human,
    /// One JSON object a line.
    Json,
}

impl LogFormat {
    const CHOICES: [(&'static str, Self); 3] = [("auto", Self::Auto), ("human", Self::Human), ("json", Self::Json)];

    /// As it stands in the file.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Human => "human",
            Self::Json => "json",
        }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self { level: LogLevel::Info, format: LogFormat::Auto, requests: true, keep_lines: 5_000 }
    }
}

impl Log {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let mut log = Self::default();
        section.set_choice("level", &LogLevel::CHOICES, &mut log.level);
        section.set_choice("format", &LogFormat::CHOICES, &mut log.format);
        section.set_bool("requests", &mut log.requests);
        section.set_integer("keep_lines", 0..1_000_001, &mut log.keep_lines);
        section.finish();
        log
    }
}
