//! The doctor: what it finds good, and what it finds wrong.

use serde_json::{Value, json};

use super::site::Site;
use super::support::{Ended, Home, write_program};

fn grade<'r>(report: &'r Value, check: &str) -> &'r str {
    let checks = report["checks"].as_array().unwrap();
    let found = checks.iter().find(|found| found["check"] == check);
    found.unwrap_or_else(|| panic!("no {check}: {report}"))["grade"].as_str().unwrap()
}

#[test]
fn a_good_gateway_is_found_good_in_every_protocol() {
    let site = Site::new();
    for agent in [None, Some("claude"), Some("codex"), Some("gemini")] {
        let mut words = vec!["doctor", "--json", "--model", "sim/tool"];
        words.extend(agent);
        let report = site.json(&words);
        for check in
            ["configured", "dns", "tcp", "encryption", "health", "clock", "token", "keys", "no key", "model list"]
        {
            assert_eq!(grade(&report, check), "good", "{agent:?} {check}: {report}");
        }
        for check in ["answer", "pings", "count_tokens", "tools", "images"] {
            assert_eq!(grade(&report, check), "good", "{agent:?} {check}: {report}");
        }
        assert_ne!(grade(&report, "streaming"), "bad", "{report}");
        assert_eq!(report["calls"], 6, "{report}");
        assert!(report["cost_nanos"].as_u64() > Some(0), "{report}");
        assert_eq!(report["ok"], agent.is_none(), "no agent is installed here: {report}");
    }
    let said = site.home.run(&["doctor", "--model", "sim/ok"]);
    assert_eq!(said.ended, Ended::Code(0), "{}", said.out);
    assert!(said.out.contains("✓ streaming") && said.out.contains("! tools"), "{}", said.out);
    assert!(
        said.err.contains("6 small questions go to sim/ok") && said.err.contains(" 0 wrong; 5 questions"),
        "{}",
        said.err
    );
}

#[test]
fn what_is_wrong_is_told_with_what_to_do() {
    let mut site = Site::new();
    let report = site.json(&["doctor", "--json", "--model", "sim/s500"]);
    assert_eq!((grade(&report, "answer"), grade(&report, "other"), &report["ok"]), ("bad", "skipped", &json!(false)));
    let cached = site.json(&["doctor", "--json", "--model", "sim/tool+cached=1"]);
    assert_eq!(grade(&cached, "prompt cache"), "good", "{cached}");
    let free = site.json(&["doctor", "--json", "--free"]);
    assert_eq!((&free["calls"], &free["ok"]), (&json!(0), &json!(true)));

    let offline = site.json(&["doctor", "--json", "--offline"]);
    assert_eq!((grade(&offline, "network"), &offline["ok"]), ("skipped", &json!(true)));
    let mut command = site.home.toro(&["doctor", "--offline"]);
    command.env("http_proxy", "http://proxy:3128");
    let said = super::support::said(command);
    assert!(said.out.contains("! proxy") && said.out.contains("export NO_PROXY=127."), "{}", said.out);

    site.gateway.down();
    let said = site.home.run(&["doctor"]);
    assert_eq!(said.ended, Ended::Code(1));
    assert!(said.out.contains("✗ tcp") && said.out.contains("→ Is torod running?"), "{}", said.out);
    let none = Home::new().run(&["doctor"]);
    assert_eq!(none.ended, Ended::Code(1));
    assert!(none.out.contains("✗ configured") && none.out.contains("toro connect"), "{}", none.out);
    let wrong = site.home.run(&["doctor", "emacs"]);
    assert_eq!((wrong.ended, wrong.err.contains("Known are: codex, claude")), (Ended::Code(2), true), "{}", wrong.err);
}

#[test]
fn an_agents_own_settings_are_looked_at_and_never_repeated() {
    let home = Home::new();
    home.store("http://127.0.0.1:1", "tr_x");
    let programs = home.folder.path().join("bin");
    let agent = |name: &str| {
        write_program(&programs, name, "#!/bin/sh\necho '2.1.0 (Agent)'\n");
        let mut command = home.toro(&["doctor", name, "--offline", "--json"]);
        command.env("PATH", &programs).env("OPENAI_API_KEY", "sk-secret");
        let said = super::support::said(command);
        assert!(!said.out.contains("secret"), "{}", said.out);
        serde_json::from_str::<Value>(&said.out).unwrap()
    };
    let report = agent("claude");
    assert_eq!((grade(&report, "installed"), grade(&report, "settings")), ("good", "good"), "{report}");
    assert!(report.to_string().contains("2.1.0 (Agent)") && report.to_string().contains("OPENAI_API_KEY"), "{report}");

    let write = |name: &str, text: &str| {
        let path = home.work().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write(
        ".claude/settings.json",
        r#"{"env":{"HTTPS_PROXY":"secret","ANTHROPIC_BASE_URL":"secret"},"apiKeyHelper":"secret"}"#,
    );
    write(".codex/config.toml", "profile = \"secret\"\n");
    write(".env", "GEMINI_API_KEY=secret\n");
    write("opencode.json", "{ // theirs\n \"disabled_providers\": [\"secret\"] }");
    write(".gemini/settings.json", r#"{"security":{"auth":{"enforcedType":"secret"}}}"#);
    let gemini = agent("gemini");
    assert_eq!((grade(&gemini, "settings"), &gemini["ok"]), ("bad", &json!(false)), "{gemini}");
    assert!(gemini.to_string().contains("says security.auth.enforcedType"), "{gemini}");
    let claude = agent("claude").to_string();
    assert!(claude.contains("says apiKeyHelper, env.HTTPS_PROXY\"") && !claude.contains("BASE_URL"), "{claude}");
    write(".gemini/settings.json", "{}");
    for name in ["claude", "codex", "gemini", "opencode"] {
        let report = agent(name);
        assert_eq!((grade(&report, "settings"), &report["ok"]), ("warning", &json!(true)), "{name}: {report}");
    }
    write(".claude/settings.json", "{");
    assert!(agent("claude").to_string().contains("is damaged"));
    let said = home.run(&["doctor", "codex", "--offline"]);
    assert!(said.out.contains("✗ installed") && said.out.contains("→ Install it: npm install"), "{}", said.out);
}
