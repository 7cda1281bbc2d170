//! What each agent is given: a program of its name writes down how it was started.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::support::{Ended, Gateway, Home, Said, said, write_program};

/// Writes down arguments, environment and the throw-away files.
const AGENT: &str = r#"#!/bin/sh
for word in "$@"; do printf 'ARG %s\n' "$word"; done
env | sed 's/^/ENV /'
for file in "${TMPDIR:?}"/toro-*/* "${TMPDIR:?}"/toro-*/.gemini/*; do
  if [ -f "$file" ]; then echo "FILE ${file##*/}"; cat "$file"; echo; echo "END"; fi
done
"#;
/// A model of which everything is known; with it the gateway can choose by itself.
pub(crate) const KNOWN: &str = "[[providers]]\nname = \"known\"\nbase_url = \"http://127.0.0.1:1\"\n[[providers.models]]\nid = \"m\"\n\
                                context = 200000\nmax_output = 8000\ntools = true\nvision = true\nreasoning = true\n\
                                price = { input = 2.5, output = 10, cache_read = 0.25 }\n";
/// What the user has set up for another provider: for whichever agent, or for one.
const USERS: &[(&str, &str)] = &[
    ("", "OPENAI_API_KEY"),
    ("", "OPENAI_BASE_URL"),
    ("", "ANTHROPIC_API_KEY"),
    ("", "ANTHROPIC_MODEL"),
    ("", "GEMINI_API_KEY"),
    ("", "GOOGLE_GENAI_USE_VERTEXAI"),
    ("", "GOOGLE_API_KEY"),
    ("", "AZURE_OPENAI_API_KEY"),
    ("", "AWS_BEARER_TOKEN_BEDROCK"),
    ("claude", "CLAUDE_CODE_USE_BEDROCK"),
    ("claude", "CLAUDE_CODE_USE_VERTEX"),
    ("claude", "CLAUDE_CODE_OAUTH_TOKEN"),
    ("codex", "CODEX_API_KEY"),
    ("copilot", "COPILOT_PROVIDER_BASE_URL"),
    ("copilot", "COPILOT_MODEL"),
    ("goose", "GOOSE_PROVIDER"),
    ("goose", "GOOSE_LEAD_PROVIDER"),
    ("aider", "AIDER_MODEL"),
    ("qwen", "QWEN_MODEL"),
    ("crush", "CRUSH_OPENAI_API_KEY"),
];

/// How an agent was started.
struct Started {
    arguments: Vec<String>,
    env: BTreeMap<String, String>,
    files: BTreeMap<String, String>,
}

impl Started {
    fn of(said: &Said) -> Self {
        assert_eq!(said.ended, Ended::Code(0), "{}{}", said.out, said.err);
        let mut me = Self { arguments: Vec::new(), env: BTreeMap::new(), files: BTreeMap::new() };
        let mut lines = said.out.lines();
        while let Some(line) = lines.next() {
            if let Some(word) = line.strip_prefix("ARG ") {
                me.arguments.push(word.to_owned());
            } else if let Some((name, value)) = line.strip_prefix("ENV ").and_then(|rest| rest.split_once('=')) {
                me.env.insert(name.to_owned(), value.to_owned());
            } else if let Some(name) = line.strip_prefix("FILE ") {
                let text: Vec<&str> = lines.by_ref().take_while(|line| *line != "END").collect();
                me.files.insert(name.to_owned(), text.join("\n"));
            }
        }
        me
    }

    fn json(&self, file: &str) -> Value {
        serde_json::from_str(&self.files[file]).unwrap()
    }
}

fn start(gateway: &Gateway, home: &Home, words: &[&str]) -> Started {
    let agent = words.iter().find(|word| toro::agents::find(word).is_some()).unwrap();
    let bin = home.folder.path().join("bin");
    write_program(&bin, toro::agents::find(agent).unwrap().programs[0], AGENT);
    let tmp = home.folder.path().join("tmp");
    fs::create_dir_all(&tmp).unwrap();
    let mut command = home.toro(words);
    command.env("PATH", format!("{}:/usr/bin:/bin", bin.display())).env("TMPDIR", &tmp);
    for (_, name) in USERS.iter().filter(|(whose, _)| whose.is_empty() || whose == agent) {
        command.env(name, "http://users");
    }
    let said = said(command);
    let started = Started::of(&said);
    assert!(said.err.starts_with(&format!("{agent} ran for ")), "{}", said.err);
    assert!(fs::read_dir(&tmp).unwrap().next().is_none(), "{agent}: a throw-away folder stays");
    let runs = gateway.runs();
    assert_eq!(runs.last().map(|run| run["labels"]["agent"].clone()), Some(json!(agent)));
    started
}

#[test]
fn every_agent_is_led_to_the_gateway_and_to_nobody_else() {
    let gateway = Gateway::knowing(KNOWN);
    let home = gateway.home("keymaster", &json!({}));
    for agent in toro::agents::ALL {
        let name = agent.name;
        let started = start(&gateway, &home, &["--model", "known/m", name, "--users-own", "x y"]);
        let whole: Vec<&String> = started.env.values().chain(started.files.values()).collect();
        assert!(whole.iter().any(|text| text.contains("tr_")), "{name} has no key");
        let words = started.arguments.join(" ");
        assert!(!words.contains("tr_"), "{name}: everybody can read {words}");
        assert!(words.ends_with("--users-own x y"), "{name}: {words}");
        assert!(whole.iter().any(|text| text.contains(&gateway.url())) || words.contains(&gateway.url()), "{name}");
        let is_told = whole.iter().any(|text| text.contains("known/m")) || words.contains("known/m");
        assert!(is_told, "{name} is told no model");
        for (variable, value) in &started.env {
            assert!(!value.contains("users") || variable == "PWD", "{name} inherits {variable}={value}");
        }
    }
}

#[test]
fn a_model_of_the_users_own_arguments_goes_before_ours() {
    let gateway = Gateway::knowing(KNOWN);
    let home = gateway.home("keymaster", &json!({}));
    let started = start(&gateway, &home, &["--model", "known/m", "codex", "exec", "-m", "mine"]);
    assert!(!started.arguments.iter().any(|word| word.contains("known/m")), "{:?}", started.arguments);
    let started = start(&gateway, &home, &["--model", "known/m", "codex", "exec", "--", "-m"]);
    assert!(started.arguments.contains(&"model=\"known/m\"".to_owned()), "{:?}", started.arguments);
}

#[test]
fn claude_code_has_a_model_for_each_slot_and_its_settings_go_before_the_users() {
    let gateway = Gateway::knowing(KNOWN);
    let home = gateway.home("keymaster", &json!({}));
    let words = ["--model", "main", "--model", "haiku=tiny", "--model", "subagent=mid", "claude", "-p", "hi"];
    let started = start(&gateway, &home, &words);
    let env = started.json("settings.json")["env"].clone();
    for (name, value) in [
        ("ANTHROPIC_BASE_URL", gateway.url().as_str()),
        ("ANTHROPIC_MODEL", "main"),
        ("ANTHROPIC_DEFAULT_OPUS_MODEL", "main"),
        ("ANTHROPIC_DEFAULT_SONNET_MODEL", "main"),
        ("ANTHROPIC_DEFAULT_HAIKU_MODEL", "tiny"),
        ("CLAUDE_CODE_SUBAGENT_MODEL", "mid"),
        ("CLAUDE_CODE_USE_BEDROCK", ""),
        ("ANTHROPIC_API_KEY", ""),
    ] {
        assert_eq!(env[name], value, "{name}");
    }
    assert_eq!(started.arguments[0], "--settings");
    // Commands take no flags before them.
    let started = start(&gateway, &home, &["claude", "mcp", "list"]);
    assert_eq!(started.arguments, ["mcp", "list"]);
    assert!(!started.env.contains_key("CLAUDE_CODE_SUBAGENT_MODEL"));
}

#[test]
fn opencode_knows_the_models_with_their_limits_and_prices() {
    let gateway = Gateway::knowing(KNOWN);
    let home = gateway.home("keymaster", &json!({}));
    let started = start(&gateway, &home, &["--model", "known/m", "--model", "small=other/x", "opencode"]);
    let content: Value = serde_json::from_str(&started.env["OPENCODE_CONFIG_CONTENT"]).unwrap();
    assert_eq!(
        (&content["model"], &content["small_model"]),
        (&json!("tokenrouter/known/m"), &json!("tokenrouter/other/x"))
    );
    assert_eq!(content["enabled_providers"], json!(["tokenrouter"]));
    let models = &content["provider"]["tokenrouter"]["models"];
    assert_eq!(models["known/m"]["cost"], json!({ "input": 2.5, "output": 10.0, "cache_read": 0.25 }));
    assert_eq!(models["known/m"]["limit"], json!({ "context": 200_000, "output": 8_000 }));
    assert!(models["auto"].is_object(), "{models}");
    assert!(models["other/x"].is_object(), "a name that no list has");
    assert!(!started.env["OPENCODE_CONFIG_CONTENT"].contains("tr_"));
}

#[test]
fn crush_keeps_what_the_user_has_and_adds_ours() {
    let gateway = Gateway::knowing(KNOWN);
    let home = gateway.home("keymaster", &json!({}));
    let users = home.folder.path().join(".config/crush");
    fs::create_dir_all(users.join("plugins")).unwrap();
    fs::write(users.join("plugins/one.sh"), "true\n").unwrap();
    let own =
        "{\"options\":{\"debug\":true},\"models\":{\"large\":{\"provider\":\"openai\",\"model\":\"m\"}}} // mine\n";
    fs::write(users.join("crush.json"), own).unwrap();
    fs::write(users.join("crushrc"), "model large openai/m\n").unwrap();
    let started = start(&gateway, &home, &["--model", "known/m", "crush", "run", "hi"]);
    let config = started.json("crush.json");
    assert_eq!(config["options"]["debug"], true);
    assert_eq!(config["models"]["large"], json!({ "provider": "tokenrouter", "model": "known/m" }));
    assert_eq!(config["providers"]["tokenrouter"]["api_key"], "$TOKENROUTER_KEY");
    let script = &started.files["crushrc"];
    let expected = format!("source '{}'\nmodel large 'tokenrouter/known/m'\n", users.join("crushrc").display());
    assert!(script.starts_with(&expected), "{script}");
    assert_eq!(fs::read_to_string(users.join("crush.json")).unwrap(), own);
    assert!(started.env["CRUSH_GLOBAL_DATA"].starts_with(&started.env["CRUSH_GLOBAL_CONFIG"]));
}

#[test]
fn gemini_gets_a_folder_of_settings_and_the_users_stays_as_it_is() {
    let gateway = Gateway::knowing(KNOWN);
    let home = gateway.home("keymaster", &json!({}));
    let users = home.folder.path().join(".gemini");
    fs::create_dir_all(&users).unwrap();
    let own = "{ /* mine */ \"ui\": {\"theme\": \"dark\"}, \"security\": {\"auth\": {\"selectedType\": \"oauth-personal\"}} }";
    fs::write(users.join("settings.json"), own).unwrap();
    fs::write(users.join("oauth_creds.json"), "users-login").unwrap();
    fs::write(users.join("GEMINI.md"), "remember").unwrap();
    let started = start(&gateway, &home, &["--model", "m", "gemini", "-p", "hi"]);
    let settings = started.json("settings.json");
    assert_eq!(settings["security"]["auth"]["selectedType"], "gemini-api-key");
    assert_eq!(settings["ui"]["theme"], "dark");
    assert!(started.files.contains_key("GEMINI.md") && !started.files.contains_key("oauth_creds.json"));
    assert_eq!(fs::read_to_string(users.join("settings.json")).unwrap(), own);
    assert!(Path::new(&users).join("tmp").is_dir(), "sessions would end with the run");
    // One who has chosen an API key needs no other folder.
    fs::write(users.join("settings.json"), own.replace("oauth-personal", "gemini-api-key")).unwrap();
    assert!(!start(&gateway, &home, &["gemini"]).env.contains_key("GEMINI_CLI_HOME"));
}

#[test]
fn the_others_get_what_their_manuals_say() {
    let gateway = Gateway::knowing(KNOWN);
    let home = gateway.home("keymaster", &json!({}));
    let v1 = format!("{}/v1", gateway.url());
    let expected: &[(&str, &[(&str, &str)])] = &[
        (
            "goose",
            &[
                ("GOOSE_PROVIDER", "openai"),
                ("GOOSE_MODEL", "known/m"),
                ("GOOSE_FAST_MODEL", "known/m"),
                ("OPENAI_HOST", &gateway.url()),
                ("OPENAI_BASE_PATH", "v1/chat/completions"),
            ],
        ),
        (
            "copilot",
            &[("COPILOT_PROVIDER_BASE_URL", &v1), ("COPILOT_PROVIDER_TYPE", "openai"), ("COPILOT_MODEL", "known/m")],
        ),
        ("qwen", &[("OPENAI_BASE_URL", &v1), ("OPENAI_MODEL", "known/m")]),
        (
            "aider",
            &[("OPENAI_API_BASE", &v1), ("AIDER_MODEL", "openai/known/m"), ("AIDER_WEAK_MODEL", "openai/known/m")],
        ),
    ];
    for (agent, variables) in expected {
        let started = start(&gateway, &home, &["--model", "known/m", agent]);
        for (name, value) in *variables {
            assert_eq!(started.env.get(*name).map(String::as_str), Some(*value), "{agent} {name}");
        }
        match *agent {
            "goose" => assert!(started.env["GOOSE_CONTEXT_LIMIT"].parse::<u64>().unwrap() > 100_000),
            "copilot" => assert!(started.env["COPILOT_PROVIDER_MAX_PROMPT_TOKENS"].parse::<u64>().unwrap() > 100_000),
            "qwen" => {
                let settings = started.json("settings.json");
                assert_eq!(settings["security"]["auth"]["selectedType"], "openai");
                assert!(
                    settings["modelProviders"]["openai"]
                        .as_array()
                        .unwrap()
                        .iter()
                        .any(|model| model["id"] == "known/m")
                );
            }
            _ => {
                let env = &started.files["aider.env"];
                assert!(env.contains(&format!("OPENAI_API_BASE={v1}\nOPENAI_API_KEY=tr_")), "{env}");
                assert!(started.json("models.json")["openai/known/m"]["max_input_tokens"].as_u64() > Some(100_000));
            }
        }
    }
    let started = start(&gateway, &home, &["--model", "known/m", "pi", "-p", "hi"]);
    let extension = &started.files["tokenrouter.ts"];
    assert!(
        extension.contains("registerProvider(\"tokenrouter\"") && extension.contains("process.env.TOKENROUTER_KEY"),
        "{extension}"
    );
    assert!(!extension.contains("tr_") && extension.contains("\"output\":10.0"), "{extension}");
    assert_eq!(started.arguments[2..6], ["--provider", "tokenrouter", "--model", "known/m"]);
    assert_eq!(start(&gateway, &home, &["pi", "list"]).arguments, ["list"]);
}

#[test]
fn an_agent_that_brings_no_model_gets_the_gateways_choice_and_one_that_must_choose_is_told_so() {
    let gateway = Gateway::knowing(KNOWN);
    let home = gateway.home("keymaster", &json!({}));
    let agent = |words: &[&str]| {
        let bin = home.folder.path().join("bin");
        write_program(&bin, "aider", AGENT);
        let mut command = home.toro(words);
        command.env("PATH", format!("{}:/usr/bin:/bin", bin.display())).env("TMPDIR", home.folder.path());
        said(command)
    };
    let chosen = agent(&["aider", "--message", "hi"]);
    assert!(chosen.out.contains("AIDER_MODEL=openai/auto-coding\n"), "{}{}", chosen.out, chosen.err);
    assert!(chosen.err.contains("No model was chosen: the run uses auto-coding."), "{}", chosen.err);
    let none = agent(&["--models", "nothing/*", "aider"]);
    assert_eq!(none.ended, Ended::Code(2), "{}", none.err);
    assert!(none.err.contains("may use none of the gateway's models"), "{}", none.err);
    let nobody = agent(&["--model", "?", "aider"]);
    assert!(nobody.err.contains("nobody is there to pick a model"), "{}", nobody.err);
}

#[test]
fn an_agent_that_is_asked_what_it_is_needs_no_gateway() {
    let home = Home::new();
    let bin = home.folder.path().join("bin");
    write_program(&bin, "codex", "#!/bin/sh\necho \"codex $1 ${OPENAI_API_KEY-none}\"; exit 3\n");
    let mut command = home.toro(&["codex", "--version"]);
    command.env("PATH", format!("{}:/usr/bin:/bin", bin.display())).env("OPENAI_API_KEY", "sk-users");
    let said = said(command);
    assert_eq!((said.ended, &*said.out, &*said.err), (Ended::Code(3), "codex --version none\n", ""));
}

#[test]
fn a_proxy_is_not_asked_for_this_machine() {
    let gateway = Gateway::knowing(KNOWN);
    let home = gateway.home("keymaster", &json!({}));
    let mut command = home.toro(&["wrap", "--", "env"]);
    command.env("https_proxy", "http://proxy:1").env("no_proxy", "corp");
    let said = said(command);
    for name in ["NO_PROXY", "no_proxy"] {
        assert!(said.out.contains(&format!("{name}=corp,127.0.0.1,localhost,::1\n")), "{}", said.out);
    }
    assert!(!home.run(&["wrap", "--", "env"]).out.contains("NO_PROXY"));
}
