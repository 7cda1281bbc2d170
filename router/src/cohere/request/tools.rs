//! Writes the tools of a Cohere request.

use std::borrow::Cow;

use serde::Serialize;

use super::turns::Writer;
use crate::chat::lower::{Rules, freeform_description, freeform_schema};
use crate::chat::tool::ToolKind;
use crate::chat::{Field, Impossible, Json, ToolChoice, typed};

/// What the protocol knows of tools.
pub(super) const RULES: Rules = Rules::FUNCTIONS;

#[derive(Serialize)]
pub(super) struct ToolOut<'a> {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) function: DeclarationOut<'a>,
}

#[derive(Serialize)]
pub(super) struct DeclarationOut<'a> {
    pub(super) name: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) description: Option<Cow<'a, str>>,
    pub(super) parameters: Cow<'a, Json>,
}

impl<'a> Writer<'a, '_> {
    /// The tools, and whether all of them are strict, which is all or nothing here.
    pub(super) fn tools(&mut self) -> Result<(Vec<ToolOut<'a>>, Option<bool>), Impossible> {
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
    pub(super) fn choice(&mut self, tools: &mut Vec<ToolOut<'a>>) -> Option<&'static str> {
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

fn no_arguments() -> Json {
    Json::parse(r#"{"type":"object","properties":{}}"#).unwrap_or_else(Json::empty_object)
}
