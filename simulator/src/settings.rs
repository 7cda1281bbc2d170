//! How a simulator behaves when the model name does not say otherwise.
use std::time::Duration;

/// What a [`crate::Simulator`] does by default; a model's own options go before these.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How many pieces of text an answer has.
    pub chunks: u32,
    /// The pause between two pieces of a streamed answer.
    pub interval: Duration,
    /// The time before anything of an answer is sent, its status line included.
    pub first_token: Duration,
    /// What `/v1/models` lists. Names that are no script answer as `ok` does.
    pub models: Vec<String>,
    /// When set, a request with another key, or none, is answered with 401.
    pub api_key: Option<String>,
    /// Whether calls are kept for [`crate::Simulator::calls`]. Off saves a copy of each request's headers.
    pub record: bool,
    /// Cut streams into writes of this many bytes, each flushed, wherever that falls in an event or a character.
    pub piece_bytes: Option<usize>,
    /// Whether a request the real provider would refuse is answered with its 400. Off saves reading each request whole.
    pub strict: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            chunks: 20,
            interval: Duration::from_millis(10),
            first_token: Duration::ZERO,
            models: crate::SCRIPTS.iter().map(|name| (*name).to_owned()).collect(),
            api_key: None,
            record: true,
            piece_bytes: None,
            strict: true,
        }
    }
}
