//! The messages of a Chat Completions request as they are written.

use std::borrow::Cow;

use serde::Serialize;

#[derive(Default, Serialize)]
pub(super) struct MessageOut<'a> {
    pub(super) role: &'static str,
    #[serde(skip_serializing_if = "ContentOut::is_absent")]
    pub(super) content: ContentOut<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) refusal: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reasoning_content: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) tool_calls: Vec<CallOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tool_call_id: Option<Cow<'a, str>>,
}

impl MessageOut<'_> {
    /// An instruction of ours.
    pub(super) fn system(text: String) -> Self {
        Self { role: "system", content: ContentOut::Text(text.into()), ..Self::default() }
    }
}

#[derive(Default, Serialize)]
#[serde(untagged)]
pub(super) enum ContentOut<'a> {
    #[default]
    Absent,
    Null(()),
    Text(Cow<'a, str>),
    Parts(Vec<PartOut<'a>>),
}

impl ContentOut<'_> {
    pub(super) const fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }
}

#[derive(Default, Serialize)]
pub(super) struct PartOut<'a> {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) refusal: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) image_url: Option<ImageOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) input_audio: Option<AudioOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) file: Option<FileOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) prompt_cache_breakpoint: Option<MarkOut>,
}

#[derive(Serialize)]
pub(super) struct ImageOut<'a> {
    pub(super) url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) detail: Option<&'a str>,
}

#[derive(Serialize)]
pub(super) struct AudioOut<'a> {
    pub(super) data: &'a str,
    pub(super) format: &'a str,
}

#[derive(Default, Serialize)]
pub(super) struct FileOut<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) file_data: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) file_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) filename: Option<&'a str>,
}

#[derive(Serialize)]
pub(super) struct MarkOut {
    pub(super) mode: &'static str,
    pub(super) ttl: &'static str,
}

#[derive(Serialize)]
pub(super) struct CallOut<'a> {
    pub(super) id: Cow<'a, str>,
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) function: Option<FunctionOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) custom: Option<CustomOut<'a>>,
}

#[derive(Serialize)]
pub(super) struct FunctionOut<'a> {
    pub(super) name: Cow<'a, str>,
    pub(super) arguments: Cow<'a, str>,
}

#[derive(Serialize)]
pub(super) struct CustomOut<'a> {
    pub(super) name: Cow<'a, str>,
    pub(super) input: &'a str,
}
