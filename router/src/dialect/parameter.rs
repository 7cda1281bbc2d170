//! The parameters that a request can do without: what they are called, and where they stand in each protocol.
//!
//! Nothing here changes what is asked: no message, tool, format of the answer, stop or limit. Dated 2026-11.

use crate::Protocol;
use crate::splice::member::plain;

mod places;

use places::{LINES, Line};

/// A parameter that may be left out where a model refuses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Parameter {
    /// Sampling temperature.
    Temperature,
    /// Nucleus sampling.
    TopP,
    /// The number of candidates of a token.
    TopK,
    /// The least probability of a token.
    MinP,
    /// Both penalties, where a vendor speaks of them as one.
    Penalties,
    /// Against what was said before.
    PresencePenalty,
    /// Against repetition.
    FrequencyPenalty,
    /// Against repetition, by a factor.
    RepetitionPenalty,
    /// For answers that repeat.
    Seed,
    /// Probabilities of tokens.
    Logprobs,
    /// How many alternatives they come with.
    TopLogprobs,
    /// Biases of tokens.
    LogitBias,
    /// The number of answers, where it says one.
    Count,
    /// What a stream tells besides its text.
    StreamOptions,
    /// Padding of a stream's events.
    Obfuscation,
    /// Whether several tools may be called at once.
    ParallelCalls,
    /// How much to think.
    Effort,
    /// Whether and how to think, however it is asked for.
    Thinking,
    /// How many tokens to think.
    ThinkingBudget,
    /// How much to think, in Gemini's words.
    ThinkingLevel,
    /// Whether thoughts are told.
    IncludeThoughts,
    /// How thoughts are told.
    ReasoningSummary,
    /// Reasoning of earlier turns, beside their text.
    EarlierReasoning,
    /// What else the answer holds: encrypted reasoning, for one.
    Include,
    /// How much to say.
    Verbosity,
    /// The tier that serves the request.
    ServiceTier,
    /// Whether it is served faster for more.
    Speed,
    /// A text that the answer is likely to be.
    Prediction,
    /// Whether the provider keeps the answer.
    Store,
    /// Labels.
    Metadata,
    /// Who asks.
    User,
    /// Who asks, hashed.
    SafetyIdentifier,
    /// The group of requests that share a prefix.
    CacheKey,
    /// For how long the prefix is kept.
    CacheRetention,
    /// How the prefix is kept.
    CacheOptions,
    /// Marks at the ends of prefixes.
    CacheMarks,
    /// For how long a marked prefix is kept.
    CacheTtl,
    /// Who shares a marked prefix.
    CacheScope,
    /// What the provider takes out of a long conversation.
    ContextManagement,
    /// What the provider compares the conversation with.
    Diagnostics,
    /// Whether a tool's arguments must fit its schema.
    StrictTools,
    /// Whether a tool's arguments are told before they are complete.
    EagerArguments,
    /// Examples of a tool's arguments.
    InputExamples,
    /// How strict the filters are.
    Safety,
    /// The old name of the limit of an answer; renamed and never left out.
    OldLimit,
    /// Its new name; renamed and never left out.
    NewLimit,
    /// The role `developer`; becomes `system` and is never left out.
    DeveloperRole,
}

impl Parameter {
    /// Where it stands in a request of `protocol`: paths as [`crate::splice::member`] takes them.
    pub fn places(self, protocol: Protocol) -> &'static [&'static str] {
        self.line().map_or(&[], |line| line.places(protocol))
    }

    /// What it says where it may be left out, if it may not say anything.
    pub(super) const fn only(self) -> Option<&'static str> {
        match self {
            Self::Count => Some("1"),
            Self::DeveloperRole => Some("developer"),
            _ => None,
        }
    }

    /// Whether somebody may notice that it was left out: the others are hints, or the same in another form.
    pub const fn is_felt(self) -> bool {
        matches!(
            self,
            Self::Temperature
                | Self::TopP
                | Self::TopK
                | Self::MinP
                | Self::Penalties
                | Self::PresencePenalty
                | Self::FrequencyPenalty
                | Self::RepetitionPenalty
                | Self::Seed
                | Self::Logprobs
                | Self::TopLogprobs
                | Self::LogitBias
                | Self::ParallelCalls
                | Self::Effort
                | Self::Thinking
                | Self::ThinkingBudget
                | Self::ThinkingLevel
                | Self::IncludeThoughts
                | Self::ReasoningSummary
                | Self::Include
                | Self::ContextManagement
                | Self::StrictTools
                | Self::Safety
        )
    }

    /// Others that may be the same wish in another protocol.
    pub(super) const fn kin(self) -> &'static [Self] {
        match self {
            Self::Thinking => &[Self::Effort, Self::ThinkingBudget, Self::ThinkingLevel],
            Self::Effort | Self::ThinkingBudget | Self::ThinkingLevel | Self::ReasoningSummary => &[Self::Thinking],
            Self::Penalties => &[Self::PresencePenalty, Self::FrequencyPenalty],
            Self::TopLogprobs => &[Self::Logprobs],
            Self::User | Self::SafetyIdentifier => &[Self::Metadata],
            _ => &[],
        }
    }

    fn line(self) -> Option<&'static Line> {
        LINES.iter().find(|line| line.parameter == self)
    }
}

/// What a name in a message means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// It may be left out.
    Droppable(Parameter),
    /// It may not, nor may anything be left out on its account.
    Kept,
}

/// What `name`, as a message writes it, means; a path is known by its ends. Unquoted words mean something only where
/// they mean nothing else.
pub(super) fn meaning(name: &str, is_quoted: bool) -> Option<Meaning> {
    let steps: Vec<String> = name.split(['.', '[', ']', '/', '#']).map(plain).filter(|step| is_step(step)).collect();
    let whole = steps.join(".");
    if whole.is_empty() {
        return None;
    }
    if let Some(line) = LINES.iter().find(|line| line.names.contains(&whole.as_str())) {
        return (is_quoted || !line.is_word).then_some(Meaning::Droppable(line.parameter));
    }
    let first = steps.first()?.as_str();
    if steps.len() > 1 {
        // A property of somebody's schema may have any name.
        if steps.iter().any(|step| SCHEMAS.contains(&step.as_str())) {
            return Some(Meaning::Kept);
        }
        let tails = (1..steps.len()).filter_map(|from| Some(steps.get(from..)?.join(".")));
        let called = |tail: String| LINES.iter().find(|line| line.names.contains(&tail.as_str()));
        if let Some(line) = tails.filter_map(called).find(|line| line.stands_in(first)) {
            return Some(Meaning::Droppable(line.parameter));
        }
        // `thinking.type.enabled`, `stream_options.include_usage`. A member that nobody knows is the client's own mistake,
        // and no reason to take the rest from everybody.
        if let Some((head, members)) = HEADS.iter().find(|(head, _)| *head == first) {
            let is_known = steps.iter().skip(1).all(|member| members.contains(&member.as_str()));
            return if is_known { meaning(head, true) } else { Some(Meaning::Kept) };
        }
    }
    (KEPT.contains(&first) && (is_quoted || !WORDS.contains(&first))).then_some(Meaning::Kept)
}

/// Parameters that are objects, with those of their members by which a vendor refuses them whole.
const HEADS: &[(&str, &[&str])] = &[
    ("thinking", &["type", "enabled", "disabled", "adaptive", "budgettokens", "display", "tokenbudget"]),
    ("thinkingconfig", &["thinkingbudget", "thinkinglevel", "includethoughts"]),
    ("streamoptions", &["includeusage", "includeobfuscation"]),
    ("metadata", &["userid"]),
    ("contextmanagement", &["edits", "type", "compactthreshold"]),
];

/// Whether a step of a path names something: no index, and no kind of a part.
fn is_step(step: &str) -> bool {
    !step.is_empty() && !step.bytes().all(|b| b.is_ascii_digit()) && !TAGS.contains(&step)
}

/// What paths name besides fields: what the request is wrapped in, and the kinds of what stands there.
const TAGS: &[&str] = &[
    "body",
    "requestbody",
    "extrabody",
    "generatecontentrequest",
    "inferenceconfig",
    "options",
    "params",
    "custom",
    "text",
    "image",
    "document",
    "tooluse",
    "toolresult",
    "assistant",
    "ephemeral",
];
/// Under these any name is somebody's own.
const SCHEMAS: &[&str] = &["properties", "inputschema", "parameters", "schema", "jsonschema", "arguments", "defs"];
/// What is asked, and how it is to be answered: a refusal of these is the client's to know.
const KEPT: &[&str] = &[
    "messages",
    "message",
    "input",
    "inputs",
    "contents",
    "content",
    "prompt",
    "system",
    "systeminstruction",
    "instructions",
    "tools",
    "tool",
    "toolchoice",
    "toolcalls",
    "functions",
    "function",
    "functioncall",
    "functioncalling",
    "responseformat",
    "format",
    "jsonschema",
    "jsonobject",
    "schema",
    "responseschema",
    "responsejsonschema",
    "responsemimetype",
    "stop",
    "stopsequences",
    "maxoutputtokens",
    "model",
    "image",
    "images",
    "imageurl",
    "file",
    "files",
    "audio",
    "video",
    "modalities",
    "role",
    "stream",
    "streaming",
    "documents",
    "previousresponseid",
    "conversation",
    "background",
    "container",
    "mcpservers",
    "websearchoptions",
    "cachedcontent",
    "prefill",
    "dimensions",
    "encodingformat",
    "suffix",
    "truncation",
];
/// Those of them that sentences about anything hold.
const WORDS: &[&str] = &[
    "messages",
    "message",
    "input",
    "inputs",
    "contents",
    "content",
    "prompt",
    "system",
    "instructions",
    "format",
    "schema",
    "stop",
    "model",
    "file",
    "files",
    "role",
    "stream",
    "streaming",
    "documents",
    "conversation",
    "background",
    "container",
    "suffix",
    "truncation",
];
