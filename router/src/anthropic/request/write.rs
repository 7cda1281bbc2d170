//! Writes an Anthropic Messages request.

use serde::Serialize;
use serde_json::Number;

use super::schema;
use super::settings::{ThinkingOut, settings};
use super::tools::{self, ChoiceOut, RULES, ToolOut};
use super::turns::{BlockOut, Conversation, TurnOut, Turns, own_text};
use crate::Protocol;
use crate::anthropic::wire::CacheControl;
use crate::chat::lower::Lowering;
use crate::chat::request::{Format, Weight};
use crate::chat::{Field, Impossible, Json, Losses, Request, Target, Written};
use crate::dialect::Quirk;

#[derive(Serialize)]
struct Out<'a> {
    model: &'a str,
    max_tokens: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    system: Vec<BlockOut<'a>>,
    messages: Vec<TurnOut<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<ToolOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<ChoiceOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking: Option<ThinkingOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_config: Option<OutputConfig>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stop_sequences: Vec<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<Metadata<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<&'a Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_k: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_control: Option<CacheControl>,
}

#[derive(Serialize)]
struct OutputConfig {
    #[serde(skip_serializing_if = "Option::is_none")]
    effort: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<FormatOut>,
}

#[derive(Serialize)]
struct FormatOut {
    #[serde(rename = "type")]
    kind: &'static str,
    schema: Json,
}

#[derive(Serialize)]
struct Metadata<'a> {
    user_id: &'a str,
}

/// The most cache marks that the vendor takes.
const MAX_MARKS: usize = 4;

/// Writes `request` for `target`.
pub fn write(request: &Request, target: &Target, losses: &mut Losses) -> Result<Written, Impossible> {
    unable(request)?;
    let lowering = Lowering::new(&request.tools, &RULES);
    let Conversation { mut system, mut turns, keeps_thought } =
        Turns::new(request, &lowering, target, losses).write()?;
    let mut tools = tools::tools(request, &lowering, target, losses)?;
    let tool_choice = if tools.is_empty() { None } else { tools::choice(request, &lowering, losses) };
    let forced = tool_choice.as_ref().is_some_and(|choice| matches!(choice.kind, "any" | "tool"));
    let settings = settings(request, target, keeps_thought && !forced, losses);
    let (format, instruction) = format(request, target, losses);
    if let Some(text) = instruction {
        system.push(own_text(text));
    }
    limit_marks(&mut system, &mut turns, &mut tools, losses);
    let out = Out {
        model: &target.model,
        max_tokens: settings.max_tokens,
        system,
        messages: turns,
        tools,
        tool_choice,
        thinking: settings.thinking,
        output_config: (settings.effort.is_some() || format.is_some())
            .then_some(OutputConfig { effort: settings.effort, format }),
        stop_sequences: request.stop.iter().map(String::as_str).filter(|stop| !stop.trim().is_empty()).collect(),
        stream: request.stream,
        metadata: request.user.as_deref().map(|user_id| Metadata { user_id }),
        service_tier: tier(request, losses),
        temperature: settings.temperature,
        top_p: settings.top_p,
        top_k: settings.top_k,
        cache_control: request.cache.map(CacheControl::write),
    };
    extras(request, losses)?;
    // The vendor refuses stop texts of blanks: the gateway looks for those.
    let cut = request.stop.iter().filter(|stop| stop.trim().is_empty()).cloned().collect();
    Ok(Written { body: serde_json::to_vec(&out).unwrap_or_default(), lowering, cut })
}

/// What would give the user something else than was asked for.
fn unable(request: &Request) -> Result<(), Impossible> {
    let sampling = &request.sampling;
    let asked = [
        (sampling.n.is_some_and(|n| n > 1), Field::Count),
        (sampling.logprobs == Some(true), Field::Logprobs),
        (sampling.logit_bias.is_some(), Field::LogitBias),
    ];
    match asked.iter().find(|(asked, _)| *asked) {
        Some((_, field)) => Err(Impossible::new(*field, Protocol::Anthropic, "")),
        None => Ok(()),
    }
}

/// The form of the answer, or an instruction that asks for it.
fn format(request: &Request, target: &Target, losses: &mut Losses) -> (Option<FormatOut>, Option<String>) {
    let field = Field::Format.in_protocol(request.protocol);
    match &request.format {
        None => (None, None),
        Some(Format::Object) => {
            losses.changed(field);
            (None, Some("Answer with one JSON object and nothing else.".to_owned()))
        }
        Some(Format::Schema { schema, .. }) if target.dialect.has(Quirk::OutputFormat) => {
            let (schema, changed) = schema::subset(schema);
            if changed {
                losses.changed(field);
            }
            (Some(FormatOut { kind: "json_schema", schema }), None)
        }
        Some(Format::Schema { schema, .. }) => {
            losses.changed(field);
            let text = "Answer with one JSON object and nothing else, that fits this schema:\n";
            (None, Some(format!("{text}{}", schema.text())))
        }
    }
}

fn tier(request: &Request, losses: &mut Losses) -> Option<&'static str> {
    match request.service_tier.as_deref() {
        None => None,
        Some("auto") => Some("auto"),
        Some("default" | "standard_only") => Some("standard_only"),
        Some(_) => {
            losses.dropped(Field::ServiceTier.in_protocol(request.protocol));
            None
        }
    }
}

/// Beyond four marks the vendor refuses the request: the last ones are worth most, for they cover the most.
fn limit_marks(system: &mut [BlockOut<'_>], turns: &mut [TurnOut<'_>], tools: &mut [ToolOut<'_>], losses: &mut Losses) {
    let marks = tools
        .iter_mut()
        .map(|tool| &mut tool.cache_control)
        .chain(system.iter_mut().map(|block| &mut block.cache_control))
        .chain(turns.iter_mut().flat_map(|turn| &mut turn.content).map(|block| &mut block.cache_control))
        .filter(|mark| mark.is_some());
    let mut marks: Vec<_> = marks.collect();
    let surplus = marks.len().saturating_sub(MAX_MARKS);
    for mark in marks.iter_mut().take(surplus) {
        **mark = None;
        losses.hint("cache_control");
    }
}

fn extras(request: &Request, losses: &mut Losses) -> Result<(), Impossible> {
    let name = |field: Field| field.in_protocol(request.protocol);
    let hints = [
        (request.verbosity.is_some(), Field::Verbosity),
        (request.cache_key.is_some(), Field::CacheKey),
        (!request.metadata.is_empty(), Field::Metadata),
    ];
    hints.iter().filter(|(given, _)| *given).for_each(|(_, field)| losses.hint(name(*field)));
    for extra in &request.extra {
        match extra.weight {
            Weight::Hint => losses.hint(extra.name.clone()),
            Weight::Loss => losses.dropped(extra.name.clone()),
            Weight::Meaning => return Err(Impossible::extra(extra.name.clone(), Protocol::Anthropic)),
        }
    }
    Ok(())
}
