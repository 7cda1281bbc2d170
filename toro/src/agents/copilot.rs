//! GitHub Copilot CLI: a provider of the user's own by variables; what it does beside the model (GitHub itself) stays with the
//! user's GitHub login.

use super::Agent;
use super::launch::Launch;
use super::plan::Plan;
use crate::exit::Failure;

/// See the file.
pub(super) const COPILOT: Agent = Agent {
    name: "copilot",
    title: "GitHub Copilot CLI",
    programs: &["copilot"],
    protocol: "openai",
    install: "npm install -g @github/copilot",
    removes: &["COPILOT_PROVIDER_*", "COPILOT_MODEL"],
    sets: &[
        ("COPILOT_PROVIDER_BASE_URL", "{v1}"),
        ("COPILOT_PROVIDER_TYPE", "openai"),
        ("COPILOT_PROVIDER_API_KEY", "{key}"),
        ("COPILOT_MODEL", "{model}"),
    ],
    chooses: &["--model"],
    lists: true,
    adapt: Some(adapt),
    ..Agent::NONE
};

#[expect(clippy::unnecessary_wraps, reason = "others may fail")]
fn adapt(plan: &mut Plan, launch: &Launch<'_>) -> Result<(), Failure> {
    let Some(model) = launch.chosen() else { return Ok(()) };
    let limits = [
        ("COPILOT_PROVIDER_MAX_PROMPT_TOKENS", model.context_window),
        ("COPILOT_PROVIDER_MAX_OUTPUT_TOKENS", model.max_output_tokens),
    ];
    for (name, limit) in limits {
        plan.sets.extend(limit.map(|limit| (name.to_owned(), limit.to_string().into())));
    }
    Ok(())
}
