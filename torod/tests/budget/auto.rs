//! Virtual models within rights and budgets: nobody is chosen whom a token may not use, and a question is paid for by whoever
//! asks, but is no request of theirs.

use serde_json::json;

use crate::rig::{PRICES, budgets};
use crate::support::{TestDaemon, chat_body};

#[tokio::test]
async fn a_token_gets_only_models_that_it_may_use() {
    let daemon = TestDaemon::with("", PRICES).await;
    for (rights, status, model) in [
        (json!({ "allow": ["auto"] }), 200, "ok"),
        (json!({ "allow": ["sim/ok"] }), 200, "ok"),
        (json!({ "allow": ["sim/think"] }), 403, ""),
        (json!({ "deny": ["auto"] }), 403, ""),
        (json!({ "deny": ["sim/*"] }), 403, ""),
    ] {
        let token = daemon.token(None, json!({ "models": rights })).await;
        let answer = daemon.chat_of(&token, "auto", "").await;
        assert_eq!((answer.status.as_u16(), answer.header("x-tokenrouter-model")), (status, model), "{rights}");
        if status == 403 {
            assert_eq!(answer.json()["error"]["code"], "model_forbidden", "{rights}");
        }
        let count = daemon.post_of(&token, "/v1/messages/count_tokens", chat_body("auto", "")).await;
        assert_eq!(count.status, status, "{rights}: {}", count.text());
    }
    let named = daemon.token(None, json!({ "models": { "allow": ["auto"] } })).await;
    assert_eq!(daemon.chat_of(&named, "ok", "").await.status, 403, "the virtual name alone is allowed");
    daemon.stop().await;
}

#[tokio::test]
async fn a_question_is_paid_for_and_is_no_request() {
    let daemon = TestDaemon::with("[auto]\nrouter = \"model\"\n", PRICES).await;
    let token = daemon.token(None, budgets(&[("requests", 1), ("tokens", 100_000)])).await;
    let answer = daemon.chat_of(&token, "auto", "").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let rows = daemon.rows("(SELECT text FROM name WHERE id = surface), counted").await;
    assert_eq!(rows, [["auto", "0"], ["chat", "1"]]);
    let [requests, tokens, _] = daemon.spent(&[&token]).await;
    assert_eq!((daemon.used(&token), requests), (vec![1, tokens], 1));
    assert_eq!(daemon.chat_of(&token, "auto", "").await.status, 429, "its one request is used up");
    let outcomes = daemon.rows("outcome").await;
    assert_eq!(outcomes, [["0"], ["0"], ["6"]], "nobody is asked who is not answered either");
    daemon.stop().await;
}

#[tokio::test]
async fn another_model_is_reserved_for_anew() {
    let prices = PRICES.replacen("input = 1, output = 2", "input = 3, output = 6", 1);
    let daemon = TestDaemon::with("[auto]\ndeny = [\"sim/slow3s\"]\n", &prices).await;
    let token = daemon.token(None, budgets(&[("requests", 5), ("usd_nanos", 1_000_000_000)])).await;
    let answer = daemon.chat_of(&token, "auto", "").await;
    assert_eq!((answer.status.as_u16(), answer.header("x-tokenrouter-model")), (200, "ok"), "{}", answer.text());
    assert_eq!(answer.header("x-tokenrouter-attempts"), "2");
    let [requests, _, nanos] = daemon.spent(&[&token]).await;
    assert_eq!((requests, nanos > 0), (1, true));
    assert_eq!(daemon.used(&token), [1, nanos], "nothing stays reserved, and nothing is forgotten");
    daemon.stop().await;
}
