//! Every sentence about keys that change by themselves, word for word, and what such keys mean.

use super::*;

/// What stands behind `api_key = ` on line 4, and each finding behind `t:`.
#[rustfmt::skip]
const CASES: &[(&str, &[&str])] = &[
    ("{ command = \"x\", refresh = \"50m\" }", &[]),
    ("{ file = \"/f\", refresh = \"1h\" }", &[]),
    ("{ env = \"K\", refresh = \"50m\" }", &[
        "4:34: this key does not change while torod runs: `refresh` is for `command`, `file` and tokens",
    ]),
    ("{ command = \"x\", refresh = \"1s\" }", &[
        "4:38: `refresh` is out of range: write a duration from \"10s\" to \"30d\"",
    ]),
    ("{ command = \"x\", refresh = 50 }", &[
        "4:38: `refresh` must be a duration in quotes, not a whole number: write `refresh = \"50m\"`",
    ]),
    ("{ oauth = { token_url = \"https://h/t\", client_id = \"c\", client_secret = \"${S}\" } }", &[]),
    ("{ oauth = { token_url = \"http://127.0.0.1:1/t\", client_id = \"c\", client_secret = { file = \"/s\" }, auth = \"post\" } }", &[]),
    ("{ oauth = { token_url = \"http://h/t\", client_id = \"c\", client_secret = \"${S}\" } }", &[
        "4:35: without TLS others could read what is sent there: write one that starts with https://",
    ]),
    ("{ oauth = { token_url = \"https://u:hunter2@h/t\", client_id = \"c\", client_secret = \"${S}\" } }", &[
        "4:35: the URL must not hold a user name or password: write one that starts with https://",
    ]),
    ("{ oauth = { token_url = \"https://h/t#x\", client_id = \"c\", client_secret = \"${S}\" } }", &[
        "4:35: the URL must not hold a fragment (`#…`): write one that starts with https://",
    ]),
    ("{ oauth = { token_url = \"h/t\", client_id = \"c\", client_secret = \"${S}\" } }", &[
        "4:35: this is no URL: write one that starts with https://",
    ]),
    ("{ oauth = { token_url = \"https://h/t\", client_id = \"c\", client_secret = \"hunter2\" } }", &[
        "4:83: warning: a key stands in the file: use \"${CLIENT_SECRET}\"",
    ]),
    ("{ oauth = {} }", &[
        "4:21: `token_url` is missing: add `token_url = \"https://login.example.com/oauth/token\"`",
        "4:21: `client_id` is missing: add `client_id = \"gateway\"`",
        "4:21: `client_secret` is missing: add `client_secret = \"${CLIENT_SECRET}\"`",
    ]),
    ("{ oauth = \"hunter2\" }", &[
        "4:21: `oauth` must be a table, not a string: write `oauth = { token_url = \"https://login.example.com/oauth/token\", client_id = \"gateway\", client_secret = \"${CLIENT_SECRET}\" }`",
    ]),
    ("{ oauth = { token_url = \"https://h/t\", client_id = \" \", client_secret = {} } }", &[
        "4:62: this is empty or holds control characters: write `client_id = \"gateway\"`",
        "4:83: this secret needs one source: give exactly one of `env`, `file`, `command`, `secret` and `value`",
    ]),
    ("{ oauth = { token_url = \"https://h/t\", client_id = \"c\", client_secret = \"${S}\", scop = \"hunter2\" } }", &[
        "4:91: unknown key `scop`: did you mean `scope`?",
    ]),
    ("{ oauth = { token_url = \"https://h/t\", client_id = \"c\", client_secret = \"${S}\", auth = \"basik\" } }", &[
        "4:98: `basik` is no `auth`: did you mean \"basic\"?",
    ]),
    ("{ device = { device_url = \"https://h/d\", token_url = \"https://h/t\", client_id = \"c\" } }", &[]),
    ("{ device = { token_url = \"https://h/t\" } }", &[
        "4:22: `device_url` is missing: add `device_url = \"https://login.example.com/oauth/device/code\"`",
        "4:22: `client_id` is missing: add `client_id = \"gateway\"`",
    ]),
    ("{ device = { device_url = \"https://h/d\", token_url = \"https://h/t\", client_id = \"c\" }, env = \"K\" }", &[
        "4:11: this key has more than one source: give exactly one of `env`, `file`, `command`, `secret`, `oauth`, `device` and `value`",
    ]),
];

fn file(key: &str) -> String {
    format!("[[providers]]\nname = \"a\"\nbase_url = \"http://h\"\napi_key = {key}")
}

#[test]
fn every_mistake_has_its_sentence_and_shows_no_secret() {
    for (key, expected) in CASES {
        let text = file(key);
        let mut shown = Vec::new();
        let found: Vec<_> = examine(&text, "t")
            .findings
            .iter()
            .map(|finding| {
                finding.write_with_source(&mut shown).unwrap();
                finding.to_string()
            })
            .collect();
        let expected: Vec<_> = expected.iter().map(|line| format!("t:{line}")).collect();
        assert_eq!(found, expected, "{text}");
        assert_eq!(parse(&text, "t").is_err(), expected.iter().any(|line| !line.contains(": warning: ")), "{text}");
        assert!(!String::from_utf8(shown).unwrap().contains("hunter2"), "{text}");
    }
}

#[test]
fn what_is_shown_of_a_token_server_holds_no_password() {
    let key = "{ name = \"n\", refresh = \"50m\", oauth = { token_url = \"https://h/t\", client_id = \"c\", client_secret = \"hunter2\", scope = \"s\", audience = \"a\" } }";
    let config = parse(&file(key), "t").unwrap();
    assert!(examine(&file(key), "t").holds_secrets());
    let view = view(&config);
    assert_eq!(
        view.pointer("/providers/0/credentials/0").unwrap(),
        &serde_json::json!({
            "name": "n", "secret": "oauth:https://h/t", "weight": 1, "refresh_ms": 3_000_000,
            "oauth": {
                "device_url": null, "token_url": "https://h/t", "client_id": "c", "client_secret": "[secret]",
                "scope": "s", "audience": "a", "auth": "basic",
            },
        })
    );
    let shown = format!("{view}{}{config:?}{:?}", show(&config), summary(&config.providers[0]));
    assert!(shown.contains("# key from oauth:https://h/t") && !shown.contains("hunter2"), "{shown}");
}

#[test]
fn a_missing_password_of_a_client_is_noticed() {
    let key = "{ oauth = { token_url = \"https://h/t\", client_id = \"c\", client_secret = \"${NOT_SET}\" } }";
    let found: Vec<_> =
        examine(&file(key), "t").check_secrets(&|_| None, &NoVault).iter().map(Finding::to_string).collect();
    assert_eq!(
        found,
        [
            "t:4:11: environment variable `NOT_SET` is not set: set it where torod starts, or set `enabled = false` for provider `a`"
        ]
    );
}
