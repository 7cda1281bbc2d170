//! Which provider a name means.

use tokenrouter_simulator::{Settings, Simulator};
use torod::clock::Clock;

use crate::support::{TestDaemon, port_zero, until};

struct Two {
    daemon: TestDaemon,
    second: Simulator,
}

/// Providers `one` (models a, b, both) and `two` (models c, both); `more` stands before their tables.
async fn two(more: &str) -> Two {
    let listing =
        |models: &[&str]| Settings { models: models.iter().map(|m| (*m).to_owned()).collect(), ..Settings::default() };
    let first = Simulator::start(port_zero(), listing(&["b", "a", "both"])).await.unwrap();
    let second = Simulator::start(port_zero(), listing(&["c", "both"])).await.unwrap();
    let text = format!(
        "listen_addr = \"127.0.0.1:0\"\nauto_detect_local_servers = false\n{more}\n\
         [[providers]]\nname = \"one\"\nbase_url = \"{}\"\n[[providers]]\nname = \"two\"\nbase_url = \"{}/v1/\"\n",
        first.url(),
        second.url()
    );
    let daemon = TestDaemon::configured(first, &text, Clock::system()).await;
    second.clear();
    Two { daemon, second }
}

impl Two {
    /// How many calls each has received since the last look.
    fn seen(&self) -> (usize, usize) {
        let seen = (self.daemon.simulator.calls().len(), self.second.calls().len());
        self.daemon.simulator.clear();
        self.second.clear();
        seen
    }

    async fn stop(self) {
        self.daemon.stop().await;
        self.second.stop().await;
    }
}

#[tokio::test]
async fn a_prefix_names_the_provider() {
    let two = two("").await;
    assert_eq!(two.daemon.chat("two/ok", "").await.status, 200);
    assert_eq!(two.seen(), (0, 1));
    let answer = two.daemon.chat("three/ok", "").await;
    assert_eq!((answer.status.as_u16(), answer.json()["error"]["code"].as_str()), (404, Some("model_not_found")));
    assert_eq!(two.seen(), (0, 0));
    two.stop().await;
}

#[tokio::test]
async fn a_listed_model_goes_to_who_lists_it_and_an_unknown_one_nowhere() {
    let two = two("").await;
    two.daemon.chat("c", "").await;
    assert_eq!(two.seen(), (0, 1));
    two.daemon.chat("a", "").await;
    assert_eq!(two.seen(), (1, 0));
    let answer = two.daemon.chat("bothh", "").await;
    assert_eq!(answer.status, 404);
    let advice = answer.json()["error"]["advice"].as_str().unwrap().to_owned();
    assert!(advice.starts_with("Did you mean \"one/both\", \"two/both\""), "{advice}");
    assert_eq!(two.seen(), (0, 0));
    two.stop().await;
}

#[tokio::test]
async fn unprefixed_names_go_to_the_default_provider_else_to_whoever_lists_them() {
    let without = two("").await;
    for _ in 0..40 {
        without.daemon.chat("both", "").await;
    }
    let (one, other) = without.seen();
    // How evenly is tested where no machine is busy in between.
    assert!(one + other == 40 && one > 0 && other > 0, "{one} {other}");
    without.stop().await;
    let with = two("default_provider = \"two\"").await;
    with.daemon.chat("both", "").await;
    assert_eq!(with.seen(), (0, 1));
    with.stop().await;
}

#[tokio::test]
async fn rows_10_and_11_models_are_listed_by_their_full_names_in_stable_order() {
    let two = two("").await;
    let ids = |answer: serde_json::Value| -> Vec<String> {
        answer["data"].as_array().unwrap().iter().map(|m| m["id"].as_str().unwrap().to_owned()).collect()
    };
    let first = ids(two.daemon.get("/v1/models").await.json());
    assert_eq!(first, ["one/a", "one/b", "one/both", "two/both", "two/c"]);
    assert_eq!(ids(two.daemon.get("/models/").await.json()), first);
    let one = two.daemon.get("/v1/models/two/c").await;
    assert_eq!((one.status.as_u16(), one.json()["id"].as_str()), (200, Some("two/c")));
    assert_eq!(two.daemon.get("/v1/models/a").await.json()["owned_by"], "one");
    let none = two.daemon.get("/v1/models/zz").await;
    assert_eq!((none.status.as_u16(), none.json()["error"]["type"].as_str()), (404, Some("not_found_error")));
    two.stop().await;
}

#[tokio::test]
async fn health_is_degraded_when_no_provider_is_left() {
    let clock = Clock::fixed(1_800_000_000_000);
    let simulator = Simulator::start(port_zero(), Settings::default()).await.unwrap();
    let text = crate::support::configuration("http://127.0.0.1:1", "", "");
    let daemon = TestDaemon::configured(simulator, &text, clock.clone()).await;
    for _ in 0..2 {
        let health = daemon.get("/health").await;
        assert_eq!((health.status.as_u16(), health.json()["status"].as_str()), (503, Some("degraded")));
        clock.advance(6 * 60_000);
    }
    assert_eq!(daemon.get("/healthz").await.status, 200);
    let answer = daemon.chat("sim/ok", "").await;
    assert_eq!((answer.status.as_u16(), answer.json()["error"]["code"].as_str()), (502, Some("upstream_unreachable")));
    let status = daemon.get("/v1/status").await.json();
    assert_eq!(status["providers"][0]["state"], "failing");
    daemon.stop().await;

    let daemon = TestDaemon::start().await;
    until("the provider is up", || async { daemon.get("/health").await.json()["status"] == "ok" }).await;
    daemon.stop().await;
}

#[tokio::test]
async fn a_thousand_requests_share_few_connections() {
    let daemon = TestDaemon::start().await;
    let before = daemon.simulator.stats().connections;
    for _ in 0..1_000 {
        assert_eq!(daemon.chat("ok", "").await.status, 200);
    }
    let opened = daemon.simulator.stats().connections - before;
    assert!(opened <= 4, "{opened} connections for 1,000 requests in a row");
    daemon.stop().await;
}
