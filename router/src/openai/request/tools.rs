//! Writes the tools of a Chat Completions request.

use std::borrow::Cow;

use serde::Serialize;

use crate::Protocol;
use crate::chat::lower::{Lowering, Rules, freeform_description, freeform_schema};
use crate::chat::tool::ToolKind;
use crate::chat::{Field, Impossible, Json, Losses, Request, Target, Tool, ToolChoice, typed};
use crate::dialect::Quirk;
use crate::openai::wire;

#[derive(Serialize)]
pub(super) struct ToolOut<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    function: Option<FunctionOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    custom: Option<CustomOut<'a>>,
}

#[derive(Serialize)]
struct FunctionOut<'a> {
    name: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<Cow<'a, Json>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
}

#[derive(Serialize)]
struct CustomOut<'a> {
    name: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<FormatOut>,
}

#[derive(Serialize)]
struct FormatOut {
    #[serde(rename = "type")]
    kind: &'static str,
    grammar: wire::Grammar,
}

/// `tool_choice`: a word, or an object that names tools.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum ChoiceOut<'a> {
    Word(&'static str),
    Named {
        #[serde(rename = "type")]
        kind: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        function: Option<NameOut<'a>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        custom: Option<NameOut<'a>>,
    },
    Allowed {
        #[serde(rename = "type")]
        kind: &'static str,
        allowed_tools: AllowedOut<'a>,
    },
}

#[derive(Serialize)]
pub(super) struct NameOut<'a> {
    name: Cow<'a, str>,
}

#[derive(Serialize)]
pub(super) struct AllowedOut<'a> {
    mode: &'static str,
    tools: Vec<ChoiceOut<'a>>,
}

/// What the target knows of tools.
pub(super) fn rules(target: &Target) -> Rules {
    Rules { freeform: target.dialect.has(Quirk::FreeformTools), ..Rules::FUNCTIONS }
}

/// The tools, in the target's words.
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
            // Its client tells the model of it when it is found.
            losses.hint("tools.defer_loading");
            continue;
        }
        if tool.cache.is_some() {
            losses.hint(Field::CacheMark.in_protocol(request.protocol));
        }
        let name = lowering.name(&tool.name, tool.namespace.as_deref(), &rules);
        let function = |description, parameters, strict| ToolOut {
            kind: "function",
            function: Some(FunctionOut { name: name.clone(), description, parameters, strict }),
            custom: None,
        };
        let description = tool.description.as_deref().map(Cow::Borrowed);
        out.push(match &tool.kind {
            ToolKind::Function { schema, strict } => {
                let strict = strict.filter(|strict| {
                    let refused = target.dialect.has(Quirk::NoStrictTools);
                    if refused && *strict {
                        losses.dropped(Field::ToolStrict.in_protocol(request.protocol));
                    }
                    !refused
                });
                function(description, schema.as_ref().map(Cow::Borrowed), strict)
            }
            ToolKind::Freeform { grammar } if rules.freeform => ToolOut {
                kind: "custom",
                function: None,
                custom: Some(CustomOut {
                    name,
                    description: tool.description.as_deref(),
                    format: grammar.as_ref().map(|grammar| FormatOut {
                        kind: "grammar",
                        grammar: wire::Grammar {
                            syntax: grammar.syntax.clone(),
                            definition: grammar.definition.clone(),
                        },
                    }),
                }),
            },
            ToolKind::Freeform { grammar } => {
                if grammar.is_some() {
                    losses.changed(Field::ToolGrammar.in_protocol(request.protocol));
                }
                let text = freeform_description(tool.description.as_deref(), grammar.as_ref());
                let description = (!text.is_empty()).then_some(Cow::Owned(text));
                function(description, Some(Cow::Owned(freeform_schema())), None)
            }
            ToolKind::Search { schema } => function(description, schema.as_ref().map(Cow::Borrowed), None),
            ToolKind::Vendor { kind, .. } => match typed::schema(kind) {
                Some(schema) => {
                    let description = description.or_else(|| typed::description(kind).map(Cow::Borrowed));
                    function(description, Some(Cow::Owned(schema)), None)
                }
                None => {
                    hosted(request, tool, losses)?;
                    continue;
                }
            },
        });
    }
    Ok(out)
}

/// A tool that the provider itself would execute. Beside others it can be left out; alone it is what was asked for.
fn hosted(request: &Request, tool: &Tool, losses: &mut Losses) -> Result<(), Impossible> {
    if request.tools.len() == 1 {
        let why = format!("only `{}` was offered, which its own vendor executes", tool.name);
        return Err(Impossible::new(Field::HostedTool, Protocol::OpenAi, why));
    }
    losses.dropped(format!("tools.{}", tool.name));
    Ok(())
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
        let out = Some(NameOut { name: lowering.name(name, namespace, &rules) });
        if is_freeform && rules.freeform {
            ChoiceOut::Named { kind: "custom", function: None, custom: out }
        } else {
            ChoiceOut::Named { kind: "function", function: out, custom: None }
        }
    };
    Some(match request.tool_choice.as_ref()? {
        ToolChoice::Auto => ChoiceOut::Word("auto"),
        ToolChoice::None => ChoiceOut::Word("none"),
        ToolChoice::Required => ChoiceOut::Word("required"),
        ToolChoice::Tool { name, namespace } => named(name, namespace.as_deref()),
        ToolChoice::Allowed { required, names } if target.dialect.has(Quirk::OpenAiExtras) => ChoiceOut::Allowed {
            kind: "allowed_tools",
            allowed_tools: AllowedOut {
                mode: if *required { "required" } else { "auto" },
                tools: names.iter().map(|name| named(name, None)).collect(),
            },
        },
        ToolChoice::Allowed { required, .. } => {
            losses.changed(Field::ToolChoice.in_protocol(request.protocol));
            ChoiceOut::Word(if *required { "required" } else { "auto" })
        }
        ToolChoice::Vendor { .. } => {
            losses.dropped(Field::ToolChoice.in_protocol(request.protocol));
            return None;
        }
    })
}
