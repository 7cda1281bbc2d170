//! Which of a list's models is tried: one that holds conversations, and rather a small one.

/// Parts of names of models that hold no conversations.
const OTHERS: [&str; 43] = [
    "embed",
    "whisper",
    "tts",
    "audio",
    "image",
    "dall-e",
    "moderation",
    "rerank",
    "transcri",
    "realtime",
    "sora",
    "veo",
    "imagen",
    "guard",
    "ocr",
    "search",
    "computer-use",
    "davinci",
    "babbage",
    "robotics",
    "-live",
    "aqa",
    "clip",
    "speech",
    "bge-",
    "voice",
    "video",
    "diffusion",
    "flux",
    "music",
    "lyria",
    "detect",
    "classif",
    "reward",
    "parakeet",
    "canary",
    "translate",
    "asr",
    "segment",
    "vision-ocr",
    "colbert",
    "e5-",
    "nv-",
];
/// Parts of names of models that are small, the surest first.
const SMALL: [&str; 14] = [
    "nano",
    "flash-lite",
    "mini",
    "haiku",
    "lite",
    "small",
    "8b",
    "instant",
    "flash",
    "air",
    "7b",
    "turbo",
    "chat",
    "instruct",
];
/// Parts of names of models that may be gone tomorrow, or think for long.
const DOUBTFUL: [&str; 6] = ["preview", "exp", "beta", "thinking", "reason", "deep-research"];

/// Whether a model of this name probably holds conversations.
fn is_for_conversation(model: &str) -> bool {
    let model = model.to_ascii_lowercase();
    !OTHERS.iter().any(|part| model.contains(part))
}

/// Those that hold conversations, the cheapest guess first.
pub(super) fn plausible(models: impl Iterator<Item = String>) -> Vec<String> {
    let mut plausible: Vec<String> = models.filter(|model| is_for_conversation(model)).collect();
    plausible.sort_by_cached_key(|model| {
        let model = model.to_ascii_lowercase();
        let is_doubtful = DOUBTFUL.iter().any(|part| model.contains(part));
        (is_doubtful, SMALL.iter().position(|part| is_part(&model, part)).unwrap_or(SMALL.len()))
    });
    plausible
}

/// Whether `part` stands in `model` as a word of its own: no `mini` in `gemini`, no `8b` in `128b`.
fn is_part(model: &str, part: &str) -> bool {
    model.match_indices(part).any(|(at, _)| {
        let before = model.get(..at).and_then(|before| before.bytes().next_back());
        before.is_none_or(|byte| !byte.is_ascii_alphanumeric())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(models: &[&str]) -> Option<String> {
        plausible(models.iter().map(|model| (*model).to_owned())).into_iter().next()
    }

    #[test]
    fn a_small_model_that_talks_is_tried_first() {
        for (models, expected) in [
            (&["text-embedding-3-small", "gpt-5", "gpt-5-mini", "gpt-5-nano"][..], Some("gpt-5-nano")),
            (&["claude-opus-4-5", "claude-haiku-4-5", "claude-sonnet-4-5"], Some("claude-haiku-4-5")),
            (&["gemini-2.5-pro", "gemini-2.5-flash-preview", "gemini-2.5-flash-lite"], Some("gemini-2.5-flash-lite")),
            (&["qwen-128b", "llama-3.1-8b-instant"], Some("llama-3.1-8b-instant")),
            (&["only-one"], Some("only-one")),
            (&["whisper-large", "text-embedding-3-small"], None),
            (&[], None),
        ] {
            assert_eq!(first(models).as_deref(), expected, "{models:?}");
        }
    }
}
