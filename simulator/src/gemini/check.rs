//! What a Gemini request may hold, and the 400s Google answers to anything else.
use serde_json::Value;

use super::request::{camelise, many};
use super::{schema, turns};
use crate::fault::Fault;
use crate::problem::Problem;
use crate::reply::Family;
use crate::script::Script;
use crate::shape::{Field, Rule, TEXTS, Walk, from, may, must};

const BLOB: Rule =
    Rule::Object(&[must("mimeType", Rule::Text), must("data", Rule::Base64), may("displayName", Rule::Text)]);
const FILE: Rule =
    Rule::Object(&[must("fileUri", Rule::Text), may("mimeType", Rule::Text), may("displayName", Rule::Text)]);

const PART: Rule = Rule::Object(&[
    may("text", Rule::Text),
    may("thought", Rule::Flag),
    may("thoughtSignature", Rule::Base64),
    may("inlineData", BLOB),
    may("fileData", FILE),
    may(
        "functionCall",
        Rule::Object(&[
            may("id", Rule::Text),
            may("name", Rule::Text),
            may("args", Rule::Map),
            may("partialArgs", Rule::Each(&Rule::Map)),
            may("willContinue", Rule::Flag),
        ]),
    ),
    may(
        "functionResponse",
        Rule::Object(&[
            may("id", Rule::Text),
            may("name", Rule::Text),
            must("response", Rule::Map),
            may(
                "parts",
                Rule::Each(&Rule::Object(&[
                    may("inlineData", BLOB),
                    may("fileData", FILE),
                    may("mediaResolution", Rule::Map),
                    may("videoMetadata", Rule::Map),
                ])),
            ),
            may("willContinue", Rule::Flag),
            may("scheduling", Rule::Word(&["SCHEDULING_UNSPECIFIED", "SILENT", "WHEN_IDLE", "INTERRUPT"])),
        ]),
    ),
    may("executableCode", Rule::Map),
    may("codeExecutionResult", Rule::Map),
    may("toolCall", Rule::Map),
    may("toolResponse", Rule::Map),
    may("videoMetadata", Rule::Map),
    may("mediaResolution", Rule::Map),
    may("partMetadata", Rule::Map),
]);

const CONTENT: Rule = Rule::Object(&[may("role", Rule::Text), may("parts", Rule::Each(&PART))]);

const DECLARATION: Rule = Rule::Object(&[
    must("name", Rule::Text),
    may("description", Rule::Text),
    may("parameters", schema::DIALECT),
    may("parametersJsonSchema", Rule::Any),
    may("response", schema::DIALECT),
    may("responseJsonSchema", Rule::Any),
    may("behavior", Rule::Word(&["UNSPECIFIED", "BLOCKING", "NON_BLOCKING"])),
]);

const TOOL: Rule = Rule::Object(&[
    may("functionDeclarations", Rule::Each(&DECLARATION)),
    may("googleSearch", Rule::Map),
    may("googleSearchRetrieval", Rule::Map),
    may("codeExecution", Rule::Map),
    may("urlContext", Rule::Map),
    may("googleMaps", Rule::Map),
    may("fileSearch", Rule::Map),
    may("computerUse", Rule::Map),
    may("mcpServers", Rule::Each(&Rule::Map)),
]);

const MODES: Rule = Rule::Word(&["MODE_UNSPECIFIED", "AUTO", "ANY", "NONE", "VALIDATED"]);
const LEVELS: Rule = Rule::Word(&["THINKING_LEVEL_UNSPECIFIED", "MINIMAL", "LOW", "MEDIUM", "HIGH", "XHIGH"]);

const GENERATION: Rule = Rule::Object(&[
    may("temperature", Rule::Number(0.0, 2.0)),
    may("topP", Rule::Number(0.0, 1.0)),
    may("topK", Rule::Number(1.0, 1_000.0)),
    may("candidateCount", Rule::Integer(1, 8)),
    may("maxOutputTokens", from(1)),
    may("stopSequences", TEXTS),
    may("responseLogprobs", Rule::Flag),
    may("logprobs", Rule::Integer(0, 20)),
    may("presencePenalty", Rule::Number(-2.0, 2.0)),
    may("frequencyPenalty", Rule::Number(-2.0, 2.0)),
    may("seed", Rule::Integer(-2_147_483_648, 2_147_483_647)),
    may("responseMimeType", Rule::Text),
    may("responseSchema", schema::DIALECT),
    may("responseJsonSchema", Rule::Any),
    may("responseModalities", TEXTS),
    may("mediaResolution", Rule::Text),
    may("speechConfig", Rule::Map),
    may("imageConfig", Rule::Map),
    may("enableEnhancedCivicAnswers", Rule::Flag),
    may("audioTimestamp", Rule::Flag),
    may(
        "thinkingConfig",
        Rule::Object(&[
            may("includeThoughts", Rule::Flag),
            may("thinkingBudget", Rule::Integer(-1, 65_536)),
            may("thinkingLevel", LEVELS),
        ]),
    ),
]);

const GENERATE: &[Field] = &[
    may("model", Rule::Text),
    may("contents", Rule::Each(&CONTENT)),
    may("systemInstruction", CONTENT),
    may("tools", Rule::Each(&TOOL)),
    may(
        "toolConfig",
        Rule::Object(&[
            may(
                "functionCallingConfig",
                Rule::Object(&[
                    may("mode", MODES),
                    may("allowedFunctionNames", TEXTS),
                    may("streamFunctionCallArguments", Rule::Flag),
                ]),
            ),
            may("retrievalConfig", Rule::Map),
            may("includeServerSideToolInvocations", Rule::Flag),
        ]),
    ),
    may(
        "safetySettings",
        Rule::Each(&Rule::Object(&[
            must("category", Rule::Text),
            must("threshold", Rule::Text),
            may("method", Rule::Text),
        ])),
    ),
    may("generationConfig", GENERATION),
    may("cachedContent", Rule::Text),
    may("labels", Rule::Values(&Rule::Text)),
    may("serviceTier", Rule::Text),
    may("store", Rule::Flag),
    may("continuationToken", Rule::Text),
];

const COUNT: Rule =
    Rule::Object(&[may("contents", Rule::Each(&CONTENT)), may("generateContentRequest", Rule::Object(GENERATE))]);

const EMBED: Rule = Rule::Object(&[
    may("model", Rule::Text),
    must("content", CONTENT),
    may("taskType", Rule::Text),
    may("title", Rule::Text),
    may("outputDimensionality", Rule::Integer(1, 4_096)),
    may("embedContentConfig", Rule::Map),
]);
const BATCH: Rule = Rule::Object(&[must("requests", Rule::Each(&EMBED))]);

fn refuse(said: &str) -> Problem {
    Fault::Said(said).problem(Family::Gemini, &[])
}

/// A request for an answer.
pub(crate) fn check(body: &Value, script: &Script) -> Result<(), Problem> {
    static TABLE: Rule = Rule::Object(GENERATE);
    Walk::new(Family::Gemini).check(body, &TABLE)?;
    let body = camelise(body);
    turns::check(many(&body, "contents"), script.strict_signatures)?;
    tools(&body)?;
    body.get("generationConfig").map_or(Ok(()), generation)
}

/// A request for a count of tokens.
pub(crate) fn check_count(body: &Value) -> Result<(), Problem> {
    static TABLE: Rule = COUNT;
    Walk::new(Family::Gemini).check(body, &TABLE)?;
    let body = camelise(body);
    let inner = body.get("generateContentRequest").unwrap_or(&body);
    let contents = many(inner, "contents");
    if contents.is_empty() {
        return Err(refuse("* CountTokensRequest.contents: contents is not specified"));
    }
    contents.iter().enumerate().try_for_each(|(at, content)| turns::parts(at, content))
}

/// A request for one vector or for many.
pub(crate) fn check_embed(body: &Value, many: bool) -> Result<(), Problem> {
    static ONE: Rule = EMBED;
    static MANY: Rule = BATCH;
    Walk::new(Family::Gemini).check(body, if many { &MANY } else { &ONE })
}

/// Google's rule for the names of functions.
fn is_name(name: &str) -> bool {
    let begins = name.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '_');
    let goes_on = name.bytes().all(|letter| letter.is_ascii_alphanumeric() || b"_.:-".contains(&letter));
    begins && goes_on && name.len() <= 128
}

fn tools(body: &Value) -> Result<(), Problem> {
    let mut names: Vec<&str> = Vec::new();
    for (at, tool) in many(body, "tools").iter().enumerate() {
        for (number, declared) in many(tool, "functionDeclarations").iter().enumerate() {
            let place = format!("tools[{at}].function_declarations[{number}]");
            let name = declared.get("name").and_then(Value::as_str).unwrap_or_default();
            if !is_name(name) {
                return Err(refuse(&format!(
                    "* GenerateContentRequest.{place}.name: [FIELD_INVALID] Invalid function name. Must start with a letter or an underscore. Must be alphanumeric (a-z, A-Z, 0-9), underscores (_), dots (.), colons (:), or dashes (-), with a maximum length of 128."
                )));
            }
            if names.contains(&name) {
                return Err(refuse(&format!("Duplicate function declaration found: {name}")));
            }
            names.push(name);
            let Some(parameters) = declared.get("parameters").filter(|schema| !schema.is_null()) else { continue };
            if declared.get("parametersJsonSchema").is_some_and(|schema| !schema.is_null()) {
                return Err(refuse(&format!(
                    "* GenerateContentRequest.{place}.parameters_json_schema: must not be set when parameters is set"
                )));
            }
            schema::check(parameters, &format!("{place}.parameters"))?;
        }
    }
    let Some(config) = body.pointer("/toolConfig/functionCallingConfig") else { return Ok(()) };
    let mode = config.get("mode").and_then(Value::as_str).unwrap_or_default();
    let forces = ["ANY", "VALIDATED"].iter().any(|word| mode.eq_ignore_ascii_case(word));
    let allowed = many(config, "allowedFunctionNames");
    if !allowed.is_empty() && !forces {
        return Err(refuse(
            "Allowed function names should only be set when function calling mode is ANY or VALIDATED.",
        ));
    }
    if forces && names.is_empty() {
        return Err(refuse("Function calling config is set without function_declarations."));
    }
    match allowed.iter().filter_map(Value::as_str).find(|name| !names.contains(name)) {
        Some(name) => Err(refuse(&format!("Allowed function name {name} is not in the function declarations."))),
        None => Ok(()),
    }
}

fn generation(config: &Value) -> Result<(), Problem> {
    let set = |name: &str| config.get(name).is_some_and(|value| !value.is_null());
    if many(config, "stopSequences").len() > 5 {
        return Err(refuse("* GenerateContentRequest.generation_config.stop_sequences: at most 5 are allowed"));
    }
    let mime = config.get("responseMimeType").and_then(Value::as_str).unwrap_or("text/plain");
    if !["text/plain", "application/json", "text/x.enum"].contains(&mime) {
        return Err(refuse(&format!(
            "* GenerateContentRequest.generation_config.response_mime_type: allowed mimetypes are `text/plain`, `application/json`, `application/xml`, `application/yaml` and `text/x.enum`, not `{mime}`."
        )));
    }
    for (name, wire) in [("responseSchema", "response_schema"), ("responseJsonSchema", "response_json_schema")] {
        if set(name) && mime == "text/plain" {
            return Err(refuse(&format!(
                "* GenerateContentRequest.generation_config.{wire}: only allowed when response_mime_type is `application/json`."
            )));
        }
    }
    if set("responseSchema") && set("responseJsonSchema") {
        return Err(refuse("Only one of response_schema and response_json_schema can be set."));
    }
    if let Some(schema) = config.get("responseSchema").filter(|schema| !schema.is_null()) {
        schema::check(schema, "generation_config.response_schema")?;
    }
    if set("logprobs") && config.get("responseLogprobs").and_then(Value::as_bool) != Some(true) {
        return Err(refuse("logprobs is set but response_logprobs is not true."));
    }
    let thinking = config.get("thinkingConfig");
    let chosen = |name: &str| thinking.and_then(|config| config.get(name)).filter(|value| !value.is_null());
    let levelled = chosen("thinkingLevel").and_then(Value::as_str).is_some_and(|level| !level.contains("UNSPECIFIED"));
    if levelled && chosen("thinkingBudget").is_some() {
        return Err(refuse("You can only set only one of thinking budget and thinking level."));
    }
    Ok(())
}
