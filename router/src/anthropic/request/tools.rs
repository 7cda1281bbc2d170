//! Writes the tools of an Anthropic Messages request.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::Protocol;
use crate::anthropic::wire::CacheControl;
use crate::chat::lower::{Lowering, Rules, freeform_description, freeform_schema};
use crate::chat::tool::ToolKind;
use crate::chat::{Field, Impossible, Json, Losses, Request, Target, Tool, ToolChoice, typed};
use crate::dialect::Quirk;

#[derive(Default, Serialize)]
pub(super) struct ToolOut<'a> {
    #[serde(skip_serializing_if = "Option::is_none", rename = "type")]
    kind: Option<&'a str>,
    name: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input_schema: Option<Cow<'a, Json>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cache_control: Option<CacheControl>,
}

#[derive(Serialize)]
pub(super) struct ChoiceOut<'a> {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    disable_parallel_tool_use: Option<bool>,
}

/// What the protocol knows of tools: functions with a name of 128 plain characters at most.
pub(super) const RULES: Rules = Rules { name_bytes: 128, ..Rules::FUNCTIONS };

/// The tools.
pub(super) fn tools<'a>(
    request: &'a Request,
    lowering: &'a Lowering,
    target: &Target,
    losses: &mut Losses,
) -> Result<Vec<ToolOut<'a>>, Impossible> {
    let mut out = Vec::with_capacity(request.tools.len());
    for tool in &request.tools {
        if tool.deferred {
            losses.hint("tools.defer_loading");
            continue;
        }
        let name = lowering.name(&tool.name, tool.namespace.as_deref(), &RULES);
        let described = tool.description.as_deref().filter(|text| !text.is_empty()).map(Cow::Borrowed);
        let mut written = match &tool.kind {
            ToolKind::Function { schema, strict } => ToolOut {
                name,
                description: described,
                input_schema: Some(schema.as_ref().map_or_else(|| Cow::Owned(no_arguments()), object)),
                strict: *strict,
                ..ToolOut::default()
            },
            ToolKind::Freeform { grammar } => {
                if grammar.is_some() {
                    losses.changed(Field::ToolGrammar.in_protocol(request.protocol));
                }
                let text = freeform_description(tool.description.as_deref(), grammar.as_ref());
                ToolOut {
                    name,
                    description: (!text.is_empty()).then_some(Cow::Owned(text)),
                    input_schema: Some(Cow::Owned(freeform_schema())),
                    ..ToolOut::default()
                }
            }
            ToolKind::Search { schema } => ToolOut {
                name,
                description: described,
                input_schema: Some(schema.as_ref().map_or_else(|| Cow::Owned(no_arguments()), object)),
                ..ToolOut::default()
            },
            ToolKind::Vendor { kind, .. } => match (typed::schema(kind), hosted(kind, target)) {
                (Some(schema), _) => ToolOut {
                    name,
                    description: described.or_else(|| typed::description(kind).map(Cow::Borrowed)),
                    input_schema: Some(Cow::Owned(schema)),
                    ..ToolOut::default()
                },
                (None, Some((kind, name))) => {
                    ToolOut { kind: Some(kind), name: Cow::Borrowed(name), ..ToolOut::default() }
                }
                (None, None) => {
                    left_out(request, tool, losses)?;
                    continue;
                }
            },
        };
        written.cache_control = tool.cache.map(CacheControl::write);
        out.push(written);
    }
    Ok(out)
}

/// The vendor's own tool that does what another vendor's hosted tool does.
fn hosted(kind: &str, target: &Target) -> Option<(&'static str, &'static str)> {
    if !target.dialect.has(Quirk::HostedTools) {
        return None;
    }
    if kind.starts_with("web_search") || kind == "googleSearch" {
        return Some(("web_search_20250305", "web_search"));
    }
    matches!(kind, "code_interpreter" | "codeExecution").then_some(("code_execution_20250825", "code_execution"))
}

/// A tool that only its own vendor executes: beside others it can be left out.
fn left_out(request: &Request, tool: &Tool, losses: &mut Losses) -> Result<(), Impossible> {
    if request.tools.len() == 1 {
        let why = format!("only `{}` was offered, which its own vendor executes", tool.name);
        return Err(Impossible::new(Field::HostedTool, Protocol::Anthropic, why));
    }
    losses.dropped(format!("tools.{}", tool.name));
    Ok(())
}

fn no_arguments() -> Json {
    Json::parse(r#"{"type":"object","properties":{}}"#).unwrap_or_else(Json::empty_object)
}

/// The schema with the `type` that the vendor insists on.
fn object(schema: &Json) -> Cow<'_, Json> {
    #[derive(Deserialize)]
    struct Typed {
        #[serde(rename = "type")]
        kind: Option<Json>,
    }
    if schema.read::<Typed>().is_none_or(|typed| typed.kind.is_some()) {
        return Cow::Borrowed(schema);
    }
    let inside = schema.text().trim_start().strip_prefix('{').unwrap_or_default();
    let comma = if inside.trim_start().starts_with('}') { "" } else { "," };
    Json::parse(format!(r#"{{"type":"object"{comma}{inside}"#)).map_or(Cow::Borrowed(schema), Cow::Owned)
}

/// Which tools to call.
pub(super) fn choice<'a>(request: &'a Request, lowering: &'a Lowering, losses: &mut Losses) -> Option<ChoiceOut<'a>> {
    let mut name = None;
    let kind = match &request.tool_choice {
        None if request.parallel_calls == Some(false) => "auto",
        None => return None,
        Some(ToolChoice::Auto) => "auto",
        Some(ToolChoice::None) => "none",
        Some(ToolChoice::Required) => "any",
        Some(ToolChoice::Tool { name: tool, namespace }) => {
            name = Some(lowering.name(tool, namespace.as_deref(), &RULES));
            "tool"
        }
        Some(ToolChoice::Allowed { required, .. }) => {
            losses.changed(Field::ToolChoice.in_protocol(request.protocol));
            if *required { "any" } else { "auto" }
        }
        Some(ToolChoice::Vendor { .. }) => {
            losses.dropped(Field::ToolChoice.in_protocol(request.protocol));
            "auto"
        }
    };
    let disable_parallel_tool_use = (request.parallel_calls == Some(false) && kind != "none").then_some(true);
    Some(ChoiceOut { kind, name, disable_parallel_tool_use })
}
