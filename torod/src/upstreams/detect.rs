//! What this machine has already: provider keys in the environment, model servers on loopback.

use std::collections::HashSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use http::Request;
use http_body_util::{BodyExt, Limited};
use tokenrouter::call::{Client, Pieces, Timeouts};
use tokenrouter::catalog::{Preset, Presets};
use tokenrouter::openai::models::read_list;

use crate::config::{FoundKey, FoundServer};

/// The largest model list that a local server may send.
const MAX_BYTES: usize = 4 << 20;

/// The well-known providers whose key is in the environment, in the catalogue's order. One variable is one provider's: of
/// several the first; and a provider that needs more than a key is for the operator to describe.
pub fn env_keys(env: &dyn Fn(&str) -> Option<String>) -> Vec<FoundKey> {
    let is_set = |name: &&'static String| env(name).is_some_and(|value| !value.trim().is_empty());
    let mut taken = HashSet::new();
    Preset::all()
        .filter(|preset| preset.needs.is_empty())
        .filter_map(|preset| Some(FoundKey { preset: &preset.id, env_var: preset.env.iter().find(is_set)? }))
        .filter(|found| taken.insert(found.env_var))
        .collect()
}

/// The model servers that answer on their usual loopback ports within `timeout`; never our own address.
pub async fn local_servers(presets: &Presets, own: SocketAddr, timeout: Duration) -> Vec<FoundServer> {
    let probes = presets.all().filter_map(|preset| {
        let port = preset.local_port.filter(|port| *port != own.port())?;
        Some(async move { probe(preset, SocketAddr::from((Ipv4Addr::LOCALHOST, port)), timeout).await })
    });
    join_all(probes).await.into_iter().flatten().collect()
}

/// The model server at `addr`, if one answers there within `timeout`.
pub(super) async fn probe(preset: &Arc<Preset>, addr: SocketAddr, timeout: Duration) -> Option<FoundServer> {
    let url = format!("http://{addr}");
    let client = Client::new(Timeouts { connect: timeout, first_byte: timeout, idle: timeout }, 0);
    let asked = async {
        let request = Request::get(format!("{url}/v1/models")).body(Pieces::default()).ok()?;
        let answer = client.send(request).await.ok()?;
        if !answer.status().is_success() {
            return None;
        }
        let body = Limited::new(answer.into_body(), MAX_BYTES).collect().await.ok()?.to_bytes();
        read_list(&body)
    };
    let models = tokio::time::timeout(timeout, asked).await.ok()??.len();
    Some(FoundServer { preset: preset.id.clone(), url, models })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_keys_and_never_keeps_them() {
        let env = |name: &str| match name {
            "OPENAI_API_KEY" => Some("sk-secret".to_owned()),
            "GROQ_API_KEY" => Some("  ".to_owned()),
            "GOOGLE_API_KEY" => Some("g".to_owned()),
            // Two presets read the first; the second alone is not enough to call anybody.
            "MOONSHOT_API_KEY" => Some("m".to_owned()),
            "CLOUDFLARE_API_TOKEN" => Some("c".to_owned()),
            _ => None,
        };
        let found = env_keys(&env);
        assert_eq!(found[0], FoundKey { preset: "openai", env_var: "OPENAI_API_KEY" });
        assert_eq!(found[1], FoundKey { preset: "gemini", env_var: "GOOGLE_API_KEY" });
        assert_eq!(found[2], FoundKey { preset: "moonshot", env_var: "MOONSHOT_API_KEY" });
        assert_eq!(found.len(), 3);
        assert!(!format!("{found:?}").contains("sk-secret"));
    }

    #[tokio::test]
    async fn a_local_server_is_found_by_its_model_list() {
        let settings = tokenrouter_simulator::Settings::default();
        let simulator =
            tokenrouter_simulator::Simulator::start("127.0.0.1:0".parse().unwrap(), settings).await.unwrap();
        let preset = &Presets::default().find("ollama").unwrap();
        let found = probe(preset, simulator.addr(), Duration::from_secs(5)).await.unwrap();
        assert_eq!((found.preset.as_str(), found.url == simulator.url()), ("ollama", true));
        assert!(found.models > 3);
        let addr = simulator.addr();
        simulator.stop().await;
        assert_eq!(probe(preset, addr, Duration::from_secs(5)).await, None);
    }
}
