//! Requests that are refused before anybody is called: each has its row, which no budget pays for, and no flood of them fills the disk.

use serde_json::json;
use tokenrouter_simulator::{Settings, Simulator};
use torod::clock::Clock;

use crate::support::{TestDaemon, configuration, port_zero};

const NOON_MS: i64 = 1_795_348_800_000;
const COLUMNS: &str = "status, outcome, counted, is_first, provider, model, (SELECT text FROM name WHERE id = model_asked), \
    cost_nanos, stream, token_id > 0";

async fn daemon() -> TestDaemon {
    let simulator = Simulator::start(port_zero(), Settings::default()).await.unwrap();
    let text = configuration(&simulator.url(), "[auto]\nrouter = \"off\"\n", "");
    TestDaemon::configured(simulator, &text, Clock::fixed(NOON_MS)).await
}

#[tokio::test]
async fn what_was_refused_is_found_again_and_costs_nothing() {
    let daemon = daemon().await;
    let wanted = r#"{"role":"inferrer","name":"anna","limits":{"budgets":[{"unit":"requests","limit":1}],"models":{"deny":["sim/tool"]}}}"#;
    let made = daemon.post("/admin/api/tokens", wanted).await.json();
    let key = made["key"].as_str().unwrap();
    let post = async |key: &str, body: String| {
        let mut request = daemon.request("/v1/chat/completions", body);
        request.headers_mut().insert("authorization", format!("Bearer {key}").parse().unwrap());
        daemon.send(request).await
    };
    let ask = async |model: &str, stream: bool| {
        let body =
            json!({"model": model, "stream": stream, "messages": [{"role": "user", "content": "x"}]}).to_string();
        post(key, body).await
    };
    assert_eq!(ask("sim/ok", false).await.status, 200);
    let mut ids = Vec::new();
    for (model, stream, status) in [("sim/tool", false, 403), ("sim/ok", true, 429)] {
        let answer = ask(model, stream).await;
        assert_eq!(answer.status, status, "{}", answer.text());
        ids.push(answer.header("x-request-id").to_owned());
    }
    let bad = post(key, "{\"mod".into()).await;
    assert_eq!(bad.status, 400);
    // Who is not let in at all leaves nothing behind.
    let nobody = post("tr_0000000000000000000000000000000000000000000000", "{}".into()).await;
    assert_eq!(nobody.status, 401);

    let rows = daemon.rows(COLUMNS).await;
    assert_eq!(rows.len(), 4, "{rows:?}");
    let refused = |status: &str, asked: &str, stream: &str| {
        [status, "6", "0", "1", "0", "0", asked, "0", stream, "1"].map(str::to_owned).to_vec()
    };
    assert_eq!(rows[1..], [refused("403", "sim/tool", "0"), refused("429", "sim/ok", "1"), refused("400", "-", "0")]);

    // No budget paid for them, and no report counts them as requests that were served.
    let shown = daemon.get(&format!("/admin/api/tokens/{}", made["id"].as_str().unwrap())).await.json();
    assert_eq!(shown["budgets"][0]["used"], 1, "{shown}");
    let usage = daemon.get("/admin/api/usage?period=today&by=provider").await.json();
    let total = &usage["total"];
    assert_eq!(
        (&total["requests"], &total["attempts"], &total["failures"]),
        (&json!(1), &json!(4), &json!(3)),
        "{usage}"
    );
    let none = usage["rows"].as_array().unwrap().iter().find(|row| row["key"] == json!([null])).unwrap();
    assert_eq!(none["attempts"], 3, "{usage}");

    // Each is found by the id that its client was told, and why it was refused is told by class.
    for id in ids {
        let found = daemon.get(&format!("/admin/api/usage/requests/{id}")).await;
        assert_eq!(found.status, 200, "{}", found.text());
        assert!(found.text().contains("\"refused\""), "{}", found.text());
    }
    let of_none = daemon.get("/admin/api/usage/requests?period=today&provider=").await.json();
    assert_eq!(of_none["requests"].as_array().unwrap().len(), 3, "{of_none}");
    let errors = daemon.get("/admin/api/usage/errors?period=today").await.json();
    let lines = errors["rows"].as_array().unwrap();
    let advice = |status: u16| lines.iter().find(|row| row["status"] == status).unwrap()["advice"].clone();
    let metrics = daemon.get("/metrics").await.text();
    let counted = r#"tokenrouter_limit_refusals_total{scope="token",limit="budget_requests"} 1"#;
    assert!(metrics.lines().any(|line| line == counted), "{metrics}");
    assert!(advice(403).as_str().unwrap().contains("refused here before any call"), "{errors}");
    daemon.stop().await;
}

#[tokio::test]
async fn a_flood_of_them_is_answered_and_not_kept() {
    let daemon = daemon().await;
    for _ in 0..310 {
        let answer = daemon.post("/v1/chat/completions", "{\"model\":\"nobody-has-this\",\"messages\":[]}").await;
        assert_eq!(answer.status, 404);
    }
    assert_eq!(daemon.rows("id").await.len(), 300);
    daemon.stop().await;
}
