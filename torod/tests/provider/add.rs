//! Adding and testing: tried first, written after, and said in words.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokenrouter_shared::provider::Tried;

use crate::site::{Ended, KEY, SOON, Site};

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_works_is_written_with_what_it_speaks() {
    let site = Site::new().await;
    let added = site.add(&["--model", "tool"]);
    assert_eq!(added.code, Some(0), "{}", added.err);
    assert!(added.out.contains("speaks openai, responses, anthropic, gemini, cohere."), "{}", added.out);
    for line in ["✓ list", "✓ chat", "✓ stream", "✓ tools", "Added `sim` to "] {
        assert!(added.out.contains(line), "{line}: {}", added.out);
    }
    assert!(added.out.contains(" ms"), "{}", added.out);
    let text = site.text();
    assert!(
        text.contains("name = \"sim\"\nprotocols = { openai = ") && text.contains("api_key = \"${SIM_KEY}\""),
        "{text}"
    );
    let mode = std::fs::metadata(site.file()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(site.run(&["config", "check"]).code, Some(0));
    // One protocol alone, as the person says, and the URL as it was copied.
    let url = format!("{}/v1/chat/completions", site.url());
    let chat = site.run(&[
        "provider",
        "add",
        &url,
        "--name",
        "chat",
        "--protocol",
        "openai",
        "--key-env",
        "SIM_KEY",
        "--json",
    ]);
    let chat = chat.json();
    assert_eq!(
        (&chat["written"], &chat["provider"]["protocols"][0]["url"]),
        (&true.into(), &format!("{}/v1", site.url()).into())
    );
    assert!(site.text().starts_with(&text[..text.find("# [[providers]]").unwrap_or(400)]));
}

#[tokio::test(flavor = "multi_thread")]
async fn row_136_a_test_says_how_long_it_took_or_what_is_wrong() {
    let site = Site::new().await;
    assert_eq!(site.add(&["--no-test"]).code, Some(0));
    assert_eq!(site.simulator.stats().requests, 0, "nobody was asked");
    let test = |model: &str| site.run(&["provider", "test", "sim", "--model", model]);
    let works = test("tool");
    assert!(works.code == Some(0) && works.out.contains("✓ chat") && works.out.contains(" ms"), "{}", works.out);
    for (model, words) in [
        ("s401", "✗ chat"),
        ("s401", "authentication (status 401)"),
        ("nobody", "model not found (status 404)"),
        ("s503", "provider failed (status 503)"),
    ] {
        let fails = test(model);
        assert_eq!(fails.code, Some(1), "{model}");
        assert!(fails.out.contains(words), "{model}: {}", fails.out);
    }
    let tried: Tried =
        serde_json::from_value(site.run(&["provider", "test", "sim", "--model", "ok", "--json"]).json()).unwrap();
    let results: Vec<_> = tried.steps.iter().map(|step| (step.what.as_str(), step.result.as_str())).collect();
    // This model talks and calls no tool: the provider works all the same.
    assert_eq!(results, [("list", "works"), ("chat", "works"), ("stream", "works"), ("tools", "fails")]);
    assert!(tried.works && tried.models == Some(31));
    // What is disabled can be tried as well.
    assert_eq!(site.run(&["provider", "disable", "sim"]).code, Some(0));
    assert_eq!(test("ok").code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_is_not_written() {
    let site = Site::new().await;
    let url = site.url();
    for (arguments, words) in [
        (&["--name", "a"][..], "authentication (status 401): it wants a key, and none was given"),
        (&["--name", "a", "--key-env", "SIM_KEY", "--model", "s503"], "provider failed (status 503)"),
        (&["--name", "a", "--key-env", "UNSET"], "environment variable `UNSET` is not set"),
        (
            &["--name", "a", "--key-env", "SIM_KEY", "--protocol", "openai", "--model", "s401", "--yes"],
            "authentication",
        ),
    ] {
        let mut all = vec!["provider", "add", &url];
        all.extend(arguments);
        let refused = site.run(&all);
        let told = format!("{}{}", refused.out, refused.err);
        assert!(refused.code == Some(1) && told.contains(words), "{arguments:?}: {told}");
    }
    let nowhere = site.run(&["provider", "add", "http://127.0.0.1:1/v1", "--name", "a"]);
    assert!(nowhere.code == Some(1) && nowhere.err.contains("unreachable"), "{}", nowhere.err);
    assert!(!site.file().exists(), "{}", site.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_taken_from_where_it_is_said_and_never_told() {
    let site = Site::new().await;
    let url = site.url();
    let keys = site.home.path().join("key");
    std::fs::write(&keys, format!("{KEY}\n")).unwrap();
    let path = keys.display().to_string();
    let command = format!("cat {path}");
    for (name, flags) in [("file", ["--key-file", &path]), ("command", ["--key-command", &command])] {
        let added = site.run(&["provider", "add", &url, "--name", name, flags[0], flags[1], "--protocol", "openai"]);
        assert_eq!(added.code, Some(0), "{name}: {}{}", added.out, added.err);
    }
    let typed = ["provider", "add", &url, "--name", "typed", "--key-stdin", "--protocol", "openai"];
    let added = site.tell(&typed, format!("{KEY}\r\n").as_bytes());
    assert!(added.code == Some(0) && added.out.contains("The key itself stands in "), "{}{}", added.out, added.err);
    let text = site.text();
    assert!(text.contains(&format!("api_key = \"{KEY}\"")) && text.contains("api_key = { file = "), "{text}");
    // Shown as what they are.
    let listed = site.run(&["provider", "list"]).out;
    for label in ["[secret]", "file:", "command:cat "] {
        assert!(listed.contains(label), "{listed}");
    }
    assert!(site.run(&["provider", "show", "typed"]).out.contains("# key from [secret]"));
    // A preset's usual variable is found by itself, and a name is what it needs besides.
    let groq = ["provider", "add", "groq", "--no-test", "--yes"];
    let without = site.run(&groq);
    assert!(without.code == Some(1) && without.err.contains("set GROQ_API_KEY"), "{}", without.err);
    let with = Ended::of(site.torod(&groq).env("GROQ_API_KEY", KEY).output().unwrap());
    assert!(with.code == Some(0) && site.text().contains("api_key = \"${GROQ_API_KEY}\""), "{}", with.err);
    // A URL that is known is its preset, with all that is known of it.
    let known = site.run(&["provider", "add", "https://api.mistral.ai", "--key-env", "SIM_KEY", "--no-test"]);
    assert!(known.out.contains("This is Mistral, which is known by name"), "{}{}", known.out, known.err);
    assert!(site.text().contains("name = \"mistral\"\nprovider_type = \"mistral\"\n"));
    // On the way to another machine others could read the key: that is said.
    for (url, is_open) in [("http://llm.example.com/v1", true), ("http://[::1]:9/v1", false)] {
        let name = if is_open { "far" } else { "near" };
        let added = site.run(&["provider", "add", url, "--name", name, "--key-env", "SIM_KEY", "--no-test"]);
        assert_eq!((added.code, added.err.contains("travels to llm.example.com unencrypted")), (Some(0), is_open));
    }
    // Others can read the file: that is said.
    std::fs::set_permissions(site.file(), std::fs::Permissions::from_mode(0o644)).unwrap();
    let open = site.run(&["provider", "add", "ollama", "--no-test"]);
    assert!(open.code == Some(0) && open.err.contains("others can read this file (mode 0644)"), "{}", open.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_test_leaves_everything_as_it_was() {
    let site = Site::new().await;
    let url = site.url();
    let mut command = site.torod(&[
        "provider",
        "add",
        &url,
        "--name",
        "a",
        "--key-env",
        "SIM_KEY",
        "--protocol",
        "openai",
        "--model",
        "hanghdr",
    ]);
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    site.simulator.wait_calls(2, SOON).await.unwrap();
    kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), Signal::SIGINT).unwrap();
    let ended = Ended::of(child.wait_with_output().unwrap());
    assert_eq!((ended.code, ended.err.trim()), (Some(130), "torod: given up: nothing was written"));
    assert!(!site.file().exists());
}
