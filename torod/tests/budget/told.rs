//! What clients are told of their limits, and which models they may use.

use serde_json::json;

use torod::access::wall::Moment;

use crate::rig::{PRICES, Token, budgets};
use crate::support::{Answer, TestDaemon, chat_body};

#[tokio::test]
async fn remaining_limits_are_our_own_in_the_words_of_the_protocol() {
    let daemon = TestDaemon::with("", PRICES).await;
    let plain = daemon.token(None, json!({})).await;
    let answer = daemon.chat_of(&plain, "ok", "").await;
    assert!(answer.headers.keys().all(|name| !name.as_str().contains("ratelimit")), "{:?}", answer.headers);
    let limits = json!({
        "requests_per_minute": 10,
        "budgets": [{ "unit": "tokens", "limit": 50_000, "window": { "calendar": "day" } },
                    { "unit": "usd_nanos", "limit": 5_000_000_000_u64 }],
    });
    let parent = daemon.token(None, limits).await;
    let token = daemon.token(Some(&parent), json!({ "requests_per_minute": 7 })).await;
    let answer = daemon.chat_of(&token, "ok", "").await;
    assert_eq!((answer.status.as_u16(), answer.header("x-ratelimit-limit-requests")), (200, "7"));
    assert_eq!(answer.header("x-ratelimit-remaining-requests"), "6");
    assert!(answer.header("x-ratelimit-reset-requests").ends_with('s'));
    assert_eq!(answer.header("x-ratelimit-limit-tokens"), "50000");
    assert!(answer.header("x-ratelimit-remaining-tokens").parse::<u64>().unwrap() < 50_000);
    assert_eq!(answer.header("x-tokenrouter-budget-limit-usd"), "5");
    assert!(answer.header("x-tokenrouter-budget-remaining-usd").starts_with("4.99"));
    for stream in ["", r#","stream":true"#] {
        let body = chat_body("ok", &format!(r#","max_tokens":9{stream}"#));
        let answer = daemon.post_of(&token, "/v1/messages", body).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("anthropic-ratelimit-requests-limit"), "7");
        let reset = answer.header("anthropic-ratelimit-tokens-reset");
        assert!(reset.ends_with("T00:00:00Z"), "{reset}");
        assert!(answer.headers.keys().all(|name| !name.as_str().starts_with("x-ratelimit")));
    }
    daemon.stop().await;
}

#[tokio::test]
async fn a_used_up_budget_is_told_so_that_clients_stop() {
    let daemon = TestDaemon::with("", PRICES).await;
    let money = daemon.token(None, budgets(&[("usd_nanos", 0)])).await;
    let answer = daemon.chat_of(&money, "ok", "").await;
    let error = &answer.json()["error"];
    assert_eq!(
        (answer.status.as_u16(), error["code"].as_str(), error["type"].as_str()),
        (402, Some("insufficient_quota"), Some("insufficient_quota"))
    );
    assert_eq!((answer.header("x-should-retry"), answer.header("retry-after")), ("false", ""));
    let answer = daemon.post_of(&money, "/v1/messages", chat_body("ok", r#","max_tokens":9"#)).await;
    assert_eq!((answer.status.as_u16(), answer.json()["error"]["type"].as_str()), (402, Some("billing_error")));
    let day = json!({ "budgets": [{ "unit": "requests", "limit": 0, "window": { "calendar": "month", "time_zone": "Europe/Berlin" } }] });
    let day = daemon.token(None, day).await;
    let child = daemon.token(Some(&day), json!({})).await;
    let answer = daemon.post_of(&child, "/v1/messages", chat_body("ok", r#","max_tokens":9"#)).await;
    assert_eq!(answer.status, 429);
    assert!(
        answer.text().contains("the token above this one") && !answer.text().contains("month"),
        "{}",
        answer.text()
    );
    assert!(!answer.headers.contains_key("retry-after"), "a budget of nothing has room for nothing, ever");
    assert_eq!(answer.header("x-should-retry"), "false");
    daemon.stop().await;
}

#[tokio::test]
async fn a_token_uses_and_sees_only_what_it_and_all_above_it_may() {
    let more = "[auto]\nrouter = \"off\"\n[[model_aliases]]\nname = \"chat\"\ntargets = [{ provider = \"sim\", model = \"tool\" }]\n";
    let daemon = TestDaemon::with(more, PRICES).await;
    let parent = daemon.token(None, json!({ "models": { "allow": ["sim/o*", "chat", "sim/think"] } })).await;
    let child = daemon.token(Some(&parent), json!({ "models": { "deny": ["think"] } })).await;
    for (model, status) in
        [("ok", 200), ("sim/ok", 200), ("chat", 200), ("tool", 403), ("think", 403), ("sim/THINK", 403)]
    {
        assert_eq!(daemon.chat_of(&child, model, "").await.status, status, "{model}");
        let count = daemon.post_of(&child, "/v1/messages/count_tokens", chat_body(model, "")).await;
        assert_eq!(count.status, status, "{model}");
    }
    assert_eq!(daemon.chat_of(&parent, "think", "").await.status, 200);
    let refused = daemon.chat_of(&child, "tool", "").await;
    assert_eq!(refused.json()["error"]["code"], "model_forbidden");
    assert!(refused.text().contains("sim/ok"), "{}", refused.text());
    let list = |token: Token, path: &'static str| {
        let mut request = daemon.request_of(&token, path, String::new());
        *request.method_mut() = http::Method::GET;
        daemon.send(request)
    };
    let seen = list(child.clone(), "/v1/models").await;
    let names = |answer: &Answer| -> Vec<String> {
        answer.json()["data"].as_array().unwrap().iter().map(|m| m["id"].as_str().unwrap().to_owned()).collect()
    };
    // Virtual models are seen where one of theirs may be used.
    let mut named = names(&seen);
    named.retain(|name| !name.contains("auto"));
    assert_eq!(named, ["chat", "sim/ok"]);
    assert!(names(&list(parent.clone(), "/v1/models").await).contains(&"sim/think".to_owned()));
    let page = list(child.clone(), "/anthropic/v1/models?limit=1").await;
    assert_eq!((names(&page).len(), page.json()["has_more"].as_bool()), (1, Some(true)));
    assert_eq!(list(child.clone(), "/v1/models/sim%2Fok").await.status, 200);
    assert_eq!(list(child.clone(), "/v1/models/sim%2Ftool").await.status, 403);
    assert_eq!(list(child, "/v1/models/chat").await.status, 200);
    daemon.stop().await;
}

#[tokio::test]
async fn what_is_left_of_budgets_is_among_the_metrics_where_that_is_wanted() {
    for is_wanted in [false, true] {
        let daemon = TestDaemon::with(&format!("[telemetry]\ntoken_budgets = {is_wanted}\n"), PRICES).await;
        let dollars = |nanos: u64| json!({ "budgets": [{ "unit": "usd_nanos", "limit": nanos }] });
        let parent = daemon.token(None, dollars(2_000_000_000)).await;
        // Its own is wider than what is left above it.
        let child = daemon.token(Some(&parent), dollars(1_999_999_999)).await;
        daemon.token(None, json!({})).await;
        let ended = daemon.token(None, dollars(5)).await;
        let mut end = daemon.request(&format!("/admin/api/tokens/{}", ended.id), "");
        *end.method_mut() = http::Method::DELETE;
        assert_eq!(daemon.send(end).await.status, 200);
        assert_eq!(daemon.chat_of(&parent, "ok", "").await.status, 200);
        let [_, _, nanos] = daemon.spent(&[&parent]).await;
        assert!(nanos > 1);
        let told = daemon.get("/metrics").await.text();
        let lines: Vec<&str> =
            told.lines().filter(|line| line.starts_with("tokenrouter_token_budget_remaining_usd{")).collect();
        if !is_wanted {
            assert!(lines.is_empty(), "{lines:?}");
            continue;
        }
        let left = format!("1.{:09}", 1_000_000_000 - nanos);
        assert_eq!(lines.len(), 2, "{lines:?}");
        for (line, token) in lines.iter().zip([&parent, &child]) {
            assert!(line.contains(&format!("token=\"{}\"", token.id)), "{line}");
            assert_eq!(line.rsplit(' ').next().unwrap().trim_end_matches('0'), left.trim_end_matches('0'), "{line}");
        }
        daemon.stop().await;
    }
}

#[tokio::test]
async fn a_budget_that_is_given_later_knows_what_was_used_before() {
    let daemon = TestDaemon::with("", PRICES).await;
    let parent = daemon.token(None, json!({})).await;
    let token = daemon.token(Some(&parent), json!({})).await;
    for _ in 0..3 {
        assert_eq!(daemon.chat_of(&token, "ok", "").await.status, 200);
    }
    let limits = json!({ "budgets": [{ "unit": "usd_nanos", "limit": 900_000_000 },
        { "unit": "requests", "limit": 4, "window": { "calendar": "month" } }] });
    let mut patch = daemon
        .request(&format!("/admin/api/tokens/{}", parent.id), json!({ "version": 1, "limits": limits }).to_string());
    *patch.method_mut() = http::Method::PATCH;
    let patched = daemon.send(patch).await;
    assert_eq!(patched.status, 200, "{}", patched.text());
    let [requests, _, nanos] = daemon.spent(&[&token]).await;
    assert_eq!(daemon.used(&parent), [nanos, requests]);
    let budgets = &patched.json()["budgets"];
    assert_eq!(
        (budgets[0]["used"].as_u64(), budgets[1]["remaining"].as_u64()),
        (Some(nanos), Some(1)),
        "{}",
        patched.text()
    );
    assert_eq!(daemon.chat_of(&token, "ok", "").await.status, 200);
    assert_eq!(daemon.chat_of(&token, "ok", "").await.status, 429);
    daemon.stop().await;
}

/// Explains `model` for `token`, and asks. Both must be refused alike.
async fn refused_alike(daemon: &TestDaemon, token: &Token, status: u16, code: &str) -> Answer {
    for _ in 0..2 {
        let told = daemon.get(&format!("/admin/api/routes/explain?model=sim/ok&token={}", token.id)).await.json();
        let refusal = &told["would_refuse"];
        assert_eq!((refusal["status"].as_u64(), refusal["code"].as_str()), (Some(status.into()), Some(code)), "{told}");
        assert!(told["chosen"].is_null() && told["why"].is_null() && !refusal["advice"].is_null(), "{told}");
    }
    let answer = daemon.chat_of(token, "ok", "").await;
    assert_eq!((answer.status.as_u16(), answer.json()["error"]["code"].as_str()), (status, Some(code)));
    answer
}

#[tokio::test]
async fn rates_places_and_ends_are_explained_and_none_is_used_up_by_it() {
    let daemon = TestDaemon::with("", PRICES).await;
    let chosen = async |token: &Token| {
        let told = daemon.get(&format!("/admin/api/routes/explain?model=sim/ok&token={}", token.id)).await.json();
        assert!(told["chosen"].is_u64() && told["would_refuse"].is_null(), "{told}");
    };
    let team = daemon.token(None, json!({ "requests_per_minute": 2 })).await;
    let run = daemon.token(Some(&team), json!({})).await;
    for _ in 0..3 {
        chosen(&run).await;
    }
    assert_eq!(daemon.chat_of(&run, "ok", "").await.status, 200);
    chosen(&run).await;
    assert_eq!(daemon.chat_of(&run, "ok", "").await.status, 200);
    refused_alike(&daemon, &run, 429, "rate_limit_exceeded").await;
    refused_alike(&daemon, &team, 429, "rate_limit_exceeded").await;

    let tokens = daemon.token(None, json!({ "tokens_per_minute": 10 })).await;
    daemon.entry(&tokens).meter.walls().as_ref().unwrap().walls[0].counter.charge(10, Moment::of(&daemon.app.clock));
    refused_alike(&daemon, &tokens, 429, "rate_limit_exceeded").await;

    let single = daemon.token(None, json!({ "concurrent": 1 })).await;
    chosen(&single).await;
    let gauge = daemon.entry(&single).meter.in_flight.clone();
    let place = gauge.enter(1).unwrap();
    refused_alike(&daemon, &single, 429, "rate_limit_exceeded").await;
    drop(place);
    chosen(&single).await;

    let ended = daemon.token(None, json!({})).await;
    let mut end = daemon.request(&format!("/admin/api/tokens/{}", ended.id), "");
    *end.method_mut() = http::Method::DELETE;
    assert_eq!(daemon.send(end).await.status, 200);
    refused_alike(&daemon, &ended, 401, "token_revoked").await;
    daemon.stop().await;
}

#[tokio::test]
async fn whoever_comes_when_it_is_told_to_is_not_sent_away_by_another_limit() {
    let daemon = TestDaemon::with("", PRICES).await;
    let window = |seconds: u32| json!({ "unit": "requests", "limit": 1, "window": { "seconds": seconds } });
    let team = daemon.token(None, json!({ "budgets": [window(7_200)] })).await;
    let run = daemon.token(Some(&team), json!({ "budgets": [window(60), window(600)] })).await;
    assert_eq!(daemon.chat_of(&run, "ok", "").await.status, 200);
    daemon.spent(&[&run]).await;
    let answer = refused_alike(&daemon, &run, 429, "insufficient_quota").await;
    let seconds: u32 = answer.header("retry-after").parse().unwrap();
    // Two hours, and the sixtieth of them in which the request came.
    assert!((7_190..=7_320).contains(&seconds), "{seconds}");
    let once = json!({ "budgets": [{ "unit": "requests", "limit": 1 }], "requests_per_minute": 1 });
    let proof = daemon.token(Some(&team), once).await;
    daemon.entry(&proof).meter.walls().as_ref().unwrap().walls[0].counter.charge(1, Moment::of(&daemon.app.clock));
    let answer = refused_alike(&daemon, &proof, 429, "insufficient_quota").await;
    assert_eq!(answer.header("retry-after"), "", "never by itself, though the team's will be there again");
    daemon.stop().await;
}

#[tokio::test]
async fn what_is_explained_for_a_token_is_what_it_gets() {
    let daemon = TestDaemon::with("", PRICES).await;
    let limits = json!({ "models": { "allow": ["sim/ok"] }, "budgets": [{ "unit": "requests", "limit": 1 }] });
    let proof = daemon.token(None, limits).await;
    let child = daemon.token(Some(&proof), json!({})).await;
    let free = daemon.token(None, json!({})).await;
    let money = daemon.token(None, budgets(&[("usd_nanos", 0)])).await;
    for (token, model, status) in [
        (&free, "sim/think", 200),
        (&proof, "sim/think", 403),
        (&child, "sim/think", 403),
        (&child, "auto", 200),
        (&proof, "sim/ok", 429),
        (&child, "sim/ok", 429),
        (&child, "auto", 429),
        (&proof, "sim/think", 403),
        (&money, "sim/ok", 402),
    ] {
        let told = daemon.get(&format!("/admin/api/routes/explain?model={model}&token={}", token.id)).await;
        assert_eq!(told.status, 200, "{}", told.text());
        let told = told.json();
        let answer = daemon.chat_of(token, model, "").await;
        assert_eq!(answer.status.as_u16(), status, "{model}: {}", answer.text());
        if status == 200 {
            let chosen = &told["candidates"][usize::try_from(told["chosen"].as_u64().unwrap()).unwrap()];
            assert_eq!(chosen["model"].as_str(), Some(answer.header("x-tokenrouter-model")), "{told}");
            // Nothing of it is under way any more.
            daemon.spent(&[token]).await;
            continue;
        }
        let (refusal, error) = (&told["would_refuse"], &answer.json()["error"]);
        assert!(told["chosen"].is_null() && told["why"].is_null(), "{model}: {told}");
        assert_eq!(
            (refusal["status"].as_u64(), &refusal["code"]),
            (Some(u64::from(status)), &error["code"]),
            "{model}: {told}"
        );
        if status == 403 {
            assert_eq!(told["candidates"][0]["why_not"], "the token may not use it");
            let said = format!("{}. {}", refusal["message"].as_str().unwrap(), refusal["advice"].as_str().unwrap());
            assert_eq!(error["message"].as_str(), Some(&*said));
        }
    }
    daemon.stop().await;
}
