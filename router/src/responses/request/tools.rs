//! Writes the tools of a Responses request.

use std::borrow::Cow;

use serde::Serialize;

use crate::Protocol;
use crate::chat::lower::{Lowering, Rules, freeform_description, freeform_schema};
use crate::chat::tool::ToolKind;
use crate::chat::{Field, Impossible, Json, Losses, Request, Target, Tool, ToolChoice, typed};
use crate::dialect::Quirk;
use crate::responses::wire::FormatOut;

#[derive(Default, Serialize)]
pub(super) struct ToolOut<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<Cow<'a, Json>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<FormatOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    execution: Option<&'static str>,
}

#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum ChoiceOut<'a> {
    Word(&'static str),
    Named {
        #[serde(rename = "type")]
        kind: &'static str,
        name: Cow<'a, str>,
    },
    Allowed {
        #[serde(rename = "type")]
        kind: &'static str,
        mode: &'static str,
        tools: Vec<Self>,
    },
}

/// What the target knows of tools. Namespaces are flattened: they are declared as a whole, which ours are not.
pub(super) fn rules(target: &Target) -> Rules {
    Rules {
        freeform: target.dialect.has(Quirk::FreeformTools),
        search: target.dialect.has(Quirk::ToolSearch),
        ..Rules::FUNCTIONS
    }
}

/// The tools.
pub(super) fn tools<'a>(
    request: &'a Request,
    lowering: &'a Lowering,
    target: &Target,
    losses: &mut Losses,
) -> Result<Vec<ToolOut<'a>>, Impossible> {
    let mut out = Vec::with_capacity(request.tools.len());
    let rules = rules(target);
    for tool in &request.tools {
        if tool.deferred {
            losses.hint("tools.defer_loading");
            continue;
        }
        if tool.cache.is_some() {
            losses.hint(Field::CacheMark.in_protocol(request.protocol));
        }
        let name = Some(lowering.name(&tool.name, tool.namespace.as_deref(), &rules));
        let description = tool.description.as_deref().map(Cow::Borrowed);
        let function = |description, schema: Option<Cow<'a, Json>>, strict: Option<bool>| ToolOut {
            kind: "function",
            name: name.clone(),
            description,
            // The server tries to be strict where nothing is said, and fails on schemas that are not.
            strict: Some(strict.unwrap_or(false)),
            parameters: Some(schema.unwrap_or_else(|| Cow::Owned(no_arguments()))),
            ..ToolOut::default()
        };
        out.push(match &tool.kind {
            ToolKind::Function { schema, strict } => function(description, schema.as_ref().map(Cow::Borrowed), *strict),
            ToolKind::Freeform { grammar } if rules.freeform => ToolOut {
                kind: "custom",
                name,
                description,
                format: Some(match grammar {
                    Some(grammar) => FormatOut {
                        kind: "grammar",
                        syntax: Some(&grammar.syntax),
                        definition: Some(&grammar.definition),
                    },
                    None => FormatOut { kind: "text", syntax: None, definition: None },
                }),
                ..ToolOut::default()
            },
            ToolKind::Freeform { grammar } => {
                if grammar.is_some() {
                    losses.changed(Field::ToolGrammar.in_protocol(request.protocol));
                }
                let text = freeform_description(tool.description.as_deref(), grammar.as_ref());
                let description = (!text.is_empty()).then_some(Cow::Owned(text));
                function(description, Some(Cow::Owned(freeform_schema())), None)
            }
            ToolKind::Search { schema } if rules.search => ToolOut {
                kind: "tool_search",
                description,
                parameters: schema.as_ref().map(Cow::Borrowed),
                execution: Some("client"),
                ..ToolOut::default()
            },
            ToolKind::Search { schema } => function(description, schema.as_ref().map(Cow::Borrowed), None),
            ToolKind::Vendor { kind, .. } => match typed::schema(kind) {
                Some(schema) => {
                    let description = description.or_else(|| typed::description(kind).map(Cow::Borrowed));
                    function(description, Some(Cow::Owned(schema)), None)
                }
                None if is_search(kind) && target.dialect.has(Quirk::HostedTools) => {
                    ToolOut { kind: "web_search", ..ToolOut::default() }
                }
                None => {
                    left_out(request, tool, losses)?;
                    continue;
                }
            },
        });
    }
    Ok(out)
}

/// Whether it is a vendor's search of the web, which every vendor has under a name of its own.
fn is_search(kind: &str) -> bool {
    kind.starts_with("web_search") || kind == "googleSearch"
}

/// A tool that only its own vendor executes: beside others it can be left out.
fn left_out(request: &Request, tool: &Tool, losses: &mut Losses) -> Result<(), Impossible> {
    if request.tools.len() == 1 {
        let why = format!("only `{}` was offered, which its own vendor executes", tool.name);
        return Err(Impossible::new(Field::HostedTool, Protocol::Responses, why));
    }
    losses.dropped(format!("tools.{}", tool.name));
    Ok(())
}

fn no_arguments() -> Json {
    Json::parse(r#"{"type":"object","properties":{}}"#).unwrap_or_else(Json::empty_object)
}

/// Which of them to call.
pub(super) fn choice<'a>(
    request: &'a Request,
    lowering: &'a Lowering,
    target: &Target,
    losses: &mut Losses,
) -> Option<ChoiceOut<'a>> {
    let rules = rules(target);
    let named = |name: &'a str, namespace: Option<&str>| {
        let is_freeform = request.tools.iter().any(|tool| {
            tool.name == name
                && tool.namespace.as_deref() == namespace
                && matches!(tool.kind, ToolKind::Freeform { .. })
        });
        let kind = if is_freeform && rules.freeform { "custom" } else { "function" };
        ChoiceOut::Named { kind, name: lowering.name(name, namespace, &rules) }
    };
    Some(match request.tool_choice.as_ref()? {
        ToolChoice::Auto => ChoiceOut::Word("auto"),
        ToolChoice::None => ChoiceOut::Word("none"),
        ToolChoice::Required => ChoiceOut::Word("required"),
        ToolChoice::Tool { name, namespace } => named(name, namespace.as_deref()),
        ToolChoice::Allowed { required, names } => ChoiceOut::Allowed {
            kind: "allowed_tools",
            mode: if *required { "required" } else { "auto" },
            tools: names.iter().map(|name| named(name, None)).collect(),
        },
        ToolChoice::Vendor { .. } => {
            losses.dropped(Field::ToolChoice.in_protocol(request.protocol));
            return None;
        }
    })
}
