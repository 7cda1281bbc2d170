//! Rows 37 to 49: the form of the answer, limits and sampling.

use serde_json::{Value, json};
use tokenrouter::Protocol::{Anthropic, Cohere, Gemini, OpenAi, Responses};
use tokenrouter::chat::Field;

use super::wire::{answer, generation, request};
use super::{Row, emulated, exact, hint, lossy, native, refused};
use crate::support::whole;

const REASONER: &str = "openai/gpt-5.2";
const CUT: &str = "The gateway reads along and ends the answer at the text.";

fn schema() -> Value {
    json!({"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"], "additionalProperties": false})
}

fn bounded() -> Value {
    json!({"type": "object", "properties": {"a": {"type": "integer", "minimum": 1}}, "additionalProperties": false})
}

fn asks_schema(row: Row, schema: &Value) -> Row {
    row.ask(OpenAi, json!({"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}}))
        .ask(Responses, json!({"text": {"format": {"type": "json_schema", "name": "n", "schema": schema}}}))
        .ask(Anthropic, json!({"output_config": {"format": {"type": "json_schema", "schema": schema}}}))
        .ask(Gemini, generation(json!({"responseMimeType": "application/json", "responseJsonSchema": schema})))
        .ask(Cohere, json!({"response_format": {"type": "json_object", "json_schema": schema}}))
}

pub(super) fn rows() -> Vec<Row> {
    let stops = |n: usize| (0..n).map(|n| format!("s{n}")).collect::<Vec<_>>();
    let mut rows = vec![
        asks_schema(Row::new(37, "an answer by JSON schema"), &schema())
            .at(exact(OpenAi)
                .has("/response_format/type", "json_schema")
                .has("/response_format/json_schema/schema", schema())
                .note("Most providers."))
            .at(lossy(OpenAi, Field::Format)
                .on("deepseek/deepseek-chat")
                .has("/response_format", json!({"type": "json_object"}))
                .says("/messages/0/content", "fits this schema")
                .note("DeepSeek takes `json_object` only: the schema becomes an instruction."))
            .at(exact(Responses).has("/text/format/type", "json_schema").has("/text/format/schema", schema()))
            .at(exact(Anthropic)
                .has("/output_config/format", json!({"type": "json_schema", "schema": schema()}))
                .note("From Claude 4 on."))
            .at(lossy(Anthropic, Field::Format)
                .on("anthropic/claude-3-5-haiku")
                .says("/system/0/text", "fits this schema")
                .note("Up to Claude 3.7 it becomes an instruction."))
            .at(exact(Gemini)
                .has("/generationConfig/responseMimeType", "application/json")
                .has("/generationConfig/responseJsonSchema", schema()))
            .at(exact(Cohere).has("/response_format", json!({"type": "json_object", "json_schema": schema()}))),
        asks_schema(Row::new(37, "a schema with bounds (`minimum`, `pattern`, `maxItems` …)"), &bounded())
            .at(exact(OpenAi).has("/response_format/json_schema/schema", bounded()))
            .at(exact(Responses).has("/text/format/schema", bounded()))
            .at(lossy(Anthropic, Field::Format)
                .has(
                    "/output_config/format/schema/properties/a",
                    json!({"type": "integer", "description": "(minimum: 1)"}),
                )
                .note("What Anthropic does not enforce moves into the description."))
            .at(exact(Gemini).has("/generationConfig/responseJsonSchema", bounded()))
            .at(exact(Cohere).has("/response_format/json_schema", bounded())),
        Row::new(38, "an answer in any JSON")
            .ask(OpenAi, json!({"response_format": {"type": "json_object"}}))
            .ask(Responses, json!({"text": {"format": {"type": "json_object"}}}))
            .ask(Gemini, generation(json!({"responseMimeType": "application/json"})))
            .ask(Cohere, json!({"response_format": {"type": "json_object"}}))
            .at(exact(OpenAi).has("/response_format", json!({"type": "json_object"})))
            .at(exact(Responses).has("/text/format", json!({"type": "json_object"})))
            .at(lossy(Anthropic, Field::Format)
                .says("/system/0/text", "JSON object")
                .note("It becomes an instruction."))
            .at(exact(Gemini).has("/generationConfig/responseMimeType", "application/json"))
            .at(exact(Cohere).has("/response_format", json!({"type": "json_object"}))),
        Row::new(39, "texts at which to stop")
            .ask(OpenAi, json!({"stop": ["END"]}))
            .ask(Anthropic, json!({"stop_sequences": ["END"]}))
            .ask(Gemini, generation(json!({"stopSequences": ["END"]})))
            .ask(Cohere, json!({"stop_sequences": ["END"]}))
            .at(exact(OpenAi).has("/stop", json!(["END"])).note("Models that take `stop`."))
            .at(emulated(OpenAi)
                .on(REASONER)
                .lacks("/stop")
                .note("Models that refuse it: the gateway reads along and ends the answer at the text."))
            .at(emulated(Responses).lacks("/stop").note(CUT))
            .at(exact(Anthropic).has("/stop_sequences", json!(["END"])))
            .at(exact(Gemini).has("/generationConfig/stopSequences", json!(["END"])))
            .at(exact(Cohere).has("/stop_sequences", json!(["END"]))),
        Row::new(39, "six texts at which to stop")
            .ask(OpenAi, json!({"stop": stops(6)}))
            .ask(Anthropic, json!({"stop_sequences": stops(6)}))
            .at(emulated(OpenAi)
                .has("/stop", json!(stops(4)))
                .note("The provider looks for the first four, the gateway for the others."))
            .at(emulated(Responses).lacks("/stop").note(CUT))
            .at(exact(Anthropic).has("/stop_sequences", json!(stops(6))))
            .at(emulated(Gemini)
                .has("/generationConfig/stopSequences", json!(stops(5)))
                .note("The provider looks for the first five, the gateway for the others."))
            .at(emulated(Cohere)
                .has("/stop_sequences", json!(stops(5)))
                .note("The provider looks for the first five, the gateway for the others.")),
        Row::new(39, "a text of blanks at which to stop")
            .ask(OpenAi, json!({"stop": ["\n\n"]}))
            .ask(Gemini, generation(json!({"stopSequences": ["\n\n"]})))
            .at(exact(OpenAi).has("/stop", json!(["\n\n"])))
            .at(emulated(Responses).lacks("/stop").note(CUT))
            .at(emulated(Anthropic).lacks("/stop_sequences").run(cut_at_blanks).note(CUT))
            .at(exact(Gemini).has("/generationConfig/stopSequences", json!(["\n\n"])))
            .at(exact(Cohere).has("/stop_sequences", json!(["\n\n"]))),
        Row::new(40, "the most tokens to write")
            .ask(OpenAi, json!({"max_completion_tokens": 100}))
            .ask(Responses, json!({"max_output_tokens": 100}))
            .ask(Anthropic, json!({"max_tokens": 100}))
            .ask(Gemini, generation(json!({"maxOutputTokens": 100})))
            .ask(Cohere, json!({"max_tokens": 100}))
            .at(exact(OpenAi)
                .has("/max_tokens", 100)
                .lacks("/max_completion_tokens")
                .note("Most providers: `max_tokens`."))
            .at(exact(OpenAi)
                .on("openai/gpt-4o")
                .has("/max_completion_tokens", 100)
                .lacks("/max_tokens")
                .note("OpenAI and Azure: `max_completion_tokens`."))
            .at(exact(Responses).has("/max_output_tokens", 100))
            .at(exact(Anthropic).has("/max_tokens", 100))
            .at(exact(Gemini).has("/generationConfig/maxOutputTokens", 100))
            .at(exact(Cohere).has("/max_tokens", 100)),
        Row::new(40, "no limit given")
            .ask(OpenAi, json!({}))
            .ask(Responses, json!({}))
            .ask(Gemini, json!({}))
            .ask(Cohere, json!({}))
            .at(exact(OpenAi).lacks("/max_tokens").lacks("/max_completion_tokens"))
            .at(exact(Responses).lacks("/max_output_tokens"))
            .at(emulated(Anthropic)
                .has("/max_tokens", 64_000)
                .note("Anthropic insists on a number: it gets the most that the model can write."))
            .at(exact(Gemini).lacks("/generationConfig/maxOutputTokens"))
            .at(exact(Cohere).lacks("/max_tokens")),
        Row::new(40, "a limit below 16 tokens")
            .ask(OpenAi, json!({"max_tokens": 1}))
            .ask(Anthropic, json!({"max_tokens": 1}))
            .at(exact(OpenAi).has("/max_tokens", 1))
            .at(lossy(Responses, Field::MaxTokens).has("/max_output_tokens", 16).note("The server takes 16 at least."))
            .at(exact(Anthropic).has("/max_tokens", 1))
            .at(exact(Gemini).has("/generationConfig/maxOutputTokens", 1))
            .at(exact(Cohere).has("/max_tokens", 1)),
    ];
    rows.extend(sampling());
    rows.extend(odds());
    rows
}

fn sampling() -> Vec<Row> {
    let reasoner = "OpenAI's reasoning models take none of it.";
    vec![
        Row::new(41, "temperature up to 1")
            .ask(OpenAi, json!({"temperature": 0.5}))
            .ask(Responses, json!({"temperature": 0.5}))
            .ask(Anthropic, json!({"temperature": 0.5}))
            .ask(Gemini, generation(json!({"temperature": 0.5})))
            .ask(Cohere, json!({"temperature": 0.5}))
            .at(exact(OpenAi).has("/temperature", 0.5).note("Models that sample."))
            .at(lossy(OpenAi, Field::Temperature).on(REASONER).lacks("/temperature").note(reasoner))
            .at(exact(Responses).has("/temperature", 0.5).note("Models that sample."))
            .at(lossy(Responses, Field::Temperature).on(REASONER).lacks("/temperature").note(reasoner))
            .at(exact(Anthropic).has("/temperature", 0.5).note("Models that sample, when they do not think."))
            .at(lossy(Anthropic, Field::Temperature)
                .on("anthropic/claude-opus-5")
                .lacks("/temperature")
                .note("Newer Claude models take none of it."))
            .at(exact(Gemini).has("/generationConfig/temperature", 0.5))
            .at(exact(Cohere).has("/temperature", 0.5)),
        Row::new(41, "temperature above 1")
            .ask(OpenAi, json!({"temperature": 1.5}))
            .ask(Responses, json!({"temperature": 1.5}))
            .ask(Gemini, generation(json!({"temperature": 1.5})))
            .at(exact(OpenAi).has("/temperature", 1.5))
            .at(exact(Responses).has("/temperature", 1.5))
            .at(lossy(Anthropic, Field::Temperature).has("/temperature", 1).note("Cut to 1."))
            .at(exact(Gemini).has("/generationConfig/temperature", 1.5))
            .at(exact(Cohere).has("/temperature", 1.5)),
        Row::new(42, "`top_p`")
            .ask(OpenAi, json!({"top_p": 0.5}))
            .ask(Responses, json!({"top_p": 0.5}))
            .ask(Anthropic, json!({"top_p": 0.5}))
            .ask(Gemini, generation(json!({"topP": 0.5})))
            .ask(Cohere, json!({"p": 0.5}))
            .at(exact(OpenAi).has("/top_p", 0.5))
            .at(exact(Responses).has("/top_p", 0.5))
            .at(exact(Anthropic).has("/top_p", 0.5))
            .at(exact(Gemini).has("/generationConfig/topP", 0.5))
            .at(exact(Cohere).has("/p", 0.5)),
        Row::new(42, "`top_p` beside a temperature")
            .ask(OpenAi, json!({"top_p": 0.5, "temperature": 0.5}))
            .ask(Gemini, generation(json!({"topP": 0.5, "temperature": 0.5})))
            .at(exact(OpenAi).has("/top_p", 0.5).has("/temperature", 0.5))
            .at(exact(Responses).has("/top_p", 0.5).has("/temperature", 0.5))
            .at(lossy(Anthropic, Field::TopP)
                .lacks("/top_p")
                .has("/temperature", 0.5)
                .note("Newer Claude models take one of the two."))
            .at(exact(Gemini).has("/generationConfig/topP", 0.5))
            .at(exact(Cohere).has("/p", 0.5)),
        Row::new(42, "`top_p` of 1")
            .ask(OpenAi, json!({"top_p": 1.0}))
            .ask(Anthropic, json!({"top_p": 1.0}))
            .at(exact(OpenAi).has("/top_p", 1.0))
            .at(exact(Responses).has("/top_p", 1.0))
            .at(exact(Anthropic).has("/top_p", 1.0))
            .at(exact(Gemini).has("/generationConfig/topP", 1.0))
            .at(lossy(Cohere, Field::TopP).has("/p", 0.99).note("Cohere takes 0.01 to 0.99.")),
        Row::new(42, "`top_k`")
            .ask(OpenAi, json!({"top_k": 40}))
            .ask(Anthropic, json!({"top_k": 40}))
            .ask(Gemini, generation(json!({"topK": 40})))
            .ask(Cohere, json!({"k": 40}))
            .at(lossy(OpenAi, Field::TopK))
            .at(lossy(Responses, Field::TopK))
            .at(exact(Anthropic).has("/top_k", 40).note("Models that sample, when they do not think."))
            .at(exact(Gemini).has("/generationConfig/topK", 40))
            .at(exact(Cohere).has("/k", 40)),
        Row::new(42, "`top_k` above 500")
            .ask(Anthropic, json!({"top_k": 900}))
            .ask(Gemini, generation(json!({"topK": 900})))
            .at(lossy(OpenAi, Field::TopK))
            .at(lossy(Responses, Field::TopK))
            .at(exact(Anthropic).has("/top_k", 900))
            .at(exact(Gemini).has("/generationConfig/topK", 900))
            .at(lossy(Cohere, Field::TopK).has("/k", 500).note("Cut to 500.")),
        Row::new(43, "penalties")
            .ask(OpenAi, json!({"presence_penalty": 0.5}))
            .ask(Gemini, generation(json!({"presencePenalty": 0.5})))
            .ask(Cohere, json!({"presence_penalty": 0.5}))
            .at(exact(OpenAi).has("/presence_penalty", 0.5))
            .at(lossy(Responses, Field::PresencePenalty))
            .at(lossy(Anthropic, Field::PresencePenalty))
            .at(exact(Gemini).has("/generationConfig/presencePenalty", 0.5))
            .at(exact(Cohere).has("/presence_penalty", 0.5)),
        Row::new(43, "penalties above 1 or below 0")
            .ask(OpenAi, json!({"frequency_penalty": 1.5}))
            .ask(Gemini, generation(json!({"frequencyPenalty": 1.5})))
            .at(exact(OpenAi).has("/frequency_penalty", 1.5))
            .at(lossy(Responses, Field::FrequencyPenalty))
            .at(lossy(Anthropic, Field::FrequencyPenalty))
            .at(exact(Gemini).has("/generationConfig/frequencyPenalty", 1.5))
            .at(lossy(Cohere, Field::FrequencyPenalty).has("/frequency_penalty", 1.0).note("Cut to 0 … 1.")),
        Row::new(44, "a seed")
            .ask(OpenAi, json!({"seed": 7}))
            .ask(Gemini, generation(json!({"seed": 7})))
            .ask(Cohere, json!({"seed": 7}))
            .at(exact(OpenAi).has("/seed", 7))
            .at(lossy(Responses, Field::Seed))
            .at(lossy(Anthropic, Field::Seed))
            .at(exact(Gemini).has("/generationConfig/seed", 7))
            .at(exact(Cohere).has("/seed", 7)),
    ]
}

fn odds() -> Vec<Row> {
    vec![
        Row::new(45, "several answers at once (`n`)")
            .ask(OpenAi, json!({"n": 2}))
            .ask(Gemini, generation(json!({"candidateCount": 2})))
            .at(exact(OpenAi).has("/n", 2))
            .at(exact(Gemini).has("/generationConfig/candidateCount", 2))
            .elsewhere(|to| refused(to, Field::Count)),
        Row::new(46, "probabilities (`logprobs`)")
            .ask(OpenAi, json!({"logprobs": true}))
            .ask(Responses, json!({"include": ["message.output_text.logprobs"]}))
            .ask(Gemini, generation(json!({"responseLogprobs": true})))
            .ask(Cohere, json!({"logprobs": true}))
            .at(exact(OpenAi).has("/logprobs", true))
            .at(exact(Responses).has("/include", json!(["message.output_text.logprobs"])))
            .at(refused(Anthropic, Field::Logprobs))
            .at(exact(Gemini).has("/generationConfig/responseLogprobs", true))
            .at(exact(Cohere).has("/logprobs", true)),
        Row::new(46, "probabilities of alternatives (`top_logprobs`)")
            .ask(OpenAi, json!({"logprobs": true, "top_logprobs": 3}))
            .ask(Responses, json!({"include": ["message.output_text.logprobs"], "top_logprobs": 3}))
            .ask(Gemini, generation(json!({"responseLogprobs": true, "logprobs": 3})))
            .at(exact(OpenAi).has("/top_logprobs", 3))
            .at(exact(Responses).has("/top_logprobs", 3))
            .at(refused(Anthropic, Field::Logprobs))
            .at(exact(Gemini).has("/generationConfig/logprobs", 3))
            .at(lossy(Cohere, Field::Logprobs)
                .has("/logprobs", true)
                .note("Only those of the chosen words come back.")),
        Row::new(46, "`top_logprobs` without the probabilities themselves")
            .ask(Responses, json!({"top_logprobs": 3}))
            .at(exact(OpenAi).lacks("/top_logprobs").lacks("/logprobs").note("It asks for nothing alone."))
            .at(native(Responses))
            .at(exact(Anthropic).note("It asks for nothing alone."))
            .at(exact(Gemini).lacks("/generationConfig/logprobs").note("It asks for nothing alone."))
            .at(exact(Cohere).lacks("/logprobs").note("It asks for nothing alone.")),
        Row::new(47, "biases of tokens (`logit_bias`)")
            .ask(OpenAi, json!({"logit_bias": {"1": 5}}))
            .at(native(OpenAi))
            .elsewhere(|to| refused(to, Field::LogitBias)),
        Row::new(48, "spoken answers (`modalities`, `audio`)")
            .ask(OpenAi, json!({"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "wav"}}))
            .at(native(OpenAi))
            .elsewhere(|to| refused(to, "audio")),
        Row::new(48, "drawn answers of Gemini (`responseModalities`)")
            .ask(Gemini, generation(json!({"responseModalities": ["TEXT", "IMAGE"]})))
            .at(native(Gemini))
            .elsewhere(|to| refused(to, "generationConfig.responseModalities")),
        Row::new(48, "voices, resolutions and other settings of Gemini alone (`speechConfig`, `mediaResolution` …)")
            .ask(Gemini, generation(json!({"media_resolution": "MEDIA_RESOLUTION_LOW"})))
            .at(native(Gemini))
            .elsewhere(|to| lossy(to, "generationConfig.mediaResolution")),
        Row::new(48, "a predicted answer (`prediction`)")
            .ask(OpenAi, json!({"prediction": {"type": "content", "content": "x"}}))
            .at(native(OpenAi))
            .elsewhere(|to| refused(to, "prediction")),
        Row::new(49, "how much to say (`verbosity`)")
            .ask(OpenAi, json!({"verbosity": "low"}))
            .ask(Responses, json!({"text": {"verbosity": "low"}}))
            .at(exact(OpenAi).on("openai/gpt-5.2").has("/verbosity", "low").note("At OpenAI."))
            .at(hint(OpenAi, Field::Verbosity).note("Elsewhere."))
            .at(exact(Responses).on("openai/gpt-5.2").has("/text/verbosity", "low").note("At OpenAI."))
            .at(hint(Responses, Field::Verbosity).note("Elsewhere."))
            .elsewhere(|to| hint(to, Field::Verbosity)),
    ]
}

/// A provider that does not look for the text: its answer ends there all the same.
fn cut_at_blanks() {
    let asked = request(OpenAi, json!({"stop": ["\n\n"]})).to_string();
    let answer = answer(Anthropic, "one\n\ntwo").to_string();
    let told = whole(OpenAi, &asked, Anthropic, super::usual(Anthropic), &answer);
    assert_eq!(told["choices"][0]["message"]["content"], "one");
}
