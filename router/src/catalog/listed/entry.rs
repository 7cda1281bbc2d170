//! One entry of a list, in whichever words.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::nanos::{Per, nanos};
use super::node::{Node, text};
use super::{Abilities, Listed, Modality, Prices};
use crate::hidden::is_hidden;
use crate::peek::MAX_MODEL_BYTES;

/// The longest text beside the name that is kept, in bytes.
const MAX_TEXT_BYTES: usize = 256;

/// How many tokens fit: as it is set up now before what the model could do, the endpoint's before the model's.
const CONTEXT: [&str; 16] = [
    "loaded_context_length",
    "top_provider.context_length",
    "context_length",
    "context_window",
    "max_context_length",
    "max_model_len",
    "inputTokenLimit",
    "max_input_tokens",
    "context_size",
    "max_context_window",
    "meta.n_ctx",
    "meta.n_ctx_train",
    "metadata.context_length",
    "limits.max_input_tokens",
    "capabilities.limits.max_context_window_tokens",
    "model_spec.availableContextTokens",
];

/// How many it writes at most.
const OUTPUT: [&str; 10] = [
    "top_provider.max_completion_tokens",
    "max_completion_tokens",
    "max_output_tokens",
    "outputTokenLimit",
    "max_output_length",
    "limits.max_output_tokens",
    "capabilities.limits.max_output_tokens",
    "metadata.max_tokens",
    "max_tokens",
    "max_output",
];

/// The model in `raw`, if there is one that can be asked for.
pub(super) fn read(raw: &RawValue) -> Option<Listed> {
    if raw.get().starts_with('"') {
        // A list of nothing but names.
        return Some(Listed::named(&id(&text(raw)?)?));
    }
    let entry = Node::of(raw)?;
    // Groq lists what it no longer serves.
    if entry.flag(&["active"]) == Some(false) {
        return None;
    }
    // An id that is no text is no id, whatever other names there are.
    let id = match entry.raw("id") {
        Some(raw) if raw.get() != "\"\"" && raw.get() != "null" => id(&text(raw)?)?,
        _ => id(&entry.text(&["name", "model"])?)?,
    };
    let display_name = entry.text(&["display_name", "displayName", "name"]).and_then(short).filter(|name| {
        let bare = name.strip_prefix("models/").unwrap_or(name);
        bare != id
    });
    let (input, output) = modalities(&entry);
    let mut model = Listed {
        display_name,
        owned_by: entry.text(&["owned_by", "organization", "publisher"]).and_then(short),
        created_s: entry.raw("created").and_then(|raw| raw.get().parse().ok()).filter(|created| *created > 0),
        context_window: entry.count(&CONTEXT),
        max_output: entry.count(&OUTPUT),
        prices: prices(&entry),
        abilities: abilities(&entry),
        revision: entry.text(&["digest"]).and_then(short),
        input,
        output,
        id,
    };
    if model.abilities.vision.is_none() && !model.input.is_empty() {
        model.abilities.vision = Some(model.input.contains(&Modality::Image));
    }
    if let Some(served) = entry.raw("providers") {
        serving(served, &mut model);
    }
    Some(model)
}

/// What several who serve the same model have in common, as Hugging Face's router lists them. Any of them may serve: the
/// smallest window and the dearest price count; it can do what one of them can, since the router looks for that.
fn serving(served: &RawValue, model: &mut Listed) {
    /// The most of them that are looked at.
    const MOST: usize = 32;
    let mut seen = 0;
    let any = |known: Option<bool>, more: Option<bool>| match (known, more) {
        (Some(true), _) | (_, Some(true)) => Some(true),
        (known, more) => known.or(more),
    };
    super::node::each(served, |raw| {
        seen += 1;
        let Some(one) = Node::of(raw).filter(|_| seen <= MOST) else { return };
        model.context_window = [model.context_window, one.count(&CONTEXT)].into_iter().flatten().min();
        model.prices = model.prices.dearest(prices(&one));
        let theirs = abilities(&one);
        model.abilities.tools = any(model.abilities.tools, theirs.tools);
        model.abilities.structured_output = any(model.abilities.structured_output, theirs.structured_output);
    });
}

/// The name by which it is asked for, if a request can carry it.
fn id(text: &str) -> Option<String> {
    // Google writes `models/` before each, also on its OpenAI surface.
    let id = text.strip_prefix("models/").unwrap_or(text);
    let is_fine = !id.is_empty() && id.len() <= MAX_MODEL_BYTES && id.trim() == id && !id.chars().any(is_hidden);
    is_fine.then(|| id.to_owned())
}

/// A text for people, if it may be shown to them.
fn short(text: Cow<'_, str>) -> Option<String> {
    (text.len() <= MAX_TEXT_BYTES && !text.chars().any(is_hidden)).then(|| text.into_owned())
}

fn prices(entry: &Node<'_>) -> Prices {
    let price = |names: &[(&str, Unit)]| {
        names.iter().find_map(|(name, unit)| {
            let raw = entry.raw(name)?;
            let is_text = raw.get().starts_with('"');
            let per = match unit {
                Unit::Token => Per::Token,
                Unit::AsWritten if is_text => Per::Token,
                Unit::Piece => Per::Piece,
                Unit::Million | Unit::AsWritten => Per::Million,
            };
            nanos(&if is_text { text(raw)? } else { Cow::Borrowed(raw.get()) }, per)
        })
    };
    Prices {
        input_nanos: price(&[
            ("pricing.prompt", Unit::Token),
            ("pricing.input", Unit::AsWritten),
            ("input_cost_per_token", Unit::Token),
            ("metadata.pricing.input_tokens", Unit::Million),
        ]),
        output_nanos: price(&[
            ("pricing.completion", Unit::Token),
            ("pricing.output", Unit::AsWritten),
            ("output_cost_per_token", Unit::Token),
            ("metadata.pricing.output_tokens", Unit::Million),
        ]),
        cache_read_nanos: price(&[
            ("pricing.input_cache_read", Unit::Token),
            ("pricing.input_cache_reads", Unit::Token),
            ("pricing.cached_input", Unit::AsWritten),
            ("cache_read_input_token_cost", Unit::Token),
            ("metadata.pricing.cache_read_tokens", Unit::Million),
        ]),
        cache_write_nanos: price(&[
            ("pricing.input_cache_write", Unit::Token),
            ("pricing.input_cache_writes", Unit::Token),
            ("cache_creation_input_token_cost", Unit::Token),
        ]),
        reasoning_nanos: price(&[("pricing.internal_reasoning", Unit::Token)]),
        audio_nanos: price(&[("pricing.audio", Unit::Token)]),
        request_nanos: price(&[("pricing.request", Unit::Piece)]),
        web_search_nanos: price(&[("pricing.web_search", Unit::Piece)]),
    }
}

/// What a price in a list is for.
#[derive(Clone, Copy)]
enum Unit {
    Token,
    Million,
    /// What is not counted in tokens.
    Piece,
    /// Who writes it as text means one token (Vercel), who writes a number means a million (Together, Hugging Face).
    AsWritten,
}

fn abilities(entry: &Node<'_>) -> Abilities {
    let mut found = Abilities {
        tools: entry.flag(&["supports_tools", "capabilities.function_calling", "capabilities.supports.tool_calls"]),
        vision: entry.flag(&[
            "supports_image_in",
            "supports_image_input",
            "supports_vision",
            "capabilities.vision",
            "capabilities.image_input",
            "capabilities.supports.vision",
        ]),
        reasoning: entry.flag(&["supports_reasoning", "thinking", "capabilities.reasoning", "capabilities.thinking"]),
        structured_output: entry.flag(&[
            "supports_structured_output",
            "capabilities.structured_outputs",
            "capabilities.supports.structured_outputs",
        ]),
    };
    // Lists of words: OpenRouter's parameters name everything that is taken, the others' what is special.
    if let Some(words) = entry.words("supported_parameters") {
        let has = |names: &[&str]| Some(words.iter().any(|word| names.contains(&word.as_str())));
        found = found.or(Abilities {
            tools: has(&["tools"]),
            vision: None,
            reasoning: has(&["reasoning", "include_reasoning"]),
            structured_output: has(&["structured_outputs"]),
        });
    }
    for list in ["capabilities", "supported_features", "features", "tags", "metadata.tags"] {
        let Some(words) = entry.words(list) else { continue };
        let has = |names: &[&str]| words.iter().any(|word| names.contains(&word.as_str())).then_some(true);
        found = found.or(Abilities {
            tools: has(&["tools", "tool_use", "tool-use", "tool-calling", "function_calling", "function-calling"]),
            vision: has(&["vision", "image-input"]),
            reasoning: has(&["reasoning", "thinking"]),
            structured_output: has(&["structured_outputs", "structured-outputs", "json_schema"]),
        });
    }
    if entry.text(&["type"]).as_deref() == Some("vlm") {
        found.vision = found.vision.or(Some(true));
    }
    found
}

fn modalities(entry: &Node<'_>) -> (Vec<Modality>, Vec<Modality>) {
    let listed = |names: &[&str]| names.iter().find_map(|name| entry.words(name)).map(|words| kinds(&words));
    let mut input = listed(&["architecture.input_modalities", "input_modalities", "supported_input_modalities"]);
    let mut output = listed(&["architecture.output_modalities", "output_modalities", "supported_output_modalities"]);
    if let Some((from, to)) = entry.text(&["architecture.modality"]).as_deref().and_then(|text| text.split_once("->")) {
        let kinds = |side: &str| kinds(&side.split('+').map(str::to_owned).collect::<Vec<_>>());
        input = input.or_else(|| Some(kinds(from)));
        output = output.or_else(|| Some(kinds(to)));
    }
    let what = entry.text(&["type", "model_type"]).unwrap_or_default();
    if output.is_none() && ["embedding", "embeddings"].contains(&what.as_ref()) {
        output = Some(vec![Modality::Embedding]);
    }
    for ways in ["supportedGenerationMethods", "endpoints"] {
        let Some(words) = entry.words(ways).filter(|_| output.is_none()) else { continue };
        let has = |names: &[&str]| words.iter().any(|word| names.contains(&word.as_str()));
        if has(&["embedcontent", "embed"]) && !has(&["generatecontent", "chat"]) {
            output = Some(vec![Modality::Embedding]);
        }
    }
    (input.unwrap_or_default(), output.unwrap_or_default())
}

fn kinds(words: &[String]) -> Vec<Modality> {
    let kind = |word: &String| {
        Some(match word.trim() {
            "text" => Modality::Text,
            "image" => Modality::Image,
            "audio" => Modality::Audio,
            "video" => Modality::Video,
            "file" | "pdf" | "document" => Modality::File,
            "embedding" | "embeddings" => Modality::Embedding,
            _ => return None,
        })
    };
    let mut kinds: Vec<Modality> = words.iter().filter_map(kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}
