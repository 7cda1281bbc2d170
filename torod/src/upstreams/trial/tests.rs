//! Trials of a simulated provider that works, refuses and hangs.

use tokenrouter_simulator::{Settings, Simulator};

use super::*;
use crate::config::parse;
use crate::upstreams::provider::Key;

const KEY: &str = "sk-trial-hidden";

async fn simulator(settings: Settings) -> Simulator {
    Simulator::start("127.0.0.1:0".parse().unwrap(), settings).await.unwrap()
}

fn provider(protocol: &str, url: &str) -> Provider {
    let text = format!("[[providers]]\nname = \"p\"\nprotocols = {{ {protocol} = \"{url}\" }}\n");
    let key = Key::fixed("1", 1, KEY.into());
    Provider::new(&parse(&text, "t").unwrap().providers[0], &[key]).unwrap()
}

async fn tried(provider: &Provider, model: Option<&str>, deadline: Duration) -> Tried {
    let terms = Terms { model: model.map(str::to_owned), deadline, secrets: vec![KEY.into()] };
    let mut begun = Vec::new();
    let mut ended = Vec::new();
    let tried =
        run(provider, &terms, &Clock::system(), &mut |what, _| begun.push(what), &mut |step| ended.push(step.clone()))
            .await;
    assert_eq!(ended, tried.steps, "every step is told as it ends");
    assert!(begun.len() <= 2 + ended.len());
    assert!(!format!("{tried:?}").contains("hidden"), "{tried:?}");
    tried
}

fn results(tried: &Tried) -> Vec<&str> {
    tried.steps.iter().map(|step| step.result.as_str()).collect()
}

const LONG: Duration = Duration::from_secs(30);

#[tokio::test]
async fn everything_works_in_every_protocol() {
    let settings = Settings { api_key: Some(KEY.to_owned()), interval: Duration::ZERO, ..Settings::default() };
    let simulator = simulator(settings).await;
    for protocol in Protocol::ALL {
        let provider = provider(protocol.as_str(), &simulator.url());
        let tried = tried(&provider, Some("tool"), LONG).await;
        assert_eq!(results(&tried), ["works"; 4], "{protocol}: {tried:?}");
        assert_eq!((tried.works, tried.protocol.as_deref()), (true, Some(protocol.as_str())));
        assert!(tried.models > Some(3) && tried.steps[2].first_ms.is_some(), "{tried:?}");
    }
    // Its limit has another name.
    let tried_without = tried(&provider("openai", &simulator.url()), Some("tool+reasoning=1"), LONG).await;
    assert_eq!(results(&tried_without), ["works"; 4], "{tried_without:?}");
    // Without a model a plausible one is taken; this one speaks and calls no tools.
    let tried = tried(&provider("openai", &simulator.url()), None, LONG).await;
    assert!(tried.works && tried.model.is_some(), "{tried:?}");
    simulator.stop().await;
}

#[tokio::test]
async fn each_failure_has_its_word() {
    let simulator = simulator(Settings::default()).await;
    for protocol in Protocol::ALL {
        for (model, word, status) in [
            ("s401", "authentication", Some(401)),
            ("nobody-knows", "model not found", Some(404)),
            ("s400", "refused", Some(400)),
            ("s429x9", "rate limit", Some(429)),
            ("s503", "provider failed", Some(503)),
            ("html502", "provider failed", Some(502)),
        ] {
            let tried = tried(&provider(protocol.as_str(), &simulator.url()), Some(model), LONG).await;
            let chat = &tried.steps[1];
            assert_eq!((chat.problem.as_deref(), chat.status), (Some(word), status), "{protocol} {model}: {chat:?}");
            assert!(!tried.works && !chat.message.is_empty(), "{protocol} {model}");
            assert_eq!(results(&tried), ["works", "fails", "skipped", "skipped"], "{protocol} {model}");
        }
    }
    let late = tried(&provider("openai", &simulator.url()), Some("hanghdr"), Duration::from_millis(200)).await;
    assert_eq!(late.steps[1].problem.as_deref(), Some("timeout"));
    let tls = tried(&provider("openai", &simulator.url().replace("http:", "https:")), Some("ok"), LONG).await;
    assert_eq!(tls.steps[0].problem.as_deref(), Some("tls"), "{tls:?}");
    assert!(tls.steps[0].message.starts_with("this port speaks no TLS: try http://127.0.0.1:"), "{tls:?}");
    let url = simulator.url();
    simulator.stop().await;
    let gone = tried(&provider("openai", &url), None, LONG).await;
    assert_eq!(gone.steps[0].problem.as_deref(), Some("unreachable"), "{gone:?}");
    assert!(gone.steps[0].message.starts_with("nothing listens at 127.0.0.1:"), "{gone:?}");
    assert_eq!(gone.steps[1].problem.as_deref(), Some("unreachable"), "{gone:?}");
}

#[tokio::test]
async fn a_refused_key_is_told_though_no_model_is_known() {
    let simulator = simulator(Settings { api_key: Some("another".to_owned()), ..Settings::default() }).await;
    let tried = tried(&provider("anthropic", &simulator.url()), None, LONG).await;
    let words: Vec<_> = tried.steps.iter().map(|step| step.problem.as_deref()).collect();
    assert_eq!(words, [Some("authentication"), Some("authentication"), None, None], "{tried:?}");
    simulator.stop().await;
}

#[tokio::test]
async fn a_described_model_is_tried_where_it_is_listed() {
    let open = simulator(Settings::default()).await;
    let with = |models: &str| {
        let text = format!("[[providers]]\nname = \"p\"\nbase_url = \"{}\"\n{models}", open.url());
        Provider::new(&parse(&text, "t").unwrap().providers[0], &[]).unwrap()
    };
    let described = "[[providers.models]]\nid = \"gone\"\n[[providers.models]]\nid = \"tool\"\n";
    let chosen = tried(&with(described), None, LONG).await;
    assert_eq!((chosen.works, chosen.model.as_deref()), (true, Some("tool")), "{chosen:?}");
    let other = tried(&with("[[providers.models]]\nid = \"gone\"\n"), None, LONG).await;
    assert!(other.works && other.model.as_deref() != Some("gone"), "{other:?}");
    let lost = Settings { api_key: Some("k".to_owned()), ..Settings::default() };
    let closed = simulator(lost).await;
    let text = format!("[[providers]]\nname = \"p\"\nbase_url = \"{}\"\n", closed.url());
    let without = Provider::new(&parse(&text, "t").unwrap().providers[0], &[]).unwrap();
    let refused = tried(&without, Some("ok"), LONG).await;
    assert!(refused.steps[1].message == "it wants a key, and none was given", "{refused:?}");
    assert!(wants_key(&refused.steps[1]));
    closed.stop().await;
    open.stop().await;
}

#[tokio::test]
async fn every_key_must_answer() {
    let simulator = simulator(Settings { api_key: Some(KEY.to_owned()), ..Settings::default() }).await;
    let text = format!("[[providers]]\nname = \"p\"\nbase_url = \"{}\"\n", simulator.url());
    let key = |label: &str, secret: &str| Key::fixed(label, 1, secret.into());
    let with = |keys: &[Key]| Provider::new(&parse(&text, "t").unwrap().providers[0], keys).unwrap();
    let good = tried(&with(&[key("1", KEY), key("two", KEY)]), Some("ok"), LONG).await;
    assert!(good.works && good.steps[4].message == "key two: answers", "{good:?}");
    let bad = tried(&with(&[key("1", KEY), key("two", "sk-other")]), Some("ok"), LONG).await;
    let last = &bad.steps[4];
    assert_eq!(
        (last.problem.as_deref(), last.message.as_str()),
        (Some("authentication"), "key two: the key is refused")
    );
    assert!(!bad.works);
    simulator.stop().await;
}

#[test]
fn a_providers_words_are_repeated_without_the_key_and_in_one_line() {
    let said = format!("no\nsuch\u{7} model {KEY} {}", "x".repeat(500));
    let problem = tokenrouter::error::Problem::new(tokenrouter::error::Kind::BadRequest, "x", said, "");
    let sentence = Failure::answered(&problem, 400).sentence(&[KEY.into(), "".into()]);
    assert!(sentence.starts_with("no such model [secret] xxx") && sentence.ends_with('…'), "{sentence}");
    assert!(sentence.chars().count() == 301);
}
