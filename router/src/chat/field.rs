//! The features of a request by name, in the words of each protocol.

use crate::Protocol;

macro_rules! fields {
    ($( $(#[doc = $doc:literal])+ $variant:ident: $openai:literal, $responses:literal, $anthropic:literal, $gemini:literal, $cohere:literal; )+) => {
        /// A feature of a request that some target may lack.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Field { $( $(#[doc = $doc])+ $variant, )+ }

        impl Field {
            /// Every feature.
            pub const ALL: &'static [Self] = &[ $( Self::$variant, )+ ];

            /// What it is called in `protocol`; where that has no word for it, in OpenAI's.
            pub const fn in_protocol(self, protocol: Protocol) -> &'static str {
                match (self, protocol) {
                    $(
                        (Self::$variant, Protocol::OpenAi) => $openai,
                        (Self::$variant, Protocol::Responses) => $responses,
                        (Self::$variant, Protocol::Anthropic) => $anthropic,
                        (Self::$variant, Protocol::Gemini) => $gemini,
                        (Self::$variant, Protocol::Cohere) => $cohere,
                    )+
                }
            }
        }
    };
}

fields! {
    /// The messages as a whole.
    Messages: "messages", "input", "messages", "contents", "messages";
    /// Instructions between turns.
    LateSystem: "messages.system", "input.developer", "messages.system", "contents.system", "messages.system";
    /// The name of a speaker.
    Name: "messages.name", "input.name", "messages.name", "contents.name", "messages.name";
    /// An image.
    Image: "image_url", "input_image", "image", "inlineData", "image_url";
    /// An image by address.
    ImageUrl: "image_url", "input_image.image_url", "image.source.url", "fileData", "image_url";
    /// A file at the provider.
    FileId: "file.file_id", "input_file.file_id", "source.file_id", "fileData", "file_id";
    /// How closely to look at an image.
    ImageDetail: "image_url.detail", "input_image.detail", "detail", "mediaResolution", "image_url.detail";
    /// A document.
    Document: "file", "input_file", "document", "inlineData", "documents";
    /// A document by address.
    DocumentUrl: "file.file_url", "input_file.file_url", "document.source.url", "fileData", "documents";
    /// Sound in the prompt.
    Audio: "input_audio", "input_audio", "audio", "inlineData", "input_audio";
    /// Moving pictures in the prompt.
    Video: "video_url", "input_video", "video", "inlineData", "video";
    /// A function's schema.
    ToolSchema: "tools.parameters", "tools.parameters", "tools.input_schema", "functionDeclarations.parameters", "tools.parameters";
    /// Whether a tool's arguments must fit its schema.
    ToolStrict: "tools.strict", "tools.strict", "tools.strict", "tools.strict", "strict_tools";
    /// The grammar of a freeform tool.
    ToolGrammar: "tools.custom.format", "tools.format", "tools.format", "tools.format", "tools.format";
    /// A tool that the provider executes.
    HostedTool: "tools", "tools", "tools", "tools", "tools";
    /// Which tools to call.
    ToolChoice: "tool_choice", "tool_choice", "tool_choice", "toolConfig", "tool_choice";
    /// Whether several tools may be called at once.
    ParallelCalls: "parallel_tool_calls", "parallel_tool_calls", "tool_choice.disable_parallel_tool_use", "parallel_tool_calls", "parallel_tool_calls";
    /// The arguments of a call in the conversation.
    Arguments: "tool_calls.arguments", "function_call.arguments", "tool_use.input", "functionCall.args", "tool_calls.arguments";
    /// An image or a document that a tool gave.
    ResultMedia: "messages.tool.content", "function_call_output.output", "tool_result.content", "functionResponse.parts", "messages.tool.content";
    /// That a tool failed.
    ResultError: "messages.tool.error", "function_call_output.error", "tool_result.is_error", "functionResponse.error", "messages.tool.error";
    /// The results of tools and the calls that they belong to.
    ResultPairing: "messages.tool_call_id", "function_call_output.call_id", "tool_result.tool_use_id", "functionResponse.id", "messages.tool_call_id";
    /// How much to think.
    Effort: "reasoning_effort", "reasoning.effort", "thinking", "generationConfig.thinkingConfig", "thinking";
    /// Reasoning in the conversation.
    Reasoning: "messages.reasoning_content", "input.reasoning", "messages.thinking", "contents.thought", "messages.thinking";
    /// The form of the answer.
    Format: "response_format", "text.format", "output_config.format", "generationConfig.responseSchema", "response_format";
    /// Texts at which to stop.
    Stop: "stop", "stop", "stop_sequences", "generationConfig.stopSequences", "stop_sequences";
    /// The most tokens to write.
    MaxTokens: "max_completion_tokens", "max_output_tokens", "max_tokens", "generationConfig.maxOutputTokens", "max_tokens";
    /// Temperature.
    Temperature: "temperature", "temperature", "temperature", "generationConfig.temperature", "temperature";
    /// Nucleus sampling.
    TopP: "top_p", "top_p", "top_p", "generationConfig.topP", "p";
    /// The number of candidates.
    TopK: "top_k", "top_k", "top_k", "generationConfig.topK", "k";
    /// Against what was said before.
    PresencePenalty: "presence_penalty", "presence_penalty", "presence_penalty", "generationConfig.presencePenalty", "presence_penalty";
    /// Against repetition.
    FrequencyPenalty: "frequency_penalty", "frequency_penalty", "frequency_penalty", "generationConfig.frequencyPenalty", "frequency_penalty";
    /// For answers that repeat.
    Seed: "seed", "seed", "seed", "generationConfig.seed", "seed";
    /// How many answers.
    Count: "n", "n", "n", "generationConfig.candidateCount", "n";
    /// Probabilities.
    Logprobs: "logprobs", "top_logprobs", "logprobs", "generationConfig.responseLogprobs", "logprobs";
    /// Biases of tokens.
    LogitBias: "logit_bias", "logit_bias", "logit_bias", "logit_bias", "logit_bias";
    /// How much to say.
    Verbosity: "verbosity", "text.verbosity", "verbosity", "verbosity", "verbosity";
    /// The tier that serves the request.
    ServiceTier: "service_tier", "service_tier", "service_tier", "serviceTier", "priority";
    /// Who asks.
    User: "user", "user", "metadata.user_id", "labels", "user";
    /// Labels.
    Metadata: "metadata", "metadata", "metadata", "labels", "metadata";
    /// Cache marks.
    CacheMark: "prompt_cache_breakpoint", "prompt_cache_breakpoint", "cache_control", "cachedContent", "cache_control";
    /// The group of requests that share a prefix.
    CacheKey: "prompt_cache_key", "prompt_cache_key", "prompt_cache_key", "prompt_cache_key", "prompt_cache_key";
    /// State that the provider keeps.
    ServerState: "store", "previous_response_id", "container", "cachedContent", "store";
    /// Something that only its own protocol knows.
    Extra: "extra", "extra", "extra", "extra", "extra";
}
