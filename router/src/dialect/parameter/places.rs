//! Parameters by the names that messages give them, and their places in the requests of each protocol. Dated 2026-11.

use super::Parameter as P;
use crate::Protocol;
use crate::splice::member::plain;

/// A parameter's names and places.
pub(super) struct Line {
    pub parameter: P,
    /// What messages call it, in its plain form, by its last names.
    pub names: &'static [&'static str],
    /// Whether its name is a word that messages use for other things too, so that only quotes show what is meant.
    pub is_word: bool,
    chat: Places,
    responses: Places,
    anthropic: Places,
    gemini: Places,
    cohere: Places,
}

type Places = &'static [&'static str];

impl Line {
    /// Where it stands in a request of `protocol`.
    pub(super) const fn places(&self, protocol: Protocol) -> Places {
        match protocol {
            Protocol::OpenAi => self.chat,
            Protocol::Responses => self.responses,
            Protocol::Anthropic => self.anthropic,
            Protocol::Gemini => self.gemini,
            Protocol::Cohere => self.cohere,
        }
    }

    /// Whether it has a place within the field `name`, given in its plain form.
    pub(super) fn stands_in(&self, name: &str) -> bool {
        let places = Protocol::ALL.into_iter().flat_map(|protocol| self.places(protocol));
        let steps = places.filter_map(|place| place.rsplit_once('.')).flat_map(|(within, _)| within.split('.'));
        steps.map(|step| plain(step.trim_end_matches("[]"))).any(|step| step == name)
    }
}

const NONE: Places = &[];

/// One that has the same name everywhere but in Gemini's protocol.
const fn same(parameter: P, names: &'static [&'static str], places: Places, gemini: Places) -> Line {
    let (chat, responses, anthropic, cohere) = (places, places, places, places);
    Line { parameter, names, is_word: false, chat, responses, anthropic, gemini, cohere }
}

/// One that only OpenAI's protocols have.
const fn openai(parameter: P, names: &'static [&'static str], chat: Places, responses: Places) -> Line {
    Line { parameter, names, is_word: false, chat, responses, anthropic: NONE, gemini: NONE, cohere: NONE }
}

/// One that Anthropic's protocol has.
const fn anthropic(parameter: P, names: &'static [&'static str], anthropic: Places) -> Line {
    Line { parameter, names, is_word: false, chat: NONE, responses: NONE, anthropic, gemini: NONE, cohere: NONE }
}

/// One that Gemini's protocol has.
const fn gemini(parameter: P, names: &'static [&'static str], gemini: Places) -> Line {
    Line { parameter, names, is_word: false, chat: NONE, responses: NONE, anthropic: NONE, gemini, cohere: NONE }
}

impl Line {
    const fn word(mut self) -> Self {
        self.is_word = true;
        self
    }

    const fn in_anthropic(mut self, places: Places) -> Self {
        self.anthropic = places;
        self
    }

    const fn in_gemini(mut self, places: Places) -> Self {
        self.gemini = places;
        self
    }

    const fn in_cohere(mut self, places: Places) -> Self {
        self.cohere = places;
        self
    }
}

pub(super) const LINES: &[Line] = &[
    same(P::Temperature, &["temperature"], &["temperature"], &["generationConfig.temperature"]),
    same(P::TopP, &["topp"], &["top_p"], &["generationConfig.topP"]).in_cohere(&["p"]),
    same(P::TopK, &["topk"], &["top_k"], &["generationConfig.topK"]).in_cohere(&["k"]),
    openai(P::MinP, &["minp"], &["min_p"], &["min_p"]),
    same(
        P::Penalties,
        &["penalty", "penalties"],
        &["presence_penalty", "frequency_penalty"],
        &["generationConfig.presencePenalty", "generationConfig.frequencyPenalty"],
    ),
    same(P::PresencePenalty, &["presencepenalty"], &["presence_penalty"], &["generationConfig.presencePenalty"]),
    same(P::FrequencyPenalty, &["frequencypenalty"], &["frequency_penalty"], &["generationConfig.frequencyPenalty"]),
    openai(P::RepetitionPenalty, &["repetitionpenalty"], &["repetition_penalty"], &["repetition_penalty"]),
    same(P::Seed, &["seed"], &["seed"], &["generationConfig.seed"]),
    same(
        P::Logprobs,
        &["logprobs", "responselogprobs"],
        &["logprobs", "top_logprobs"],
        &["generationConfig.responseLogprobs", "generationConfig.logprobs"],
    ),
    openai(P::TopLogprobs, &["toplogprobs"], &["top_logprobs"], &["top_logprobs"]),
    openai(P::LogitBias, &["logitbias"], &["logit_bias"], NONE),
    openai(P::Count, &["n", "candidatecount"], &["n"], NONE).in_gemini(&["generationConfig.candidateCount"]).word(),
    openai(P::StreamOptions, &["streamoptions", "includeusage"], &["stream_options"], &["stream_options"]),
    openai(
        P::Obfuscation,
        &["includeobfuscation", "streamoptions.includeobfuscation"],
        &["stream_options.include_obfuscation"],
        &["stream_options.include_obfuscation"],
    ),
    openai(
        P::ParallelCalls,
        &["paralleltoolcalls", "disableparalleltooluse"],
        &["parallel_tool_calls"],
        &["parallel_tool_calls"],
    )
    .in_anthropic(&["tool_choice.disable_parallel_tool_use"]),
    openai(
        P::Effort,
        &["reasoningeffort", "effort", "reasoning.effort", "outputconfig.effort"],
        &["reasoning_effort", "reasoning.effort"],
        &["reasoning.effort"],
    )
    .in_anthropic(&["output_config.effort"]),
    openai(
        P::Thinking,
        &["thinking", "think", "thinkingconfig", "enablethinking", "reasoning", "generationconfig.thinkingconfig"],
        &["reasoning_effort", "reasoning", "thinking", "think", "enable_thinking"],
        &["reasoning"],
    )
    .in_anthropic(&["thinking", "output_config.effort"])
    .in_gemini(&["generationConfig.thinkingConfig"])
    .in_cohere(&["thinking"]),
    gemini(
        P::ThinkingBudget,
        &["thinkingbudget", "thinkingconfig.thinkingbudget", "generationconfig.thinkingconfig.thinkingbudget"],
        &["generationConfig.thinkingConfig.thinkingBudget"],
    ),
    gemini(
        P::ThinkingLevel,
        &["thinkinglevel", "thinkingconfig.thinkinglevel", "generationconfig.thinkingconfig.thinkinglevel"],
        &["generationConfig.thinkingConfig.thinkingLevel"],
    ),
    gemini(
        P::IncludeThoughts,
        &["includethoughts", "thinkingconfig.includethoughts", "generationconfig.thinkingconfig.includethoughts"],
        &["generationConfig.thinkingConfig.includeThoughts"],
    ),
    openai(
        P::ReasoningSummary,
        &["reasoning.summary", "reasoning.generatesummary"],
        NONE,
        &["reasoning.summary", "reasoning.generate_summary"],
    ),
    openai(
        P::EarlierReasoning,
        &["reasoningcontent", "messages.reasoningcontent", "messages.reasoning", "messages.reasoningdetails"],
        &["messages[].reasoning_content", "messages[].reasoning", "messages[].reasoning_details"],
        NONE,
    ),
    openai(P::Include, &["include"], NONE, &["include"]).word(),
    openai(P::Verbosity, &["verbosity", "text.verbosity"], &["verbosity"], &["text.verbosity"]),
    same(P::ServiceTier, &["servicetier"], &["service_tier"], &["serviceTier"]).in_cohere(&["priority"]),
    anthropic(P::Speed, &["speed"], &["speed"]).word(),
    openai(P::Prediction, &["prediction"], &["prediction"], NONE).word(),
    openai(P::Store, &["store"], &["store"], &["store"]).in_gemini(&["store"]).word(),
    same(P::Metadata, &["metadata", "metadata.userid", "labels"], &["metadata"], &["labels"]).word(),
    openai(P::User, &["user"], &["user"], &["user"]).word(),
    openai(P::SafetyIdentifier, &["safetyidentifier"], &["safety_identifier"], &["safety_identifier"]),
    openai(P::CacheKey, &["promptcachekey"], &["prompt_cache_key"], &["prompt_cache_key"]),
    openai(P::CacheRetention, &["promptcacheretention"], &["prompt_cache_retention"], &["prompt_cache_retention"]),
    openai(P::CacheOptions, &["promptcacheoptions"], &["prompt_cache_options"], &["prompt_cache_options"]),
    openai(
        P::CacheMarks,
        &["cachecontrol", "promptcachebreakpoint"],
        &[
            "messages[].content[].prompt_cache_breakpoint",
            "messages[].content[].cache_control",
            "messages[].cache_control",
            "tools[].cache_control",
            "tools[].function.cache_control",
        ],
        &["input[].content[].prompt_cache_breakpoint"],
    )
    .in_anthropic(&[
        "cache_control",
        "system[].cache_control",
        "tools[].cache_control",
        "messages[].content[].cache_control",
        "messages[].content[].content[].cache_control",
    ]),
    anthropic(
        P::CacheTtl,
        &["cachecontrol.ttl", "ttl"],
        &[
            "cache_control.ttl",
            "system[].cache_control.ttl",
            "tools[].cache_control.ttl",
            "messages[].content[].cache_control.ttl",
            "messages[].content[].content[].cache_control.ttl",
        ],
    )
    .word(),
    anthropic(
        P::CacheScope,
        &["cachecontrol.scope"],
        &[
            "cache_control.scope",
            "system[].cache_control.scope",
            "tools[].cache_control.scope",
            "messages[].content[].cache_control.scope",
        ],
    ),
    anthropic(P::ContextManagement, &["contextmanagement"], &["context_management"]),
    anthropic(P::Diagnostics, &["diagnostics"], &["diagnostics"]).word(),
    openai(
        P::StrictTools,
        &["strict", "stricttools"],
        &["tools[].function.strict", "tools[].strict"],
        &["tools[].strict"],
    )
    .in_anthropic(&["tools[].strict"])
    .in_cohere(&["strict_tools"])
    .word(),
    anthropic(P::EagerArguments, &["eagerinputstreaming"], &["tools[].eager_input_streaming"]),
    anthropic(P::InputExamples, &["inputexamples"], &["tools[].input_examples"]),
    gemini(P::Safety, &["safetysettings", "safetymode"], &["safetySettings"]).in_cohere(&["safety_mode"]),
    openai(P::OldLimit, &["maxtokens"], &["max_tokens"], NONE),
    openai(P::NewLimit, &["maxcompletiontokens"], &["max_completion_tokens"], NONE),
    openai(P::DeveloperRole, &["messages.role"], &["messages[].role"], NONE),
];
