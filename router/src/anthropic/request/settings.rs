//! Thinking, sampling and limits of an Anthropic Messages request.

use serde::Serialize;
use serde_json::Number;

use crate::chat::request::Level;
use crate::chat::{Field, Losses, Request, Target};
use crate::dialect::{self, Quirk};

#[derive(Serialize)]
pub(super) struct ThinkingOut<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    budget_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    display: Option<&'a str>,
}

/// What the request says about how to think and to write.
#[derive(Default)]
pub(super) struct Settings<'a> {
    pub(super) max_tokens: u64,
    pub(super) thinking: Option<ThinkingOut<'a>>,
    pub(super) effort: Option<&'static str>,
    pub(super) temperature: Option<Number>,
    pub(super) top_p: Option<&'a Number>,
    pub(super) top_k: Option<u64>,
}

/// The least budget that the vendor takes.
const LEAST_BUDGET: u64 = 1024;

/// Reads them off `request`. `may_think`: manual thinking fits the conversation and the choice of tools.
pub(super) fn settings<'a>(
    request: &'a Request,
    target: &Target,
    may_think: bool,
    losses: &mut Losses,
) -> Settings<'a> {
    let mut out = Settings {
        max_tokens: request
            .max_tokens
            .or(target.max_tokens)
            .unwrap_or_else(|| dialect::default_max_tokens(&target.model)),
        ..Settings::default()
    };
    thinking(request, target, may_think, &mut out, losses);
    sampling(request, target, &mut out, losses);
    out
}

fn thinking<'a>(request: &'a Request, target: &Target, may_think: bool, out: &mut Settings<'a>, losses: &mut Losses) {
    let Some(effort) = &request.reasoning else { return };
    let field = Field::Effort.in_protocol(request.protocol);
    let level = effort.level.or_else(|| effort.budget.map(Level::of_budget)).unwrap_or(Level::Adaptive);
    if target.dialect.has(Quirk::NoThinking) {
        if level != Level::None {
            losses.dropped(field);
        }
        return;
    }
    if level == Level::None && target.dialect.has(Quirk::AlwaysThinks) {
        out.effort = Some(Level::Low.as_str());
        return;
    }
    if level == Level::None {
        out.thinking = Some(ThinkingOut { kind: "disabled", budget_tokens: None, display: None });
        return;
    }
    if target.dialect.has(Quirk::AdaptiveThinking) {
        let display = match effort.summary.as_deref() {
            Some("omitted" | "none") => Some("omitted"),
            // Who asks for reasoning in another protocol expects to see it.
            _ => Some("summarized"),
        };
        out.thinking = Some(ThinkingOut { kind: "adaptive", budget_tokens: None, display });
        let said = match level {
            Level::Minimal => Level::Low,
            Level::XHigh if !target.dialect.has(Quirk::EffortXHigh) => Level::High,
            level => target.dialect.nearest(level),
        };
        if said != level {
            losses.changed(field);
        }
        out.effort = (said != Level::Adaptive).then(|| said.as_str());
        return;
    }
    if !may_think {
        losses.dropped(field);
        return;
    }
    let wanted = effort.budget.or_else(|| level.budget());
    let wanted = wanted.unwrap_or(if level == Level::Max { out.max_tokens } else { 8192 }).max(LEAST_BUDGET);
    if out.max_tokens <= LEAST_BUDGET {
        // There would be no room for any thought.
        out.max_tokens = out.max_tokens.saturating_add(LEAST_BUDGET);
    }
    let budget = wanted.min(out.max_tokens - 1);
    out.thinking = Some(ThinkingOut { kind: "enabled", budget_tokens: Some(budget), display: None });
}

fn sampling<'a>(request: &'a Request, target: &Target, out: &mut Settings<'a>, losses: &mut Losses) {
    let sampling = &request.sampling;
    let name = |field: Field| field.in_protocol(request.protocol);
    let thinks = out.thinking.as_ref().is_some_and(|thinking| thinking.kind != "disabled");
    let refused = target.dialect.has(Quirk::NoSampling);
    if let Some(temperature) = &sampling.temperature {
        let value = temperature.as_f64().unwrap_or(1.0);
        if refused || (thinks && (value - 1.0).abs() > f64::EPSILON) {
            losses.dropped(name(Field::Temperature));
        } else if value > 1.0 {
            losses.changed(name(Field::Temperature));
            out.temperature = Some(Number::from(1));
        } else {
            out.temperature = Some(temperature.clone());
        }
    }
    if sampling.top_p.is_some() {
        // Newer models take one of the two only.
        if refused || thinks || sampling.temperature.is_some() {
            losses.dropped(name(Field::TopP));
        } else {
            out.top_p = sampling.top_p.as_ref();
        }
    }
    if sampling.top_k.is_some() {
        if refused || thinks {
            losses.dropped(name(Field::TopK));
        } else {
            out.top_k = sampling.top_k;
        }
    }
    let given = [
        (sampling.presence_penalty.is_some(), Field::PresencePenalty),
        (sampling.frequency_penalty.is_some(), Field::FrequencyPenalty),
        (sampling.seed.is_some(), Field::Seed),
    ];
    given.iter().filter(|(given, _)| *given).for_each(|(_, field)| losses.dropped(name(*field)));
}
