//! The torod that was written in Go: its keys are mostly ours; its tokens are made anew.

use chrono::DateTime;
use serde_json::Value;
use tokenrouter::catalog::Presets;
use tokenrouter_shared::Role;

use super::keys::{base_url, key, provider_name};
use super::tree::Branch;
use super::{Foreign, ForeignToken, Plan, Unit};
use crate::config::shorten;

pub(super) fn plan(tree: &Value, presets: &Presets) -> Plan {
    let mut plan = Plan::default();
    let mut root = Branch::new("", tree);
    if let Some(text) = root.text("listen_addr") {
        // `:7050` meant every network.
        let whole =
            if text.starts_with(':') { format!("0.0.0.0{text}") } else { text.replace("localhost", "127.0.0.1") };
        match whole.parse::<std::net::SocketAddr>() {
            Ok(addr) => plan.settings.push(("listen_addr", addr.to_string().into())),
            Err(_) => plan.left.note("listen_addr: no address with a port"),
        }
    }
    // Where these were not said, they were off there.
    for key in ["allow_localhost_no_auth", "auto_enable_public_free_models"] {
        plan.settings.push((key, root.switch(key).unwrap_or(false).into()));
    }
    if let Some(finds) = root.switch("auto_detect_local_servers") {
        plan.settings.push(("auto_detect_local_servers", finds.into()));
    }
    let default = root.text("default_provider");
    if let Some(mut conversations) = root.branch("conversations") {
        if let Some(enabled) = conversations.switch("enabled") {
            plan.settings.push(("conversations.enabled", enabled.into()));
        }
        for (theirs, ours, most) in
            [("max_items", "conversations.max_items", 200_000), ("max_age_days", "conversations.max_age_days", 3_650)]
        {
            if let Some(number) = conversations.integer(theirs).filter(|n| (1..=most).contains(n)) {
                plan.settings.push((ours, number.into()));
            }
        }
        conversations.end(&mut plan.left);
    }
    if let Some(mut logs) = root.branch("logs") {
        if let Some(lines) = logs.integer("max_lines").filter(|n| (100..=200_000).contains(n)) {
            plan.settings.push(("log.keep_lines", lines.into()));
        }
        logs.end(&mut plan.left);
    }
    if let Some(mut tls) = root.branch("tls")
        && tls.switch("enabled") == Some(true)
    {
        plan.left.note("tls: [tls] is written anew: `torod config reference` explains it");
    }
    root.pass(&["http_mode", "auto_remove_expired_tokens", "auto_remove_empty_quota_tokens"]);
    for entry in root.list("providers") {
        provider(entry, presets, &mut plan);
    }
    if let Some(name) = default {
        let name = provider_name(&name);
        if plan.providers.iter().any(|provider| provider.name == name) {
            plan.settings.push(("default_provider", name.into()));
        }
    }
    let tokens = root.list("incoming_tokens");
    for entry in tokens {
        token(entry, &mut plan);
    }
    for old in root.list("incoming_api_keys") {
        if old.is_string() {
            let name = format!("Token {}", plan.tokens.len() + 1);
            plan.tokens.push(ForeignToken { name, role: Role::Inferrer, budgets: Vec::new(), expires_ms: None });
        }
    }
    if root.take("admin_api_key").is_some() {
        plan.tokens.push(ForeignToken {
            name: "admin".to_owned(),
            role: Role::Admin,
            budgets: Vec::new(),
            expires_ms: None,
        });
    }
    root.end(&mut plan.left);
    plan
}

fn provider(entry: &Value, presets: &Presets, plan: &mut Plan) {
    let mut entry = Branch::new("providers[].", entry);
    let Some(name) = entry.text("name") else {
        return plan.left.note("providers[]: one without a name");
    };
    let kind = entry.text("provider_type").unwrap_or_else(|| name.clone());
    let preset = presets.find(&kind);
    let url = entry.text("base_url");
    let mut urls = Vec::new();
    if let Some(text) = &url {
        match base_url(text) {
            Some(url) => {
                let is_its_own = preset.as_ref().is_some_and(|preset| {
                    preset
                        .endpoints
                        .iter()
                        .any(|endpoint| endpoint.base_url.trim_end_matches("/v1") == url.trim_end_matches("/v1"))
                });
                if !is_its_own {
                    let protocol = if kind == "anthropic" { "anthropic" } else { "openai" };
                    urls.push((protocol.to_owned(), url));
                }
            }
            None => plan.left.note(format!("providers[].base_url of {}: no URL that can be called", shorten(&name))),
        }
    }
    if preset.is_none() && urls.is_empty() {
        return plan
            .left
            .note(format!("providers: {}: no provider is known by this name here, and it has no URL", shorten(&name)));
    }
    let secret = entry.text("api_key");
    let is_signed_in =
        entry.text("refresh_token").is_some() || (secret.is_none() && entry.text("auth_token").is_some());
    if is_signed_in {
        plan.left.note(format!(
            "the sign-in of {}: a key, or a sign-in of your own, `torod provider login`",
            shorten(&name)
        ));
    }
    entry.pass(&[
        "auth_token",
        "token_expires_at",
        "account_id",
        "device_auth_url",
        "model_list_url",
        "timeout_seconds",
    ]);
    let enabled = entry.switch("enabled").unwrap_or(false);
    let keys: Vec<_> = secret.as_deref().and_then(key).into_iter().collect();
    // One that only a sign-in opened would refuse everything.
    let enabled = enabled && !(is_signed_in && keys.is_empty());
    let preset = if urls.is_empty() { preset.map(|preset| preset.id.clone()) } else { None };
    entry.end(&mut plan.left);
    plan.providers.push(Foreign { name: provider_name(&name), preset, urls, keys, enabled, ..Foreign::default() });
}

fn token(entry: &Value, plan: &mut Plan) {
    let mut entry = Branch::new("incoming_tokens[].", entry);
    let name = entry.text("name").unwrap_or_else(|| format!("Token {}", plan.tokens.len() + 1));
    let role = match entry.text("role").as_deref() {
        Some("admin") => Role::Admin,
        Some("keymaster") => Role::Keymaster,
        _ => Role::Inferrer,
    };
    let expires_ms =
        entry.text("expires_at").and_then(|at| DateTime::parse_from_rfc3339(&at).ok()).map(|at| at.timestamp_millis());
    let mut budgets = Vec::new();
    if let Some(mut quota) = entry.branch("quota") {
        for (unit, branch) in [(Unit::Requests, quota.branch("requests")), (Unit::Tokens, quota.branch("tokens"))] {
            let Some(mut branch) = branch else { continue };
            let seconds = branch.integer("interval_seconds").and_then(|n| u64::try_from(n).ok()).unwrap_or(0);
            if let Some(limit) = branch.integer("limit").and_then(|n| u64::try_from(n).ok()).filter(|n| *n > 0) {
                budgets.push((unit, limit, seconds));
            }
        }
    }
    if entry.text("parent_id").is_some() {
        plan.left.note("incoming_tokens[].parent_id: each token stands for itself");
    }
    entry.pass(&["id", "key", "created_at", "comment"]);
    entry.end(&mut plan.left);
    let name: String = name.chars().filter(|c| !c.is_control()).take(60).collect();
    plan.tokens.push(ForeignToken { name, role, budgets, expires_ms });
}
