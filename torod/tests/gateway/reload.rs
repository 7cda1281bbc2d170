//! The configuration while the gateway runs: edited, broken, renamed over, switched; new requests follow, running ones
//! do not notice.

use http_body_util::BodyExt;
use serde_json::Value;

use crate::site::{Site, provider};
use crate::support::{TestDaemon, chat_body, events, until};

#[tokio::test]
async fn sighup_takes_an_edit_over_and_a_running_stream_does_not_notice() {
    let site = Site::start(&provider("ONE", "")).await;
    site.chat("p/ok").await;
    assert_eq!(site.seen(), (1, 0));
    let body = chat_body("p/long+seconds=5", r#","stream":true"#);
    let mut stream = site.head("POST", "/v1/chat/completions", &body).await.into_body();
    let first = stream.frame().await.unwrap().unwrap().into_data().unwrap();
    let before = site.status().await;
    site.write(&provider("TWO", "priority = 3"));
    site.hang_up();
    site.loaded_after(&before).await;
    site.chat("p/ok").await;
    assert_eq!(site.seen(), (1, 1), "the stream and nothing else went to the old URL");
    assert!(site.status().await["in_flight"].as_u64().unwrap() >= 1, "the stream still runs");
    let rest = stream.collect().await.unwrap().to_bytes();
    assert_eq!(events(&[first, rest].concat()).last().unwrap(), "[DONE]");
    for said in ["SIGHUP", "provider p changed"] {
        site.logged(said).await;
    }
    site.stop().await;
}

#[tokio::test]
async fn sighup_reads_keys_anew_that_the_file_only_points_to() {
    let key = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(key.path(), "sk-first").unwrap();
    let site = Site::start(&provider("ONE", &format!("api_key = {{ file = \"{}\" }}", key.path().display()))).await;
    let used = || {
        let calls = site.one.calls();
        let call = calls.iter().rev().find(|call| !call.body.is_empty()).unwrap();
        call.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("authorization")).unwrap().1.clone()
    };
    site.chat("p/ok").await;
    assert_eq!(used(), "Bearer sk-first");
    let before = site.status().await;
    std::fs::write(key.path(), "sk-second\n").unwrap();
    site.hang_up();
    site.loaded_after(&before).await;
    site.chat("p/ok").await;
    assert_eq!(used(), "Bearer sk-second");
    // A key that is gone for a while takes nobody away who works.
    let before = site.status().await;
    std::fs::write(key.path(), "").unwrap();
    assert_eq!(site.ask("POST", "/admin/api/reload", "").await.status, 200);
    site.loaded_after(&before).await;
    site.chat("p/ok").await;
    assert_eq!(used(), "Bearer sk-second");
    site.logged("provider p has another key").await;
    assert!(!site.log().contains("sk-second"));
    site.stop().await;
}

#[tokio::test]
async fn a_broken_file_changes_nothing_and_says_why() {
    let site = Site::start(&provider("ONE", "")).await;
    for (broken, place) in [
        (provider("ftp://h", ""), ":6:12: the URL must start with"),
        (provider("TWO", "prioriti = 3"), ":7:1: unknown key `prioriti`"),
        (format!("active_model_profile = \"x\"\n{}", provider("TWO", "")), ":4:24: no alias has the profile `x`"),
        ("[[providers".to_owned(), "not TOML"),
    ] {
        site.write(&broken);
        until("the error is told", || async {
            site.status().await["config"]["error"].as_str().is_some_and(|error| error.contains(place))
        })
        .await;
        let refused = site.ask("POST", "/admin/api/reload", "").await;
        assert_eq!((refused.status.as_u16(), refused.json()["error"]["code"].as_str()), (422, Some("config_invalid")));
        assert!(refused.text().contains(place), "{}", refused.text());
        site.chat("p/ok").await;
    }
    assert_eq!(site.seen(), (4, 0));
    site.logged("not taken over").await;
    // A file that is gone for a while is news when it is back, with the same words too.
    let away = site.folder.path().join("away");
    std::fs::rename(site.file(), &away).unwrap();
    until("it is gone", || async {
        site.status().await["config"]["error"].as_str().is_some_and(|error| error.contains("there is no such file"))
    })
    .await;
    std::fs::rename(&away, site.file()).unwrap();
    until("it is as broken as before", || async {
        site.status().await["config"]["error"].as_str().is_some_and(|error| error.contains("not TOML"))
    })
    .await;
    // What is being written is no news yet.
    std::fs::write(site.file(), "").unwrap();
    until("the empty file is noticed", || async { site.log().contains("waiting for its content") }).await;
    site.chat("p/ok").await;
    assert_eq!(site.seen(), (1, 0));
    site.write(&provider("TWO", ""));
    until("the mended file is in force", || async { site.status().await["config"]["error"].is_null() }).await;
    site.chat("p/ok").await;
    assert_eq!(site.seen(), (0, 1));
    site.stop().await;
}

#[tokio::test]
async fn a_file_renamed_over_and_a_link_turned_are_noticed() {
    let site = Site::start(&provider("ONE", "")).await;
    for (url, expected) in [("TWO", (0, 1)), ("ONE", (1, 0))] {
        let before = site.status().await;
        site.rename_over(&provider(url, ""));
        site.loaded_after(&before).await;
        site.chat("p/ok").await;
        assert_eq!(site.seen(), expected);
    }
    let before = site.status().await;
    let real = site.folder.path().join("elsewhere");
    std::fs::create_dir(&real).unwrap();
    std::fs::write(real.join("v2.toml"), site.text(&provider("TWO", ""))).unwrap();
    std::os::unix::fs::symlink("elsewhere/v2.toml", site.folder.path().join("link")).unwrap();
    std::fs::rename(site.folder.path().join("link"), site.file()).unwrap();
    site.loaded_after(&before).await;
    site.chat("p/ok").await;
    assert_eq!(site.seen(), (0, 1));
    let before = site.status().await;
    std::fs::write(real.join("v2.toml"), site.text(&provider("ONE", ""))).unwrap();
    site.loaded_after(&before).await;
    site.chat("p/ok").await;
    assert_eq!(site.seen(), (1, 0));
    site.stop().await;
}

#[tokio::test]
async fn what_did_not_change_goes_on_as_it_was() {
    let both = |more: &str| format!("{}\n[[providers]]\nname = \"q\"\nbase_url = \"TWO\"\n{more}", provider("ONE", ""));
    let site = Site::start(&both("")).await;
    for _ in 0..3 {
        site.chat("p/ok").await;
        site.chat("q/ok").await;
    }
    let before = site.status().await;
    let connections = site.one.stats().connections;
    site.write(&format!("[limits]\nrequest_body = \"1KiB\"\n[log]\nlevel = \"debug\"\n{}", both("priority = 9")));
    site.loaded_after(&before).await;
    site.chat("p/ok").await;
    let after = site.status().await;
    let calls = |status: &Value, at: usize| status["providers"][at]["calls"].as_u64().unwrap();
    assert_eq!((calls(&before, 0), calls(&after, 0)), (3, 4));
    assert_eq!((calls(&before, 1), calls(&after, 1)), (3, 3), "what is known of the same place stays known");
    assert_eq!(site.one.stats().connections, connections, "its connections are kept");
    let large = chat_body("p/ok", &format!(r#","user":"{}""#, "x".repeat(2_000)));
    assert_eq!(site.ask("POST", "/v1/chat/completions", &large).await.status, 413, "limits hold at once");
    let answer = site.ask("POST", "/admin/api/reload", "").await.json();
    assert_eq!(answer, serde_json::json!({ "changed": [], "at_restart": [] }));
    site.logged("`log.level` changed: it takes effect when torod starts again").await;
    assert_eq!(audit(&site.folder.path().join("data")), [["config.reload", "torod.toml", ""]]);
    // Answers are kept, or not, as the file says now.
    for (days, status) in [(30, 200), (0, 404)] {
        site.write(&format!("[responses]\nretention_days = {days}\n{}", both("priority = 9")));
        until("it is in force", || async { site.log().matches("`responses` changed").count() + days.min(1) == 1 })
            .await;
        let made = site.ask("POST", "/v1/responses", r#"{"model":"p/ok","input":"hi"}"#).await.json();
        let path = format!("/v1/responses/{}", made["id"].as_str().unwrap());
        assert_eq!(site.ask("GET", &path, "").await.status, status);
    }
    // Who is gone is gone, with every question for its models.
    let before = site.status().await;
    site.write(&provider("ONE", ""));
    site.loaded_after(&before).await;
    let gone = site.ask("POST", "/v1/chat/completions", &chat_body("q/ok", "")).await;
    assert_eq!(gone.status, 404);
    site.logged("provider q is gone").await;
    site.stop().await;
}

fn profiles(active: &str) -> String {
    format!(
        "active_model_profile = \"{active}\" # now\n{}\n[[providers]]\nname = \"q\"\nbase_url = \"TWO\"\n\
         [[model_aliases]]\nname = \"chat\"\ntargets = [\n  # at home\n  {{ profile = \"local\", provider = \"p\", model = \"first\" }},\n  \
         {{ profile = \"runpod\", provider = \"q\", model = \"second\" }},\n]\n",
        provider("ONE", "")
    )
}

#[tokio::test]
async fn a_profile_switched_by_command_admin_api_or_file_moves_the_next_request() {
    let site = Site::start(&profiles("local")).await;
    site.chat("chat").await;
    assert_eq!(site.seen(), (1, 0));
    // By the admin API: in force when it answers, and in the file with every comment.
    let changed = site.ask("PATCH", "/admin/api/routing", r#"{"active_model_profile":"runpod"}"#).await;
    assert_eq!(changed.status, 200, "{}", changed.text());
    assert_eq!(changed.json()["changed"][0], "the active profile is runpod, was local");
    assert_eq!(changed.json()["routing"]["aliases"][0]["targets"][0]["provider"], "q");
    site.chat("chat").await;
    assert_eq!(site.seen(), (0, 1));
    assert_eq!(std::fs::read_to_string(site.file()).unwrap(), site.text(&profiles("runpod")));
    // By command.
    let before = site.status().await;
    let told: Value = serde_json::from_slice(&site.torod(&["profile", "use", "local", "--json"]).stdout).unwrap();
    assert_eq!((&told["was"], &told["active_model_profile"]), (&"runpod".into(), &"local".into()));
    site.loaded_after(&before).await;
    site.chat("chat").await;
    assert_eq!(site.seen(), (1, 0));
    // By the file.
    let before = site.status().await;
    site.rename_over(&profiles("runpod"));
    site.loaded_after(&before).await;
    site.chat("chat").await;
    assert_eq!(site.seen(), (0, 1));
    let routing = site.ask("GET", "/admin/api/routing", "").await.json();
    assert_eq!(routing["active_model_profile"], "runpod");
    assert_eq!(routing["profiles"], serde_json::json!(["local", "runpod"]));

    let refused = site.ask("PATCH", "/admin/api/routing", r#"{"active_model_profile":"runpdo"}"#).await;
    assert_eq!(refused.status, 422);
    assert!(refused.text().contains("did you mean \\\"runpod\\\"?"), "{}", refused.text());
    assert_eq!(std::fs::read_to_string(site.file()).unwrap(), site.text(&profiles("runpod")));
    for body in ["{}", r#"{"active_model_profile":7}"#, r#"{"active_model_profil":"local"}"#] {
        assert_eq!(site.ask("PATCH", "/admin/api/routing", body).await.status, 400, "{body}");
    }
    assert_eq!(
        audit(&site.folder.path().join("data")),
        [["routing.profile", "runpod", "the active profile is runpod, was local"]]
    );
    site.stop().await;
}

/// Action, subject and detail of every change of the configuration.
fn audit(data_dir: &std::path::Path) -> Vec<Vec<String>> {
    let connection = torod::store::schema::open_reader(data_dir).unwrap();
    let sql = "SELECT action, subject, detail FROM audit WHERE action NOT LIKE 'token%' ORDER BY rowid";
    let mut statement = connection.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| (0..3).map(|at| row.get(at)).collect::<Result<Vec<String>, _>>()).unwrap();
    rows.map(Result::unwrap).collect()
}

#[tokio::test]
async fn without_a_file_a_switch_lives_in_memory_and_only_an_admin_may() {
    let alias = "[[model_aliases]]\nname = \"chat\"\ntargets = [{ provider = \"sim\", model = \"ok\" }, \
                 { profile = \"far\", provider = \"sim\", model = \"s503\" }]";
    let mut daemon = TestDaemon::with("", alias).await;
    assert_eq!(daemon.chat("chat", "").await.status, 200);
    let patch = |body: &'static str| {
        let mut request = daemon.request("/admin/api/routing", body);
        *request.method_mut() = http::Method::PATCH;
        request
    };
    let refused = daemon.send(patch(r#"{"active_model_profile":"fra"}"#)).await;
    assert_eq!((refused.status.as_u16(), refused.json()["error"]["code"].as_str()), (422, Some("config_invalid")));
    assert_eq!(daemon.send(patch(r#"{"active_model_profile":"far"}"#)).await.status, 200);
    assert_ne!(daemon.chat("chat", "").await.status, 200);
    assert_eq!(daemon.send(patch(r#"{"active_model_profile":null}"#)).await.status, 200);
    assert_eq!(daemon.chat("chat", "").await.status, 200);
    let reload = daemon.post("/admin/api/reload", "").await;
    assert_eq!((reload.status.as_u16(), reload.json()["error"]["code"].as_str()), (409, Some("no_config_file")));
    assert_eq!(audit(&daemon.folder.path().join("data")).len(), 2);

    daemon.key = daemon.other_key().await;
    assert_eq!(daemon.get("/admin/api/routing").await.status, 403);
    assert_eq!(daemon.post("/admin/api/reload", "").await.status, 403);
    let mut request = daemon.request("/admin/api/routing", r#"{"active_model_profile":"far"}"#);
    *request.method_mut() = http::Method::PATCH;
    assert_eq!(daemon.send(request).await.status, 403);
    daemon.stop().await;
}
