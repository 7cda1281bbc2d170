//! What cannot be done, and what is said of it: which exit code, one line, and what to do.

use serde_json::json;

use super::support::{Ended, Gateway, Home};

#[test]
fn what_is_asked_for_amiss_is_explained() {
    let gateway = Gateway::start();
    let home = gateway.home(
        "keymaster",
        &json!({ "ttl_ms": 3_600_000, "limits": { "budgets": [{ "unit": "usd_nanos", "limit": 2_000_000_000 }] } }),
    );
    for (words, code, text) in [
        (&["--ttl", "0", "wrap", "--", "true"][..], 2, "lives for no time"),
        (&["--ttl", "-1h", "wrap", "--", "true"], 2, "cannot end before it begins"),
        (&["--ttl", "soon", "wrap", "--", "true"], 2, "such as 45m, 8h"),
        (&["--ttl", "2h", "wrap", "--", "true"], 125, "--ttl is longer than the stored token lives"),
        (&["--budget", "0", "wrap", "--", "true"], 2, "nothing to spend"),
        (&["--budget", "-5", "wrap", "--", "true"], 2, "dollars such as"),
        (&["--budget", "3", "wrap", "--", "true"], 125, "may not have more than the stored token"),
        (&["--label", "Team=x", "wrap", "--", "true"], 2, "is not named with"),
        (&["--models", "a b", "wrap", "--", "true"], 2, "pattern"),
        (&["--lease", "5", "wrap", "--", "true"], 2, "15..=3600"),
        (&["--server", "other", "wrap", "--", "true"], 125, "no gateway `other` is stored"),
        (&["wrap", "--", "no-such-program"], 127, "`no-such-program` is not installed"),
        (&["codex", "--version"], 127, "`codex` is not installed. Install it: npm install -g @openai/codex"),
        (&["claud"], 2, "Did you mean `claude`?"),
        (&["some-agent"], 2, "toro wrap -- some-agent"),
        (&["--budget", "5", "version"], 2, "--budget is about a run"),
        (&["--own-token", "--budget", "1", "wrap", "--", "true"], 2, "--budget needs a token of the run's own"),
    ] {
        let said = home.run(words);
        assert_eq!(said.ended, Ended::Code(code), "{words:?}: {}", said.err);
        assert!(said.err.contains(text), "{words:?}: {}", said.err);
        assert!(!said.err.contains("tr_"), "{}", said.err);
    }
    assert_eq!(gateway.runs().len(), 0);
}

#[test]
fn without_a_gateway_the_way_to_one_is_told() {
    let home = Home::new();
    let said = home.run(&["wrap", "--", "true"]);
    assert_eq!(
        (said.ended, said.err.trim()),
        (Ended::Code(125), "toro: no gateway is known yet. Run `toro connect` first.")
    );
    let said = home.run(&["env"]);
    assert_eq!(said.ended, Ended::Code(3), "{}", said.err);
}

#[test]
fn what_is_stored_and_cannot_be_read_is_not_repeated() {
    let home = Home::new();
    std::fs::create_dir_all(home.config().parent().unwrap()).unwrap();
    for (text, line) in [
        ("default = \"x\"\n[servers.x\nkey = \"tr_verysecret\"\n", "line 2"),
        ("[servers.x]\nurl = \"http://x\"\nkey = [\"tr_verysecret\"]\n", "line 3"),
        ("[servers.x]\nurl = \"http://x\"\nkee = \"tr_verysecret\"\n", "line 3"),
    ] {
        std::fs::write(home.config(), text).unwrap();
        let said = home.run(&["env"]);
        assert_eq!(said.ended, Ended::Code(3), "{}", said.err);
        assert!(said.err.contains("toro.toml cannot be read") && said.err.contains(line), "{}", said.err);
        assert!(!said.err.contains("verysecret"), "{}", said.err);
    }
    std::fs::remove_file(home.config()).unwrap();
    std::fs::create_dir(home.config()).unwrap();
    let said = home.run(&["env"]);
    assert_eq!(said.ended, Ended::Code(3), "{}", said.err);
}

#[test]
fn a_wrong_token_and_one_that_makes_no_others() {
    let gateway = Gateway::start();
    let home = Home::new();
    home.store(&gateway.url(), &format!("tr_{}", "x".repeat(49)));
    let said = home.run(&["wrap", "--", "true"]);
    assert_eq!(said.ended, Ended::Code(125), "{}", said.err);
    assert!(said.err.contains("get another one, then `toro set-key`"), "{}", said.err);

    let home = gateway.home("inferrer", &json!({}));
    let said = home.run(&["wrap", "--", "true"]);
    assert_eq!(said.ended, Ended::Code(125), "{}", said.err);
    assert!(
        said.err.contains("is an inferrer: it cannot make a token") && said.err.contains("--own-token"),
        "{}",
        said.err
    );
    let said = home.run(&["--budget", "1", "wrap", "--", "true"]);
    assert!(said.err.contains("--budget cannot be kept"), "{}", said.err);
    let said = home.run(&["--own-token", "wrap", "--", "sh", "-c", "echo $OPENAI_API_KEY; exit 6"]);
    assert_eq!(said.ended, Ended::Code(6), "{}", said.err);
    let key = said.out.trim();
    assert!(std::fs::read_to_string(home.config()).unwrap().contains(key));
    assert!(gateway.takes(key), "the stored token was ended");
    assert_eq!(gateway.runs().len(), 0);
}
