//! Writes a Cohere request.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::Number;

use super::out::{CallOut, ContentOut, FunctionOut, ImageOut, MessageOut, PartOut};
use crate::Protocol;
use crate::chat::lower::{Lowering, Rules, freeform_description, freeform_schema};
use crate::chat::request::{Format, Level, Weight};
use crate::chat::tool::ToolKind;
use crate::chat::unwrap::wrap;
use crate::chat::{
    CallKind, Field, Impossible, Json, Losses, Media, Message, Part, PartKind, Request, Role, Target, ToolChoice,
    Written, typed,
};
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
struct ToolOut<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    function: DeclarationOut<'a>,
}

#[derive(Serialize)]
struct DeclarationOut<'a> {
    name: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<Cow<'a, str>>,
    parameters: Cow<'a, Json>,
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

const RULES: Rules = Rules::FUNCTIONS;
const MAX_STOPS: usize = 5;

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
    if sampling.top_logprobs.is_some_and(|n| n > 0) {
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
        k: sampling.top_k.map(|k| k.min(500)),
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

struct Writer<'a, 'l> {
    request: &'a Request,
    lowering: &'a Lowering,
    losses: &'l mut Losses,
    messages: Vec<MessageOut<'a>>,
}

impl<'a> Writer<'a, '_> {
    fn impossible(field: Field, why: impl Into<Cow<'static, str>>) -> Impossible {
        Impossible::new(field, Protocol::Cohere, why)
    }

    fn dropped(&mut self, field: Field) {
        self.losses.dropped(field.in_protocol(self.request.protocol));
    }

    fn changed(&mut self, field: Field) {
        self.losses.changed(field.in_protocol(self.request.protocol));
    }

    fn messages(&mut self) -> Result<(), Impossible> {
        let mut begun = false;
        for message in &self.request.messages {
            match message.role {
                Role::System | Role::Developer if begun => {
                    self.changed(Field::LateSystem);
                    let text = format!("<system-reminder>\n{}\n</system-reminder>", message.text());
                    let content = Some(ContentOut::Text(text.into()));
                    self.messages.push(MessageOut { role: "user", content, ..MessageOut::default() });
                }
                Role::System | Role::Developer => {
                    let content = Some(ContentOut::Text(message.text().into()));
                    self.messages.push(MessageOut { role: "system", content, ..MessageOut::default() });
                }
                Role::User => {
                    begun = true;
                    self.user(message)?;
                }
                Role::Assistant => {
                    begun = true;
                    self.assistant(message);
                }
            }
        }
        if begun { Ok(()) } else { Err(Self::impossible(Field::Messages, "it holds no message of a user")) }
    }

    fn user(&mut self, message: &'a Message) -> Result<(), Impossible> {
        let mut said = Vec::new();
        for part in &message.parts {
            let PartKind::Result(result) = &part.kind else {
                said.extend(self.part(part)?);
                continue;
            };
            let mut text = result.text();
            if result.content.iter().any(|part| part.as_text().is_none()) {
                self.changed(Field::ResultMedia);
                text.push_str("\n[the files of this result cannot be shown to this model]");
            }
            if result.is_error {
                self.changed(Field::ResultError);
                text.insert_str(0, "[tool error] ");
            }
            let content = Some(ContentOut::Text(text.into()));
            let tool_call_id = Some(result.call_id.as_str());
            self.messages.push(MessageOut { role: "tool", content, tool_call_id, ..MessageOut::default() });
        }
        if !said.is_empty() {
            let content = Some(content(said));
            self.messages.push(MessageOut { role: "user", content, ..MessageOut::default() });
        }
        Ok(())
    }

    fn assistant(&mut self, message: &'a Message) {
        let mut parts = Vec::new();
        let mut tool_calls = Vec::new();
        for part in &message.parts {
            match &part.kind {
                PartKind::Text(text) if !text.text.is_empty() => {
                    parts.push(PartOut { kind: "text", text: Some(&text.text), ..PartOut::default() });
                }
                PartKind::Refusal(text) => {
                    parts.push(PartOut { kind: "text", text: Some(text), ..PartOut::default() });
                }
                // Unsigned, so it may come from a Cohere model only.
                PartKind::Reasoning(reasoning) if self.request.protocol == Protocol::Cohere => {
                    parts.push(PartOut { kind: "thinking", thinking: Some(&reasoning.text), ..PartOut::default() });
                }
                PartKind::Reasoning(reasoning) if !reasoning.text.is_empty() || reasoning.state.is_some() => {
                    self.dropped(Field::Reasoning);
                }
                PartKind::Call(call) => {
                    let arguments = match call.kind {
                        CallKind::Freeform => Cow::Owned(wrap(&call.input)),
                        _ if call.input.trim().is_empty() => Cow::Borrowed("{}"),
                        _ => Cow::Borrowed(call.input.as_str()),
                    };
                    let name = self.lowering.name(&call.name, call.namespace.as_deref(), &RULES);
                    let function = FunctionOut { name, arguments };
                    tool_calls.push(CallOut { id: &call.id, kind: "function", function });
                }
                PartKind::Opaque(opaque) => self.losses.dropped(opaque.kind.clone()),
                _ => {}
            }
        }
        if !parts.is_empty() || !tool_calls.is_empty() {
            let content = (!parts.is_empty()).then(|| content(parts));
            self.messages.push(MessageOut { role: "assistant", content, tool_calls, tool_call_id: None });
        }
    }

    fn part(&mut self, part: &'a Part) -> Result<Option<PartOut<'a>>, Impossible> {
        if part.cache.is_some() {
            self.losses.hint(Field::CacheMark.in_protocol(self.request.protocol));
        }
        Ok(Some(match &part.kind {
            PartKind::Text(text) if text.text.is_empty() => return Ok(None),
            PartKind::Text(text) => PartOut { kind: "text", text: Some(&text.text), ..PartOut::default() },
            PartKind::Image(image) => {
                let url = image.media.to_url();
                let url = url.ok_or_else(|| Self::impossible(Field::FileId, "it lies with another provider"))?;
                let detail = image.detail.as_deref().filter(|detail| matches!(*detail, "auto" | "low" | "high"));
                PartOut { kind: "image_url", image_url: Some(ImageOut { url, detail }), ..PartOut::default() }
            }
            PartKind::Document(document) => match &document.media {
                Media::Text(text) => PartOut { kind: "text", text: Some(text), ..PartOut::default() },
                Media::Url { .. } => return Err(Self::impossible(Field::DocumentUrl, "")),
                _ => return Err(Self::impossible(Field::Document, "it takes text and images only")),
            },
            PartKind::Audio(_) => return Err(Self::impossible(Field::Audio, "")),
            PartKind::Video(_) => return Err(Self::impossible(Field::Video, "")),
            PartKind::Opaque(opaque) => {
                self.losses.dropped(opaque.kind.clone());
                return Ok(None);
            }
            PartKind::Refusal(_) | PartKind::Call(_) | PartKind::Result(_) | PartKind::Reasoning(_) => return Ok(None),
        }))
    }

    /// The tools, and whether all of them are strict, which is all or nothing here.
    fn tools(&mut self) -> Result<(Vec<ToolOut<'a>>, Option<bool>), Impossible> {
        let mut out = Vec::with_capacity(self.request.tools.len());
        let (mut all_strict, mut any_strict) = (true, false);
        for tool in &self.request.tools {
            if tool.deferred {
                self.losses.hint("tools.defer_loading");
                continue;
            }
            let mut description = tool.description.as_deref().map(Cow::Borrowed);
            let mut is_strict = false;
            let parameters = match &tool.kind {
                ToolKind::Function { schema, strict } => {
                    is_strict = *strict == Some(true);
                    schema.as_ref().map(Cow::Borrowed)
                }
                ToolKind::Freeform { grammar } => {
                    if grammar.is_some() {
                        self.changed(Field::ToolGrammar);
                    }
                    let text = freeform_description(tool.description.as_deref(), grammar.as_ref());
                    description = (!text.is_empty()).then_some(Cow::Owned(text));
                    Some(Cow::Owned(freeform_schema()))
                }
                ToolKind::Search { schema } => schema.as_ref().map(Cow::Borrowed),
                ToolKind::Vendor { kind, .. } => match typed::schema(kind) {
                    Some(schema) => {
                        description = description.or_else(|| typed::description(kind).map(Cow::Borrowed));
                        Some(Cow::Owned(schema))
                    }
                    None if self.request.tools.len() == 1 => {
                        let why = format!("only `{}` was offered, which its own vendor executes", tool.name);
                        return Err(Self::impossible(Field::HostedTool, why));
                    }
                    None => {
                        self.losses.dropped(format!("tools.{}", tool.name));
                        continue;
                    }
                },
            };
            all_strict &= is_strict;
            any_strict |= is_strict;
            let parameters = parameters.unwrap_or_else(|| Cow::Owned(no_arguments()));
            let name = self.lowering.name(&tool.name, tool.namespace.as_deref(), &RULES);
            out.push(ToolOut { kind: "function", function: DeclarationOut { name, description, parameters } });
        }
        if any_strict && !all_strict {
            self.dropped(Field::ToolStrict);
        }
        Ok((out, (any_strict && all_strict).then_some(true)))
    }

    /// Which to call; a single tool is chosen by sending it alone.
    fn choice(&mut self, tools: &mut Vec<ToolOut<'a>>) -> Option<&'static str> {
        if tools.is_empty() {
            return None;
        }
        if self.request.parallel_calls == Some(false) {
            self.dropped(Field::ParallelCalls);
        }
        let request = self.request;
        let keep = |writer: &Self, names: &[(&str, Option<&str>)], tools: &mut Vec<ToolOut<'a>>| {
            let wire: Vec<String> = names
                .iter()
                .map(|(name, namespace)| writer.lowering.name(name, *namespace, &RULES).into_owned())
                .collect();
            tools.retain(|tool| wire.iter().any(|name| *name == tool.function.name));
        };
        match request.tool_choice.as_ref()? {
            ToolChoice::Auto => None,
            ToolChoice::None => Some("NONE"),
            ToolChoice::Required => Some("REQUIRED"),
            ToolChoice::Tool { name, namespace } => {
                self.changed(Field::ToolChoice);
                keep(self, &[(name.as_str(), namespace.as_deref())], tools);
                Some("REQUIRED")
            }
            ToolChoice::Allowed { required, names } => {
                self.changed(Field::ToolChoice);
                let names: Vec<(&str, Option<&str>)> = names.iter().map(|name| (name.as_str(), None)).collect();
                keep(self, &names, tools);
                required.then_some("REQUIRED")
            }
            ToolChoice::Vendor { .. } => {
                self.dropped(Field::ToolChoice);
                None
            }
        }
    }
}

/// One text as a string, anything else as parts.
fn content(parts: Vec<PartOut<'_>>) -> ContentOut<'_> {
    match parts.as_slice() {
        [PartOut { kind: "text", text: Some(text), .. }] => ContentOut::Text(Cow::Borrowed(text)),
        _ => ContentOut::Parts(parts),
    }
}

fn no_arguments() -> Json {
    Json::parse(r#"{"type":"object","properties":{}}"#).unwrap_or_else(Json::empty_object)
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
