//! The bill at a run's end: what the gateway counted, in words and as JSON.

use serde_json::{Value, json};

use super::support::{Ended, Gateway, Home};

/// Asks a model so often, with Python, which every machine that tests has.
const ASKS: &str = "
import json, os, sys, urllib.request
for model in sys.argv[1:]:
    body = json.dumps({'model': model, 'messages': [{'role': 'user', 'content': 'hi'}]}).encode()
    headers = {'authorization': 'Bearer ' + os.environ['OPENAI_API_KEY'], 'content-type': 'application/json'}
    request = urllib.request.Request(os.environ['OPENAI_BASE_URL'] + '/chat/completions', body, headers)
    try:
        print(urllib.request.urlopen(request).status)
    except urllib.error.HTTPError as e:
        print(e.code, json.loads(e.read())['error']['message'])
";

fn asking<'a>(words: &[&'a str], models: &[&'a str]) -> Vec<&'a str> {
    [words, &["wrap", "--", "python3", "-c", ASKS], models].concat()
}

fn bill(home: &Home, words: &[&str], models: &[&str]) -> (Value, String) {
    let file = home.folder.path().join("bill.json");
    let path = file.to_str().unwrap();
    let said = home.run(&asking(&[&["--json", path], words].concat(), models));
    assert_eq!(said.ended, Ended::Code(0), "{}", said.err);
    (serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap(), said.out)
}

#[test]
fn the_bill_is_what_the_gateway_counted() {
    let gateway = Gateway::start();
    let home = gateway.home("keymaster", &json!({}));
    let (bill, out) = bill(&home, &["--budget", "5", "--name", "counted"], &["sim/ok", "sim/ok", "sim/ok"]);
    assert_eq!(out, "200\n200\n200\n");
    let totals = &bill["totals"];
    assert_eq!((&totals["requests"], &totals["failures"]), (&json!(3), &json!(0)), "{bill}");
    let cost = totals["cost_nanos"].as_u64().unwrap();
    let counts = &totals["counts"];
    // One dollar a million tokens in, a thousand out.
    let count = |name: &str| counts[name].as_u64().unwrap();
    assert_eq!(cost, count("input_uncached") * 1_000 + count("output") * 1_000_000, "{bill}");
    assert!(cost > 0, "{bill}");
    assert_eq!(bill["budgets"][0]["remaining"].as_u64().unwrap(), 5_000_000_000 - cost, "{bill}");
    assert_eq!((&bill["name"], &bill["agent"], &bill["exit_code"]), (&json!("counted"), &json!("python3"), &json!(0)));
    assert_eq!(bill["run"], gateway.runs()[0]["id"]);
    assert!(!bill.to_string().contains("tr_"));
}

#[test]
fn the_bill_is_told_in_words_and_not_where_nobody_wants_it() {
    let gateway = Gateway::start();
    let home = gateway.home("keymaster", &json!({}));
    let said = home.run(&asking(&["--budget", "5"], &["sim/ok"]));
    assert!(said.err.starts_with("python3 ran for ") && said.err.contains(": 1 request, $0."), "{}", said.err);
    assert!(said.err.contains("  tokens: ") && said.err.contains(" left of $5.00"), "{}", said.err);
    let said = home.run(&asking(&["-q"], &["sim/ok"]));
    assert_eq!((&*said.out, &*said.err), ("200\n", ""));
    let said = home.run(&asking(&["--json"], &["sim/ok"]));
    let told: Value = serde_json::from_str(&said.err).unwrap();
    assert_eq!((&*said.out, &told["totals"]["requests"]), ("200\n", &json!(1)));
}

#[test]
fn a_budget_that_is_used_up_is_said_to_agent_and_person() {
    let gateway = Gateway::start();
    let home = gateway.home("keymaster", &json!({}));
    let said = home.run(&asking(&["--max-requests", "1"], &["sim/ok", "sim/ok"]));
    let mut lines = said.out.lines();
    assert_eq!(lines.next(), Some("200"));
    let refused = lines.next().unwrap();
    assert!(refused.starts_with("429 ") && refused.contains("request"), "{refused}");
    assert!(said.err.contains("budget: all of 1 request is used up"), "{}", said.err);
}

#[test]
fn a_run_with_the_stored_token_itself_has_a_bill_too() {
    // By the same clock as ours: what is the run's is told by its time alone.
    let gateway = Gateway::of_today();
    let home = gateway.home("inferrer", &json!({}));
    let said = home.run(&asking(&["--own-token"], &["sim/ok"]));
    assert!(said.err.contains("1 request") && said.err.contains("with the stored token meanwhile"), "{}", said.err);
}
