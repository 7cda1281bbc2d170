//! Why an answer ended.

/// Why an answer ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Stop {
    /// The model had said everything.
    #[default]
    End,
    /// It wrote a stop sequence; which one, where the provider says so.
    Sequence(Option<String>),
    /// The limit of tokens.
    Length,
    /// The context window is full.
    Context,
    /// It calls tools.
    Calls,
    /// A safety filter or a refusal; with an explanation, where there is one.
    Safety(Option<String>),
    /// The provider paused a long turn (Anthropic's `pause_turn`).
    Pause,
    /// The model failed; the provider's word for how.
    Failed(String),
}

impl Stop {
    /// The reason that fits an answer which calls client tools: providers differ in what they say then.
    ///
    /// A truncated answer stays truncated, so that nobody runs a half-written call.
    #[must_use]
    pub fn with_calls(self, has_calls: bool) -> Self {
        match self {
            Self::End | Self::Sequence(_) if has_calls => Self::Calls,
            Self::Calls if !has_calls => Self::End,
            other => other,
        }
    }
}
