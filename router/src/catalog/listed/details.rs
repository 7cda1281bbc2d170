//! What local servers tell of a model in their own API and not in the copy of OpenAI's: Ollama's `POST /api/show`,
//! llama.cpp's `GET /props`.

use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;

use super::node::{Node, count};
use super::{Abilities, Modality};

/// What is known of a model beside its entry in a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Details {
    /// How many tokens fit, as the model was made.
    pub context_window: Option<u64>,
    /// How many tokens fit, as the server was set up; it may be less.
    pub context_in_use: Option<u64>,
    /// What it takes; empty where nothing is said.
    pub input: Vec<Modality>,
    /// What it gives; empty where nothing is said.
    pub output: Vec<Modality>,
    /// What it can do.
    pub abilities: Abilities,
}

/// The body of the question `POST /api/show` for `model`.
pub fn ollama_question(model: &str) -> Bytes {
    #[derive(Serialize)]
    struct Question<'a> {
        model: &'a str,
    }
    crate::error::json(&Question { model })
}

/// Reads Ollama's answer to `POST /api/show`.
///
/// ```
/// let body = br#"{"capabilities":["completion","tools"],"model_info":{"qwen2.context_length":32768}}"#;
/// let details = tokenrouter::catalog::listed::ollama_show(body).ok_or("no details")?;
/// assert_eq!((details.context_window, details.abilities.tools), (Some(32_768), Some(true)));
/// assert_eq!(details.abilities.vision, Some(false));
/// # Ok::<(), &str>(())
/// ```
pub fn ollama_show(body: &[u8]) -> Option<Details> {
    let root = Node::of(serde_json::from_slice::<&RawValue>(body).ok()?)?;
    let mut details = Details {
        context_window: root.child("model_info").and_then(|info| count(info.ending(".context_length")?)),
        // A line of the Modelfile, such as `num_ctx                        8192`.
        context_in_use: root.text(&["parameters"]).and_then(|lines| num_ctx(&lines)),
        ..Details::default()
    };
    if let Some(words) = root.words("capabilities") {
        let has = |word: &str| Some(words.iter().any(|w| w == word));
        details.abilities = Abilities {
            tools: has("tools"),
            vision: has("vision"),
            reasoning: has("thinking"),
            structured_output: None,
        };
        details.input.push(Modality::Text);
        if has("vision") == Some(true) {
            details.input.push(Modality::Image);
        }
        let only_vectors = has("embedding") == Some(true) && has("completion") == Some(false);
        details.output.push(if only_vectors { Modality::Embedding } else { Modality::Text });
    }
    Some(details)
}

fn num_ctx(lines: &str) -> Option<u64> {
    let value = lines.lines().find_map(|line| line.trim().strip_prefix("num_ctx"))?;
    value.trim().parse().ok().filter(|count| *count > 0)
}

/// Reads llama.cpp's answer to `GET /props`: what holds for the one model that it serves.
pub fn llama_props(body: &[u8]) -> Option<Details> {
    let root = Node::of(serde_json::from_slice::<&RawValue>(body).ok()?)?;
    let context_in_use = root.count(&["default_generation_settings.n_ctx", "n_ctx"]);
    let vision = root.flag(&["modalities.vision"]);
    let audio = root.flag(&["modalities.audio"]);
    let mut input = Vec::new();
    if vision.is_some() || audio.is_some() {
        input.push(Modality::Text);
        input.extend((vision == Some(true)).then_some(Modality::Image));
        input.extend((audio == Some(true)).then_some(Modality::Audio));
    }
    let abilities = Abilities { vision, ..Abilities::default() };
    Some(Details { context_in_use, input, abilities, ..Details::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_set_up_goes_before_what_the_model_could_do() {
        let body = br#"{"parameters":"stop \"x\"\nnum_ctx                        8192","model_info":{
            "general.architecture":"llama","llama.context_length":131072},"capabilities":["embedding"]}"#;
        let details = ollama_show(body).unwrap();
        assert_eq!((details.context_window, details.context_in_use), (Some(131_072), Some(8192)));
        assert_eq!((details.output.as_slice(), details.abilities.tools), (&[Modality::Embedding][..], Some(false)));
        let mut listed = super::super::Listed::named("a");
        listed.learn(&details);
        assert_eq!(listed.context_window, Some(8192));
    }

    #[test]
    fn llama_says_what_it_was_started_with() {
        let body = br#"{"default_generation_settings":{"n_ctx":4096},"modalities":{"vision":true,"audio":false}}"#;
        let details = llama_props(body).unwrap();
        assert_eq!((details.context_in_use, details.abilities.vision), (Some(4096), Some(true)));
        assert_eq!(details.input, [Modality::Text, Modality::Image]);
    }

    #[test]
    fn a_model_is_asked_about_by_its_name() {
        assert_eq!(ollama_question("a\"b"), r#"{"model":"a\"b"}"#);
    }

    #[test]
    fn nonsense_has_no_details() {
        for body in ["", "[]", "null", "<html>", "{"] {
            assert_eq!((ollama_show(body.as_bytes()), llama_props(body.as_bytes())), (None, None), "{body}");
        }
        let odd = br#"{"parameters":7,"model_info":[],"capabilities":"x","modalities":"y","n_ctx":-1}"#;
        assert_eq!((ollama_show(odd), llama_props(odd)), (Some(Details::default()), Some(Details::default())));
    }
}
