//! Qwen Code: variables, and settings of the system's kind, which go before those of the user and the project: a provider that
//! was chosen there would go past the gateway.

use serde_json::{Value, json};

use super::Agent;
use super::launch::Launch;
use super::merged::system_settings;
use super::plan::Plan;
use crate::exit::Failure;

/// See the file.
pub(super) const QWEN: Agent = Agent {
    name: "qwen",
    title: "Qwen Code",
    programs: &["qwen"],
    protocol: "openai",
    install: "npm install -g @qwen-code/qwen-code",
    removes: &["QWEN_MODEL", "QWEN_CODE_MODEL", "QWEN_OAUTH", "QWEN_DEFAULT_AUTH_TYPE", "DASHSCOPE_*", "GOOGLE_MODEL"],
    sets: &[
        ("OPENAI_BASE_URL", "{v1}"),
        ("OPENAI_API_KEY", "{key}"),
        ("OPENAI_MODEL", "{model}"),
        ("QWEN_CODE_SYSTEM_SETTINGS_PATH", "{folder}/settings.json"),
    ],
    lists: true,
    adapt: Some(adapt),
    ..Agent::NONE
};

fn adapt(_: &mut Plan, launch: &Launch<'_>) -> Result<(), Failure> {
    let url = launch.address.url("/v1");
    let models = launch.offered().into_iter().map(|model| {
        let mut told = json!({ "id": model.id, "name": model.id, "envKey": "OPENAI_API_KEY", "baseUrl": url });
        if let (Some(context), Some(told)) = (model.context_window, told.as_object_mut()) {
            told.insert("generationConfig".to_owned(), json!({ "contextWindowSize": context }));
        }
        told
    });
    let mut ours = json!({
        "security": { "auth": { "selectedType": "openai", "baseUrl": url } },
        "modelProviders": { "openai": models.collect::<Vec<Value>>() },
    });
    if let (Some(model), Some(ours)) = (&launch.models.main, ours.as_object_mut()) {
        ours.insert("model".to_owned(), json!({ "name": model }));
    }
    system_settings(launch, "QWEN_CODE_SYSTEM_SETTINGS_PATH", "/etc/qwen-code/settings.json", ours)
}
