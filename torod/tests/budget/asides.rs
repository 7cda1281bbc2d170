//! What a token with limits may not ask for, because nobody could count it or hold it to its rights.

use serde_json::json;

use crate::rig::{PRICES, budgets};
use crate::support::TestDaemon;

#[tokio::test]
async fn work_in_the_background_is_for_tokens_without_a_budget() {
    let daemon = TestDaemon::with("", PRICES).await;
    let counted = daemon.token(None, budgets(&[("tokens", 100_000)])).await;
    let below = daemon.token(Some(&counted), json!({})).await;
    let free = daemon.token(None, json!({ "concurrent": 5 })).await;
    for background in [r#""background":true"#, r#""back\u0067round":true"#, r#""Background":1"#] {
        let body = format!(r#"{{"model":"ok","input":"hi",{background}}}"#);
        for token in [&counted, &below] {
            let answer = daemon.post_of(token, "/v1/responses", body.clone()).await;
            let code = answer.json()["error"]["code"].as_str().map(str::to_owned);
            assert_eq!((answer.status.as_u16(), code.as_deref()), (400, Some("background_uncounted")), "{background}");
        }
        let answer = daemon.post_of(&free, "/v1/responses", body).await;
        assert_ne!(answer.json()["error"]["code"], "background_uncounted", "{background}");
    }
    let answer = daemon.post_of(&counted, "/v1/responses", r#"{"model":"ok","input":"hi","background":false}"#.into());
    assert_eq!(answer.await.status, 200);
    assert_eq!(daemon.used(&counted)[0], daemon.spent(&[&counted, &below]).await[1], "nothing stays reserved");
    daemon.stop().await;
}

#[tokio::test]
async fn further_models_are_for_tokens_without_rights_and_budgets_in_money() {
    let daemon = TestDaemon::with("", PRICES).await;
    let held = [
        json!({ "models": { "allow": ["sim/ok"] } }),
        json!({ "models": { "deny": ["x"] } }),
        budgets(&[("usd_nanos", 5_000_000_000)]),
    ];
    for limits in held {
        let token = daemon.token(None, limits.clone()).await;
        for more in [
            r#","models":["think"]"#,
            r#","\u006dodels":["think"]"#,
            r#","fallbacks":[{"model":"think"}]"#,
            r#","tools":[{"type":"advisor","name":"a","model":"think"}]"#,
        ] {
            let answer = daemon.chat_of(&token, "ok", more).await;
            let code = answer.json()["error"]["code"].as_str().map(str::to_owned);
            assert_eq!((answer.status.as_u16(), code.as_deref()), (403, Some("model_forbidden")), "{limits} {more}");
        }
        // A list of none names nobody; what the provider makes of it is its own affair.
        let answer = daemon.chat_of(&token, "ok", r#","models":[]"#).await;
        assert_ne!(answer.json()["error"]["code"], "model_forbidden", "{limits}");
    }
    let free = daemon.token(None, budgets(&[("requests", 5)])).await;
    let answer = daemon.chat_of(&free, "ok", r#","models":["think"]"#).await;
    assert_ne!(answer.json()["error"]["code"], "model_forbidden");
    daemon.stop().await;
}

#[tokio::test]
async fn a_second_model_in_a_gemini_body_is_a_further_model() {
    let daemon = TestDaemon::with("", PRICES).await;
    let denied = daemon.token(None, json!({ "models": { "deny": ["think"] } })).await;
    let free = daemon.token(None, budgets(&[("requests", 50)])).await;
    let contents = r#""contents":[{"parts":[{"text":"hi"}]}]"#;
    for (way, more, is_refused) in [
        ("generateContent", r#""model":"models/think","#, true),
        ("streamGenerateContent", r#""m\u006fdel":"think","#, true),
        ("countTokens", r#""model":"think","#, true),
        ("countTokens", r#""generateContentRequest":{"model":"models/think","contents":[]},"#, true),
        ("generateContent", r#""model":"models/ok","#, false),
        ("countTokens", r#""model":"ok","#, false),
    ] {
        let (path, body) = (format!("/v1beta/models/ok:{way}"), format!("{{{more}{contents}}}"));
        let answer = daemon.post_of(&denied, &path, body.clone()).await;
        assert_eq!(answer.status.as_u16() == 403, is_refused, "{way} {more}: {}", answer.text());
        assert!(is_refused || answer.status == 200, "{way} {more}: {}", answer.text());
        assert_ne!(daemon.post_of(&free, &path, body).await.status, 403, "{way} {more}");
    }
    daemon.stop().await;
}

#[tokio::test]
async fn a_default_that_stands_for_several_keeps_to_the_rights() {
    let aliases = "[[model_aliases]]\nname = \"mix\"\norder = [\"round_robin\"]\n\
         [[model_aliases.targets]]\nprovider = \"sim\"\nmodel = \"ok\"\n\
         [[model_aliases.targets]]\nprovider = \"sim\"\nmodel = \"think\"\n\
         [auto]\nallow = [\"sim/ok\"]\ndeny = [\"sim/ok\"]\ndefault = \"mix\"\n";
    let daemon = TestDaemon::with("", &format!("{PRICES}\n{aliases}")).await;
    for rights in [json!({ "allow": ["sim/ok"] }), json!({ "allow": ["auto"], "deny": ["*think*"] })] {
        let token = daemon.token(None, json!({ "models": rights })).await;
        for _ in 0..8 {
            let answer = daemon.chat_of(&token, "auto", "").await;
            assert_eq!(answer.status, 200, "{rights}: {}", answer.text());
            assert_eq!(answer.header("x-tokenrouter-model"), "ok", "{rights}");
        }
    }
    daemon.stop().await;
}
