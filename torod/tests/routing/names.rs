//! From names to providers: prefixes, lists, defaults, aliases, profiles, and the headers that say so.

use http::Method;
use serde_json::Value;
use torod::clock::Clock;

use crate::act::Act;
use crate::rig::{HEAD, Rig, alias, provider};
use crate::upstream::Upstream;

async fn ten(rig: &Rig, model: &str) -> Vec<u64> {
    rig.seen();
    for _ in 0..10 {
        let answer = rig.chat(model).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    rig.seen()
}

#[tokio::test]
async fn row_19_headers_name_the_model_asked_for_and_the_one_that_answered() {
    let rig = Rig::new("", &["", ""], &alias("fast", &["- p1 m", "- p0 m2"])).await;
    let answer = rig.chat("fast").await;
    assert_eq!(answer.header("x-tokenrouter-model"), "m", "{:?}", answer.headers);
    assert_eq!(answer.header("x-tokenrouter-model-asked"), "fast");
    assert_eq!(answer.header("x-tokenrouter-provider"), "p1");
    assert_eq!(answer.header("x-tokenrouter-attempts"), "1");
    assert_eq!(answer.header("x-tokenrouter-route"), "alias; priority");
    rig.up[1].always(Act::status(503));
    let answer = rig.chat("fast").await;
    assert_eq!(answer.header("x-tokenrouter-model"), "m2", "{:?}", answer.headers);
    assert_eq!(answer.header("x-tokenrouter-provider"), "p0");
    assert_eq!(answer.header("x-tokenrouter-attempts"), "2");
    assert_eq!(answer.header("x-tokenrouter-route"), "alias; fallback");
    let plain = rig.chat("p0/m").await;
    assert_eq!(plain.header("x-tokenrouter-route"), "prefix; only", "{:?}", plain.headers);
    assert_eq!(plain.header("x-tokenrouter-model"), "m");
    rig.stop().await;
}

#[tokio::test]
async fn row_40_a_prefix_names_the_provider() {
    let rig = Rig::equal(2, "").await;
    assert_eq!(ten(&rig, "p1/m").await, [0, 10]);
    assert_eq!(ten(&rig, "p0/m").await, [10, 0]);
    rig.stop().await;
}

#[tokio::test]
async fn row_41_the_default_provider_gets_names_without_prefix() {
    let rig = Rig::new("default_provider = \"p1\"", &["", ""], "").await;
    assert_eq!(ten(&rig, "m").await, [0, 10]);
    rig.stop().await;
}

#[tokio::test]
async fn row_42_else_the_first_enabled_provider_that_may_have_the_model() {
    let up: Vec<_> = (0..3).map(|at| Upstream::start(&format!("p{at}"), &[])).collect();
    for up in &up {
        up.has_list(false);
    }
    // Providers without a list: the start does not wait for one, so the daemon is built by hand.
    let text = format!(
        "{HEAD}{}{}{}",
        provider("p0", &up[0].url(), "enabled = false"),
        provider("p1", &up[1].url(), ""),
        provider("p2", &up[2].url(), "")
    );
    for up in &up {
        up.close().await;
    }
    let rig = Rig::of(up, &text, Clock::fixed(1_800_000_000_000)).await;
    for up in &rig.up {
        up.reopen();
    }
    rig.clock.advance(10 * 60_000);
    assert_eq!(ten(&rig, "some-model").await, [0, 10, 0]);
    rig.stop().await;
}

#[tokio::test]
async fn row_43_a_listed_model_never_reaches_who_does_not_list_it() {
    let up = vec![Upstream::start("p0", &["m"]), Upstream::start("p1", &["m", "only1"])];
    let rig = Rig::over(up, "", &["", ""], "", Clock::fixed(1_800_000_000_000)).await;
    assert_eq!(ten(&rig, "only1").await, [0, 10]);
    rig.up[1].always(Act::status(503));
    assert_ne!(rig.chat("only1").await.status, 200);
    assert_eq!(rig.seen()[0], 0, "not even when the other fails");
    let unknown = rig.chat("nobody-has-it").await;
    assert_eq!((unknown.status.as_u16(), rig.seen()), (404, vec![0, 0]));
    rig.stop().await;
}

#[tokio::test]
async fn row_44_an_alias_changes_the_model_and_nothing_else() {
    let rig = Rig::new("", &["", ""], &alias("fast", &["- p0 m"])).await;
    let body = r#"{ "model" : "fast","messages":[{"role":"user","content":"fast \"fast\" 1.0e3"}],"x-odd": 1.50}"#;
    let answer = rig.daemon.post("/v1/chat/completions", body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let asks = rig.up[0].asks();
    assert_eq!(asks.len(), 1);
    let expected = body.replacen("\"fast\"", "\"m\"", 1);
    assert_eq!(String::from_utf8_lossy(&asks[0].body), expected);
    // Aliases are names like any other: they are listed, and go before a provider's own.
    let listed = rig.daemon.get("/v1/models").await;
    assert!(listed.text().contains("\"fast\""), "{}", listed.text());
    rig.stop().await;
}

#[tokio::test]
async fn row_45_the_active_profile_moves_the_next_request() {
    let targets = alias("chat", &["local p0 m", "runpod p1 m2"]);
    let rig = Rig::new("active_model_profile = \"local\"", &["", ""], &targets).await;
    assert_eq!(ten(&rig, "chat").await, [10, 0]);
    let change = |profile: &str| format!(r#"{{"active_model_profile":"{profile}"}}"#);
    let changed = rig.admin(Method::PATCH, "/admin/api/routing", &change("runpod")).await;
    assert_eq!(changed.status, 200, "{}", changed.text());
    assert_eq!(ten(&rig, "chat").await, [0, 10]);
    let shown: Value = rig.admin(Method::GET, "/admin/api/routing", "").await.json();
    assert_eq!(shown["active_model_profile"], "runpod", "{shown}");
    let odd = rig.admin(Method::PATCH, "/admin/api/routing", &change("nowhere")).await;
    assert!(odd.status.is_client_error(), "{}", odd.text());
    assert_eq!(ten(&rig, "chat").await, [0, 10], "a profile that does not exist changes nothing");
    rig.admin(Method::PATCH, "/admin/api/routing", &change("local")).await;
    assert_eq!(ten(&rig, "chat").await, [10, 0]);
    rig.stop().await;
}

#[tokio::test]
async fn targets_of_an_alias_are_tried_in_their_order_and_may_speak_another_protocol() {
    let up = vec![Upstream::start("p0", &["m"]), Upstream::start("p1", &["claude"])];
    let text = format!(
        "{HEAD}{}[[providers]]\nname = \"p1\"\nprotocols = {{ anthropic = \"{}/anthropic\" }}\n{}",
        provider("p0", &up[0].url(), ""),
        up[1].url(),
        alias("chat", &["- p0 m", "- p1 claude"])
    );
    let rig = Rig::of(up, &text, Clock::fixed(1_800_000_000_000)).await;
    assert_eq!(ten(&rig, "chat").await, [10, 0]);
    for act in [Act::status(503), Act::ErrorAfter(0)] {
        rig.up[0].always(act);
        let outcome = rig.stream("chat").await;
        assert!(outcome.is_good() && outcome.who().0 == "p1", "{outcome:?}");
        assert_eq!(outcome.header("x-tokenrouter-model"), "claude");
    }
    rig.stop().await;
}

#[tokio::test]
async fn an_alias_may_name_another_alias() {
    let other = alias("inner", &["- p1 m"]);
    let outer = "[[model_aliases]]\nname = \"outer\"\ntargets = [{ model = \"inner\" }]\n";
    let rig = Rig::new("", &["", ""], &format!("{other}{outer}")).await;
    assert_eq!(ten(&rig, "outer").await, [0, 10]);
    rig.stop().await;
}
