//! Finds out which protocols a server speaks: it is asked a short question in each, all at once.

use futures_util::future::join_all;
use tokenrouter::Protocol;
use tokenrouter::catalog::BaseUrl;
use tokenrouter_shared::provider::TriedStep;

use super::provider::{Key, Provider, Unusable};
use super::trial::{self, Terms};
use crate::clock::Clock;
use crate::config::ProviderConfig;

/// What was found at a URL.
#[derive(Debug)]
pub struct Spoken {
    /// The protocols that were answered, in the order in which they are preferred.
    pub protocols: Vec<Protocol>,
    /// The model that was asked.
    pub model: Option<String>,
    /// Why the others were not, by protocol.
    pub failures: Vec<(Protocol, TriedStep)>,
}

/// Asks the server at `base` in every protocol, for its models first and then for a short answer of one of them.
///
/// # Errors
///
/// Where `key` cannot be sent.
pub async fn detect(base: &BaseUrl, key: Option<&Key>, terms: &Terms, clock: &Clock) -> Result<Spoken, Unusable> {
    let mut providers = Vec::new();
    for protocol in Protocol::ALL {
        let config = ProviderConfig {
            name: protocol.as_str().to_owned(),
            protocols: vec![(protocol, base.clone())],
            ..ProviderConfig::default()
        };
        let keys: Vec<Key> = key.cloned().into_iter().collect();
        providers.push((protocol, Provider::new(&config, &keys)?));
    }
    let lists = join_all(providers.iter().map(|(_, provider)| trial::models(provider, terms, clock))).await;
    let mut failures = Vec::new();
    let mut listed: Vec<Vec<String>> = Vec::new();
    for (list, (protocol, _)) in lists.into_iter().zip(&providers) {
        match list {
            Ok(models) => listed.push(models),
            Err(step) => failures.push((*protocol, step)),
        }
    }
    let model = terms.model.clone().or_else(|| listed.into_iter().find_map(|models| trial::choose(&models)));
    let Some(model) = model else {
        return Ok(Spoken { protocols: Vec::new(), model: None, failures });
    };
    let answers = join_all(providers.iter().map(|(_, provider)| trial::answers(provider, &model, terms, clock))).await;
    let (mut protocols, mut failures) = (Vec::new(), Vec::new());
    for (answer, (protocol, _)) in answers.into_iter().zip(&providers) {
        match answer {
            Ok(()) => protocols.push(*protocol),
            Err(step) => failures.push((*protocol, step)),
        }
    }
    Ok(Spoken { protocols, model: Some(model), failures })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokenrouter_simulator::{Settings, Simulator};

    use super::*;

    async fn found(url: &str, key: Option<&str>) -> Spoken {
        let terms = Terms { model: None, deadline: Duration::from_secs(30), secrets: Vec::new() };
        let key = key.map(|key| Key::fixed("1", 1, key.into()));
        detect(&BaseUrl::parse(url).unwrap(), key.as_ref(), &terms, &Clock::system()).await.unwrap()
    }

    #[tokio::test]
    async fn every_protocol_of_a_server_is_found_with_and_without_the_version_in_its_url() {
        let settings = Settings { api_key: Some("k".into()), ..Settings::default() };
        let simulator = Simulator::start("127.0.0.1:0".parse().unwrap(), settings).await.unwrap();
        let spoken = found(&simulator.url(), Some("k")).await;
        assert_eq!(spoken.protocols, Protocol::ALL, "{spoken:?}");
        // Whoever has `v1` in its URL has no `v2`, which is Cohere's.
        let spoken = found(&format!("{}/v1", simulator.url()), Some("k")).await;
        assert_eq!(spoken.protocols, Protocol::ALL[..4], "{spoken:?}");
        assert_eq!(spoken.failures[0].1.problem.as_deref(), Some("not found"), "{spoken:?}");
        let refused = found(&simulator.url(), None).await;
        assert!(refused.protocols.is_empty() && refused.model.is_none());
        assert!(
            refused.failures.iter().all(|(_, step)| step.problem.as_deref() == Some("authentication")),
            "{refused:?}"
        );
        simulator.stop().await;
    }
}
