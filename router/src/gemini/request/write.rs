//! Writes a Gemini request. The model and whether to stream stand in the path, which the caller builds.

use std::borrow::Cow;
use std::collections::HashMap;

use serde::Serialize;
use serde_json::Number;

use super::out::ContentOut;
use super::turns::{RULES, Turns};
use crate::Protocol;
use crate::chat::lower::{Lowering, freeform_description, freeform_schema};
use crate::chat::request::{Format, Level, Weight};
use crate::chat::tool::ToolKind;
use crate::chat::{Field, Impossible, Json, Losses, Request, Target, Tool, ToolChoice, Written, typed};
use crate::dialect::Quirk;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Out<'a> {
    contents: Vec<ContentOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    system_instruction: Option<ContentOut<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<ToolOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_config: Option<ConfigOut<'a>>,
    generation_config: GenerationOut<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<&'static str>,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct ToolOut<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    function_declarations: Vec<DeclarationOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    google_search: Option<Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code_execution: Option<Json>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DeclarationOut<'a> {
    name: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters_json_schema: Option<Cow<'a, Json>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ConfigOut<'a> {
    function_calling_config: CallingOut<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CallingOut<'a> {
    mode: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    allowed_function_names: Vec<Cow<'a, str>>,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct GenerationOut<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<&'a Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<&'a Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_k: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    candidate_count: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_output_tokens: Option<u64>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    stop_sequences: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    response_logprobs: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    logprobs: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    presence_penalty: Option<&'a Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    frequency_penalty: Option<&'a Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_mime_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_json_schema: Option<&'a Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking_config: Option<ThinkingOut>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ThinkingOut {
    #[serde(skip_serializing_if = "Option::is_none")]
    include_thoughts: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking_budget: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking_level: Option<&'static str>,
}

/// The most stop texts that the provider looks for.
const MAX_STOPS: usize = 5;

/// Writes `request` for `target`.
pub fn write(request: &Request, target: &Target, losses: &mut Losses) -> Result<Written, Impossible> {
    if request.sampling.logit_bias.is_some() {
        return Err(Impossible::new(Field::LogitBias, Protocol::Gemini, ""));
    }
    let lowering = Lowering::new(&request.tools, &RULES);
    let turns = Turns {
        request,
        lowering: &lowering,
        target,
        losses,
        system: Vec::new(),
        out: Vec::new(),
        names: HashMap::new(),
    };
    let (system, contents) = turns.write()?;
    let tools = tools(request, &lowering, target, losses)?;
    let tool_config = if tools.is_empty() { None } else { choice(request, &lowering, losses) };
    if request.parallel_calls == Some(false) && !tools.is_empty() {
        losses.dropped(Field::ParallelCalls.in_protocol(request.protocol));
    }
    let out = Out {
        contents,
        system_instruction: (!system.is_empty()).then_some(ContentOut { role: None, parts: system }),
        tools,
        tool_config,
        generation_config: generation(request, target, losses),
        service_tier: tier(request, losses),
    };
    extras(request, losses)?;
    let cut = request.stop.get(MAX_STOPS..).unwrap_or_default().to_vec();
    Ok(Written { body: serde_json::to_vec(&out).unwrap_or_default(), lowering, cut })
}

fn tools<'a>(
    request: &'a Request,
    lowering: &'a Lowering,
    target: &Target,
    losses: &mut Losses,
) -> Result<Vec<ToolOut<'a>>, Impossible> {
    let mut out = ToolOut::default();
    for tool in &request.tools {
        if tool.deferred {
            losses.hint("tools.defer_loading");
            continue;
        }
        let name = lowering.name(&tool.name, tool.namespace.as_deref(), &RULES);
        let description = tool.description.as_deref().map(Cow::Borrowed);
        let declaration = match &tool.kind {
            ToolKind::Function { schema, strict } => {
                if *strict == Some(true) {
                    losses.dropped(Field::ToolStrict.in_protocol(request.protocol));
                }
                DeclarationOut { name, description, parameters_json_schema: schema.as_ref().map(Cow::Borrowed) }
            }
            ToolKind::Freeform { grammar } => {
                if grammar.is_some() {
                    losses.changed(Field::ToolGrammar.in_protocol(request.protocol));
                }
                let text = freeform_description(tool.description.as_deref(), grammar.as_ref());
                let description = (!text.is_empty()).then_some(Cow::Owned(text));
                DeclarationOut { name, description, parameters_json_schema: Some(Cow::Owned(freeform_schema())) }
            }
            ToolKind::Search { schema } => {
                DeclarationOut { name, description, parameters_json_schema: schema.as_ref().map(Cow::Borrowed) }
            }
            ToolKind::Vendor { kind, .. } => match typed::schema(kind) {
                Some(schema) => DeclarationOut {
                    name,
                    description: description.or_else(|| typed::description(kind).map(Cow::Borrowed)),
                    parameters_json_schema: Some(Cow::Owned(schema)),
                },
                None => {
                    hosted(request, tool, kind, target, &mut out, losses)?;
                    continue;
                }
            },
        };
        out.function_declarations.push(declaration);
    }
    let is_empty = out.function_declarations.is_empty() && out.google_search.is_none() && out.code_execution.is_none();
    Ok(if is_empty { Vec::new() } else { vec![out] })
}

/// The vendor's own tool that does what another vendor's does; else it is left out beside others, and refused alone.
fn hosted(
    request: &Request,
    tool: &Tool,
    kind: &str,
    target: &Target,
    out: &mut ToolOut<'_>,
    losses: &mut Losses,
) -> Result<(), Impossible> {
    let native = target.dialect.has(Quirk::HostedTools);
    let alone = request.tools.len() == 1;
    // Google refuses its search beside functions.
    if native && alone && (kind.starts_with("web_search") || kind == "googleSearch") {
        out.google_search = Some(Json::empty_object());
        return Ok(());
    }
    if native && alone && (kind == "code_interpreter" || kind.starts_with("code_execution") || kind == "codeExecution")
    {
        out.code_execution = Some(Json::empty_object());
        return Ok(());
    }
    if alone {
        let why = format!("only `{}` was offered, which its own vendor executes", tool.name);
        return Err(Impossible::new(Field::HostedTool, Protocol::Gemini, why));
    }
    losses.dropped(format!("tools.{}", tool.name));
    Ok(())
}

fn choice<'a>(request: &'a Request, lowering: &'a Lowering, losses: &mut Losses) -> Option<ConfigOut<'a>> {
    let (mode, names) = match request.tool_choice.as_ref()? {
        ToolChoice::Auto => ("AUTO", Vec::new()),
        ToolChoice::None => ("NONE", Vec::new()),
        ToolChoice::Required => ("ANY", Vec::new()),
        ToolChoice::Tool { name, namespace } => ("ANY", vec![lowering.name(name, namespace.as_deref(), &RULES)]),
        ToolChoice::Allowed { required, names } => {
            let names = names.iter().map(|name| lowering.name(name, None, &RULES)).collect();
            (if *required { "ANY" } else { "VALIDATED" }, names)
        }
        ToolChoice::Vendor { .. } => {
            losses.dropped(Field::ToolChoice.in_protocol(request.protocol));
            return None;
        }
    };
    Some(ConfigOut { function_calling_config: CallingOut { mode, allowed_function_names: names } })
}

fn generation<'a>(request: &'a Request, target: &Target, losses: &mut Losses) -> GenerationOut<'a> {
    let sampling = &request.sampling;
    let mut out = GenerationOut {
        temperature: sampling.temperature.as_ref(),
        top_p: sampling.top_p.as_ref(),
        top_k: sampling.top_k,
        candidate_count: sampling.n.filter(|n| *n > 1),
        max_output_tokens: request.max_tokens,
        stop_sequences: request.stop.get(..MAX_STOPS).unwrap_or(&request.stop),
        response_logprobs: sampling.logprobs.filter(|wanted| *wanted),
        logprobs: sampling.top_logprobs.filter(|_| sampling.logprobs == Some(true)),
        presence_penalty: sampling.presence_penalty.as_ref(),
        frequency_penalty: sampling.frequency_penalty.as_ref(),
        seed: sampling.seed,
        ..GenerationOut::default()
    };
    match &request.format {
        None => {}
        Some(Format::Object) => out.response_mime_type = Some("application/json"),
        Some(Format::Schema { schema, .. }) => {
            out.response_mime_type = Some("application/json");
            out.response_json_schema = Some(schema);
        }
    }
    out.thinking_config = thinking(request, target, losses);
    out
}

/// The least that models think which always do (Gemini 2.5 Pro).
const LEAST_BUDGET: i64 = 128;

fn thinking(request: &Request, target: &Target, losses: &mut Losses) -> Option<ThinkingOut> {
    let effort = request.reasoning.as_ref()?;
    let field = Field::Effort.in_protocol(request.protocol);
    let level = effort.level.or_else(|| effort.budget.map(Level::of_budget)).unwrap_or(Level::Adaptive);
    if target.dialect.has(Quirk::NoThinking) {
        if level != Level::None {
            losses.dropped(field);
        }
        return None;
    }
    // Who asks for thoughts in another protocol expects to see them.
    let hidden = matches!(effort.summary.as_deref(), Some("omitted" | "none")) || level == Level::None;
    let mut out = ThinkingOut { include_thoughts: Some(!hidden), thinking_budget: None, thinking_level: None };
    let always = target.dialect.has(Quirk::AlwaysThinks);
    if target.dialect.has(Quirk::ThinkingLevel) {
        out.thinking_level = match level {
            Level::None | Level::Minimal if always => Some("LOW"),
            Level::None | Level::Minimal => Some("MINIMAL"),
            Level::Low => Some("LOW"),
            Level::Medium => Some("MEDIUM"),
            Level::High | Level::XHigh | Level::Max => Some("HIGH"),
            Level::Adaptive => None,
        };
        if matches!(level, Level::None | Level::XHigh | Level::Max) || (always && level == Level::Minimal) {
            losses.changed(field);
        }
        return Some(out);
    }
    if always && level == Level::None {
        losses.changed(field);
        out.thinking_budget = Some(LEAST_BUDGET);
        return Some(out);
    }
    let budget = effort.budget.or_else(|| if level == Level::High { Some(24_576) } else { level.budget() });
    out.thinking_budget = Some(match (level, budget) {
        (Level::Adaptive, None) => -1,
        (_, Some(budget)) => i64::try_from(budget).unwrap_or(i64::MAX),
        (_, None) => 32_768,
    });
    Some(out)
}

fn tier(request: &Request, losses: &mut Losses) -> Option<&'static str> {
    match request.service_tier.as_deref()? {
        "default" => Some("standard"),
        "flex" => Some("flex"),
        "priority" | "fast" => Some("priority"),
        "auto" => None,
        _ => {
            losses.hint(Field::ServiceTier.in_protocol(request.protocol));
            None
        }
    }
}

fn extras(request: &Request, losses: &mut Losses) -> Result<(), Impossible> {
    let name = |field: Field| field.in_protocol(request.protocol);
    let hints = [
        (request.verbosity.is_some(), Field::Verbosity),
        (request.cache_key.is_some(), Field::CacheKey),
        (request.cache.is_some(), Field::CacheMark),
        (request.user.is_some(), Field::User),
        (!request.metadata.is_empty(), Field::Metadata),
    ];
    hints.iter().filter(|(given, _)| *given).for_each(|(_, field)| losses.hint(name(*field)));
    for extra in &request.extra {
        match extra.weight {
            Weight::Hint => losses.hint(extra.name.clone()),
            Weight::Loss => losses.dropped(extra.name.clone()),
            Weight::Meaning => return Err(Impossible::extra(extra.name.clone(), Protocol::Gemini)),
        }
    }
    Ok(())
}
