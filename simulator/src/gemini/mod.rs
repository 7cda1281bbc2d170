//! Google's Gemini API: `models/{model}:{verb}` under any version, and what each verb answers.
mod answer;
mod check;
mod embed;
mod models;
mod request;
mod schema;
mod turns;

pub(crate) use answer::{stream, whole};
pub(crate) use check::{check, check_count, check_embed};
pub(crate) use embed::embeddings;
pub(crate) use models::{list, one};
pub(crate) use request::{lower, unescape};

use serde_json::json;

use crate::count;
use crate::problem::Problem;

/// What is asked of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Generate,
    Stream,
    CountTokens,
    Embed,
    BatchEmbed,
}

impl Verb {
    /// A model and a verb from what follows `models/`: the model may have colons, the last one begins the verb.
    pub(crate) fn split(call: &str) -> Option<(&str, Self)> {
        let (model, verb) = call.rsplit_once(':')?;
        let verb = match verb {
            "generateContent" => Self::Generate,
            "streamGenerateContent" => Self::Stream,
            "countTokens" => Self::CountTokens,
            "embedContent" => Self::Embed,
            "batchEmbedContents" => Self::BatchEmbed,
            _ => return None,
        };
        Some((model, verb))
    }
}

/// The answer of `:countTokens`.
pub(crate) fn count_tokens(request_bytes: usize) -> String {
    let tokens = count::of_prompt(request_bytes);
    json!({"totalTokens": tokens, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": tokens}]}).to_string()
}

/// What Google answers to a key it does not know.
pub(crate) fn bad_key() -> Problem {
    Problem::bad_request("API key not valid. Please pass a valid API key.").with_detail(json!({
        "@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID",
        "domain": "googleapis.com", "metadata": {"service": "generativelanguage.googleapis.com"},
    }))
}
