//! Status, models, usage and runs: what is told, to people and to programs.

use serde_json::json;

use super::site::{Site, row};
use super::support::{Ended, Home};

#[test]
fn status_tells_by_its_exit_code_whether_the_next_request_can_be_served() {
    let budgets = json!({ "limits": { "budgets": [{ "unit": "requests", "limit": 1 }] } });
    let mut site = Site::with(&budgets);
    let said = site.said(&["status"]);
    assert!(row(&said, "state").ends_with("ok") && row(&said, "gateway").contains("torod"), "{said}");
    assert!(row(&said, "token").contains("stored keymaster (keymaster), never ends"), "{said}");
    assert!(row(&said, "budget").ends_with("1 request left of 1 request"), "{said}");
    assert!(row(&said, "sim").contains("openai"), "{said}");
    let told = site.json(&["status", "--json"]);
    assert_eq!((&told["ok"], &told["me"]["role"], &told["server"]), (&json!(true), &json!("keymaster"), &json!("t")));
    assert_eq!(site.home.run(&["-q", "status"]).out, "");

    site.said(&["chat", "-m", "sim/ok", "Hello"]);
    let said = site.home.run(&["status"]);
    assert_eq!(said.ended, Ended::Code(1), "{}", said.out);
    assert!(row(&said.out, "state").contains("NOT OK: all of your 1 request is used up"), "{}", said.out);
    let refused = site.home.run(&["chat", "-m", "sim/ok", "Hello"]);
    assert_eq!(refused.ended, Ended::Code(5));
    assert!(refused.err.contains("budget"), "{}", refused.err);

    site.home.store(&site.gateway.url(), &format!("tr_{}", "x".repeat(49)));
    let said = site.home.run(&["status"]);
    assert_eq!(said.ended, Ended::Code(5), "{}", said.err);
    assert!(said.err.contains("then `toro set-key`"), "{}", said.err);
    site.gateway.down();
    let said = site.home.run(&["status", "--json"]);
    assert_eq!(said.ended, Ended::Code(4), "{}", said.err);
    assert!(said.err.contains("Is torod running?"), "{}", said.err);
    assert!(serde_json::from_str::<serde_json::Value>(&said.out).unwrap()["error"]["message"].is_string());
    assert_eq!(Home::new().run(&["status"]).ended, Ended::Code(3));
}

#[test]
fn models_are_searched_and_a_token_sees_its_own_alone() {
    let site = Site::new();
    let said = site.said(&["models"]);
    assert!(row(&said, "model ").contains("context") && row(&said, "model ").contains("in $/M"), "{said}");
    let priced = row(&said, "sim/tool");
    assert!(priced.contains("1.00") && priced.contains("1000.00"), "{priced}");
    assert!(row(&said, "sim/think ").contains("unknown"), "{said}");
    assert_eq!(site.said(&["models", "--names", "crlf"]), "sim/crlf\n");
    let all = site.json(&["models", "--json"])["models"].as_array().unwrap().len();
    assert_eq!(site.said(&["models", "--names"]).lines().count(), all);
    let named = |words: &[&str]| site.said(&[&["models", "--names", "--sort", "name"], words].concat());
    let (up, down) = (named(&[]), named(&["--reverse"]));
    assert_eq!(up.lines().rev().collect::<Vec<_>>(), down.lines().collect::<Vec<_>>());
    assert_eq!(named(&["--reverse", "--limit", "1"]).trim(), up.lines().last().unwrap());
    let none = site.home.run(&["models", "no-such-model"]);
    assert_eq!((none.ended, none.err.contains("`toro models` lists all")), (Ended::Code(1), true), "{}", none.err);
    let wrong = site.home.run(&["models", "--can", "tolls"]);
    assert_eq!(wrong.ended, Ended::Code(2), "{}", wrong.err);
    assert!(wrong.err.contains("tools"), "{}", wrong.err);

    let home =
        site.gateway.home("inferrer", &json!({ "name": "few", "limits": { "models": { "allow": ["sim/o*"] } } }));
    assert_eq!(home.run(&["models", "--names"]).out, "sim/ok\n");
    assert!(home.run(&["status"]).out.contains("only sim/o*"));
}

#[test]
fn usage_adds_up_in_every_form() {
    let site = Site::new();
    let empty = site.home.run(&["usage"]);
    assert_eq!((empty.ended, empty.out.as_str()), (Ended::Code(0), ""));
    assert!(empty.err.contains("nothing was used"), "{}", empty.err);
    site.run_of("codex", 0);
    site.said(&["chat", "-m", "sim/tool", "Hello"]);
    for by in ["day", "model", "run", "session", "provider", "token", "agent"] {
        let told = site.json(&["usage", "today", "--by", by, "--json"]);
        assert_eq!(told["total"]["requests"], 4, "{by}");
        let sum: u64 = told["rows"].as_array().unwrap().iter().map(|row| row["requests"].as_u64().unwrap()).sum();
        assert_eq!(sum, 4, "{by}");
        let csv = site.said(&["usage", "--since", "24h", "--by", by, "--csv"]);
        let requests: u64 =
            csv.lines().skip(1).map(|line| line.split(',').nth(2).unwrap().parse::<u64>().unwrap()).sum();
        assert_eq!(
            (requests, csv.lines().next().unwrap().starts_with(&format!("{by},name,requests"))),
            (4, true),
            "{csv}"
        );
        let said = site.said(&["usage", "--by", by]);
        assert_eq!(row(&said, "total").split_whitespace().nth(1), Some("4"), "{said}");
    }
    let said = site.said(&["usage", "--by", "model"]);
    assert_eq!(row(&said, "ok").split_whitespace().nth(1), Some("3"), "{said}");
    let said = site.said(&["usage", "--by", "agent"]);
    assert!(row(&said, "codex").contains('3') && row(&said, "toro").contains('1'), "{said}");
    for (words, text) in [
        (&["usage", "--since", "soon"][..], "is no time"),
        (&["usage", "--until", "2020-01-01", "--since", "2021-01-01"], "ends before it begins"),
        (&["usage", "--time-zone", "Mars/Base"], "no such time zone"),
        (&["usage", "--by", "moon"], "day, model, run"),
        (&["usage", "--csv", "--json"], "two forms"),
    ] {
        let said = site.home.run(words);
        assert_eq!(said.ended, Ended::Code(2), "{words:?}: {}", said.err);
        assert!(said.err.contains(text), "{words:?}: {}", said.err);
    }
}

#[test]
fn runs_are_listed_and_one_is_shown_with_its_sessions() {
    let site = Site::new();
    let none = site.home.run(&["runs"]);
    assert!(none.ended == Ended::Code(0) && none.err.contains("there was no run yet"), "{none:?}");
    assert_eq!(site.home.run(&["runs", "show"]).ended, Ended::Code(1));
    let (first, second) = (site.run_of("codex", 42), site.run_of("claude", 0));
    let said = site.said(&["runs"]);
    let line = row(&said, &first);
    assert!(line.contains("codex in work") && line.contains("exit 42") && line.contains("shop@main"), "{said}");
    assert!(row(&said, &second).contains(" ok "), "{said}");
    assert_eq!(site.json(&["runs", "--json", "codex"])["runs"].as_array().unwrap().len(), 1);
    let limited = site.json(&["runs", "--limit", "1", "--json"]);
    assert_eq!((&limited["runs"][0]["id"], &limited["more"]), (&json!(second), &json!(true)));
    let said = site.said(&["runs", "show", &first]);
    assert!(row(&said, "end").ends_with("the agent returned 42"), "{said}");
    assert!(row(&said, "cost").contains("3 requests") && row(&said, "budget").contains("of $5.00"), "{said}");
    assert_eq!(row(&said, "codex main-1").split_whitespace().nth(4), Some("2"), "{said}");
    assert_eq!(row(&said, "└ codex sub-2").split_whitespace().nth(5), Some("1"), "{said}");
    assert_eq!(site.json(&["runs", "show", "--json"])["id"], second.as_str(), "the newest");
    let gone = site.home.run(&["runs", "show", "tok_0000000000000000"]);
    assert_eq!(gone.ended, Ended::Code(5), "{}", gone.err);
}
