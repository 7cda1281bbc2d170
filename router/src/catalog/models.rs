//! What is known of a model: its limits, what it takes and gives, what it can do.

mod shared;

use chrono::{Days, NaiveDate};

/// What a model is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// A conversation.
    Chat,
    /// A conversation, by OpenAI's Responses alone.
    Responses,
    /// Text that goes on.
    Completion,
    /// Vectors.
    Embedding,
    /// An order of documents.
    Rerank,
    /// Images made or changed.
    Image,
    /// Text of speech.
    Transcription,
    /// Speech of text.
    Speech,
    /// What is wrong with a text.
    Moderation,
}

impl Mode {
    const ALL: [(Self, &'static str); 9] = [
        (Self::Chat, "chat"),
        (Self::Responses, "responses"),
        (Self::Completion, "completion"),
        (Self::Embedding, "embedding"),
        (Self::Rerank, "rerank"),
        (Self::Image, "image"),
        (Self::Transcription, "transcription"),
        (Self::Speech, "speech"),
        (Self::Moderation, "moderation"),
    ];

    /// The name in data files.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(mode, _)| *mode == self).map_or("", |(_, name)| name)
    }

    /// The mode of this name.
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == name).map(|(mode, _)| *mode)
    }
}

macro_rules! names {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $case:ident = $text:literal,)+ }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum $name { $($(#[$doc])* $case,)+ }

        impl $name {
            /// All of them, in order.
            pub const ALL: &[Self] = &[$(Self::$case,)+];

            /// The name in data files.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$case => $text,)+ }
            }

            /// The one of this name.
            pub fn find(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|known| known.as_str() == name)
            }

            const fn bit(self) -> u32 {
                1 << self as u8
            }
        }
    };
}

names! {
    /// Something that a model can do or not.
    Can {
        /// Calls tools.
        Tools = "tools",
        /// Calls several tools at once, and takes the switch for it.
        ParallelTools = "parallel_tools",
        /// Reasons before it answers.
        Reasoning = "reasoning",
        /// Always reasons: refuses to be told not to.
        AlwaysThinks = "always_thinks",
        /// Chooses by itself how much to reason (Anthropic's `thinking: adaptive`).
        AdaptiveThinking = "adaptive_thinking",
        /// Takes a budget of tokens for reasoning beside the adaptive form.
        ThinkingBudget = "thinking_budget",
        /// Answers by a JSON schema.
        Schema = "schema",
        /// Answers by a JSON schema that the vendor enforces.
        StrictSchema = "strict_schema",
        /// Takes Anthropic's `output_config`.
        OutputConfig = "output_config",
        /// Has a prompt cache.
        PromptCache = "prompt_cache",
        /// Takes marks of what to cache where its vendor's other models cache by themselves.
        CacheMarks = "cache_marks",
        /// Takes `temperature`, `top_p` and the like.
        Sampling = "sampling",
        /// Takes system messages.
        System = "system",
        /// Takes system messages between turns.
        LateSystem = "late_system",
        /// Goes on with an answer that the client began.
        Prefill = "prefill",
        /// Searches the web by itself.
        WebSearch = "web_search",
        /// Takes the client-executed search for tools.
        ToolSearch = "tool_search",
    }
}

names! {
    /// A kind of content.
    Modality {
        /// Text.
        Text = "text",
        /// Images.
        Image = "image",
        /// Sound.
        Audio = "audio",
        /// Film.
        Video = "video",
        /// PDF files.
        Pdf = "pdf",
    }
}

names! {
    /// How much a model may be told to reason.
    Effort {
        /// Not at all.
        None = "none",
        /// Hardly.
        Minimal = "minimal",
        /// A little.
        Low = "low",
        /// As usual.
        Medium = "medium",
        /// Much.
        High = "high",
        /// Very much.
        XHigh = "xhigh",
        /// As much as it can.
        Max = "max",
    }
}

/// What is known of one model. Everything may be unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    context: u32,
    max_output: u32,
    cache_min: u32,
    /// Days after 1970-01-01.
    until: u16,
    mode: Option<Mode>,
    inputs: u8,
    outputs: u8,
    efforts: u8,
    known: u32,
    yes: u32,
}

fn count(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn told(number: u32) -> Option<u64> {
    (number > 0).then_some(u64::from(number))
}

impl Facts {
    /// The most input tokens that it takes.
    pub fn context(&self) -> Option<u64> {
        told(self.context)
    }

    /// The most tokens that it writes.
    pub fn max_output(&self) -> Option<u64> {
        told(self.max_output)
    }

    /// The shortest beginning that its prompt cache keeps, in tokens.
    pub fn cache_min(&self) -> Option<u64> {
        told(self.cache_min)
    }

    /// What it is for.
    pub const fn mode(&self) -> Option<Mode> {
        self.mode
    }

    /// The day on which its vendor ends it, or ended it.
    pub fn until(&self) -> Option<NaiveDate> {
        let days = (self.until > 0).then(|| Days::new(u64::from(self.until)))?;
        NaiveDate::default().checked_add_days(days)
    }

    /// Whether it can do this; none if nobody said.
    pub const fn can(&self, what: Can) -> Option<bool> {
        if self.known & what.bit() == 0 { None } else { Some(self.yes & what.bit() != 0) }
    }

    /// Whether it takes this; none if nobody said what it takes.
    pub fn takes(&self, what: Modality) -> Option<bool> {
        (self.inputs > 0).then(|| u32::from(self.inputs) & what.bit() != 0)
    }

    /// Whether it gives this; none if nobody said what it gives.
    pub fn gives(&self, what: Modality) -> Option<bool> {
        (self.outputs > 0).then(|| u32::from(self.outputs) & what.bit() != 0)
    }

    /// Whether it knows this effort; none if nobody said which it knows.
    pub fn knows(&self, effort: Effort) -> Option<bool> {
        (self.efforts > 0).then(|| u32::from(self.efforts) & effort.bit() != 0)
    }

    /// The efforts that it knows, the least first.
    pub fn efforts(&self) -> impl Iterator<Item = Effort> + '_ {
        Effort::ALL.iter().copied().filter(|effort| self.knows(*effort) == Some(true))
    }

    /// How many abilities are known.
    pub(super) const fn known(&self) -> u32 {
        self.known.count_ones()
    }

    /// With so large a context window, in tokens.
    #[must_use]
    pub fn with_context(self, tokens: u64) -> Self {
        Self { context: count(tokens), ..self }
    }

    /// With so many tokens of output at most.
    #[must_use]
    pub fn with_max_output(self, tokens: u64) -> Self {
        Self { max_output: count(tokens), ..self }
    }

    /// With so many tokens that a cached beginning must have.
    #[must_use]
    pub fn with_cache_min(self, tokens: u64) -> Self {
        Self { cache_min: count(tokens), ..self }
    }

    /// For this.
    #[must_use]
    pub const fn with_mode(self, mode: Mode) -> Self {
        Self { mode: Some(mode), ..self }
    }

    /// Ended on this day (`YYYY-MM-DD`); what is no date changes nothing.
    #[must_use]
    pub fn with_until(self, date: &str) -> Self {
        let days = NaiveDate::parse_from_str(date, "%Y-%m-%d").map(|date| (date - NaiveDate::default()).num_days());
        Self { until: days.ok().and_then(|days| u16::try_from(days).ok()).unwrap_or(self.until), ..self }
    }

    /// Which can do this, or cannot.
    #[must_use]
    pub const fn with(self, what: Can, yes: bool) -> Self {
        let bit = what.bit();
        Self { known: self.known | bit, yes: if yes { self.yes | bit } else { self.yes & !bit }, ..self }
    }

    /// Which takes this.
    #[must_use]
    pub fn with_input(self, what: Modality) -> Self {
        Self { inputs: self.inputs | what.bit() as u8, ..self }
    }

    /// Which does not take this.
    #[must_use]
    pub fn without_input(self, what: Modality) -> Self {
        Self { inputs: self.inputs & !(what.bit() as u8), ..self }
    }

    /// Which gives this.
    #[must_use]
    pub fn with_output(self, what: Modality) -> Self {
        Self { outputs: self.outputs | what.bit() as u8, ..self }
    }

    /// Which knows this effort.
    #[must_use]
    pub fn with_effort(self, effort: Effort) -> Self {
        Self { efforts: self.efforts | effort.bit() as u8, ..self }
    }

    /// These facts, and where they are silent those of `other`.
    #[must_use]
    pub fn or(self, other: &Self) -> Self {
        fn first<T: PartialEq + Default>(own: T, other: T) -> T {
            if own == T::default() { other } else { own }
        }
        let new = other.known & !self.known;
        Self {
            context: first(self.context, other.context),
            max_output: first(self.max_output, other.max_output),
            cache_min: first(self.cache_min, other.cache_min),
            until: first(self.until, other.until),
            mode: self.mode.or(other.mode),
            inputs: first(self.inputs, other.inputs),
            outputs: first(self.outputs, other.outputs),
            efforts: first(self.efforts, other.efforts),
            known: self.known | new,
            yes: self.yes | (other.yes & new),
        }
    }

    /// Text alone is what goes without saying: a list that says so says nothing.
    pub(super) fn without_the_obvious(self) -> Self {
        let text = Modality::Text.bit() as u8;
        let told = |kinds: u8| if kinds == text { 0 } else { kinds };
        Self { inputs: told(self.inputs), outputs: told(self.outputs), ..self }
    }
}
