//! What a wrapped program gets, and what it does not.

use serde_json::json;

use super::support::{Ended, Gateway, said};

#[test]
fn a_program_finds_the_gateway_and_a_key_that_ends_with_it() {
    let gateway = Gateway::start();
    let home = gateway.home("keymaster", &json!({}));
    let mut command = home.toro(&["wrap", "--", "env"]);
    for (name, value) in [
        ("OPENAI_API_KEY", "sk-of-the-user"),
        ("OPENAI_ORG_ID", "org"),
        ("ANTHROPIC_API_KEY", "sk-ant-user"),
        ("ANTHROPIC_CUSTOM_HEADERS", "x: y"),
        ("GOOGLE_GENAI_USE_VERTEXAI", "true"),
        ("AWS_BEARER_TOKEN_BEDROCK", "b"),
        ("TORO_KEY", "tr_parent"),
        ("KEPT", "as it is"),
    ] {
        command.env(name, value);
    }
    let said = said(command);
    assert_eq!(said.ended, Ended::Code(0), "{}", said.err);
    let of = |name: &str| said.out.lines().find_map(|line| line.strip_prefix(&format!("{name}=")).map(str::to_owned));
    let key = of("OPENAI_API_KEY").unwrap();
    assert!(key.starts_with("tr_"), "{key}");
    for name in ["ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY", "TOKENROUTER_KEY"] {
        assert_eq!(of(name).as_ref(), Some(&key), "{name}");
    }
    for name in ["OPENAI_BASE_URL", "OPENAI_API_BASE"] {
        assert_eq!(of(name), Some(format!("{}/v1", gateway.url())), "{name}");
    }
    for name in ["ANTHROPIC_BASE_URL", "GOOGLE_GEMINI_BASE_URL"] {
        assert_eq!(of(name), Some(gateway.url()), "{name}");
    }
    assert_eq!(of("KEPT").as_deref(), Some("as it is"));
    for name in [
        "OPENAI_ORG_ID",
        "ANTHROPIC_CUSTOM_HEADERS",
        "GOOGLE_GENAI_USE_VERTEXAI",
        "AWS_BEARER_TOKEN_BEDROCK",
        "TORO_KEY",
    ] {
        assert_eq!(of(name), None, "{name}");
    }
    assert!(!gateway.takes(&key), "the key outlives the run");
    assert!(said.err.starts_with("env ran for "), "{}", said.err);
}

#[test]
fn a_program_may_want_other_names() {
    let gateway = Gateway::start();
    let home = gateway.home("keymaster", &json!({}));
    let said = home.run(&["wrap", "--url-env", "LLM_URL", "--key-env", "LLM_KEY", "--key-env", "OTHER", "--", "env"]);
    assert!(said.out.contains(&format!("LLM_URL={}/v1\n", gateway.url())), "{}", said.out);
    assert!(said.out.contains("LLM_KEY=tr_") && said.out.contains("OTHER=tr_"), "{}", said.out);
    assert!(!said.out.contains("OPENAI_") && !said.out.contains("ANTHROPIC_"), "{}", said.out);
    let said = home.run(&["wrap", "--url-env", "A B", "--", "env"]);
    assert_eq!(said.ended, Ended::Code(2), "{}", said.err);
}

#[test]
fn the_runs_token_is_a_child_with_its_own_limits_and_labels() {
    let gateway = Gateway::start();
    let home = gateway.home("keymaster", &json!({}));
    let git = home.work().join(".git");
    std::fs::create_dir(&git).unwrap();
    std::fs::write(git.join("HEAD"), "ref: refs/heads/topic\n").unwrap();
    std::fs::write(git.join("config"), "[remote \"origin\"]\n\turl = https://h.example/team/thing.git\n").unwrap();
    let words = [
        "--ttl",
        "30m",
        "--budget",
        "5",
        "--max-requests",
        "100",
        "--models",
        "sim/*,hello",
        "--name",
        "the night run",
        "--label",
        "team=search",
    ];
    let begun = home.begin(&words, "exec sleep 600");
    let run = gateway.runs().remove(0);
    let stored = gateway.get("/admin/api/tokens/stored%20keymaster");
    assert_eq!((&run["parent"], &run["role"]), (&stored["id"], &json!("inferrer")));
    assert_eq!((&run["name"], &run["lease_s"]), (&json!("the night run"), &json!(60)));
    assert_eq!(run["expires_ms"].as_i64().unwrap() - run["created_ms"].as_i64().unwrap(), 30 * 60_000);
    assert_eq!(run["limits"]["models"], json!({ "allow": ["sim/*", "hello"] }));
    let budgets = json!([{ "unit": "usd_nanos", "limit": 5_000_000_000_u64 }, { "unit": "requests", "limit": 100 }]);
    assert_eq!(run["limits"]["budgets"], budgets);
    let labels = &run["labels"];
    let expected = [("agent", "sh"), ("repository", "team/thing"), ("branch", "topic"), ("team", "search")];
    for (key, value) in expected {
        assert_eq!(labels[key], value, "{labels}");
    }
    assert!(labels["host"].is_string(), "{labels}");
    begun.signal(15);
}

#[test]
fn the_usual_life_is_cut_to_what_the_stored_token_has_left() {
    let gateway = Gateway::start();
    let home = gateway.home("keymaster", &json!({ "ttl_ms": 3_600_000 }));
    let said = home.run(&["wrap", "--", "true"]);
    assert_eq!(said.ended, Ended::Code(0), "{}", said.err);
    let run = gateway.runs().remove(0);
    assert_eq!(run["expires_ms"].as_i64().unwrap() - run["created_ms"].as_i64().unwrap(), 3_600_000);
}
