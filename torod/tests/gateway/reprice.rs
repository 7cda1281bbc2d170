//! Costs that are reckoned anew: told first, then written, with budgets and sums; and held against a provider's bill.

use serde_json::{Value, json};

use crate::site::Site;
use crate::support::{chat_body, whole};

const ONE: &str = "[[providers]]\nname = \"one\"\nbase_url = \"ONE/v1\"\n";
const PRICED: &str = "[[providers.models]]\nid = \"first\"\nprice = { input = 1, output = 2 }\n";

fn told(site: &Site, args: &[&str]) -> Value {
    let text = String::from_utf8_lossy(&site.torod(args).stdout).into_owned();
    serde_json::from_str(&text).unwrap_or_else(|_| panic!("{args:?}: {text}"))
}

/// A token with a budget in money; its key and its id.
async fn payer(site: &Site, window: &str) -> (String, String) {
    let body = format!(
        r#"{{"role":"inferrer","limits":{{"budgets":[{{"unit":"usd_nanos","limit":1000000000000,"window":{window}}}]}}}}"#
    );
    let made = site.ask("POST", "/admin/api/tokens", &body).await.json();
    (made["key"].as_str().unwrap().to_owned(), made["id"].as_str().unwrap().to_owned())
}

async fn used(site: &Site, id: &str) -> Value {
    site.ask("GET", &format!("/admin/api/tokens/{id}"), "").await.json()["budgets"][0]["used"].clone()
}

#[tokio::test]
async fn a_price_that_was_learnt_later_is_written_into_rows_and_budgets() {
    let site = Site::start(ONE).await;
    let payers = [payer(&site, "null").await, payer(&site, r#"{"seconds":86400}"#).await];
    for (key, _) in &payers {
        let answer = whole(site.head_as(key, "POST", "/v1/chat/completions", &chat_body("one/first", "")).await).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    // Rows come a moment after the answers.
    let mut before = told(&site, &["usage", "--json"])["total"].clone();
    while before["attempts"] != 2 {
        before = told(&site, &["usage", "--json"])["total"].clone();
    }
    let (input, output) =
        (before["counts"]["input_uncached"].as_u64().unwrap(), before["counts"]["output"].as_u64().unwrap());
    let (old, new) = (input * 15_000 + output * 75_000, input * 1_000 + output * 2_000);
    assert_eq!((&before["unpriced_nanos"], &before["unpriced_attempts"]), (&json!(old), &json!(2)));
    for (_, id) in &payers {
        assert_eq!(used(&site, id).await, json!(old / 2));
    }
    let nothing = told(&site, &["usage", "reprice", "--dry-run", "--json"]);
    assert_eq!((&nothing["lines"], &nothing["unpriced_rows"]), (&json!([]), &json!(2)));

    site.write(&format!("{ONE}{PRICED}"));
    assert_eq!(site.ask("POST", "/admin/api/reload", "").await.status, 200);
    let dry = told(&site, &["usage", "reprice", "--dry-run", "--json"]);
    let line = &dry["lines"][0];
    assert_eq!(
        (&line["provider"], &line["model"], &line["rows"], &line["old_nanos"], &line["new_nanos"]),
        (&json!("one"), &json!("first"), &json!(2), &json!(old), &json!(new))
    );
    assert_eq!(told(&site, &["usage", "--json"])["total"], before, "looking changes nothing");
    let unasked = site.command(&["usage", "reprice"]).output().unwrap();
    assert_eq!(unasked.status.code(), Some(2), "nobody is there to be asked");
    let text = String::from_utf8_lossy(&unasked.stdout).into_owned();
    assert!(text.contains("one/first") && text.contains("difference"), "{text}");

    let done = told(&site, &["usage", "reprice", "--yes", "--json"]);
    assert_eq!(done["lines"], dry["lines"]);
    let after = told(&site, &["usage", "--json"])["total"].clone();
    assert_eq!((&after["cost_nanos"], &after["unpriced_nanos"]), (&json!(new), &json!(0)));
    for (_, id) in &payers {
        assert_eq!(used(&site, id).await, json!(new / 2), "what the budget has used is put right at once");
    }
    let again = told(&site, &["usage", "reprice", "--all", "--yes", "--json"]);
    assert_eq!((&again["lines"], &again["rows"]), (&json!([]), &json!(2)), "the second time there is nothing to do");
    let trail = told(&site, &["audit", "--json"]);
    assert!(trail.to_string().contains("usage.reprice"), "{trail}");

    // A provider's own export, which knows of one day and model, to the token; and asks for twice as much.
    let day = told(&site, &["usage", "--json"])["until_ms"].as_i64().unwrap() / 1_000;
    let bill = site.folder.path().join("bill.json");
    let cost = f64::from(u32::try_from(2 * new).unwrap()) / 1e9;
    let export = json!({"data": [{"start_time": day, "results": [{
        "model": "first", "input_tokens": input, "output_tokens": output, "num_model_requests": 2,
        "amount": {"value": cost, "currency": "usd"},
    }]}]});
    std::fs::write(&bill, export.to_string()).unwrap();
    let drift = told(&site, &["usage", "reconcile", bill.to_str().unwrap(), "--json"]);
    let line = &drift["lines"][0];
    assert_eq!((&line["their_tokens"], &line["our_tokens"]), (&json!(input + output), &json!(input + output)));
    assert_eq!((&line["their_nanos"], &line["our_nanos"]), (&json!(2 * new), &json!(new)));
    assert_eq!(drift["drift_millionths"], 500_000);
    assert!(line["reasons"][0].as_str().unwrap().starts_with("another price than ours (manual"), "{line}");
    for (most, code) in [("49%", 1), ("50%", 0)] {
        let ran = site.command(&["usage", "reconcile", bill.to_str().unwrap(), "--fail-over", most]).output().unwrap();
        assert_eq!(ran.status.code(), Some(code), "{}", String::from_utf8_lossy(&ran.stdout));
    }
    site.stop().await;
}
