//! The names of the fields of litellm's list.

use crate::catalog::models::{Can, Modality};
use crate::price::{ServiceTier, Unit, When};

/// Beginnings of names of prices. None is the beginning of another one's match: what follows must be a known ending.
pub(super) const PRICES: &[(&str, Unit)] = &[
    ("input_cost_per_token", Unit::Input),
    ("output_cost_per_token", Unit::Output),
    ("cache_read_input_token_cost", Unit::CacheRead),
    ("cache_creation_input_token_cost", Unit::CacheWrite5m),
    ("output_cost_per_reasoning_token", Unit::Reasoning),
    ("input_cost_per_audio_token", Unit::AudioIn),
    ("cache_read_input_audio_token_cost", Unit::AudioCached),
    ("output_cost_per_audio_token", Unit::AudioOut),
    ("input_cost_per_image_token", Unit::ImageIn),
    ("cache_read_input_image_token_cost", Unit::ImageCached),
    ("output_cost_per_image_token", Unit::ImageOut),
    ("input_cost_per_request", Unit::Request),
    ("input_cost_per_query", Unit::Request),
    ("output_cost_per_image", Unit::Image),
    ("input_cost_per_second", Unit::SecondIn),
    ("output_cost_per_second", Unit::SecondOut),
    ("input_cost_per_character", Unit::Character),
];

pub(super) const ABILITIES: &[(&str, Can)] = &[
    ("supports_function_calling", Can::Tools),
    ("supports_parallel_function_calling", Can::ParallelTools),
    ("supports_reasoning", Can::Reasoning),
    ("thinking_always_on", Can::AlwaysThinks),
    ("supports_adaptive_thinking", Can::AdaptiveThinking),
    ("supports_legacy_thinking", Can::ThinkingBudget),
    ("supports_response_schema", Can::Schema),
    ("supports_native_structured_output", Can::StrictSchema),
    ("supports_output_config", Can::OutputConfig),
    ("supports_prompt_caching", Can::PromptCache),
    ("supports_prompt_cache_breakpoint", Can::CacheMarks),
    ("supports_sampling_params", Can::Sampling),
    ("supports_system_messages", Can::System),
    ("supports_mid_conversation_system", Can::LateSystem),
    ("supports_assistant_prefill", Can::Prefill),
    ("supports_web_search", Can::WebSearch),
    ("supports_tool_search", Can::ToolSearch),
];

pub(super) const INPUTS: &[(&str, Modality)] = &[
    ("supports_vision", Modality::Image),
    ("supports_image_input", Modality::Image),
    ("supports_audio_input", Modality::Audio),
    ("supports_video_input", Modality::Video),
    ("supports_pdf_input", Modality::Pdf),
];

/// What follows the name of a price: the unit it turns it into, when it holds, and whether it is for twelve hours.
pub(super) fn ending(mut rest: &str, mut unit: Unit, mut when: When) -> Option<(Unit, When, bool)> {
    let mut twelve_hours = false;
    for (life, twelve) in [("_above_1hr", false), ("_above_12hr", true)] {
        if let Some(after) = rest.strip_prefix(life).filter(|after| after.is_empty() || after.starts_with('_')) {
            if unit != Unit::CacheWrite5m {
                return None;
            }
            (unit, rest, twelve_hours) = (Unit::CacheWrite1h, after, twelve);
        }
    }
    if let Some((number, after)) = rest.strip_prefix("_above_").and_then(|rest| rest.split_once("_tokens")) {
        let (digits, times) = number.strip_suffix('k').map_or((number, 1), |digits| (digits, 1000));
        when.above = digits.parse::<u32>().ok()?.checked_mul(times)?;
        rest = after;
    }
    when.tier = match rest {
        "" => when.tier,
        "_batches" => ServiceTier::Batch,
        "_flex" => ServiceTier::Flex,
        "_priority" => ServiceTier::Priority,
        _ => return None,
    };
    Some((unit, when, twelve_hours))
}
