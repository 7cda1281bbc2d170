//! Writes a Cohere request.

use serde::Serialize;
use serde_json::Number;

use super::out::MessageOut;
use super::tools::{RULES, ToolOut};
use super::turns::Writer;
use crate::Protocol;
use crate::chat::lower::Lowering;
use crate::chat::request::{Format, Level, Weight};
use crate::chat::{Field, Impossible, Json, Losses, Request, Target, Written};
use crate::dialect::Quirk;

#[derive(Serialize)]
struct Out<'a> {
    model: &'a str,
    messages: Vec<MessageOut<'a>>,
    stream: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<ToolOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict_tools: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_format: Option<FormatOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u64>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    stop_sequences: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<&'a Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    p: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    k: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    frequency_penalty: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    presence_penalty: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    logprobs: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking: Option<ThinkingOut>,
}

#[derive(Serialize)]
struct FormatOut<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    json_schema: Option<&'a Json>,
}

#[derive(Serialize)]
struct ThinkingOut {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_budget: Option<u64>,
}

/// The most stop texts that the provider looks for.
const MAX_STOPS: usize = 5;
/// The most candidates that the provider chooses among.
const MOST_K: u64 = 500;

/// Writes `request` for `target`.
pub fn write(request: &Request, target: &Target, losses: &mut Losses) -> Result<Written, Impossible> {
    let sampling = &request.sampling;
    for (asked, field) in
        [(sampling.n.is_some_and(|n| n > 1), Field::Count), (sampling.logit_bias.is_some(), Field::LogitBias)]
    {
        if asked {
            return Err(Impossible::new(field, Protocol::Cohere, ""));
        }
    }
    let lowering = Lowering::new(&request.tools, &RULES);
    let name = |field: Field| field.in_protocol(request.protocol);
    let mut writer = Writer { request, lowering: &lowering, losses, messages: Vec::new() };
    writer.messages()?;
    let (tools, strict_tools) = writer.tools()?;
    let mut tools = tools;
    let tool_choice = writer.choice(&mut tools);
    let messages = writer.messages;
    let mut clamp = |value: &Option<Number>, low: f64, high: f64, field: Field| -> Option<Number> {
        let number = value.as_ref()?;
        let given = number.as_f64().unwrap_or(low);
        let fitted = given.clamp(low, high);
        if (fitted - given).abs() < f64::EPSILON {
            return Some(number.clone());
        }
        losses.changed(name(field));
        Number::from_f64(fitted)
    };
    let p = clamp(&sampling.top_p, 0.01, 0.99, Field::TopP);
    let frequency_penalty = clamp(&sampling.frequency_penalty, 0.0, 1.0, Field::FrequencyPenalty);
    let presence_penalty = clamp(&sampling.presence_penalty, 0.0, 1.0, Field::PresencePenalty);
    if sampling.top_k.is_some_and(|k| k > MOST_K) {
        losses.changed(name(Field::TopK));
    }
    if sampling.logprobs == Some(true) && sampling.top_logprobs.is_some_and(|n| n > 0) {
        losses.changed(name(Field::Logprobs));
    }
    let out = Out {
        model: &target.model,
        messages,
        stream: request.stream,
        tools,
        strict_tools,
        tool_choice,
        response_format: request.format.as_ref().map(|format| FormatOut {
            kind: "json_object",
            json_schema: match format {
                Format::Object => None,
                Format::Schema { schema, .. } => Some(schema),
            },
        }),
        max_tokens: request.max_tokens,
        stop_sequences: request.stop.get(..MAX_STOPS).unwrap_or(&request.stop),
        temperature: sampling.temperature.as_ref(),
        p,
        k: sampling.top_k.map(|k| k.min(MOST_K)),
        frequency_penalty,
        presence_penalty,
        seed: sampling.seed,
        logprobs: sampling.logprobs.filter(|wanted| *wanted),
        thinking: thinking(request, target, losses),
    };
    extras(request, losses)?;
    let cut = request.stop.get(MAX_STOPS..).unwrap_or_default().to_vec();
    let body = serde_json::to_vec(&out).unwrap_or_default();
    Ok(Written { body, lowering, cut })
}

fn thinking(request: &Request, target: &Target, losses: &mut Losses) -> Option<ThinkingOut> {
    let effort = request.reasoning.as_ref()?;
    let level = effort.level.or_else(|| effort.budget.map(Level::of_budget)).unwrap_or(Level::Adaptive);
    if target.dialect.has(Quirk::NoThinking) {
        if level != Level::None {
            losses.dropped(Field::Effort.in_protocol(request.protocol));
        }
        return None;
    }
    if level == Level::None {
        return Some(ThinkingOut { kind: "disabled", token_budget: None });
    }
    Some(ThinkingOut { kind: "enabled", token_budget: effort.budget.or_else(|| level.budget()) })
}

fn extras(request: &Request, losses: &mut Losses) -> Result<(), Impossible> {
    let name = |field: Field| field.in_protocol(request.protocol);
    let hints = [
        (request.verbosity.is_some(), Field::Verbosity),
        (request.cache_key.is_some(), Field::CacheKey),
        (request.cache.is_some(), Field::CacheMark),
        (request.user.is_some(), Field::User),
        (request.service_tier.is_some(), Field::ServiceTier),
        (!request.metadata.is_empty(), Field::Metadata),
    ];
    hints.iter().filter(|(given, _)| *given).for_each(|(_, field)| losses.hint(name(*field)));
    for extra in &request.extra {
        match extra.weight {
            Weight::Hint => losses.hint(extra.name.clone()),
            Weight::Loss => losses.dropped(extra.name.clone()),
            Weight::Meaning => return Err(Impossible::extra(extra.name.clone(), Protocol::Cohere)),
        }
    }
    Ok(())
}
