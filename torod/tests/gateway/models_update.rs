//! `torod models update`: shown before it is taken, taken whole or not at all, in force at once and after a start.

use std::process::Output;

use serde_json::Value;

use crate::site::Site;
use crate::support::{rows, until};

const OURS: &str = include_str!("../../../router/src/catalog/models.json");
/// The line of one model of `OpenAI`'s, up to its prices.
const MINI: &str = "\"gpt-5-mini\":{\"price\":{\"input\":0.25,\"output\":2,\"cache_read\":0.025,\"web_search\":0.01,";

/// Ours with a dearer model, a new one, and another day.
fn newer(made: &str) -> String {
    assert_eq!(OURS.matches(MINI).count(), 1);
    let dearer = MINI.replace("0.25,\"output\"", "0.75,\"output\"");
    let text = OURS.replacen(MINI, &format!("\"first\":{{\"price\":{{\"input\":4,\"output\":8}}}},\n{dearer}"), 1);
    let from = text.find("\"made\": \"").unwrap() + 9;
    format!("{}{made}{}", &text[..from], &text[from + 10..])
}

/// The day of ours, which no clock is behind.
fn today() -> &'static str {
    let from = OURS.find("\"made\": \"").unwrap() + 9;
    &OURS[from..from + 10]
}

fn said(output: &Output) -> (bool, String) {
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    (output.status.success(), String::from_utf8(text).unwrap())
}

#[tokio::test]
async fn newer_prices_are_shown_taken_and_in_force_at_once() {
    let site = Site::start(
        "[presets.openai]\nprotocols = { openai = \"ONE/v1\" }\n\
         [[providers]]\nname = \"mine\"\nprovider_type = \"openai\"\napi_key = \"sk-1\"\n",
    )
    .await;
    let file = site.folder.path().join("new.json");
    let from = file.to_str().unwrap().to_owned();
    let update = |more: &[&str]| {
        let arguments = [&["models", "update", "--from", from.as_str()], more].concat();
        said(&output(&site, &arguments))
    };
    std::fs::write(&file, newer(today())).unwrap();
    site.chat("mine/first").await;

    let (ok, text) = update(&[]);
    assert!(!ok && text.contains("`--yes` takes it"), "{text}");
    assert!(text.contains("openai/gpt-5-mini") && text.contains("0.25") && text.contains("0.75"), "{text}");
    assert!(text.contains("1 get a price that had none: openai/first"), "{text}");
    let (ok, text) = update(&["--dry-run"]);
    assert!(ok && text.contains("nothing was taken"), "{text}");

    let (ok, text) = update(&["--yes", "--json"]);
    let told: Value = serde_json::from_str(&text).unwrap();
    assert!(ok && told["taken"] == true, "{text}");
    assert_eq!(told["changed"][0]["new"], "0.75");
    site.chat("mine/first").await;
    let version = "(SELECT substr(version, 1, 19) || rates FROM price WHERE id = usage.price)";
    let folder = site.folder.path();
    until("both rows are there", || async { rows(folder, "id").len() == 2 }).await;
    assert_eq!(
        rows(folder, version),
        [["-"], ["updated-2026-11-21-input 4, output 8"]].map(|row| row.map(String::from))
    );

    // What cannot be believed changes nothing.
    for (text, why) in [
        (OURS[..OURS.len() / 2].to_owned(), "cannot be read"),
        (newer("2020-01-01"), "what is known is newer"),
        ("{}".to_owned(), "it is neither torod's models.json nor litellm's list"),
        (newer("2999-01-01"), "which is yet to come"),
        ("<html>".to_owned(), "cannot be read"),
    ] {
        std::fs::write(&file, text).unwrap();
        let (ok, text) = update(&["--yes"]);
        assert!(!ok && text.contains("nothing was changed") && text.contains(why), "{why}: {text}");
    }
    let (ok, text) = said(&output(&site, &["models", "update", "--from", "/nowhere"]));
    assert!(!ok && text.contains("cannot read /nowhere"), "{text}");
    std::fs::write(&file, newer(today())).unwrap();
    let (ok, text) = update(&["--dry-run", "--json"]);
    assert!(ok && text.contains("\"changed\":[]"), "it is known already: {text}");

    let (ok, text) = update(&["--yes"]);
    assert!(ok && text.contains("all of it is known already"), "{text}");
    let secret = "http://user:hunter2@127.0.0.1:1/x";
    let (ok, text) = said(&output(&site, &["models", "update", "--from", secret]));
    assert!(!ok && text.contains("fetch the file yourself") && !text.contains("hunter2"), "{text}");

    let (ok, text) = said(&output(&site, &["models", "update", "--forget"]));
    assert!(ok && text.contains("what came with this torod counts again"), "{text}");
    site.chat("mine/first").await;
    until("three rows are there", || async { rows(folder, "id").len() == 3 }).await;
    assert_eq!(rows(folder, version)[2], ["-"]);
    site.stop().await;
}

fn output(site: &Site, arguments: &[&str]) -> Output {
    site.command(arguments).output().unwrap()
}

#[tokio::test]
async fn data_are_fetched_only_from_where_torod_may_connect_to() {
    let site = Site::start("[egress]\nallow_private = false\n").await;
    let (ok, text) = said(&output(&site, &["models", "update", "--from", "http://127.0.0.1:9/models.json"]));
    assert!(!ok && text.contains("egress"), "{text}");
    let (ok, text) = said(&output(&site, &["models", "update", "--from", "http://169.254.169.254/latest"]));
    assert!(!ok && text.contains("169.254.169.254"), "{text}");
}
