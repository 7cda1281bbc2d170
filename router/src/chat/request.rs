//! What a client asks for, whichever protocol it speaks.

use serde_json::Number;

use super::loss::Losses;
use super::{Json, Message, Tool, ToolChoice};
use crate::Protocol;

/// A request.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The protocol in which it came.
    pub protocol: Protocol,
    /// The model, as the client named it.
    pub model: String,
    /// Whether the client wants a stream.
    pub stream: bool,
    /// Whether the client wants the usage in the stream (OpenAI Chat only; the others always send it).
    pub stream_usage: bool,
    /// The conversation, instructions first.
    pub messages: Vec<Message>,
    /// The tools.
    pub tools: Vec<Tool>,
    /// Which of them to call.
    pub tool_choice: Option<ToolChoice>,
    /// Whether several may be called at once.
    pub parallel_calls: Option<bool>,
    /// How much to think.
    pub reasoning: Option<Effort>,
    /// The form of the answer.
    pub format: Option<Format>,
    /// How much to say: `low`, `medium`, `high`.
    pub verbosity: Option<String>,
    /// The most tokens to write.
    pub max_tokens: Option<u64>,
    /// Texts at which to stop.
    pub stop: Vec<String>,
    /// How to choose among words.
    pub sampling: Sampling,
    /// Who asks, for the provider's abuse detection.
    pub user: Option<String>,
    /// Labels for the provider's records.
    pub metadata: Vec<(String, String)>,
    /// OpenAI's name for it: `auto`, `default`, `flex`, `priority` …
    pub service_tier: Option<String>,
    /// Groups requests that share a prefix (OpenAI's `prompt_cache_key`).
    pub cache_key: Option<String>,
    /// A cache mark on the whole prompt (Anthropic's top-level `cache_control`).
    pub cache: Option<super::CacheMark>,
    /// Whether the provider should keep the answer (OpenAI's `store`).
    pub store: Option<bool>,
    /// The answer that this request continues (OpenAI's `previous_response_id`).
    pub previous_response_id: Option<String>,
    /// Fields that only the client's own protocol knows.
    pub extra: Vec<Extra>,
    /// What the Responses protocol repeats in its answers, as the client sent it.
    pub echo: Echo,
    /// What reading the request could not keep.
    pub losses: Losses,
}

impl Request {
    /// An empty request in `protocol`.
    pub fn new(protocol: Protocol) -> Self {
        Self {
            protocol,
            model: String::new(),
            stream: false,
            stream_usage: false,
            messages: Vec::new(),
            tools: Vec::new(),
            tool_choice: None,
            parallel_calls: None,
            reasoning: None,
            format: None,
            verbosity: None,
            max_tokens: None,
            stop: Vec::new(),
            sampling: Sampling::default(),
            user: None,
            metadata: Vec::new(),
            service_tier: None,
            cache_key: None,
            cache: None,
            store: None,
            previous_response_id: None,
            extra: Vec::new(),
            echo: Echo::default(),
            losses: Losses::default(),
        }
    }
}

/// How to choose among words. Numbers keep their text's kind: `0` does not become `0.0`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sampling {
    /// 0 to 2.
    pub temperature: Option<Number>,
    /// 0 to 1.
    pub top_p: Option<Number>,
    /// The number of candidates.
    pub top_k: Option<u64>,
    /// −2 to 2.
    pub presence_penalty: Option<Number>,
    /// −2 to 2.
    pub frequency_penalty: Option<Number>,
    /// For answers that repeat.
    pub seed: Option<i64>,
    /// How many answers.
    pub n: Option<u32>,
    /// Whether to report probabilities.
    pub logprobs: Option<bool>,
    /// Of how many alternatives.
    pub top_logprobs: Option<u32>,
    /// Token ids and their bias.
    pub logit_bias: Option<Json>,
}

/// How much to think, and what of it to show.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effort {
    /// The level.
    pub level: Option<Level>,
    /// The most tokens to think, where the client counts them.
    pub budget: Option<u64>,
    /// Whether to show it: OpenAI's `summary` (`auto`, `concise`, `detailed`), Anthropic's `display`
    /// (`summarized`, `omitted`), Gemini's `includeThoughts` (`auto`).
    pub summary: Option<String>,
}

/// How much to think.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Not at all.
    None,
    /// As little as possible.
    Minimal,
    /// A little.
    Low,
    /// Some.
    Medium,
    /// Much.
    High,
    /// Very much.
    XHigh,
    /// As much as the model can.
    Max,
    /// As the model sees fit.
    Adaptive,
}

impl Level {
    /// OpenAI's words, which the others share in lower case; `adaptive` has none there.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Minimal => "minimal",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::XHigh => "xhigh",
            Self::Max => "max",
            Self::Adaptive => "adaptive",
        }
    }

    /// The level that a word means, in any case of letters.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::None, Self::Minimal, Self::Low, Self::Medium, Self::High, Self::XHigh, Self::Max, Self::Adaptive]
            .into_iter()
            .find(|level| level.as_str().eq_ignore_ascii_case(word))
    }

    /// The tokens that it stands for where a model takes a budget; none where there is no fixed number.
    pub const fn budget(self) -> Option<u64> {
        match self {
            Self::None => Some(0),
            Self::Minimal => Some(1024),
            Self::Low => Some(2048),
            Self::Medium => Some(8192),
            Self::High => Some(16_384),
            Self::XHigh => Some(32_768),
            Self::Max | Self::Adaptive => None,
        }
    }

    /// The level that a budget comes nearest to.
    pub const fn of_budget(tokens: u64) -> Self {
        match tokens {
            0 => Self::None,
            1..=1024 => Self::Minimal,
            1025..=4096 => Self::Low,
            4097..=12_288 => Self::Medium,
            12_289..=24_576 => Self::High,
            _ => Self::XHigh,
        }
    }
}

/// The form that the answer must have.
#[derive(Clone, Debug, PartialEq)]
pub enum Format {
    /// Any JSON object.
    Object,
    /// JSON of this schema.
    Schema {
        /// The schema's name.
        name: Option<String>,
        /// What it is for.
        description: Option<String>,
        /// The JSON Schema.
        schema: Json,
        /// Whether the provider must enforce it.
        strict: Option<bool>,
    },
}

/// A field that only one protocol knows.
#[derive(Clone, Debug, PartialEq)]
pub struct Extra {
    /// Its name there.
    pub name: String,
    /// Its value.
    pub value: Json,
    /// What leaving it out means.
    pub weight: Weight,
}

/// What leaving a field out means to the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// Nothing that could be noticed.
    Hint,
    /// A different answer in form or quality: said in the header.
    Loss,
    /// Another request altogether: refused.
    Meaning,
}

/// What the Responses protocol repeats in its answers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Echo {
    /// `instructions`.
    pub instructions: Option<Json>,
    /// `tools`.
    pub tools: Option<Json>,
    /// `tool_choice`.
    pub tool_choice: Option<Json>,
    /// `text`.
    pub text: Option<Json>,
    /// `reasoning`.
    pub reasoning: Option<Json>,
    /// `metadata`.
    pub metadata: Option<Json>,
    /// `truncation`.
    pub truncation: Option<Json>,
}
