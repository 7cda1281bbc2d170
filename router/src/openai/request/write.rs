//! Writes a Chat Completions request.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Number;

use super::out::MessageOut;
use super::tools::{self, ChoiceOut, ToolOut};
use super::turns::Turns;
use crate::Protocol;
use crate::chat::lower::Lowering;
use crate::chat::request::{Format, Level, Weight};
use crate::chat::{Field, Impossible, Json, Losses, Request, Target, Written};
use crate::dialect::Quirk;

#[derive(Serialize)]
struct Out<'a> {
    model: &'a str,
    messages: Vec<MessageOut<'a>>,
    #[serde(flatten)]
    rest: Rest<'a>,
}

#[derive(Default, Serialize)]
struct Rest<'a> {
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_options: Option<StreamOptions>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<ToolOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<ChoiceOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parallel_tool_calls: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_effort: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_format: Option<FormatOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verbosity: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u64>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    stop: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<&'a Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<&'a Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    presence_penalty: Option<&'a Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    frequency_penalty: Option<&'a Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    n: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    logprobs: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_logprobs: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    logit_bias: Option<&'a Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<BTreeMap<&'a str, &'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt_cache_key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    store: Option<bool>,
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
}

#[derive(Serialize)]
struct FormatOut<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    json_schema: Option<SchemaOut<'a>>,
}

#[derive(Serialize)]
struct SchemaOut<'a> {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    schema: &'a Json,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
}

/// Writes `request` for `target`.
pub fn write(request: &Request, target: &Target, losses: &mut Losses) -> Result<Written, Impossible> {
    let lowering = Lowering::new(&request.tools, &tools::rules(target));
    let mut messages = Turns::new(request, &lowering, target, losses).write()?;
    let mut rest = Rest { stream: request.stream, ..Rest::default() };
    if request.stream && !target.dialect.has(Quirk::NoStreamOptions) {
        rest.stream_options = Some(StreamOptions { include_usage: true });
    }
    rest.tools = tools::tools(request, &lowering, target, losses)?;
    if !rest.tools.is_empty() {
        rest.tool_choice = tools::choice(request, &lowering, target, losses);
        rest.parallel_tool_calls = request.parallel_calls;
        if request.parallel_calls.is_some() && target.dialect.has(Quirk::NoParallelSwitch) {
            rest.parallel_tool_calls = None;
            if request.parallel_calls == Some(false) {
                losses.dropped(Field::ParallelCalls.in_protocol(request.protocol));
            }
        }
    }
    let instruction = format(request, target, &mut rest, losses);
    if let Some(text) = instruction {
        messages.insert(0, MessageOut::system(text));
    }
    effort(request, target, &mut rest, losses);
    let cut = sampling(request, target, &mut rest, losses);
    extras(request, target, &mut rest, losses)?;
    let out = Out { model: &target.model, messages, rest };
    let body = serde_json::to_vec(&out).unwrap_or_default();
    Ok(Written { body, lowering, cut })
}

/// The form of the answer; with an instruction where the target has no schemas.
fn format<'a>(request: &'a Request, target: &Target, rest: &mut Rest<'a>, losses: &mut Losses) -> Option<String> {
    match request.format.as_ref()? {
        Format::Object => rest.response_format = Some(FormatOut { kind: "json_object", json_schema: None }),
        Format::Schema { schema, .. } if target.dialect.has(Quirk::NoSchemaFormat) => {
            losses.changed(Field::Format.in_protocol(request.protocol));
            rest.response_format = Some(FormatOut { kind: "json_object", json_schema: None });
            return Some(format!(
                "Answer with one JSON object, without any text around it, that fits this schema:\n{}",
                schema.text()
            ));
        }
        Format::Schema { name, description, schema, strict } => {
            let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
            let name: String =
                name.as_deref().unwrap_or("response").chars().filter(|c| is_plain(*c)).take(64).collect();
            let name = if name.is_empty() { "response".to_owned() } else { name };
            let json_schema = SchemaOut { name, description: description.as_deref(), schema, strict: *strict };
            rest.response_format = Some(FormatOut { kind: "json_schema", json_schema: Some(json_schema) });
        }
    }
    None
}

fn effort(request: &Request, target: &Target, rest: &mut Rest<'_>, losses: &mut Losses) {
    let Some(effort) = &request.reasoning else { return };
    let level = effort.level.or_else(|| effort.budget.map(Level::of_budget));
    let Some(level) = level.filter(|level| *level != Level::Adaptive) else { return };
    let field = Field::Effort.in_protocol(request.protocol);
    if target.dialect.has(Quirk::NoEffort) {
        if level != Level::None {
            losses.dropped(field);
        }
        return;
    }
    let is_openai = target.dialect.has(Quirk::OpenAiExtras);
    let said = match level {
        // Whoever copies the protocol knows its first three levels.
        Level::None | Level::Adaptive if !is_openai => None,
        Level::Minimal if !is_openai => Some(Level::Low),
        Level::XHigh | Level::Max if !is_openai => Some(Level::High),
        level => Some(target.dialect.nearest(level)),
    };
    if said != Some(level) && level != Level::None {
        losses.changed(field);
    }
    rest.reasoning_effort = said.map(Level::as_str);
}

/// Sampling and limits. Returns the stop texts that the gateway must look for itself.
fn sampling<'a>(request: &'a Request, target: &Target, rest: &mut Rest<'a>, losses: &mut Losses) -> Vec<String> {
    let dialect = target.dialect;
    if dialect.has(Quirk::MaxTokensOldName) {
        rest.max_tokens = request.max_tokens;
    } else {
        rest.max_completion_tokens = request.max_tokens;
    }
    let name = |field: Field| field.in_protocol(request.protocol);
    let sampling = &request.sampling;
    if dialect.has(Quirk::NoSampling) {
        let given = [(sampling.temperature.is_some(), Field::Temperature), (sampling.top_p.is_some(), Field::TopP)];
        given.iter().filter(|(given, _)| *given).for_each(|(_, field)| losses.dropped(name(*field)));
    } else {
        rest.temperature = sampling.temperature.as_ref();
        rest.top_p = sampling.top_p.as_ref();
    }
    if dialect.has(Quirk::NoSampling) || dialect.has(Quirk::PlainSampling) {
        let given = [
            (sampling.presence_penalty.is_some(), Field::PresencePenalty),
            (sampling.frequency_penalty.is_some(), Field::FrequencyPenalty),
            (sampling.seed.is_some() && !dialect.has(Quirk::NoSampling), Field::Seed),
            (sampling.logprobs == Some(true), Field::Logprobs),
            (sampling.logit_bias.is_some(), Field::LogitBias),
        ];
        given.iter().filter(|(given, _)| *given).for_each(|(_, field)| losses.dropped(name(*field)));
    } else {
        rest.presence_penalty = sampling.presence_penalty.as_ref();
        rest.frequency_penalty = sampling.frequency_penalty.as_ref();
        rest.logprobs = sampling.logprobs;
        // Alone it is refused.
        rest.top_logprobs = sampling.top_logprobs.filter(|_| sampling.logprobs == Some(true));
        rest.logit_bias = sampling.logit_bias.as_ref();
    }
    if !dialect.has(Quirk::PlainSampling) {
        rest.seed = sampling.seed;
    }
    rest.n = sampling.n;
    if sampling.top_k.is_some() {
        losses.dropped(name(Field::TopK));
    }
    if dialect.has(Quirk::NoStop) {
        return request.stop.clone();
    }
    rest.stop = request.stop.get(..4).unwrap_or(&request.stop);
    // The provider looks for four at most; the gateway looks for the others.
    request.stop.get(4..).unwrap_or_default().to_vec()
}

fn extras<'a>(
    request: &'a Request,
    target: &Target,
    rest: &mut Rest<'a>,
    losses: &mut Losses,
) -> Result<(), Impossible> {
    rest.user = request.user.as_deref();
    let name = |field: Field| field.in_protocol(request.protocol);
    if target.dialect.has(Quirk::OpenAiExtras) {
        rest.verbosity = request.verbosity.as_deref();
        rest.service_tier = request.service_tier.as_deref();
        rest.prompt_cache_key = request.cache_key.as_deref();
        if !request.metadata.is_empty() && request.store == Some(true) {
            rest.metadata = Some(request.metadata.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect());
        }
        rest.store = request.store.filter(|_| request.protocol == Protocol::OpenAi);
    } else {
        let given = [
            (request.verbosity.is_some(), Field::Verbosity),
            (request.service_tier.as_deref().is_some_and(|tier| tier != "auto"), Field::ServiceTier),
            (request.cache_key.is_some(), Field::CacheKey),
        ];
        given.iter().filter(|(given, _)| *given).for_each(|(_, field)| losses.hint(name(*field)));
    }
    if rest.metadata.is_none() && !request.metadata.is_empty() {
        losses.hint(name(Field::Metadata));
    }
    for extra in &request.extra {
        match extra.weight {
            Weight::Hint => losses.hint(extra.name.clone()),
            Weight::Loss => losses.dropped(extra.name.clone()),
            Weight::Meaning => {
                return Err(Impossible::extra(extra.name.clone(), Protocol::OpenAi));
            }
        }
    }
    Ok(())
}
