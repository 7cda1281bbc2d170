//! What each attempt cost, by which price, and what becomes of models whose price nobody knows.

use tokenrouter_simulator::{Settings, Simulator};
use torod::clock::Clock;

use crate::site::Site;
use crate::support::{TestDaemon, chat_body, port_zero, until};

const COST: &str = "cost_nanos, cost_assumed, \
    (SELECT substr(version, 1, instr(version, '-') - 1) || ' ' || rates FROM price WHERE id = usage.price)";
const TOKENS: &str = "input_uncached, cache_read, cache_write_5m, cache_write_1h, output";

/// The cost of a row of [`TOKENS`] by rates in thousandths of a dollar per million.
fn cost(row: &[String], rates: [u64; 5]) -> String {
    let tokens = row.iter().map(|n| n.parse::<u64>().unwrap());
    tokens.zip(rates).map(|(tokens, rate)| tokens * rate).sum::<u64>().to_string()
}

#[tokio::test]
async fn each_row_has_its_cost_and_the_price_that_it_was_reckoned_by() {
    let inside = "
        [[providers.models]]
        id = \"cache\"
        price = { input = 2.5, output = 10, cache_read = 0.25, cache_write = 3, cache_write_1h = 5 }
        [[providers.models]]
        id = \"ok\"
        price = { input = 1, output = 2 }
        [[providers.models]]
        id = \"zero\"
        price = { input = 0, output = 0 }";
    let daemon = TestDaemon::with("", inside).await;
    daemon.chat("cache", "").await;
    daemon.post("/v1/messages", chat_body("cache", r#","stream":true,"max_tokens":9"#)).await;
    daemon.chat("ok", "").await;
    daemon.chat("zero", "").await;
    daemon.chat("think", "").await;
    daemon.chat("s500", "").await;
    let tokens = daemon.rows(TOKENS).await;
    let costs = daemon.rows(COST).await;
    let dear = "manual input 2.5, output 10, cache_read 0.25, cache_write 3, cache_write_1h 5";
    for at in [0, 1] {
        assert!(tokens[at][1] != "0" || tokens[at][2] != "0", "{tokens:?}");
        let expected = cost(&tokens[at], [2_500, 250, 3_000, 5_000, 10_000]);
        assert_eq!(costs[at], [expected.as_str(), "0", dear]);
    }
    assert_eq!(costs[2], [cost(&tokens[2], [1_000, 0, 0, 0, 2_000]).as_str(), "0", "manual input 1, output 2"]);
    assert_eq!(costs[3], ["0", "0", "manual input 0, output 0"], "free because it is said to be");
    assert_eq!(costs[4], [cost(&tokens[4], [15_000, 0, 0, 0, 75_000]).as_str(), "1", "-"], "unknown is not nothing");
    assert_eq!(costs[5][0], "0", "nobody pays for a refusal");
    daemon.stop().await;
}

#[tokio::test]
async fn a_model_that_nobody_listed_costs_what_its_vendor_asks() {
    let settings = Settings { models: vec!["gpt-5-mini".to_owned()], ..Settings::default() };
    let simulator = Simulator::start(port_zero(), settings).await.unwrap();
    let text = format!(
        "listen_addr = \"127.0.0.1:0\"\nauto_detect_local_servers = false\nallow_localhost_no_auth = false\n\
         [presets.openai]\nmodels_url = \"none\"\nprotocols = {{ openai = \"{}/v1\" }}\n\
         [[providers]]\nname = \"mine\"\nprovider_type = \"openai\"\napi_key = \"sk-1\"\n",
        simulator.url()
    );
    let daemon = TestDaemon::configured(simulator, &text, Clock::system()).await;
    let answer = daemon.chat("mine/gpt-5-mini", "").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let (tokens, costs) = (daemon.rows(TOKENS).await, daemon.rows(COST).await);
    assert_eq!(costs[0][0], cost(&tokens[0], [250, 25, 250, 250, 2_000]));
    assert!(costs[0][2].starts_with("embedded input 0.25, output 2"), "{costs:?}");
    daemon.stop().await;
}

#[tokio::test]
async fn a_model_without_a_price_is_told_once_in_the_log_and_apart_in_the_report() {
    let site = Site::start(
        "[prices]\nunknown = { input = 20, output = 40 }\n[[providers]]\nname = \"one\"\nbase_url = \"ONE/v1\"\n",
    )
    .await;
    for _ in 0..3 {
        site.chat("one/first").await;
    }
    site.logged("the price of one/first is not known").await;
    let reported =
        || -> serde_json::Value { serde_json::from_slice(&site.torod(&["usage", "--json"]).stdout).unwrap() };
    until("three rows", || async { reported()["total"]["unpriced_attempts"] == 3 }).await;
    let report = reported();
    let total = &report["total"];
    let (input, output) =
        (total["counts"]["input_uncached"].as_u64().unwrap(), total["counts"]["output"].as_u64().unwrap());
    assert_eq!(total["unpriced_nanos"], input * 20_000 + output * 40_000);
    assert_eq!((&total["unpriced_attempts"], &total["cost_nanos"]), (&3.into(), &total["unpriced_nanos"]));
    let text = String::from_utf8(site.torod(&["usage"]).stdout).unwrap();
    assert!(text.contains("≤ $0.0"), "{text}");
    assert!(text.contains("the price of 3 calls is not known"), "{text}");
    assert_eq!(site.log().matches("the price of one/first is not known").count(), 1);
    site.stop().await;
}
