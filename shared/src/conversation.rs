//! Conversations as the admin API speaks of them: who asked what of which model, and what was said.

use serde::{Deserialize, Serialize};

/// One conversation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ConversationView {
    /// Its number.
    pub id: i64,
    /// What it is about: how the first thing that a person said begins; empty where nobody said anything.
    pub title: String,
    /// The id of the token that it was held with; `null`: none, on this machine.
    pub token: Option<String>,
    /// The name that the token had.
    pub token_name: String,
    /// The program that asked, in a short word.
    pub agent: Option<String>,
    /// The agent's own id of the conversation.
    pub session: Option<String>,
    /// The session that it was begun by.
    pub parent_session: Option<String>,
    /// When it began, in milliseconds since 1970.
    pub started_ms: i64,
    /// When it was last continued, in milliseconds since 1970.
    pub last_ms: i64,
    /// Requests in it.
    pub exchanges: u64,
    /// How many of them agents make for themselves: titles, topics, summaries.
    pub internal: u64,
    /// The models that answered, the latest first.
    pub models: Vec<String>,
    /// LLM tokens of the requests, cached ones included.
    pub input: u64,
    /// LLM tokens of the answers.
    pub output: u64,
    /// What it cost, in billionths of a US dollar.
    pub cost_nanos: i64,
    /// What it takes up on the disk, in bytes.
    pub bytes: u64,
    /// Where a search found its words: the place, with `[[` and `]]` around them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found: Option<String>,
}

/// `GET /admin/api/conversations`: the latest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ConversationPage {
    /// What this page holds.
    pub conversations: Vec<ConversationView>,
    /// Where the next page starts; `null` on the last one.
    pub next: Option<String>,
}

/// `GET /admin/api/conversations/{id}`: one conversation with what was said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ConversationDetail {
    /// The conversation.
    #[serde(flatten)]
    pub conversation: ConversationView,
    /// Its requests with their answers, in their order.
    pub list: Vec<ExchangeView>,
    /// Where the next page starts; `null` on the last one.
    pub next: Option<String>,
}

/// One request with its answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ExchangeView {
    /// The request's id.
    pub request_id: String,
    /// The conversation that it belongs to.
    pub conversation: i64,
    /// The request whose answer this one goes on from.
    pub continues: Option<String>,
    /// Whether another request goes on from there too: here the conversation forks.
    pub is_branch: bool,
    /// What an agent made it for where that was nothing that a person said: `title`, `topic`, `summary`, `probe`,
    /// `suggestion`.
    pub internal: Option<String>,
    /// When it began, in milliseconds since 1970.
    pub started_ms: i64,
    /// From start to end, in microseconds.
    pub total_us: u64,
    /// Until the first byte of the answer, in microseconds; 0: none came.
    pub first_byte_us: u64,
    /// Which surface the client used: `chat`, `responses`, `messages`, …
    pub surface: String,
    /// What the client speaks.
    pub client_protocol: String,
    /// What the provider speaks; empty where none was asked.
    pub upstream_protocol: String,
    /// The model as asked for.
    pub model_asked: String,
    /// The model that answered, as its provider knows it; empty where none was asked.
    pub model: String,
    /// The provider.
    pub provider: String,
    /// The HTTP status that the client got; 0: it went away before.
    pub status: u16,
    /// How it ended: `ok`, `client_abort`, `upstream_error`, …
    pub outcome: String,
    /// Whether the answer was a stream.
    pub stream: bool,
    /// How many calls it took.
    pub attempts: u32,
    /// LLM tokens of the request that no cache had.
    pub input_uncached: u64,
    /// LLM tokens read from the provider's cache.
    pub cache_read: u64,
    /// LLM tokens written to the provider's cache.
    pub cache_write: u64,
    /// LLM tokens of the answer, reasoning included.
    pub output: u64,
    /// Those of them that were reasoning.
    pub reasoning: u64,
    /// Whether these are an estimate.
    pub estimated: bool,
    /// What it cost, in billionths of a US dollar.
    pub cost_nanos: i64,
    /// The error that the client was told.
    pub error: Option<String>,
    /// Whether a part of the request was too large to be kept.
    pub request_cut: bool,
    /// Whether a part of the answer was too large to be kept.
    pub answer_cut: bool,
    /// Messages in the request.
    pub messages: u32,
    /// The instructions; with `system=true`, and in an export where they are others than before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// What is new in the request: what the conversation did not have before.
    pub new: Vec<MessageView>,
    /// What was said to it, as far as it came.
    pub answer: Vec<PartView>,
    /// Why the answer ended, in a short word.
    pub stop: Option<String>,
}

/// Who says something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Speaker {
    /// The operator of the application.
    System,
    /// The user.
    #[default]
    User,
    /// The model.
    Assistant,
    /// A tool.
    Tool,
}

impl Speaker {
    /// The text form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
            Self::Tool => "tool",
        }
    }
}

/// One message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MessageView {
    /// Who speaks.
    pub speaker: Speaker,
    /// What is said.
    pub parts: Vec<PartView>,
}

/// One part of what is said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum PartView {
    /// Text.
    Text {
        /// The text.
        text: String,
    },
    /// What the model thought before it spoke.
    Thinking {
        /// What of it may be seen; empty where its provider hides it.
        text: String,
    },
    /// The model calls a tool.
    Call {
        /// Ties the result to it.
        id: String,
        /// The tool.
        name: String,
        /// What it is called with: JSON, or any text.
        input: String,
    },
    /// What a tool gave.
    Result {
        /// The call.
        id: String,
        /// The tool's name, where it was repeated.
        name: Option<String>,
        /// What it gave.
        text: String,
        /// Images and documents that it gave.
        media: Vec<MediaView>,
        /// Whether it failed.
        failed: bool,
    },
    /// An image, a document, sound, moving pictures.
    Media(MediaView),
    /// The model refused.
    Refusal {
        /// What it said.
        text: String,
    },
    /// Something that one vendor alone knows.
    Other {
        /// Its type there.
        kind: String,
    },
}

/// A file within a conversation: what it is, and not its bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MediaView {
    /// `image`, `document`, `audio` or `video`.
    pub kind: String,
    /// `image/png` and so on, if it was said.
    pub media_type: Option<String>,
    /// Its file name or title.
    pub name: Option<String>,
    /// How many bytes it has, where they were in the request.
    pub bytes: Option<u64>,
    /// The SHA-256 of the bytes, in hex.
    pub sha256: Option<String>,
    /// Where it is, where it was named by an address or a provider's id.
    pub at: Option<String>,
    /// Whether `GET /admin/api/exchanges/{request_id}/images/{sha256}` has it: an image of a request, of a kind that every
    /// browser knows.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_shown: bool,
}

/// `DELETE /admin/api/conversations/{id}` and `DELETE /admin/api/conversations`: what is gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ConversationsRemoved {
    /// Conversations.
    pub conversations: u64,
    /// Requests in them.
    pub exchanges: u64,
}

/// A part of `GET /v1/status`: how the keeping of conversations stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CaptureStatus {
    /// Whether conversations are kept.
    pub enabled: bool,
    /// Requests that were kept since the start.
    pub kept: u64,
    /// Requests that wait to be kept.
    pub waiting: u64,
    /// Requests that were not kept, because too many waited or the disk took nothing.
    pub lost: u64,
    /// Why the last ones were not kept.
    pub error: Option<String>,
}

/// A stage of a request on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// What the client sent.
    ClientIn,
    /// What the provider was sent.
    UpstreamOut,
    /// What the provider sent back.
    UpstreamIn,
    /// What the client was sent.
    ClientOut,
}

impl Stage {
    /// Every stage, in the order of their numbers in the database.
    pub const ALL: [Self; 4] = [Self::ClientIn, Self::UpstreamOut, Self::UpstreamIn, Self::ClientOut];

    /// The number in the database.
    pub const fn number(self) -> u8 {
        match self {
            Self::ClientIn => 0,
            Self::UpstreamOut => 1,
            Self::UpstreamIn => 2,
            Self::ClientOut => 3,
        }
    }

    /// For people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ClientIn => "client → gateway",
            Self::UpstreamOut => "gateway → provider",
            Self::UpstreamIn => "provider → gateway",
            Self::ClientOut => "gateway → client",
        }
    }
}

/// One stage of a request, as it went over the wire; secrets are taken out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StageView {
    /// Which.
    pub stage: Stage,
    /// Which call it belongs to, from 1 on; 0: the client's side.
    pub attempt: u32,
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// The first line and the headers.
    pub head: String,
    /// The body, as far as it is kept.
    pub body: String,
    /// How many bytes it had.
    pub size: u64,
    /// How it differs from the stage before: that it is the same, or where it is not.
    pub change: String,
}

/// `GET /admin/api/exchanges/{request_id}/wire`: the stages of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WireView {
    /// The request's id.
    pub request_id: String,
    /// In the order in which they happened.
    pub stages: Vec<StageView>,
}
