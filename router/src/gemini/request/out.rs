//! The contents of a Gemini request or answer as they are written: camel case.

use std::borrow::Cow;

use serde::Serialize;

use crate::chat::Json;

#[derive(Serialize)]
pub(in crate::gemini) struct ContentOut<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::gemini) role: Option<&'static str>,
    pub(in crate::gemini) parts: Vec<PartOut<'a>>,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::gemini) struct PartOut<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::gemini) text: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(in crate::gemini) thought: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::gemini) inline_data: Option<BlobOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::gemini) file_data: Option<FileOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::gemini) function_call: Option<CallOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::gemini) function_response: Option<ResponseOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::gemini) thought_signature: Option<Cow<'a, str>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::gemini) struct BlobOut<'a> {
    pub(in crate::gemini) mime_type: &'a str,
    pub(in crate::gemini) data: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::gemini) struct FileOut<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::gemini) mime_type: Option<&'a str>,
    pub(in crate::gemini) file_uri: &'a str,
}

#[derive(Serialize)]
pub(in crate::gemini) struct CallOut<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::gemini) id: Option<&'a str>,
    pub(in crate::gemini) name: Cow<'a, str>,
    pub(in crate::gemini) args: Json,
}

#[derive(Serialize)]
pub(in crate::gemini) struct ResponseOut<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::gemini) id: Option<&'a str>,
    pub(in crate::gemini) name: Cow<'a, str>,
    pub(in crate::gemini) response: Json,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in crate::gemini) parts: Vec<PartOut<'a>>,
}
