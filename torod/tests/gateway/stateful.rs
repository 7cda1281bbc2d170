//! Answers that later requests continue, over providers that keep none, and state kept for clients that cannot carry it.

use http::Method;
use serde_json::{Value, json};
use tokenrouter_simulator::{Settings, Simulator};
use torod::clock::Clock;

use crate::support::{Answer, TestDaemon, events, port_zero};

/// One provider for each protocol, at one simulator. `own` is the real OpenAI, as far as the gateway knows.
async fn daemon() -> TestDaemon {
    let simulator = Simulator::start(port_zero(), Settings::default()).await.unwrap();
    let text = configuration(&simulator.url());
    TestDaemon::configured(simulator, &text, Clock::system()).await
}

fn configuration(url: &str) -> String {
    let provider = |name: &str, protocol: &str, base: &str, kind: &str| {
        format!(
            "[[providers]]\nname = \"{name}\"\n{kind}protocols = {{ {protocol} = \"{url}{base}\" }}\napi_key = \"sk-{name}-0123456789\"\n"
        )
    };
    format!(
        "listen_addr = \"127.0.0.1:0\"\nauto_detect_local_servers = false\nallow_localhost_no_auth = false\n{}{}{}{}",
        provider("oa", "openai", "/v1", ""),
        provider("an", "anthropic", "/anthropic", "provider_type = \"anthropic\"\n"),
        provider("re", "responses", "/v1", ""),
        provider("own", "responses", "/v1", "provider_type = \"openai\"\n"),
    )
}

async fn respond(daemon: &TestDaemon, model: &str, more: &str) -> Answer {
    daemon.post("/v1/responses", format!(r#"{{"model":"{model}"{more}}}"#)).await
}

async fn with_method(daemon: &TestDaemon, method: Method, path: &str) -> Answer {
    let mut request = daemon.request(path, "");
    *request.method_mut() = method;
    daemon.send(request).await
}

fn id(answer: &Answer) -> String {
    answer.json()["id"].as_str().unwrap_or_else(|| panic!("{}", answer.text())).to_owned()
}

fn last_body(daemon: &TestDaemon) -> Value {
    let calls = daemon.simulator.calls();
    serde_json::from_slice(&calls.last().unwrap().body).unwrap()
}

#[tokio::test]
async fn a_conversation_goes_on_over_any_provider() {
    let daemon = daemon().await;
    for (first, second) in [("oa", "oa"), ("an", "an"), ("re", "re"), ("own", "oa"), ("oa", "own"), ("an", "re")] {
        let case = format!("{first} then {second}");
        let asked = respond(&daemon, &format!("{first}/ok"), r#","input":"my name is Ada""#).await;
        let said = asked.json()["output"][0]["content"][0]["text"]
            .as_str()
            .unwrap_or_else(|| panic!("{case}: {}", asked.text()))
            .to_owned();
        let more =
            format!(r#","input":[{{"role":"user","content":"who am I?"}}],"previous_response_id":"{}""#, id(&asked));
        let answer = respond(&daemon, &format!("{second}/ok"), &more).await;
        assert_eq!(answer.status, 200, "{case}: {}", answer.text());
        let sent = last_body(&daemon);
        let text = sent.to_string();
        let (ada, who) = (text.find("Ada").unwrap(), text.find("who am I?").unwrap());
        let between = text.find(&serde_json::to_string(&said).unwrap()[1..20]).unwrap();
        assert!(ada < between && between < who, "{case}: {text}");
        assert!(sent.get("previous_response_id").is_none(), "{case}: {text}");
        if second != "own" && second != "re" {
            assert_eq!(answer.json()["previous_response_id"], id(&asked), "{case}");
        }
        // And once more: the whole chain.
        let more = format!(r#","input":"and now?","previous_response_id":"{}""#, id(&answer));
        assert_eq!(respond(&daemon, "oa/ok", &more).await.status, 200, "{case}");
        let messages = last_body(&daemon)["messages"].as_array().unwrap().len();
        assert_eq!(messages, 5, "{case}");
    }
    daemon.stop().await;
}

#[tokio::test]
async fn a_provider_that_keeps_its_answers_is_asked_itself() {
    let daemon = daemon().await;
    let asked = respond(&daemon, "own/ok", r#","input":"hi""#).await;
    let more = format!(r#","input":"more","previous_response_id":"{}""#, id(&asked));
    let body = format!(r#"{{"model":"own/ok"{more}}}"#);
    assert_eq!(daemon.post("/v1/responses", body.clone()).await.status, 200);
    let calls = daemon.simulator.calls();
    let sent = calls.last().unwrap();
    assert_eq!(String::from_utf8_lossy(&sent.body), body.replace("own/ok", "ok"), "not a byte is changed");

    daemon.simulator.clear();
    let read = daemon.get(&format!("/v1/responses/{}?limit=3&key=tr_secret&after=a%26b", id(&asked))).await;
    assert_eq!((read.status.as_u16(), read.json()["id"].clone()), (200, asked.json()["id"].clone()));
    let calls = daemon.simulator.calls();
    assert_eq!(calls.len(), 1, "its own copy is the true one");
    assert!(!format!("{calls:?}").contains("tr_secret"));
    let removed = with_method(&daemon, Method::DELETE, &format!("/v1/responses/{}", id(&asked))).await;
    assert_eq!(removed.status, 200, "{}", removed.text());
    assert_eq!(daemon.simulator.calls().len(), 2, "removed there too");
    assert_eq!(daemon.get(&format!("/v1/responses/{}", id(&asked))).await.status, 404);
    daemon.stop().await;
}

#[tokio::test]
async fn answers_are_read_listed_and_removed_by_their_owner_only() {
    let daemon = daemon().await;
    let first = respond(&daemon, "oa/ok", r#","input":"one""#).await;
    let more = format!(
        r#","stream":true,"input":[{{"role":"user","content":"two"}}],"previous_response_id":"{}""#,
        id(&first)
    );
    let stream = respond(&daemon, "an/ok", &more).await;
    let last: Value = serde_json::from_str(events(&stream.body).last().unwrap()).unwrap();
    let second = last["response"]["id"].as_str().unwrap();
    // At once, also while it is not on the disk yet.
    let read = daemon.get(&format!("/v1/responses/{second}")).await;
    assert_eq!(read.json(), last["response"]);

    let items = daemon.get(&format!("/v1/responses/{second}/input_items?order=asc&limit=2")).await.json();
    assert_eq!((items["object"].as_str(), items["has_more"].as_bool()), (Some("list"), Some(true)));
    assert_eq!(items["data"][0]["content"][0], json!({"type":"input_text","text":"one"}));
    assert_eq!(items["data"][1]["role"], "assistant");
    let path = format!("/v1/responses/{second}/input_items?order=asc&after={}", items["last_id"].as_str().unwrap());
    let rest = daemon.get(&path).await.json();
    assert_eq!(rest["data"][0]["content"][0]["text"], "two");
    assert_eq!((rest["data"].as_array().unwrap().len(), rest["has_more"].as_bool()), (1, Some(false)));
    for bad in ["limit=0", "limit=x", "stream=true"] {
        assert_eq!(daemon.get(&format!("/v1/responses/{second}?{bad}")).await.status, 400, "{bad}");
    }

    let other = daemon.other_key().await;
    for (method, tail) in
        [(Method::GET, ""), (Method::DELETE, ""), (Method::GET, "/input_items"), (Method::POST, "/cancel")]
    {
        let mut request = daemon.request(&format!("/v1/responses/{second}{tail}"), "");
        *request.method_mut() = method.clone();
        request.headers_mut().insert("authorization", format!("Bearer {other}").parse().unwrap());
        let answer = daemon.send(request).await;
        assert_eq!(
            (answer.status.as_u16(), answer.json()["error"]["code"].as_str()),
            (404, Some("response_not_found")),
            "{method}{tail}"
        );
    }
    let mut stolen = daemon
        .request("/v1/responses", format!(r#"{{"model":"oa/ok","input":"x","previous_response_id":"{second}"}}"#));
    stolen.headers_mut().insert("authorization", format!("Bearer {other}").parse().unwrap());
    let stolen = daemon.send(stolen).await;
    assert_eq!(
        (stolen.status.as_u16(), stolen.json()["error"]["code"].as_str()),
        (400, Some("previous_response_not_found"))
    );
    // Nor where the provider keeps it under the key that all tokens share.
    let own = respond(&daemon, "own/ok", r#","input":"my secret""#).await;
    for (key, status) in [(Some(&other), 400), (None, 200)] {
        let body = format!(r#"{{"model":"own/ok","input":"x","previous_response_id":"{}"}}"#, id(&own));
        let mut request = daemon.request("/v1/responses", body);
        if let Some(key) = key {
            request.headers_mut().insert("authorization", format!("Bearer {key}").parse().unwrap());
        }
        assert_eq!(daemon.send(request).await.status, status);
    }

    let cancelled = with_method(&daemon, Method::POST, &format!("/v1/responses/{second}/cancel")).await;
    assert_eq!(cancelled.status, 400);
    assert_eq!(with_method(&daemon, Method::PUT, &format!("/v1/responses/{second}")).await.status, 405);
    let path = format!("/v1/responses/{}", id(&first));
    let removed = with_method(&daemon, Method::DELETE, &path).await;
    assert_eq!(removed.json(), json!({"id": id(&first), "object": "response", "deleted": true}));
    assert_eq!(with_method(&daemon, Method::DELETE, &path).await.status, 404);
    let more = format!(r#","input":"three","previous_response_id":"{second}""#);
    let answer = respond(&daemon, "oa/ok", &more).await;
    assert_eq!(answer.json()["error"]["param"], "previous_response_id", "what is gone is not silently left out");
    daemon.stop().await;
}

#[tokio::test]
async fn what_is_not_wanted_is_not_kept_and_what_nobody_knows_is_refused() {
    let daemon = daemon().await;
    let answer = respond(&daemon, "oa/ok", r#","input":"hi","store":false"#).await;
    assert_eq!(answer.json()["store"], false);
    assert_eq!(daemon.get(&format!("/v1/responses/{}", id(&answer))).await.status, 404);
    for model in ["oa/ok", "an/ok", "re/ok"] {
        let refused = respond(&daemon, model, r#","input":"hi","previous_response_id":"resp_unknown""#).await;
        assert_eq!(refused.status, 400, "{}", refused.text());
        assert_eq!(refused.json()["error"]["code"], "previous_response_not_found", "{model}");
    }
    let failed = respond(&daemon, "oa/s500", r#","input":"hi""#).await;
    assert_eq!(failed.status, 500);
    daemon.stop().await;
}

#[tokio::test]
async fn kept_answers_outlive_the_daemon() {
    let daemon = daemon().await;
    let asked = respond(&daemon, "an/ok", r#","input":"remember me""#).await;
    let (simulator, folder) = daemon.stop_keeping().await;
    let text = configuration(&simulator.url());
    let daemon = TestDaemon::in_folder(simulator, &text, Clock::system(), folder).await;
    // Another token: whoever has only the database has nothing to continue.
    let read = daemon.get(&format!("/v1/responses/{}", id(&asked))).await;
    assert_eq!(read.status, 404);
    let connection = torod::store::schema::open_reader(&daemon.folder.path().join("data")).unwrap();
    let kept: String = connection.query_row("SELECT key FROM kept", [], |row| row.get(0)).unwrap();
    assert_eq!(kept, id(&asked));
    daemon.stop().await;
}

#[tokio::test]
async fn a_conversation_is_compacted_by_its_own_model() {
    let daemon = daemon().await;
    let input = r#"[{"role":"user","content":"my name is Ada"},{"role":"assistant","content":"hello"}]"#;
    for provider in ["oa", "an", "re"] {
        let body = format!(r#"{{"model":"{provider}/ok","input":{input}}}"#);
        let compacted = daemon.post("/v1/responses/compact", body).await;
        assert_eq!(compacted.status, 200, "{provider}: {}", compacted.text());
        let compacted = compacted.json();
        assert_eq!(compacted["object"], "response.compaction", "{provider}");
        let output = compacted["output"].as_array().unwrap();
        assert_eq!((output.len(), output[0]["content"].as_str()), (2, Some("my name is Ada")));
        assert!(compacted["usage"]["total_tokens"].as_u64().unwrap() > 0);
        assert!(!compacted.to_string().contains("hello"), "what the model said is in the summary alone");
        let asked = last_body(&daemon).to_string();
        assert!(asked.contains("summary") && asked.contains("hello"), "{asked}");
        // The simulator's answer is the summary; every provider's model reads it in the next request.
        for next in ["oa", "an", "re"] {
            let body = json!({"model": format!("{next}/ok"), "input": [output[0], output[1], {"role":"user","content":"who am I?"}]});
            let answer = daemon.post("/v1/responses", body.to_string()).await;
            assert_eq!(answer.status, 200, "{provider} {next}: {}", answer.text());
            assert_eq!(answer.header("x-tokenrouter-degraded"), "");
            let sent = last_body(&daemon).to_string();
            assert!(sent.contains("Summary of the conversation") && sent.contains("Lorem ipsum"), "{next}: {sent}");
            assert!(!sent.contains("gw1."), "{sent}");
        }
    }
    let rows = daemon.rows("surface, output").await;
    assert!(rows.len() == 12 && rows.iter().all(|row| row[1] != "0"), "{rows:?}");
    // A provider that compacts by itself is asked itself, and its item passes untouched.
    let own = daemon.post("/v1/responses/compact", format!(r#"{{"model":"own/ok","input":{input}}}"#)).await;
    assert_eq!(own.json()["object"], "response.compaction", "{}", own.text());
    assert_eq!(daemon.simulator.calls().last().unwrap().path, "/v1/responses/compact");
    // A forged item is left out, and that is said.
    let forged = json!({"model": "oa/ok", "input": [{"role":"user","content":"x"}, {"type":"compaction","encrypted_content":"gw1.AAAA.BBBB"}]});
    let answer = daemon.post("/v1/responses", forged.to_string()).await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("x-tokenrouter-degraded")),
        (200, "compaction"),
        "{}",
        answer.text()
    );
    assert_eq!(daemon.post("/v1/responses/compact", r#"{"model":"oa/s500","input":"x"}"#).await.status, 500);
    assert_eq!(daemon.post("/v1/responses/compact", r#"{"model":"nobody/x","input":"x"}"#).await.status, 404);
    daemon.stop().await;
}

#[tokio::test]
async fn an_item_is_referred_to_by_the_token_whose_answer_it_is_in() {
    let daemon = daemon().await;
    let other = daemon.other_key().await;
    let asked = respond(&daemon, "own/ok", r#","input":"my secret""#).await.json();
    let item = asked["output"][0]["id"].as_str().unwrap().to_owned();
    let ask = async |key: &str, path: &str, reference: &str| {
        let mut request = daemon.request(path, format!(r#"{{"model":"own/ok","input":[{reference}]}}"#));
        request.headers_mut().insert("authorization", format!("Bearer {key}").parse().unwrap());
        let answer = daemon.send(request).await;
        (answer.status.as_u16(), answer.json()["error"]["code"].as_str().unwrap_or_default().to_owned())
    };
    daemon.simulator.clear();
    let refused = (400, "item_not_found".to_owned());
    for path in ["/v1/responses", "/v1/responses/compact", "/v1/responses/input_tokens"] {
        for reference in [
            format!(r#"{{"type":"item_reference","id":"{item}"}}"#),
            format!(r#"{{"type":"item\u005freference","\u0069d":"{item}"}}"#),
            format!(r#"{{"id":"{item}"}}"#),
            r#"{"type":"item_reference","id":"msg_nobodys"}"#.to_owned(),
        ] {
            assert_eq!(ask(&other, path, &reference).await, refused, "{reference} at {path}");
        }
    }
    let twice = format!(r#"{{"type":"message","type":"item_reference","id":"{item}"}}"#);
    assert_eq!(ask(&other, "/v1/responses", &twice).await, (400, "ambiguous_field".into()));
    assert!(daemon.simulator.calls().is_empty(), "the provider was asked");
    let own = format!(r#"{{"type":"item_reference","id":"{item}"}}"#);
    assert_eq!(ask(&daemon.key, "/v1/responses", &own).await.0, 200);
    assert_eq!(last_body(&daemon)["input"][0]["id"], item.as_str());
    let sent_whole = format!(r#"{{"type":"message","role":"assistant","id":"{item}","content":"hello"}}"#);
    assert_eq!(ask(&other, "/v1/responses", &sent_whole).await.0, 200, "it holds all that it says");
    daemon.stop().await;
}

/// What was sealed for another vendor is taken out of a native request; what the request continues stays in it.
#[tokio::test]
async fn a_request_that_was_unsealed_still_continues_its_answer() {
    let daemon = daemon().await;
    let asked = respond(&daemon, "own/ok", r#","input":"hi""#).await;
    let forged = r#"{"type":"reasoning","summary":[],"encrypted_content":"gw1.AAAA.BBBB"}"#;
    let more = format!(
        r#","store":true,"previous_response_id":"{}","input":[{forged},{{"role":"user","content":"on"}}]"#,
        id(&asked)
    );
    let answer = respond(&daemon, "own/ok", &more).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let sent = last_body(&daemon);
    assert_eq!(
        (sent["previous_response_id"].as_str(), sent["store"].as_bool()),
        (asked.json()["id"].as_str(), Some(true))
    );
    assert!(!sent.to_string().contains("gw1."), "{sent}");
    daemon.stop().await;
}
