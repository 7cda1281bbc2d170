//! Changes without questions, what a running gateway makes of them, and the form of the JSON.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::site::{SOON, Site};

/// A child that does not outlive its test.
pub(crate) struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// What every gateway of this home has written to its log.
pub(crate) fn log(site: &Site) -> PathBuf {
    site.home.path().join("log")
}

pub(crate) async fn serve(site: &Site) -> Running {
    let ready = site.home.path().join("ready");
    drop(fs::remove_file(&ready));
    let mut command = site.torod(&["serve", "--ready-file", &ready.display().to_string()]);
    let log = fs::File::options().create(true).append(true).open(log(site)).unwrap();
    let running = Running(command.stdout(Stdio::null()).stderr(log).spawn().unwrap());
    until("the gateway is ready", || ready.exists()).await;
    running
}

pub(crate) async fn until(what: &str, is: impl Fn() -> bool) {
    let looking = async {
        while !is() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(tokio::time::timeout(SOON, looking).await.is_ok(), "waited in vain: {what}");
}

fn listed(site: &Site) -> Value {
    let listed = site.run(&["provider", "list", "--json"]);
    assert_eq!(listed.code, Some(0), "{}", listed.err);
    listed.json()
}

#[tokio::test(flavor = "multi_thread")]
async fn row_138_a_disabled_provider_is_gone_at_once_and_stays_so() {
    let site = Site::new().await;
    let text = format!(
        "listen_addr = \"127.0.0.1:0\" # any\nauto_detect_local_servers = false\nallow_localhost_no_auth = false\n\n\
         # the one\n[[providers]]\nname = 'sim' # quoted so\nbase_url = '{}'\napi_key = '${{SIM_KEY}}'\n\n# the end\n",
        site.url()
    );
    site.write(&text);
    let explains = |code: i32| site.run(&["route", "explain", "ok"]).code == Some(code);
    let running = serve(&site).await;
    until("its models are known", || listed(&site)[0]["models"] == json!(31)).await;
    assert_eq!(listed(&site)[0]["state"], "up");
    assert!(explains(0));
    let disabled = site.run(&["provider", "disable", "SIM"]);
    assert_eq!((disabled.code, disabled.out.as_str()), (Some(0), "`sim` is disabled\n"), "{}", disabled.err);
    assert!(explains(1), "at once");
    assert_eq!(listed(&site)[0]["state"], "disabled");
    drop(running);
    let running = serve(&site).await;
    assert!(explains(1), "a restart changes nothing");
    assert_eq!(site.text(), text.replace("SIM_KEY}'\n", "SIM_KEY}'\nenabled = false\n"), "comments stay");
    assert_eq!(site.run(&["provider", "disable", "sim"]).out, "`sim` is disabled already\n");
    assert_eq!(site.run(&["provider", "enable", "sim"]).out, "`sim` is enabled\n");
    assert!(explains(0), "at once");
    assert_eq!(site.run(&["provider", "set", "sim", "enabled", "--unset"]).code, Some(0));
    assert_eq!(site.text(), text);
    // Gone, and with its comment; the rest is as it was.
    assert_eq!(site.run(&["provider", "remove", "sim", "--yes"]).out, "`sim` is removed\n");
    assert!(explains(1), "at once");
    let (head, _) = text.split_once("# the one").unwrap();
    assert_eq!(site.text(), format!("{head}# the end\n"));
    let added = site.add(&["--model", "ok", "--yes"]);
    assert!(
        added.out.ends_with("The gateway serves it now: clients ask for `sim/ok`.\n"),
        "{}{}",
        added.out,
        added.err
    );
    assert!(explains(0), "at once");
    drop(running);
}

#[tokio::test(flavor = "multi_thread")]
async fn values_are_set_as_toml_or_as_text() {
    let site = Site::new().await;
    site.write("[[providers]]\nname = \"sim\"\nbase_url = \"http://127.0.0.1:1\"\n");
    for (key, value) in [
        ("priority", "-5"),
        ("base_url", "https://llm.example.com/v1"),
        ("timeouts.connect", "3s"),
        ("models[gpt-4.1].price.input", "2.5"),
        ("models[gpt-4.1].context", "400000"),
        ("headers", "{ x-team = \"a\" }"),
        ("api_keys", "[\"${A}\", { env = \"B\", weight = 2 }]"),
    ] {
        let set = site.run(&["provider", "set", "sim", key, value]);
        assert_eq!(set.out, format!("`{key}` of `sim` is set\n"), "{}", set.err);
    }
    let shown = site.run(&["provider", "show", "sim", "--json"]).json();
    for (pointer, value) in [
        ("/priority", json!(-5)),
        ("/protocols/openai", json!("https://llm.example.com/v1")),
        ("/timeouts/connect_ms", json!(3_000)),
        ("/models/0/price_per_million/input_nanos", json!(2_500_000_000_u64)),
        ("/models/0/context", json!(400_000)),
        ("/headers/0", json!("x-team")),
        ("/credentials/1/weight", json!(2)),
    ] {
        assert_eq!(shown.pointer(pointer), Some(&value), "{pointer}: {shown}");
    }
    assert_eq!(site.run(&["provider", "set", "sim", "priority", "-5"]).out, "`sim` is so already\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn row_139_every_json_has_its_form() {
    let site = Site::new().await;
    assert_eq!(listed(&site), json!([]));
    assert!(site.run(&["provider", "list"]).out.contains("`torod provider add PRESET`"));
    let added = site.add(&["--protocol", "openai", "--model", "tool", "--json"]).json();
    let url = site.url();
    let summary = json!({
        "name": "sim", "preset": null, "enabled": true, "priority": 0,
        "protocols": [{ "protocol": "openai", "url": url }],
        "keys": [{ "name": null, "source": "${SIM_KEY}" }],
        "state": null, "models": null,
    });
    assert_eq!((&added["provider"], &added["written"]), (&summary, &json!(true)));
    assert_eq!(added["file"], site.file().display().to_string());
    assert_eq!(listed(&site), json!([summary]));
    let test = &added["test"];
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(test), ["model", "models", "protocol", "provider", "steps", "works"]);
    for step in test["steps"].as_array().unwrap() {
        assert_eq!(keys(step), ["first_ms", "message", "problem", "result", "status", "took_ms", "what"]);
        assert_eq!((&step["result"], &step["problem"]), (&json!("works"), &Value::Null));
    }
    let of = |arguments: &[&str]| {
        let mut all = vec!["provider"];
        all.extend(arguments);
        all.push("--json");
        site.run(&all).json()
    };
    assert_eq!(of(&["disable", "sim"]), json!({ "provider": "sim", "changed": true, "enabled": false }));
    assert_eq!(of(&["disable", "sim"]), json!({ "provider": "sim", "changed": false, "enabled": false }));
    assert_eq!(of(&["set", "sim", "priority", "3"]), json!({ "provider": "sim", "changed": true, "key": "priority" }));
    let shown = of(&["show", "sim"]);
    assert_eq!((&shown["state"], &shown["models_known"], &shown["priority"]), (&Value::Null, &Value::Null, &json!(3)));
    assert_eq!(of(&["remove", "sim"]), json!({ "provider": "sim", "changed": true, "removed": true }));
    let presets = of(&["presets"]);
    assert!(presets.as_array().unwrap().len() > 60);
    let groq = of(&["presets", "groq"])[0].clone();
    assert_eq!(
        (&groq["id"], &groq["env"][0], &groq["free_tier"]),
        (&json!("groq"), &json!("GROQ_API_KEY"), &json!(true))
    );
    assert_eq!(site.run(&["provider", "presets", "opnai"]).code, Some(1));
    assert!(site.run(&["provider", "presets", "local"]).out.contains("ollama"));
}

#[tokio::test]
async fn whoever_moves_or_removes_a_provider_is_told_of_its_stored_key() {
    let site = Site::new().await;
    let provider = |name: &str| {
        format!(
            "[[providers]]\nname = '{name}'\nbase_url = 'https://a.example/v1'\napi_key = {{ secret = 'shared' }}\n"
        )
    };
    site.write(&format!("{}{}", provider("one"), provider("two")));
    let there = site.run(&["provider", "set", "one", "base_url", "https://b.example/v1"]);
    assert_eq!(there.code, Some(0), "{}", there.err);
    assert!(there.err.contains("torod secrets set shared"), "{}", there.err);
    let same = site.run(&["provider", "set", "one", "base_url", "https://b.example/v2"]);
    assert_eq!((same.code, same.err.as_str()), (Some(0), ""));
    let removed = site.run(&["provider", "remove", "one", "--yes"]);
    assert_eq!((removed.code, removed.err.as_str()), (Some(0), ""), "another uses it too");
    let removed = site.run(&["provider", "remove", "two", "--yes"]);
    assert!(removed.err.contains("torod secrets remove shared"), "{}", removed.err);
}
