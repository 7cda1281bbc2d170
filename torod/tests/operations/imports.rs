//! Configurations of other programs: carried over once, with what could not be, and without a secret in any output.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use torod::store::Connection;

use crate::site::Site;

fn foreign(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/operations/foreign").join(name)
}

/// A site without a file of its own.
async fn empty() -> Site {
    let site = Site::new().await;
    fs::remove_file(&site.config).unwrap();
    site
}

/// What an import told; no output may have a secret of a fixture.
fn import(site: &Site, path: &Path, more: &[&str]) -> Value {
    let mut words = vec!["import", "config", path.to_str().unwrap(), "--json"];
    words.extend(more);
    let ended = site.torod(&words);
    let all = format!("{}{}", ended.out, ended.err);
    assert!(!all.contains("4711") && !all.contains("hunter2"), "a secret is told: {all}");
    ended.well().json()
}

/// The reasons for what was left out, in lines.
fn left(told: &Value) -> String {
    let all = told["left"].as_array().unwrap();
    let lines: Vec<&str> = all.iter().map(|one| one["what"].as_str().unwrap()).collect();
    lines.join("\n")
}

fn shown(site: &Site) -> Value {
    site.torod(&["config", "show", "--json"]).well().json()
}

fn texts(value: &Value) -> Vec<&str> {
    value.as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_litellm_proxy_comes_over_whole() {
    let site = empty().await.with("OPENAI_API_KEY", "x").with("ANTHROPIC_API_KEY", "x");
    let file = foreign("litellm.yaml");
    let told = import(&site, &file, &["--dry-run"]);
    assert_eq!((&told["program"], &told["written"]), (&json!("LiteLLM"), &json!(false)));
    assert!(!site.config.exists() && !site.path("data").exists(), "a dry run writes nothing");

    let told = import(&site, &file, &["--yes"]);
    assert_eq!(texts(&told["providers"]), ["openai", "azure", "anthropic", "vllm"]);
    assert_eq!(texts(&told["aliases"]), ["gpt", "claude", "local", "gpt-4"]);
    assert_eq!(texts(&told["sealed"]), ["provider/azure"]);
    assert_eq!(texts(&told["variables"]), ["OPENAI_API_KEY", "ANTHROPIC_API_KEY"]);
    let left = left(&told);
    for what in
        ["nova", "temperature", "missing", "success_callback", "master_key", "database_url", "environment_variables"]
    {
        assert!(left.contains(what), "{what}: {left}");
    }
    let text = fs::read_to_string(&site.config).unwrap();
    assert!(!text.contains("4711") && text.contains("{ secret = \"provider/azure\" }"), "{text}");
    site.torod(&["config", "check"]).well();
    let shown = shown(&site);
    assert_eq!(shown["routing"]["attempts"], 3);
    assert_eq!(shown["providers"][0]["models"][0]["price_per_million"]["input_nanos"], 2_500_000_000_u64);
    let alias = site.torod(&["route", "explain", "gpt", "--json"]).well().out;
    assert!(alias.contains("azure") && alias.contains("anthropic"), "{alias}");
    // The second time everything is there.
    let again = import(&site, &file, &["--yes"]);
    assert_eq!((&again["providers"], &again["aliases"], &again["sealed"]), (&json!([]), &json!([]), &json!([])));
    assert_eq!(again["there"].as_array().unwrap().len(), 8, "{again}");
    assert_eq!(fs::read_to_string(&site.config).unwrap(), text);
}

#[tokio::test(flavor = "multi_thread")]
async fn tokrouter_goes_beside_what_is_there() {
    let site = Site::new().await.with("DEEPSEEK_API_KEY", "x");
    let before = format!("# mine\n{}", fs::read_to_string(&site.config).unwrap());
    site.write(&before);
    let told = import(&site, &foreign("tokrouter.yaml"), &["--yes"]);
    assert_eq!(texts(&told["providers"]), ["deepseek-1", "mine"]);
    assert_eq!(texts(&told["aliases"]), ["chat"]);
    assert_eq!(texts(&told["settings"]), ["routing.attempts", "log.level"]);
    assert!(left(&told).contains("nobody-knows-this"), "{told}");
    let text = fs::read_to_string(&site.config).unwrap();
    assert!(text.starts_with("# mine\n") && text.contains("listen_addr = \"127.0.0.1:0\""), "{text}");
    site.torod(&["config", "check"]).well();
    let shown = shown(&site);
    let targets = &shown["model_aliases"][0]["targets"];
    assert_eq!((&targets[0]["provider"], &targets[1]["provider"]), (&json!("mine"), &json!("deepseek-1")));
    let listed = site.torod(&["secrets", "list"]).well();
    assert!(listed.out.contains("provider/mine"), "{listed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_go_torods_file_brings_its_tokens_with_new_keys() {
    let site = empty().await;
    let keys = site.path("keys.tsv");
    let told = import(&site, &foreign("torod-go.toml"), &["--yes", "--tokens", keys.to_str().unwrap()]);
    assert_eq!(told["program"], "torod (Go)");
    assert_eq!(texts(&told["providers"]), ["groq", "work", "chatgpt"]);
    let left = left(&told);
    assert!(left.contains("sign-in of chatgpt") && left.contains("tls"), "{left}");
    let shown = shown(&site);
    assert_eq!((&shown["listen_addr"], &shown["default_provider"]), (&json!("0.0.0.0:7050"), &json!("work")));
    assert_eq!(shown["providers"][2]["enabled"], false);
    let text = fs::read_to_string(&keys).unwrap();
    // One had ended.
    assert!(text.contains("team\tkeymaster\ttr_") && !text.contains("old\t") && !text.contains("4711"), "{text}");
    let listed = site.torod(&["token", "list", "--json"]).well().json();
    assert_eq!(listed.as_array().unwrap().len(), 1, "{listed}");
    // The file of keys is not written over.
    let again = site.torod(&[
        "import",
        "config",
        foreign("torod-go.toml").to_str().unwrap(),
        "--yes",
        "--tokens",
        keys.to_str().unwrap(),
    ]);
    assert!(again.code == Some(1) && again.err.contains("keys.tsv"), "{again:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_token_is_made_twice_whatever_it_is_called() {
    let site = empty().await;
    let text = fs::read_to_string(foreign("torod-go.toml")).unwrap();
    let file = site.path("odd.toml");
    fs::write(&file, text.replace("name = \"team\"", "name = \"te\\u202eam\"")).unwrap();
    for (at, made) in [("first.tsv", 1), ("second.tsv", 0)] {
        let keys = site.path(at);
        import(&site, &file, &["--yes", "--tokens", keys.to_str().unwrap()]);
        let text = fs::read_to_string(&keys).unwrap();
        assert_eq!(text.lines().filter(|line| line.contains("tr_")).count(), made, "{text}");
        let listed = site.torod(&["token", "list", "--json"]).well().json();
        assert_eq!(listed.as_array().unwrap().len(), 1, "{listed}");
        assert!(listed[0]["name"].as_str().unwrap().starts_with("team-"), "{listed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sealed_keys_are_not_overwritten_and_none_is_left_behind() {
    let mut site = empty().await;
    let whole = site.config.clone();
    let file = foreign("torod-go.toml");
    let from = ["import", "config", file.to_str().unwrap(), "--yes"];
    let names = |site: &Site| {
        let listed = site.torod(&["secrets", "list", "--json"]).well().json();
        listed.as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    // A file that cannot be written: what should be its folder is none.
    fs::write(site.path("none"), "").unwrap();
    site.config = site.path("none/torod.toml");
    let failed = site.torod(&from);
    site.config = whole;
    assert!(failed.code == Some(1) && names(&site).is_empty(), "{failed:?}");
    // Somebody's own key of that name.
    fs::write(site.path("own"), "sk-my-own-key-0123\n").unwrap();
    site.fed(&["secrets", "set", "provider/work", "--for", "https://llm.example.com"], &site.path("own")).well();
    let refused = site.torod(&from);
    assert!(refused.code == Some(1) && refused.err.contains("torod secrets remove provider/work"), "{refused:?}");
    assert_eq!((names(&site), site.config.exists()), (vec!["provider/work".to_owned()], false));
    site.torod(&["secrets", "remove", "provider/work"]).well();
    import(&site, &file, &["--yes"]);
    assert_eq!(names(&site), ["provider/groq", "provider/work"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn channels_come_from_json_and_from_the_database() {
    let site = empty().await;
    let told = import(&site, &foreign("new-api.json"), &["--yes"]);
    assert_eq!(told["program"], "new-api");
    assert_eq!(texts(&told["providers"]), ["deepseek-eu", "openai"]);
    assert_eq!(texts(&told["sealed"]), ["provider/deepseek-eu", "provider/deepseek-eu/2"]);
    let left = left(&told);
    assert!(left.contains("Songs") && left.contains("key of channel OpenAI") && left.contains("groups"), "{left}");
    let shown = shown(&site);
    assert_eq!(shown["providers"][1]["enabled"], false);
    site.torod(&["config", "check"]).well();

    let other = empty().await;
    let database = other.path("one-api.db");
    Connection::open(&database)
        .unwrap()
        .execute_batch(
            "CREATE TABLE channels (id INTEGER, type INTEGER, key TEXT, status INTEGER, name TEXT, weight INTEGER, base_url TEXT,
                 models TEXT, \"group\" TEXT, model_mapping TEXT, priority INTEGER);
             INSERT INTO channels VALUES (1, 29, 'sk-literal-one-4711', 1, 'groq', 0, '', 'llama', 'default', '', 0);
             INSERT INTO channels VALUES (2, 8, 'sk-literal-two-4711', 1, 'mine', 0, 'http://127.0.0.1:9/v1', 'llama', 'default', '', 1);",
        )
        .unwrap();
    let told = import(&other, &database, &["--yes"]);
    assert_eq!((&told["program"], texts(&told["providers"])), (&json!("one-api"), vec!["groq", "mine"]));
    assert_eq!(texts(&told["aliases"]), ["llama"]);
    let targets = &shown_alias(&other);
    assert_eq!((&targets[0]["provider"], &targets[1]["provider"]), (&json!("mine"), &json!("groq")));
}

fn shown_alias(site: &Site) -> Value {
    shown(site)["model_aliases"][0]["targets"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_changes_nothing_and_is_told_without_its_words() {
    let site = empty().await;
    for (name, text, why) in [
        ("a.yaml", "model_list: [\n  {a: sk-secret-4711", "no YAML"),
        ("a.json", "{\"data\": [sk-secret-4711", "no JSON"),
        ("a.toml", "key = sk-secret-4711\n", "no TOML"),
        ("b.yaml", "hello: world\n", "--from"),
        ("c.yaml", "model_list: []\n", "no provider"),
        ("d.yaml", "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nkeys: []\n", "no provider"),
        ("e.db", "SQLite format 3\0 but not really", "one-api"),
    ] {
        let file = site.path(name);
        fs::write(&file, text).unwrap();
        let ended = site.torod(&["import", "config", file.to_str().unwrap(), "--yes"]);
        assert_eq!(ended.code, Some(1), "{name} {ended:?}");
        assert!(ended.err.contains(why) || name == "e.db", "{name} {ended:?}");
        assert!(!ended.err.contains("4711"), "{ended:?}");
    }
    assert!(!site.config.exists());
    let missing = site.torod(&["import", "config", "nowhere.yaml"]);
    assert!(missing.code == Some(1) && missing.err.contains("nowhere.yaml"), "{missing:?}");
    let unasked = site.torod(&["import", "config", foreign("litellm.yaml").to_str().unwrap()]);
    assert!(unasked.code == Some(2) && unasked.err.contains("--dry-run"), "{unasked:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_in_use_takes_no_keys() {
    let site = Site::new().await;
    let _running = site.serve(&[]).await;
    let ended = site.torod(&["import", "config", foreign("litellm.yaml").to_str().unwrap(), "--yes"]);
    assert!(ended.code == Some(1) && ended.err.contains("stop it for the import"), "{ended:?}");
    assert!(!fs::read_to_string(&site.config).unwrap().contains("azure"));
}
