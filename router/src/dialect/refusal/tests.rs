//! Refusals as vendors write them, and what must not be taken for one.

use super::*;
use crate::dialect::without;

/// What a request in `protocol` becomes after `answer`, and what is remembered only for a value or beside a field.
fn again(protocol: Protocol, sent: &str, status: u16, answer: &str) -> Option<String> {
    let findings = Refusal::read(status, answer.as_bytes())?.findings(protocol, sent.as_bytes());
    let (pieces, _) = without(&bytes::Bytes::copy_from_slice(sent.as_bytes()), protocol, &findings)?;
    Some(String::from_utf8(pieces.concat()).unwrap())
}

fn chat(error: &str) -> String {
    format!(
        r#"{{"error":{{"message":{},"type":"invalid_request_error","param":null,"code":null}}}}"#,
        serde_json::Value::from(error)
    )
}

fn anthropic(error: &str) -> String {
    format!(
        r#"{{"type":"error","error":{{"type":"invalid_request_error","message":{}}},"request_id":"req_1"}}"#,
        serde_json::Value::from(error)
    )
}

fn gemini(error: &str) -> String {
    format!(r#"{{"error":{{"code":400,"message":{},"status":"INVALID_ARGUMENT"}}}}"#, serde_json::Value::from(error))
}

#[test]
fn vendors_of_chat_completions_are_understood() {
    let openai = |message: &str, param: &str, code: &str| {
        format!(
            r#"{{"error":{{"message":{},"type":"invalid_request_error","param":"{param}","code":"{code}"}}}}"#,
            serde_json::Value::from(message)
        )
    };
    let extra = |field: &str| {
        format!(
            r#"{{"type":"extra_forbidden","loc":["body","{field}"],"msg":"Extra inputs are not permitted","input":0}}"#
        )
    };
    let mut wrong: Vec<String> = Vec::new();
    for (sent, status, answer, expected) in [
        // OpenAI.
        (r#"{"temperature":0.2,"b":1}"#, 400, openai("Unsupported parameter: 'temperature' is not supported with this model.", "temperature", "unsupported_parameter"), r#"{"b":1}"#),
        (r#"{"temperature":0.2,"b":1}"#, 400, openai("Unsupported value: 'temperature' does not support 0.2 with this model. Only the default (1) value is supported.", "temperature", "unsupported_value"), r#"{"b":1}"#),
        (r#"{"max_tokens":9,"b":1}"#, 400, openai("Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.", "max_tokens", "unsupported_parameter"), r#"{"max_completion_tokens":9,"b":1}"#),
        (r#"{"b":1,"prompt_cache_key":"x"}"#, 400, openai("Unknown parameter: 'prompt_cache_key'.", "prompt_cache_key", "unknown_parameter"), r#"{"b":1}"#),
        (r#"{"verbosity":"low","reasoning_effort":"low"}"#, 400, chat("Unrecognized request arguments supplied: reasoning_effort, verbosity"), "{}"),
        (r#"{"reasoning_effort":"minimal"}"#, 400, openai("Unsupported value: 'minimal' is not supported with the 'gpt-5-codex' model. Supported values are: 'low', 'medium', and 'high'.", "reasoning_effort", "unsupported_value"), r#"{"reasoning_effort":"low"}"#),
        (r#"{"messages":[{"role":"developer","content":"x"},{"role":"user","content":"developer"}]}"#, 400, openai("Unsupported value: 'messages[0].role' does not support 'developer' with this model.", "messages[0].role", "unsupported_value"), r#"{"messages":[{"role":"system","content":"x"},{"role":"user","content":"developer"}]}"#),
        (r#"{"n":1,"b":1}"#, 400, openai("Unsupported parameter: 'n' is not supported with this model.", "n", "unsupported_parameter"), r#"{"b":1}"#),
        (r#"{"tools":[{"type":"function","function":{"name":"f","strict":true,"parameters":{"properties":{"strict":{}}}}}]}"#, 400, openai("Unknown parameter: 'tools[0].function.strict'.", "tools[0].function.strict", "unknown_parameter"), r#"{"tools":[{"type":"function","function":{"name":"f","parameters":{"properties":{"strict":{}}}}}]}"#),
        // Azure's older versions.
        (r#"{"max_completion_tokens":9}"#, 400, chat("Unrecognized request argument supplied: max_completion_tokens"), r#"{"max_tokens":9}"#),
        (r#"{"stream_options":{"include_usage":true},"b":1}"#, 400, chat("Unrecognized request argument supplied: stream_options"), r#"{"b":1}"#),
        // xAI.
        (r#"{"presence_penalty":0,"b":1}"#, 400, r#"{"code":"Client specified an invalid argument","error":"Model grok-4-latest does not support parameter presencePenalty."}"#.into(), r#"{"b":1}"#),
        (r#"{"presence_penalty":0,"b":1}"#, 400, r#"{"code":"Client specified an invalid argument","error":"Argument not supported on this model: presencePenalty"}"#.into(), r#"{"b":1}"#),
        (r#"{"reasoning_effort":"high"}"#, 400, r#"{"code":"Client specified an invalid argument","error":"Model grok-4 does not support parameter reasoningEffort."}"#.into(), "{}"),
        // Mistral, vLLM and others whose requests pydantic checks.
        (r#"{"store":false,"max_completion_tokens":8,"b":1}"#, 422, format!(r#"{{"detail":[{},{}]}}"#, extra("store"), extra("max_completion_tokens")), r#"{"max_tokens":8,"b":1}"#),
        (r#"{"seed":1,"b":1}"#, 422, format!(r#"{{"object":"error","message":{{"detail":[{}]}},"type":"invalid_request_error","param":null,"code":null}}"#, extra("seed")), r#"{"b":1}"#),
        (r#"{"seed":1,"b":1}"#, 422, format!(r#"{{"object":"Error","message":[{}],"type":"invalid_request_error","code":3001}}"#, extra("seed")), r#"{"b":1}"#),
        (r#"{"frequency_penalty":0.0}"#, 422, r#"{"object":"error","message":"{\"detail\":[{\"type\":\"extra_forbidden\",\"loc\":[\"body\",\"frequency_penalty\"],\"msg\":\"Extra inputs are not permitted\",\"input\":0.0}]}","type":"internal_error_proxy","param":null,"code":"1000"}"#.into(), "{}"),
        (r#"{"stream_options":{"include_usage":true}}"#, 422, r#"{"object":"error","message":{"detail":[{"type":"extra_forbidden","loc":["body","stream_options","include_usage"],"msg":"Extra inputs are not permitted","input":true}]}}"#.into(), "{}"),
        (r#"{"top_k":3}"#, 400, r#"{"object":"error","message":"[{'type': 'extra_forbidden', 'loc': ('body', 'top_k'), 'msg': 'Extra inputs are not permitted', 'input': 3}]","type":"BadRequestError","param":null,"code":400}"#.into(), "{}"),
        (r#"{"messages":[{"role":"assistant","content":"x","reasoning_content":"y"}]}"#, 422, r#"{"detail":[{"type":"extra_forbidden","loc":["body","messages",0,"assistant","reasoning_content"],"msg":"Extra inputs are not permitted","input":"y"}]}"#.into(), r#"{"messages":[{"role":"assistant","content":"x"}]}"#),
        // Fireworks, Groq, Cerebras.
        (r#"{"stream_options":{},"b":1}"#, 400, r#"{"error":{"object":"error","type":"invalid_request_error","message":"Extra inputs are not permitted, field: 'stream_options'"}}"#.into(), r#"{"b":1}"#),
        (r#"{"logprobs":true,"top_logprobs":3,"b":1}"#, 400, chat("property 'logprobs' is unsupported"), r#"{"b":1}"#),
        (r#"{"messages":[{"role":"assistant","reasoning":"r","content":"x"}]}"#, 400, chat("'messages.0' : for 'role:assistant' the following must be satisfied[('messages.0' : property 'messages.0.reasoning' is unsupported)]"), ""),
        (r#"{"service_tier":"auto"}"#, 400, r#"{"message":"body.service_tier: property 'body.service_tier' is unsupported","type":"invalid_request_error","param":"validation_error","code":"wrong_api_format"}"#.into(), "{}"),
        // Ollama.
        (r#"{"reasoning_effort":"high","b":1}"#, 400, r#"{"error":{"message":"\"gemma3:4b\" does not support thinking","type":"api_error","param":null,"code":null}}"#.into(), r#"{"b":1}"#),
        // DeepSeek, Qwen, Moonshot.
        (r#"{"messages":[{"role":"developer"}]}"#, 400, chat("Failed to deserialize the JSON body into the target type: messages[0].role: unknown variant `developer`, expected one of `system`, `user`, `assistant`, `tool` at line 1 column 40"), r#"{"messages":[{"role":"system"}]}"#),
        (r#"{"messages":[{"role":"developer"}]}"#, 400, chat("developer is not one of ['system', 'assistant', 'user', 'tool', 'function'] - 'messages.0.role'"), r#"{"messages":[{"role":"system"}]}"#),
        (r#"{"temperature":0.6}"#, 400, chat("invalid temperature: only 1 is allowed for this model"), "{}"),
        // Google's own copy of the protocol, and what stands behind OpenRouter and LiteLLM.
        (r#"{"store":false,"b":1}"#, 400, r#"[{"error":{"code":400,"message":"Invalid JSON payload received. Unknown name \"store\": Cannot find field.","status":"INVALID_ARGUMENT"}}]"#.into(), r#"{"b":1}"#),
        (r#"{"temperature":1}"#, 400, r#"{"error":{"message":"Provider returned error","code":400,"metadata":{"raw":"{\"error\":{\"message\":\"Unsupported parameter: 'temperature' is not supported with this model.\",\"param\":\"temperature\",\"code\":\"unsupported_parameter\"}}","provider_name":"Azure"}}}"#.into(), "{}"),
        (r#"{"logit_bias":{},"seed":1}"#, 400, chat("litellm.UnsupportedParamsError: xai does not support parameters: ['logit_bias', 'seed'], for model=grok-4. To drop these, set `litellm.drop_params=True`"), "{}"),
        // Bedrock.
        (r#"{"temperature":1}"#, 400, r#"{"message":"This model doesn't support the temperature field. Remove temperature and try again."}"#.into(), "{}"),
        (r#"{"top_k":1}"#, 400, r#"{"message":"Malformed input request: #: extraneous key [top_k] is not permitted, please reformat your input and try again."}"#.into(), "{}"),
    ] {
        let got = again(Protocol::OpenAi, sent, status, &answer).unwrap_or_default();
        wrong.extend((got != expected).then(|| format!("{answer}\n  {got}\n  {expected}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn vendors_of_the_other_protocols_are_understood() {
    use Protocol::{Anthropic, Cohere, Gemini, Responses};
    let mut wrong: Vec<String> = Vec::new();
    for (protocol, sent, answer, expected) in [
        (Responses, r#"{"reasoning":{"effort":"low","summary":"auto"}}"#, r#"{"error":{"message":"Your organization must be verified to generate reasoning summaries. Please go to: https://x","type":"invalid_request_error","param":"reasoning.summary","code":"unsupported_value"}}"#.to_owned(), r#"{"reasoning":{"effort":"low"}}"#),
        (Responses, r#"{"include":["reasoning.encrypted_content"]}"#, r#"{"error":{"message":"Encrypted content is not supported with this model.","type":"invalid_request_error","param":"include","code":null}}"#.to_owned(), "{}"),
        (Responses, r#"{"text":{"verbosity":"low","format":{}}}"#, r#"{"error":{"message":"Unsupported parameter: 'text.verbosity' is not supported with this model.","param":"text.verbosity","code":"unsupported_parameter"}}"#.to_owned(), r#"{"text":{"format":{}}}"#),
        (Responses, r#"{"reasoning":{"effort":"xhigh"}}"#, r#"{"error":{"message":"Unsupported value: 'xhigh' is not supported with the 'gpt-5' model. Supported values are: 'minimal', 'low', 'medium', and 'high'.","param":"reasoning.effort","code":"unsupported_value"}}"#.to_owned(), r#"{"reasoning":{"effort":"high"}}"#),
        (Anthropic, r#"{"temperature":0,"b":1}"#, anthropic("`temperature` is deprecated for this model."), r#"{"b":1}"#),
        (Anthropic, r#"{"temperature":0,"thinking":{"type":"enabled"}}"#, anthropic("`temperature` may only be set to 1 when thinking is enabled or in adaptive mode. Please consult our documentation."), r#"{"thinking":{"type":"enabled"}}"#),
        (Anthropic, r#"{"temperature":0,"top_p":1}"#, anthropic("`temperature` and `top_p` cannot both be specified for this model. Please use only one."), r#"{"temperature":0}"#),
        (Anthropic, r#"{"top_p":0.1,"thinking":{}}"#, anthropic("`top_p` must be greater than or equal to 0.95 or unset when thinking is enabled."), r#"{"thinking":{}}"#),
        (Anthropic, r#"{"thinking":{"type":"adaptive"},"b":1}"#, anthropic("adaptive thinking is not supported on this model"), r#"{"b":1}"#),
        (Anthropic, r#"{"thinking":{"type":"adaptive"},"b":1}"#, anthropic("thinking: Input tag 'adaptive' found using 'type' does not match any of the expected tags: 'disabled', 'enabled'"), r#"{"b":1}"#),
        (Anthropic, r#"{"thinking":{"type":"enabled","budget_tokens":2048}}"#, anthropic("\"thinking.type.enabled\" is not supported for this model. Use \"thinking.type.adaptive\" and \"output_config.effort\" to control thinking behavior."), r#"{"thinking":{"type":"adaptive"}}"#),
        (Anthropic, r#"{"thinking":{"type":"disabled"}}"#, anthropic("\"thinking.type.disabled\" is not supported for this model."), "{}"),
        (Anthropic, r#"{"output_config":{"effort":"low"}}"#, anthropic("This model does not support the effort parameter."), r#"{"output_config":{}}"#),
        (Anthropic, r#"{"output_config":{"effort":"xhigh"}}"#, anthropic("This model does not support effort level 'xhigh'. Supported levels: high, low, max, medium."), r#"{"output_config":{"effort":"high"}}"#),
        (Anthropic, r#"{"context_management":{"edits":[]},"b":1}"#, anthropic("context_management: Extra inputs are not permitted"), r#"{"b":1}"#),
        (Anthropic, r#"{"messages":[{"content":[{"type":"text","cache_control":{}}]}],"system":[{"cache_control":{}}]}"#, anthropic("messages.0.content.0.text.cache_control: Extra inputs are not permitted"), r#"{"messages":[{"content":[{"type":"text"}]}],"system":[{}]}"#),
        (Anthropic, r#"{"system":[{"cache_control":{"type":"ephemeral","scope":"global"}}]}"#, anthropic("system.0.cache_control.ephemeral.scope: Extra inputs are not permitted"), r#"{"system":[{"cache_control":{"type":"ephemeral"}}]}"#),
        (Anthropic, r#"{"tools":[{"name":"f","eager_input_streaming":true}]}"#, anthropic("tools.0.custom.eager_input_streaming: Extra inputs are not permitted"), r#"{"tools":[{"name":"f"}]}"#),
        (Anthropic, r#"{"thinking":{"type":"enabled","budget_tokens":1024}}"#, r#"{"type":"error","error":{"type":"api_error","message":"\"llama3\" does not support thinking"}}"#.to_owned(), "{}"),
        (Gemini, r#"{"generationConfig":{"thinkingConfig":{"thinkingBudget":0}}}"#, gemini("Budget 0 is invalid. This model only works in thinking mode."), r#"{"generationConfig":{"thinkingConfig":{}}}"#),
        (Gemini, r#"{"generationConfig":{"thinkingConfig":{"thinkingBudget":0}}}"#, gemini("Unable to submit request because The model does not support setting thinking_budget to 0"), r#"{"generationConfig":{"thinkingConfig":{}}}"#),
        (Gemini, r#"{"store":true,"labels":{},"a":1}"#, gemini("Invalid JSON payload received. Unknown name \"store\": Cannot find field.\nInvalid JSON payload received. Unknown name \"labels\": Cannot find field."), r#"{"a":1}"#),
        (Gemini, r#"{"generationConfig":{"seed":1,"topK":2}}"#, gemini("Invalid JSON payload received. Unknown name \"seed\" at 'generation_config': Cannot find field."), r#"{"generationConfig":{"topK":2}}"#),
        (Gemini, r#"{"generation_config":{"thinking_config":{"thinking_budget":1}}}"#, gemini("Thinking is not enabled for this model"), r#"{"generation_config":{}}"#),
        (Gemini, r#"{"generationConfig":{"thinkingConfig":{"thinkingBudget":0,"includeThoughts":true}}}"#, gemini("Unable to submit request because Thinking can't be disabled for this model. Remove 'thinking_config.thinking_budget' from your request and try again."), r#"{"generationConfig":{"thinkingConfig":{"includeThoughts":true}}}"#),
        (Gemini, r#"{"generationConfig":{"thinkingConfig":{"thinkingLevel":"MINIMAL"}}}"#, gemini("Thinking level is not supported for this model."), r#"{"generationConfig":{"thinkingConfig":{}}}"#),
        (Gemini, r#"{"generationConfig":{"presencePenalty":1,"frequencyPenalty":2,"x":3}}"#, gemini("Penalty is not enabled for models/gemini-2.5-flash"), r#"{"generationConfig":{"x":3}}"#),
        (Gemini, r#"{"generationConfig":{"responseLogprobs":true,"logprobs":2}}"#, gemini("Logprobs is not enabled for models/gemini-2.5-pro"), r#"{"generationConfig":{}}"#),
        (Cohere, r#"{"seed":3,"b":1}"#, r#"{"id":"x","message":"invalid request: unknown field: parameter 'seed' is not a valid field"}"#.to_owned(), r#"{"b":1}"#),
        (Cohere, r#"{"thinking":{"type":"enabled"},"b":1}"#, r#"{"message":"thinking is not supported by the provided model"}"#.to_owned(), r#"{"b":1}"#),
    ] {
        let got = again(protocol, sent, 400, &answer).unwrap_or_default();
        wrong.extend((got != expected).then(|| format!("{answer}\n  {got}\n  {expected}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_changes_the_question_is_the_clients_to_know() {
    let sent = r#"{"model":"m","messages":[{"role":"user","content":"x"}],"tools":[{"name":"t"}],"tool_choice":"auto","response_format":{},"stop":"x","n":2,
        "max_tokens":9,"temperature":3,"reasoning_effort":"ultra","thinking":{"type":"enabled","budget_tokens":9},"stream":true,"seed":1,"user":"u","metadata":{},"store":true}"#;
    for (status, said) in [
        (400, "\"gemma3\" does not support tools"),
        (400, "stream_options.x: Extra inputs are not permitted"),
        (400, "Unrecognized request argument supplied: stream_options.x"),
        (400, "thinking.enabled.x: Extra inputs are not permitted"),
        (400, "metadata.x: Extra inputs are not permitted"),
        (400, "registry.ollama.ai/library/x does not support tools"),
        (400, "Unsupported parameter: 'tools' is not supported with this model."),
        (400, "Unsupported parameter: 'stop' is not supported with this model."),
        (400, "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model."),
        (400, "Unsupported parameter: 'max_output_tokens'"),
        (400, "Unsupported parameter: 'n' is not supported with this model."),
        (400, "Unsupported value: 'stream' does not support true with this model."),
        (400, "Unsupported value: 'messages[0].role' does not support 'tool' with this model."),
        (400, "This model does not support image input."),
        (400, "This model does not support assistant message prefill. The conversation must end with a user message."),
        (
            400,
            "Function tools with reasoning_effort are not supported for gpt-5.6 in /v1/chat/completions. Please use /v1/responses instead.",
        ),
        (400, "Invalid schema for function 't': In context=('properties', 'temperature'), 'default' is not permitted."),
        (400, "tools.0.custom.input_schema.properties.temperature: Extra inputs are not permitted"),
        (400, "messages.0.content.0.thinking.signature: Extra inputs are not permitted"),
        (400, "Invalid value for 'temperature': must be between 0 and 2."),
        (400, "temperature: Input should be less than or equal to 1"),
        (400, "Invalid value: 'ultra'. Supported values are: 'low', 'medium', and 'high'."),
        (400, "`max_tokens` must be greater than `thinking.budget_tokens`."),
        (400, "Expected `thinking` or `redacted_thinking`, but found `text`."),
        (400, "Unknown parameter: 'temprature'."),
        (400, "The user is not allowed to do this."),
        (400, "This model's maximum context length is 8192 tokens."),
        (400, "Your request was rejected: violence is not permitted."),
        (400, "prompt is too long"),
        (401, "Unsupported parameter: 'temperature'"),
        (404, "Unsupported parameter: 'temperature'"),
        (429, "Unsupported parameter: 'temperature'"),
        (500, "Unsupported parameter: 'temperature'"),
    ] {
        for answer in [chat(said), anthropic(said), format!(r#"{{"error":{}}}"#, serde_json::Value::from(said))] {
            for protocol in [Protocol::OpenAi, Protocol::Anthropic] {
                assert_eq!(again(protocol, sent, status, &answer), None, "{status} {answer}");
            }
        }
    }
    // One of two stays, so that asking again without the other would come to nothing.
    let two = r#"{"detail":[{"type":"extra_forbidden","loc":["body","seed"],"msg":"Extra inputs are not permitted"},
        {"type":"extra_forbidden","loc":["body","tools"],"msg":"Extra inputs are not permitted"}]}"#;
    assert_eq!(again(Protocol::OpenAi, sent, 422, two), None);
    // What the request does not say cannot be left out of it.
    assert_eq!(again(Protocol::OpenAi, sent, 400, &chat("Unknown parameter: 'top_k'.")), None);
}

#[test]
fn a_finding_holds_for_what_was_refused_and_no_more() {
    let finding = |sent: &str, answer: &str, protocol| {
        let findings = Refusal::read(400, answer.as_bytes()).unwrap().findings(protocol, sent.as_bytes());
        assert_eq!(findings.len(), 1, "{findings:?}");
        findings.into_iter().next().unwrap()
    };
    let minimal = finding(
        r#"{"reasoning_effort":"minimal"}"#,
        &chat("Unsupported value: 'reasoning_effort' does not support 'minimal' with this model."),
        Protocol::OpenAi,
    );
    assert!(minimal.concerns(Protocol::OpenAi, br#"{"reasoning_effort":"minimal"}"#));
    assert!(!minimal.concerns(Protocol::OpenAi, br#"{"reasoning_effort":"high"}"#));
    let both = finding(
        r#"{"temperature":0,"top_p":1}"#,
        &anthropic("`temperature` and `top_p` cannot both be specified for this model."),
        Protocol::Anthropic,
    );
    assert!(both.concerns(Protocol::Anthropic, br#"{"top_p":1,"temperature":1}"#));
    assert!(!both.concerns(Protocol::Anthropic, br#"{"top_p":1}"#));
    let thinking = finding(
        r#"{"temperature":0,"thinking":{"type":"enabled"}}"#,
        &anthropic("`temperature` may only be set to 1 when thinking is enabled."),
        Protocol::Anthropic,
    );
    assert!(!thinking.concerns(Protocol::Anthropic, br#"{"temperature":0}"#));
    let adaptive = finding(
        r#"{"thinking":{"type":"adaptive"}}"#,
        &anthropic("adaptive thinking is not supported on this model"),
        Protocol::Anthropic,
    );
    assert!(!adaptive.concerns(Protocol::Anthropic, br#"{"thinking":{"type":"enabled","budget_tokens":1024}}"#));
    let all = finding(
        r#"{"temperature":0.2}"#,
        &chat(
            "Unsupported value: 'temperature' does not support 0.2 with this model. Only the default (1) value is supported.",
        ),
        Protocol::OpenAi,
    );
    assert!(all.concerns(Protocol::OpenAi, br#"{"temperature":0.7}"#));
}
