//! The catalogue that Codex asks for with `GET …/models?client_version=…`: how each model is to be used.
//!
//! Codex (measured with 0.169.0) refuses a catalogue as a whole where one entry lacks one of these: `slug`,
//! `display_name`, `supported_reasoning_levels`, `shell_type`, `visibility`, `supported_in_api`, `priority`,
//! `base_instructions`, `support_verbosity`, `truncation_policy`, `experimental_supported_tools`; releases of early 2026
//! also without `supports_reasoning_summaries` and `supports_parallel_tool_calls`. Efforts and modalities of other names
//! than these were refused too.
//!
//! Who asks decides what Codex makes of it. With `[model_providers.x.auth]`, whose command tells the key, the entries
//! are added to those that Codex brings along; then those models that it knows itself are better left out, since its own
//! instructions for them are the better ones. With `model_catalog_url` they replace them all: then they have to be there
//! ([`Shape::Codex`](super::Shape) with `is_whole`). A model's entry is found by the longest name that the model's name begins
//! with, and if there is none, once more without what stands before a single `/`.

use std::collections::HashSet;

use bytes::Bytes;
use serde::Serialize;

use super::Card;
use crate::catalog::models::{Can, Effort, Modality};

/// Codex reads no more of a catalogue at a URL: 1 MiB.
const MOST_BYTES: usize = 1_000_000;
/// So many are offered in the picker; of the others the metadata is known.
const MOST_SHOWN: usize = 50;
/// After those that Codex brings along.
const FIRST_PRIORITY: usize = 100;

/// Codex has no instructions for models that it does not know, and takes none instead where the field is empty.
const INSTRUCTIONS: &str = "You are a coding agent that works in the user's folder through a terminal. Carry out what the user asks \
completely. Read the code before you change it, follow the conventions of the project and its AGENTS.md files, and make the smallest \
change that solves the problem at its root. Use the tools you are given: edit files with them or with shell commands, search with `rg`, \
and run independent commands at once. Never undo changes that are not yours. Check your work by building or testing where that is \
possible. Say in a sentence what you are about to do before longer steps, and at the end, briefly, what you did and what is left.";

#[derive(Serialize)]
struct Entry<'a> {
    slug: &'a str,
    display_name: &'a str,
    description: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    default_reasoning_level: Option<&'static str>,
    supported_reasoning_levels: Vec<Level>,
    shell_type: &'static str,
    visibility: &'static str,
    supported_in_api: bool,
    priority: usize,
    upgrade: Option<()>,
    base_instructions: &'static str,
    supports_reasoning_summaries: bool,
    supports_reasoning_summary_parameter: bool,
    support_verbosity: bool,
    default_verbosity: Option<()>,
    apply_patch_tool_type: Option<&'static str>,
    truncation_policy: Truncation,
    supports_parallel_tool_calls: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    context_window: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_context_window: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auto_compact_token_limit: Option<u64>,
    experimental_supported_tools: [(); 0],
    input_modalities: &'static [&'static str],
}

#[derive(Serialize)]
struct Level {
    effort: &'static str,
    description: &'static str,
}

#[derive(Serialize)]
struct Truncation {
    mode: &'static str,
    limit: u32,
}

/// Efforts by the names that every release reads, and what people are told of them.
const LEVELS: [(Effort, Level); 6] = [
    (Effort::None, Level { effort: "none", description: "Does not reason" }),
    (Effort::Minimal, Level { effort: "minimal", description: "Reasons as little as it can" }),
    (Effort::Low, Level { effort: "low", description: "Fast, with little reasoning" }),
    (Effort::Medium, Level { effort: "medium", description: "As much reasoning as most tasks need" }),
    (Effort::High, Level { effort: "high", description: "Much reasoning, for hard problems" }),
    (Effort::XHigh, Level { effort: "xhigh", description: "Very much reasoning, for the hardest problems" }),
];

/// The efforts that may be asked for. The gateway makes budgets of them where a model knows no words for it.
fn levels(card: &Card) -> Vec<Level> {
    let usual = [Effort::Low, Effort::Medium, Effort::High];
    let are_known = card.facts.efforts().next().is_some();
    let may = |effort: Effort| {
        if are_known { card.facts.knows(effort) == Some(true) } else { usual.contains(&effort) }
    };
    let told = LEVELS.into_iter().filter(|(effort, _)| card.reasons() == Some(true) && may(*effort));
    told.map(|(_, level)| level).collect()
}

/// At so many tokens the conversation is made shorter: when a tenth of the window is left, as Codex itself does it, or
/// what an answer takes, if that is more.
fn compacts_at(card: &Card) -> Option<u64> {
    const ANSWER: u64 = 20_000;
    let context = card.facts.context()?;
    let answer = card.facts.max_output().unwrap_or(ANSWER).min(ANSWER).min(context / 4);
    Some(context - answer.max(context.div_ceil(10)))
}

/// Whether it is one of OpenAI's that were trained on Codex's own tool for patches.
fn knows_patches(card: &Card) -> bool {
    let bare = card.bare();
    bare.starts_with("gpt-5") || bare.starts_with("gpt-6") || bare.starts_with("codex-")
}

/// Whether Codex brings along an entry that it finds by this name (0.169.0: `gpt-5.5`; `-sol`, `-terra`, `-luna` and
/// `-astra` of what came later; `gpt-daybreak-…`; its reviewer).
fn is_known_to_codex(id: &str) -> bool {
    let bare = match id.split_once('/') {
        Some((_, rest)) if rest.contains('/') => return false,
        Some((_, rest)) => rest,
        None => id,
    };
    if ["gpt-5.5", "gpt-daybreak-", "codex-auto-review"].iter().any(|lead| bare.starts_with(lead)) {
        return true;
    }
    let Some((number, family)) = bare.strip_prefix("gpt-").and_then(|rest| rest.split_once('-')) else { return false };
    let is_later = match number.split_once('.') {
        Some((major, minor)) => major.parse::<u32>().is_ok_and(|n| n > 5) || (major == "5" && minor >= "6"),
        None => number.parse::<u32>().is_ok_and(|n| n > 5),
    };
    is_later && ["sol", "terra", "luna", "astra"].iter().any(|lead| family.starts_with(lead))
}

fn description(card: &Card) -> String {
    match card.targets.as_slice() {
        [] => format!("Served by {}", card.provider),
        targets => format!("Stands for {}", targets.join(", then ")),
    }
}

fn entry(card: &Card, at: usize) -> Entry<'_> {
    let levels = levels(card);
    let default = ["medium", "low", "high"].into_iter().find(|word| levels.iter().any(|level| level.effort == *word));
    let context = card.facts.context();
    Entry {
        slug: &card.id,
        display_name: card.label(),
        description: description(card),
        default_reasoning_level: default,
        supports_reasoning_summaries: card.reasons() == Some(true),
        supports_reasoning_summary_parameter: card.reasons() == Some(true),
        supported_reasoning_levels: levels,
        shell_type: "unified_exec",
        visibility: if at < MOST_SHOWN { "list" } else { "hide" },
        supported_in_api: true,
        priority: FIRST_PRIORITY + at,
        upgrade: None,
        base_instructions: INSTRUCTIONS,
        support_verbosity: false,
        default_verbosity: None,
        apply_patch_tool_type: knows_patches(card).then_some("freeform"),
        truncation_policy: Truncation { mode: "tokens", limit: 10_000 },
        supports_parallel_tool_calls: card.facts.can(Can::ParallelTools) != Some(false),
        context_window: context,
        max_context_window: context,
        auto_compact_token_limit: compacts_at(card),
        experimental_supported_tools: [],
        input_modalities: match card.facts.takes(Modality::Image) {
            Some(true) => &["text", "image"],
            _ => &["text"],
        },
    }
}

/// The catalogue of those of `cards` that an agent can work with; the first ones, where all would be too long.
pub(super) fn catalogue(cards: &[Card], is_whole: bool) -> Bytes {
    let own: HashSet<&str> = if is_whole {
        HashSet::new()
    } else {
        cards.iter().map(|card| card.id.as_str()).filter(|id| is_known_to_codex(id)).collect()
    };
    // An entry that a known name begins with would be taken for it.
    let hides = |id: &str| own.iter().any(|known| known.starts_with(id));
    let fit = cards.iter().filter(|card| card.converses() && card.facts.can(Can::Tools) != Some(false));
    let mut text = br#"{"models":["#.to_vec();
    for (at, card) in fit.filter(|card| !hides(&card.id)).enumerate() {
        let entry = crate::error::json(&entry(card, at));
        if text.len() + entry.len() > MOST_BYTES {
            break;
        }
        if at > 0 {
            text.push(b',');
        }
        text.extend_from_slice(&entry);
    }
    text.extend_from_slice(b"]}");
    text.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Facts;

    #[test]
    fn what_codex_knows_itself_is_left_to_it() {
        for id in
            ["openai/gpt-5.5", "gpt-5.5-pro", "work/gpt-6-sol", "gpt-6.1-terra", "gpt-10-luna", "x/codex-auto-review"]
        {
            assert!(is_known_to_codex(id), "{id}");
        }
        for id in [
            "openai/gpt-5",
            "gpt-5.2-codex",
            "gpt-4.1",
            "gpt-6",
            "openrouter/openai/gpt-6-sol",
            "gpt-oss-sol",
            "claude",
        ] {
            assert!(!is_known_to_codex(id), "{id}");
        }
    }

    #[test]
    fn there_is_room_for_an_answer_when_it_compacts() {
        let at = |context: u64, most: Option<u64>| {
            let facts = Facts::default().with_context(context);
            let facts = most.map_or(facts, |most| facts.with_max_output(most));
            compacts_at(&Card::new("m", "p").with_facts(facts))
        };
        assert_eq!(at(200_000, Some(64_000)), Some(180_000));
        assert_eq!(at(1_000_000, None), Some(900_000));
        assert_eq!(at(128_000, Some(4_096)), Some(115_200));
        assert_eq!(at(32_768, None), Some(24_576));
        assert_eq!(at(1, None), Some(0));
        assert_eq!(compacts_at(&Card::new("m", "p")), None);
    }
}
