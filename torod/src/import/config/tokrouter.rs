//! tokrouter: `keys` become providers, the aliases of their models ours.

use serde_json::Value;
use tokenrouter::catalog::Presets;

use super::keys::{base_url, key, provider_name};
use super::tree::Branch;
use super::{Foreign, ForeignModel, Plan};
use crate::config::{AliasConfig, TargetConfig, shorten};

const PROTOCOLS: [&str; 4] = ["openai", "anthropic", "gemini", "cohere"];

pub(super) fn plan(tree: &Value, presets: &Presets) -> Plan {
    let mut plan = Plan::default();
    let mut root = Branch::new("", tree);
    if let Some(mut server) = root.branch("server") {
        let host = server.text("host").unwrap_or_else(|| "127.0.0.1".to_owned());
        if let Some(port) = server.integer("port").filter(|port| (1..65_536).contains(port))
            && let Ok(ip) = host.parse::<std::net::IpAddr>()
        {
            let addr = std::net::SocketAddr::new(ip, u16::try_from(port).unwrap_or_default());
            plan.settings.push(("listen_addr", addr.to_string().into()));
        }
        server.pass(&["log_level"]);
        server.end(&mut plan.left);
    }
    if let Some(mut router) = root.branch("router") {
        if let Some(mut retry) = router.branch("retry") {
            if let Some(retries) = retry.integer("max_retries").filter(|n| (0..10).contains(n)) {
                plan.settings.push(("routing.attempts", (retries + 1).into()));
            }
            // They did nothing there.
            retry.pass(&["timeout", "backoff"]);
            retry.end(&mut plan.left);
        }
        router.end(&mut plan.left);
    }
    if let Some(mut log) = root.branch("log") {
        if let Some(level) =
            log.text("level").filter(|level| ["debug", "info", "warn", "error"].contains(&level.as_str()))
        {
            plan.settings.push(("log.level", level.into()));
        }
        log.pass(&["format", "output"]);
        log.end(&mut plan.left);
    }
    if let Some(stats) = root.branch("stats") {
        drop(stats);
        plan.left.note("stats: `torod import usage` takes what was counted");
    }
    root.pass(&["trace", "rate_limit", "http"]);
    let mut routes: Vec<(i64, String, TargetConfig)> = Vec::new();
    for (at, entry) in root.list("keys").iter().enumerate() {
        service(at, entry, presets, &mut routes, &mut plan);
    }
    // The smaller number goes first, and the file's order decides between equal ones.
    routes.sort_by_key(|(priority, ..)| *priority);
    for (_, name, target) in routes {
        match plan.aliases.iter_mut().find(|alias| alias.name == name) {
            Some(alias) => alias.targets.push(target),
            None => plan.aliases.push(AliasConfig { name, targets: vec![target], ..AliasConfig::default() }),
        }
    }
    root.end(&mut plan.left);
    plan
}

fn service(
    at: usize,
    entry: &Value,
    presets: &Presets,
    routes: &mut Vec<(i64, String, TargetConfig)>,
    plan: &mut Plan,
) {
    let mut entry = Branch::new("keys[].", entry);
    let id = entry.text("provider");
    let name = entry.text("name").or_else(|| id.as_ref().map(|id| format!("{id}-{}", at + 1)));
    let name = name.unwrap_or_else(|| format!("provider-{}", at + 1));
    let preset = id.as_deref().and_then(|id| presets.find(id));
    let mut urls = Vec::new();
    if let Some(mut all) = entry.branch("base_urls") {
        for protocol in PROTOCOLS {
            let Some(text) = all.text(protocol) else { continue };
            match base_url(&text) {
                Some(url) => urls.push((protocol.to_owned(), url)),
                None => plan.left.note(format!("keys[].base_urls of {}: no URL that can be called", shorten(&name))),
            }
        }
        all.end(&mut plan.left);
    }
    if let Some(text) = entry.text("base_url") {
        let format = entry.text("format").filter(|format| PROTOCOLS.contains(&format.as_str()));
        urls.extend(base_url(&text).map(|url| (format.unwrap_or_else(|| "openai".to_owned()), url)));
    }
    entry.pass(&["format", "protocols", "enabled"]);
    if preset.is_none() && urls.is_empty() {
        let who = shorten(id.as_deref().unwrap_or(&name));
        plan.left.note(format!("keys: {who}: no provider is known by this name here, and it has no base_urls"));
        return;
    }
    let secret = entry.text("secret");
    let keys = secret.as_deref().and_then(key).into_iter().collect();
    if secret.is_some_and(|text| key(&text).is_none()) {
        plan.left.note(format!("keys[].secret of {}: it is no key", shorten(&name)));
    }
    // A preset's service was always on there, whatever it said.
    let enabled = preset.is_some() || entry.switch("enabled").unwrap_or(true);
    let number = plan.providers.len();
    let mut models = Vec::new();
    for model in entry.list("models") {
        let mut model = Branch::new("keys[].models[].", model);
        let Some(id) = model.text("name") else { continue };
        let priority = model.integer("priority").unwrap_or(0);
        let context = model.integer("context").filter(|n| *n > 0);
        if let Some(alias) = model.text("alias").filter(|alias| *alias != id) {
            let provider = Some(format!("#{number}"));
            routes.push((priority, alias, TargetConfig { profile: None, provider, model: id.clone(), weight: None }));
        }
        if let Some(mut price) = model.branch("pricing") {
            // Per thousand there.
            let per_million = |cost: Option<f64>| cost.filter(|c| (0.0..1000.0).contains(c)).map(|cost| cost * 1e3);
            let price = [per_million(price.number("input")), per_million(price.number("output")), None, None];
            models.push(ForeignModel { id, price, room: [context, None], ..ForeignModel::default() });
        } else if context.is_some() {
            models.push(ForeignModel { id, room: [context, None], ..ForeignModel::default() });
        }
        model.end(&mut plan.left);
    }
    entry.end(&mut plan.left);
    plan.providers.push(Foreign {
        name: provider_name(&name),
        preset: if urls.is_empty() { preset.map(|preset| preset.id.clone()) } else { None },
        urls,
        keys,
        enabled,
        models,
        ..Foreign::default()
    });
}
