//! Tokens below the stored one.

use serde_json::json;

use super::site::{Site, row};
use super::support::Ended;

#[test]
fn a_keymaster_makes_shows_rotates_and_ends_tokens() {
    let site = Site::new();
    let none = site.home.run(&["token", "list", "--search", "nobody"]);
    assert!(none.err.contains("no token is like that"), "{}", none.err);
    let words =
        ["token", "create", "--name", "ci", "--ttl", "8h", "--budget", "5", "--budget", "100req/day", "--rpm", "60"];
    let key = site.said(&[&words[..], &["--allow", "sim/*", "--label", "team=search"]].concat());
    assert!(key.starts_with("tr_") && key.trim().lines().count() == 1, "on a pipe the key alone: {key}");
    assert!(site.gateway.takes(key.trim()));
    let shown = site.said(&["token", "show", "ci"]);
    for (line, text) in [
        ("role", "inferrer"),
        ("ends", "in 7 h 59 min"),
        ("lies below", "stored keymaster"),
        ("requests", "60 a minute"),
        ("models", "sim/*"),
        ("label", "team=search"),
    ] {
        assert!(row(&shown, line).contains(text), "{line}: {shown}");
    }
    assert!(
        shown.contains("$5.00 left of $5.00\n") && shown.contains("100 requests left of 100 requests per day"),
        "{shown}"
    );
    let list = site.said(&["token", "list"]);
    assert!(list.contains(" ci ") && list.contains("60 rpm") && !list.contains("tr_"), "{list}");

    let rotated = site.json(&["token", "rotate", "ci", "--grace", "10m", "--json"]);
    let new = rotated["key"].as_str().unwrap();
    assert!(site.gateway.takes(new) && site.gateway.takes(key.trim()), "the old key opens for ten minutes more");
    let third = site.said(&["token", "rotate", "ci"]);
    assert!(site.gateway.takes(third.trim()) && !site.gateway.takes(new));
    assert!(site.said(&["token", "revoke", "ci"]).starts_with("revoked ci (tok_"));
    assert!(!site.gateway.takes(third.trim()));
    assert_eq!(site.said(&["token", "revoke", "ci"]), "ci had ended already\n");
    assert!(site.said(&["token", "list", "--all"]).contains("revoked"));
}

#[test]
fn what_may_not_be_is_refused_and_explained() {
    let site = Site::with(
        &json!({ "ttl_ms": 3_600_000, "limits": { "budgets": [{ "unit": "usd_nanos", "limit": 2_000_000_000 }] } }),
    );
    for (words, code, text) in [
        (&["token", "create", "--ttl", "2h"][..], 5, "outlive"),
        (&["token", "create", "--budget", "3"], 5, "$3"),
        (&["token", "create", "--role", "admin"], 5, "admin"),
        (&["token", "create", "--ttl", "-1h"], 2, "cannot end before it begins"),
        (&["token", "create", "--budget", "5eur"], 2, "write 5usd"),
        (&["token", "create", "--budget", "5", "--budget", "6"], 2, "two budgets"),
        (&["token", "create", "--rpm", "0"], 2, "60 or 100k"),
        (&["token", "rotate", "x", "--grace", "2d"], 2, "24h more at most"),
        (&["token", "show", "nobody"], 5, "no token"),
        (&["token", "revoke", "nobody"], 5, "no token"),
    ] {
        let said = site.home.run(words);
        assert_eq!(said.ended, Ended::Code(code), "{words:?}: {}", said.err);
        assert!(said.err.contains(text), "{words:?}: {}", said.err);
    }
    let home = site.gateway.home("inferrer", &json!({ "name": "small" }));
    let said = home.run(&["token", "create"]);
    assert_eq!(said.ended, Ended::Code(5));
    assert!(said.err.contains("Ask for a token of role keymaster"), "{}", said.err);
    assert!(home.run(&["token", "show", "small"]).out.contains("inferrer"));
}
