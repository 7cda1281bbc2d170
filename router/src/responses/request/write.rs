//! Writes a Responses request.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Number;

use super::out::ItemOut;
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
    input: Vec<ItemOut<'a>>,
    #[serde(flatten)]
    rest: Rest<'a>,
}

#[derive(Default, Serialize)]
struct Rest<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    instructions: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stream: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<ToolOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<ChoiceOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parallel_tool_calls: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning: Option<ReasoningOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<TextOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_output_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<&'a Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<&'a Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_logprobs: Option<u32>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    include: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    store: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    previous_response_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<BTreeMap<&'a str, &'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt_cache_key: Option<&'a str>,
}

#[derive(Serialize)]
struct ReasoningOut<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    effort: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<&'a str>,
}

#[derive(Default, Serialize)]
struct TextOut<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<FormatOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verbosity: Option<&'a str>,
}

#[derive(Serialize)]
struct FormatOut<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    schema: Option<&'a Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
}

/// The least that the server takes.
const LEAST_OUTPUT_TOKENS: u64 = 16;

/// Writes `request` for `target`.
pub fn write(request: &Request, target: &Target, losses: &mut Losses) -> Result<Written, Impossible> {
    unable(request)?;
    let lowering = Lowering::new(&request.tools, &tools::rules(target));
    let (instructions, input) = Turns { request, lowering: &lowering, target, losses, out: Vec::new() }.write()?;
    let mut rest = Rest { instructions, stream: request.stream, ..Rest::default() };
    rest.tools = tools::tools(request, &lowering, target, losses)?;
    if !rest.tools.is_empty() {
        rest.tool_choice = tools::choice(request, &lowering, target, losses);
        rest.parallel_tool_calls = request.parallel_calls;
    }
    settings(request, target, &mut rest, losses);
    extras(request, target, &mut rest, losses)?;
    let body = serde_json::to_vec(&Out { model: &target.model, input, rest }).unwrap_or_default();
    // The protocol has no stop texts: the gateway looks for them.
    Ok(Written { body, lowering, cut: request.stop.clone() })
}

/// What would give the user something else than was asked for.
fn unable(request: &Request) -> Result<(), Impossible> {
    let sampling = &request.sampling;
    let asked = [(sampling.n.is_some_and(|n| n > 1), Field::Count), (sampling.logit_bias.is_some(), Field::LogitBias)];
    match asked.iter().find(|(asked, _)| *asked) {
        Some((_, field)) => Err(Impossible::new(*field, Protocol::Responses, "")),
        None => Ok(()),
    }
}

fn settings<'a>(request: &'a Request, target: &Target, rest: &mut Rest<'a>, losses: &mut Losses) {
    let name = |field: Field| field.in_protocol(request.protocol);
    if let Some(effort) = &request.reasoning {
        let level = effort.level.or_else(|| effort.budget.map(Level::of_budget));
        if target.dialect.has(Quirk::NoEffort) {
            if level != Some(Level::None) {
                losses.dropped(name(Field::Effort));
            }
        } else {
            let summary = match effort.summary.as_deref() {
                Some(word @ ("auto" | "concise" | "detailed")) => Some(word),
                Some("omitted" | "none") => None,
                // Who asks for thoughts in another protocol expects to see them.
                _ => (level != Some(Level::None)).then_some("auto"),
            };
            let said = level.map(|level| target.dialect.nearest(level));
            if said != level && level != Some(Level::None) {
                losses.changed(name(Field::Effort));
            }
            let effort = said.filter(|level| *level != Level::Adaptive).map(Level::as_str);
            rest.reasoning = Some(ReasoningOut { effort, summary });
            if request.store != Some(true) {
                rest.include.push("reasoning.encrypted_content");
            }
        }
    }
    if let Some(tokens) = request.max_tokens {
        if tokens < LEAST_OUTPUT_TOKENS {
            losses.changed(name(Field::MaxTokens));
        }
        rest.max_output_tokens = Some(tokens.max(LEAST_OUTPUT_TOKENS));
    }
    let sampling = &request.sampling;
    let mut given = vec![
        (sampling.top_k.is_some(), Field::TopK),
        (sampling.presence_penalty.is_some(), Field::PresencePenalty),
        (sampling.frequency_penalty.is_some(), Field::FrequencyPenalty),
        (sampling.seed.is_some(), Field::Seed),
    ];
    if target.dialect.has(Quirk::NoSampling) {
        given.push((sampling.temperature.is_some(), Field::Temperature));
        given.push((sampling.top_p.is_some(), Field::TopP));
        given.push((sampling.logprobs == Some(true), Field::Logprobs));
    } else {
        rest.temperature = sampling.temperature.as_ref();
        rest.top_p = sampling.top_p.as_ref();
        if sampling.logprobs == Some(true) {
            rest.include.push("message.output_text.logprobs");
            rest.top_logprobs = sampling.top_logprobs;
        }
    }
    given.iter().filter(|(given, _)| *given).for_each(|(_, field)| losses.dropped(name(*field)));
    let format = request.format.as_ref().map(|format| match format {
        Format::Object => FormatOut { kind: "json_object", name: None, description: None, schema: None, strict: None },
        Format::Schema { name, description, schema, strict } => {
            let is_plain = |c: &char| c.is_ascii_alphanumeric() || *c == '_' || *c == '-';
            let name: String = name.as_deref().unwrap_or("response").chars().filter(is_plain).take(64).collect();
            let name = Some(if name.is_empty() { "response".to_owned() } else { name });
            let description = description.as_deref();
            FormatOut {
                kind: "json_schema",
                name,
                description,
                schema: Some(schema),
                strict: Some(strict.unwrap_or(false)),
            }
        }
    });
    let verbosity = request.verbosity.as_deref().filter(|_| target.dialect.has(Quirk::OpenAiExtras));
    if format.is_some() || verbosity.is_some() {
        rest.text = Some(TextOut { format, verbosity });
    }
}

fn extras<'a>(
    request: &'a Request,
    target: &Target,
    rest: &mut Rest<'a>,
    losses: &mut Losses,
) -> Result<(), Impossible> {
    rest.user = request.user.as_deref();
    if request.protocol == Protocol::Responses {
        // The provider keeps its own answers as its client wishes.
        rest.store = request.store;
        rest.previous_response_id = request.previous_response_id.as_deref();
    } else {
        rest.store = Some(false);
    }
    let name = |field: Field| field.in_protocol(request.protocol);
    if target.dialect.has(Quirk::OpenAiExtras) {
        rest.service_tier = request.service_tier.as_deref();
        rest.prompt_cache_key = request.cache_key.as_deref();
        if !request.metadata.is_empty() {
            rest.metadata = Some(request.metadata.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect());
        }
    } else {
        let given = [
            (request.verbosity.is_some(), Field::Verbosity),
            (request.service_tier.is_some(), Field::ServiceTier),
            (request.cache_key.is_some(), Field::CacheKey),
            (!request.metadata.is_empty(), Field::Metadata),
        ];
        given.iter().filter(|(given, _)| *given).for_each(|(_, field)| losses.hint(name(*field)));
    }
    for extra in &request.extra {
        match extra.weight {
            Weight::Hint => losses.hint(extra.name.clone()),
            Weight::Loss => losses.dropped(extra.name.clone()),
            Weight::Meaning => return Err(Impossible::extra(extra.name.clone(), Protocol::Responses)),
        }
    }
    Ok(())
}
