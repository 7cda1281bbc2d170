//! Virtual models over time: conversations stay, decisions are remembered, and whoever chooses may fail.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use torod::clock::Clock;

use crate::act::{Act, Speech};
use crate::auto::{TALKS, called, decides, document, is_question, model, over, post, rig, said, shelf};
use crate::rig::{HEAD, Rig, alias, provider};
use crate::upstream::Upstream;

const HARD: &str = "Prove the theorem step by step, analyse the complexity of the algorithm and its security in depth.";

async fn talk(rig: &Rig, model: &str, turns: &[(&str, &str)]) -> String {
    let turns: Vec<_> = turns.iter().map(|(role, text)| json!({"role": role, "content": text})).collect();
    let body = json!({"model": model, "messages": turns}).to_string();
    let answer = rig.daemon.post("/v1/chat/completions", body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    format!("{} {}", answer.header("x-tokenrouter-model"), answer.header("x-tokenrouter-route"))
}

#[tokio::test]
async fn a_conversation_stays_with_its_model() {
    let rig = rig("").await;
    let first = [("user", HARD)];
    assert_eq!(talk(&rig, "auto", &first).await, "gpt-5.2 auto; rules, hard; only");
    let later = [("user", HARD), ("assistant", "So it is."), ("user", "Thanks!")];
    assert_eq!(talk(&rig, "auto", &later).await, "gpt-5.2 auto; kept, simple; only");
    // Another conversation is another choice.
    let other = [("user", "hi"), ("assistant", "Hello."), ("user", "Thanks!")];
    assert_eq!(talk(&rig, "auto", &other).await, "tiny auto; rules, simple; only");
    assert_eq!(talk(&rig, "auto", &other).await, "tiny auto; kept, simple; only");
    // What has become hard leaves a small model.
    let harder = [("user", "hi"), ("assistant", "Hello."), ("user", HARD)];
    assert_eq!(talk(&rig, "auto", &harder).await, "gpt-5.2 auto; rules, hard; only");
    let after = [("user", "hi"), ("assistant", "Hello."), ("user", HARD), ("assistant", "So."), ("user", "ok")];
    assert_eq!(talk(&rig, "auto", &after).await, "gpt-5.2 auto; kept, simple; only");
    // Whoever cannot serve it any more is left.
    rig.up[0].does(|ask| if ask.model == "gpt-5.2" { Act::status(503) } else { Act::Ok });
    assert_eq!(talk(&rig, "auto", &after).await, "tiny auto; rules, simple; only");
    // After a long silence nothing is remembered.
    rig.up[0].always(Act::Ok);
    rig.clock.advance(3_700_000);
    assert_eq!(talk(&rig, "auto", &later).await, "tiny auto; rules, simple; only");
    rig.stop().await;
}

#[tokio::test]
async fn a_conversation_thinks_as_it_began() {
    let rig = rig("").await;
    let effort = |rig: &Rig| {
        let ask = rig.up[0].asks().into_iter().next_back().unwrap();
        serde_json::from_slice::<Value>(&ask.body).unwrap()["reasoning_effort"].clone()
    };
    talk(&rig, "auto-coding", &[("user", HARD), ("assistant", "a"), ("user", HARD)]).await;
    assert_eq!(effort(&rig), "xhigh");
    talk(
        &rig,
        "auto-coding",
        &[("user", HARD), ("assistant", "a"), ("user", HARD), ("assistant", "b"), ("user", "ok")],
    )
    .await;
    assert_eq!(effort(&rig), "xhigh", "its prompt cache would be lost otherwise");
    rig.stop().await;
}

#[tokio::test]
async fn answers_that_go_on_stay_too() {
    let rig = rig("").await;
    let ask = async |more: Value| {
        let mut body = json!({"model": "auto", "input": "say something"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let answer = rig.daemon.post("/v1/responses", body.to_string()).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        (answer.header("x-tokenrouter-route").to_owned(), answer.json()["id"].as_str().unwrap().to_owned())
    };
    let (_, id) = ask(json!({"input": HARD})).await;
    let (route, _) = ask(json!({"previous_response_id": id})).await;
    assert_eq!(route, "auto; kept, simple; only");
    assert_eq!(called(&rig), ["gpt-5.2"; 2]);
    rig.stop().await;
}

#[tokio::test]
async fn the_same_question_is_asked_once() {
    let rig = rig("router = \"model\"").await;
    rig.up[0].does(|ask| if is_question(ask) { decides("p0/usual", "none") } else { Act::Ok });
    assert_eq!(talk(&rig, "auto", &[("user", "hi")]).await, "usual auto; model, hard; only");
    assert_eq!(talk(&rig, "auto", &[("user", "hi")]).await, "usual auto; cache, hard; only");
    assert_eq!(called(&rig), ["?tiny", "usual", "usual"]);
    rig.clock.advance(601_000);
    assert_eq!(talk(&rig, "auto", &[("user", "hi")]).await, "usual auto; model, hard; only");
    assert_eq!(talk(&rig, "auto", &[("user", "ho")]).await, "usual auto; model, hard; only");
    rig.stop().await;
}

#[tokio::test]
async fn who_chooses_too_slowly_is_not_waited_for_twice() {
    let rig = rig("router = \"model\"\nrouter_timeout = \"100ms\"").await;
    rig.up[0].does(|ask| if is_question(ask) { Act::Hang } else { Act::Ok });
    assert_eq!(talk(&rig, "auto", &[("user", "hi")]).await, "tiny auto; rules, simple; only");
    assert_eq!(talk(&rig, "auto", &[("user", "ho")]).await, "tiny auto; rules, simple; only");
    assert_eq!(called(&rig), ["?tiny", "tiny", "tiny"]);
    rig.up[0].does(|ask| if is_question(ask) { decides("p0/usual", "none") } else { Act::Ok });
    rig.clock.advance(31_000);
    assert_eq!(talk(&rig, "auto", &[("user", "he")]).await, "usual auto; model, hard; only");
    rig.stop().await;
}

#[tokio::test]
async fn only_what_is_in_doubt_is_asked() {
    let rig = rig("router = \"rules+model\"").await;
    rig.up[0].does(|ask| if is_question(ask) { decides("p0/usual", "none") } else { Act::Ok });
    assert_eq!(talk(&rig, "auto", &[("user", "hi")]).await, "tiny auto; rules, simple; only");
    assert_eq!(talk(&rig, "auto", &[("user", HARD)]).await, "gpt-5.2 auto; rules, hard; only");
    assert_eq!(talk(&rig, "auto", &[("user", "Plan the migration")]).await, "usual auto; model, hard; only");
    // Every choice is counted by what it was and who made it, and what it took to ask.
    rig.daemon.rows("id").await;
    let told = rig.daemon.get("/metrics").await.text();
    let of = |target: &str, difficulty: &str, source: &str| {
        format!(
            r#"decisions_total{{virtual_model="auto",target="p0/{target}",difficulty="{difficulty}",source="{source}"}} 1"#
        )
    };
    for line in [
        of("tiny", "simple", "rules"),
        of("gpt-5.2", "hard", "rules"),
        of("usual", "hard", "model"),
        r#"decision_seconds_count{virtual_model="auto"} 1"#.to_owned(),
        // 70 tokens at 0.1 and 7 at 0.4 for a million.
        r#"decision_cost_usd_total{virtual_model="auto"} 0.0000098"#.to_owned(),
    ] {
        assert!(told.lines().any(|seen| seen.ends_with(&line)), "{line} is not in\n{told}");
    }
    rig.stop().await;
}

#[tokio::test]
async fn who_is_not_sure_gives_way_to_the_strongest() {
    let rig = rig("router = \"model\"\nmin_confidence = 0.95").await;
    rig.up[0].does(|ask| if is_question(ask) { decides("p0/tiny", "none") } else { Act::Ok });
    assert_eq!(talk(&rig, "auto", &[("user", "hi")]).await, "gpt-5.2 auto; unsure, hard; only");
    rig.stop().await;
}

#[tokio::test]
async fn the_operator_bounds_what_may_be_chosen() {
    for (auto, simple, hard) in [
        ("deny = [\"*/gpt-*\"]", "tiny", "usual"),
        ("allow = [\"p0/usual\"]", "usual", "usual"),
        ("max_price = 6.0", "tiny", "usual"),
        ("deny = [\"*\"]\ndefault = \"p0/usual\"", "usual", "usual"),
    ] {
        let rig = rig(&format!("router = \"model\"\n{auto}")).await;
        // Whatever a text has the model say that chooses.
        rig.up[0].does(|ask| if is_question(ask) { decides("p0/gpt-5.2", "none") } else { Act::Ok });
        for (text, expected) in [("hi", simple), (HARD, hard)] {
            let told = talk(&rig, "auto", &[("user", text)]).await;
            assert!(told.starts_with(expected), "{auto}: {told}");
        }
        rig.stop().await;
    }
    let rig = rig("deny = [\"*\"]").await;
    let answer = rig.chat("auto").await;
    assert_eq!((answer.status.as_u16(), rig.up[0].calls()), (503, 0), "{}", answer.text());
    assert_eq!(answer.json()["error"]["code"], "no_available_model");
    rig.stop().await;
}

#[tokio::test]
async fn every_protocol_and_both_forms_are_served() {
    let rig = rig("router = \"model\"").await;
    rig.up[0].does(|ask| if is_question(ask) { decides("p0/usual", "none") } else { Act::Ok });
    for speech in Speech::ALL {
        for stream in [false, true] {
            let answer = rig.ask(speech, "claude-auto", stream, "hi", &[]).await;
            assert!(answer.is_good(), "{speech:?} {stream} {answer:?}");
            assert_eq!(answer.header("x-tokenrouter-model-asked"), "claude-auto", "{speech:?}");
            assert_eq!(answer.header("x-tokenrouter-model"), "usual", "{speech:?}");
        }
    }
    let (_, told) = document(&rig);
    assert_eq!(told["virtual_model"], "auto");
    let embedding = rig.daemon.post("/v1/embeddings", r#"{"model":"auto","input":"x"}"#).await;
    assert_eq!(embedding.json()["error"]["code"], "no_conversation", "{}", embedding.text());
    let count = rig
        .daemon
        .post("/v1/messages/count_tokens", r#"{"model":"claude-auto","messages":[{"role":"user","content":"hi"}]}"#)
        .await;
    assert_eq!(count.status, 200, "{}", count.text());
    let compact = rig.daemon.post("/v1/responses/compact", r#"{"model":"auto","input":"a long talk"}"#).await;
    assert_eq!(compact.status, 200, "{}", compact.text());
    rig.stop().await;
}

#[tokio::test]
async fn who_is_left_alone_is_passed_over() {
    let shelf = [model("cheap", 0.1, 0.1, "context = 128000"), model("next", 0.2, 0.2, "context = 128000")].concat();
    let rig = over(&shelf, "").await;
    rig.up[0].does(|ask| if ask.model == "cheap" { Act::status(503) } else { Act::Ok });
    for _ in 0..6 {
        assert!(talk(&rig, "auto", &[("user", "hi")]).await.starts_with("next"));
    }
    assert_eq!(rig.up[0].calls_of("cheap"), 3, "its breaker is open, and nobody asks it any more");
    rig.up[0].always(Act::Ok);
    rig.clock.advance(61_000);
    assert!(talk(&rig, "auto", &[("user", "hi")]).await.starts_with("cheap"));
    rig.stop().await;
}

#[tokio::test]
async fn a_stream_that_fails_before_its_content_has_another_model() {
    let rig = rig("").await;
    let broken = Arc::new(AtomicBool::new(true));
    let once = Arc::clone(&broken);
    rig.up[0].does(
        move |ask| if ask.model == "tiny" && once.load(Ordering::Relaxed) { Act::ErrorAfter(0) } else { Act::Ok },
    );
    let answer = rig.stream("auto").await;
    assert!(answer.is_good(), "{answer:?}");
    assert_eq!(called(&rig), ["tiny", "usual"]);
    rig.stop().await;
}

#[tokio::test]
async fn what_would_be_chosen_is_explained_without_a_call() {
    let rig = rig("router = \"rules+model\"\ndeny = [\"*/tiny\"]").await;
    let told = rig.daemon.get("/admin/api/routes/explain?model=auto").await.json();
    assert_eq!(told["how"], "auto", "{told}");
    assert_eq!(told["auto"]["chosen"]["target"], "p0/usual");
    assert_eq!(told["candidates"][0]["model"], "usual");
    let targets: Vec<_> = told["auto"]["choices"].as_array().unwrap().iter().map(|c| c["target"].clone()).collect();
    assert_eq!(targets, ["p0/usual", "p0/usual", "p0/gpt-5.2"]);
    assert_eq!(told["auto"]["left_out"][0], json!({"model": "p0/tiny", "why": "`[auto]` does not permit it"}));
    assert_eq!(rig.up[0].calls(), 0);
    rig.stop().await;
}

#[tokio::test]
async fn another_provider_of_the_same_model_takes_over() {
    let up = vec![Upstream::start("p0", &[]), Upstream::start("p1", &[])];
    let text: String = up.iter().enumerate().map(|(at, up)| provider(&format!("p{at}"), &up.url(), &shelf())).collect();
    let rig = Rig::of(up, &format!("{HEAD}{text}"), Clock::fixed(1_800_000_000_000)).await;
    rig.up[0].close().await;
    for _ in 0..3 {
        let answer = rig.chat("auto").await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!((answer.header("x-tokenrouter-provider"), answer.header("x-tokenrouter-model")), ("p1", "tiny"));
    }
    rig.stop().await;
}

#[tokio::test]
async fn an_alias_and_a_declared_model_of_the_name_go_first() {
    let up = vec![Upstream::start("p0", &["m"]), Upstream::start("p1", &[])];
    let own = model("auto-coding", 1.0, 1.0, TALKS);
    let text = format!(
        "{HEAD}{}{}{}",
        provider("p0", &up[0].url(), &shelf()),
        provider("p1", &up[1].url(), &own),
        alias("auto", &["- p0 usual"])
    );
    let rig = Rig::of(up, &text, Clock::fixed(1_800_000_000_000)).await;
    assert_eq!(post(&rig, &said("auto", "hi")).await.header("x-tokenrouter-route"), "alias; only");
    assert_eq!(called(&rig), ["usual"]);
    rig.seen();
    post(&rig, &said("auto-coding", "hi")).await;
    assert_eq!(called(&rig), ["auto-coding"]);
    rig.seen();
    assert_eq!(post(&rig, &said("auto-longtext", "hi")).await.status, 200);
    assert!(!called(&rig).is_empty());
    rig.stop().await;
}
