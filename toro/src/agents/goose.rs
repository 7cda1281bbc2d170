//! goose: variables, which it reads before its own settings and before the keyring.

use super::Agent;
use super::launch::Launch;
use super::plan::Plan;
use crate::exit::Failure;

/// See the file.
pub(super) const GOOSE: Agent = Agent {
    name: "goose",
    title: "goose",
    programs: &["goose"],
    protocol: "openai",
    install: "see https://goose-docs.ai for packages and scripts",
    removes: &[
        "GOOSE_PROVIDER*",
        "GOOSE_MODEL",
        "GOOSE_FAST_*",
        "GOOSE_LEAD_*",
        "GOOSE_WORKER_*",
        "GOOSE_PLANNER_*",
        "GOOSE_SUBAGENT_PROVIDER",
        "GOOSE_SUBAGENT_MODEL",
        "GOOSE_CONTEXT_LIMIT",
    ],
    sets: &[
        ("GOOSE_PROVIDER", "openai"),
        ("GOOSE_MODEL", "{model}"),
        ("GOOSE_FAST_MODEL", "{small}"),
        ("GOOSE_PLANNER_PROVIDER", "openai"),
        ("GOOSE_PLANNER_MODEL", "{model}"),
        ("OPENAI_HOST", "{root}"),
        ("OPENAI_BASE_PATH", "v1/chat/completions"),
        ("OPENAI_API_KEY", "{key}"),
    ],
    lists: true,
    adapt: Some(adapt),
    ..Agent::NONE
};

#[expect(clippy::unnecessary_wraps, reason = "others may fail")]
fn adapt(plan: &mut Plan, launch: &Launch<'_>) -> Result<(), Failure> {
    if let Some(context) = launch.chosen().and_then(|model| model.context_window) {
        plan.sets.insert("GOOSE_CONTEXT_LIMIT".to_owned(), context.to_string().into());
    }
    Ok(())
}
