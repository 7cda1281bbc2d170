//! Every sentence the parser says, word for word: table of texts and findings. No sentence holds a secret.

use super::*;

/// The text of a file, and each finding behind `torod.toml:`.
#[rustfmt::skip]
const CASES: &[(&str, &[&str])] = &[
    ("defualt_provider = \"a\"", &[
        "1:1: unknown key `defualt_provider`: did you mean `default_provider`?",
    ]),
    ("zzz = 1", &[
        "1:1: unknown key `zzz`: known here: listen_addr, allow_localhost_no_auth, auto_detect_local_servers, auto_enable_public_free_models, lossy, egress, admin, server, tls, presets, providers, default_provider, model_aliases, active_model_profile, routing, auto, limits, shutdown, log, tokens, usage, responses, conversations, prices, alerts, telemetry",
    ]),
    ("[limits]\nconcurent = 5", &[
        "2:1: unknown key `concurent`: did you mean `concurrent`?",
    ]),
    ("[limits]\nqqq = 5", &[
        "2:1: unknown key `qqq`: known here: concurrent, concurrent_streams, concurrent_non_streams, concurrent_per_provider, connections, connections_per_address, queue, queue_wait, requests_per_second, burst, reserved_output, request_body",
    ]),
    ("dedup = true", &[
        "1:1: `dedup` is not available in this version: remove it or put `#` before its lines",
    ]),
    ("listen_addr = 8080", &[
        r#"1:15: `listen_addr` must be a string, not a whole number: write `listen_addr = "127.0.0.1:8080"`"#,
    ]),
    ("listen_addr = \"localhost\"", &[
        r#"1:15: `localhost` is no address with a port: write "127.0.0.1:8080", or "0.0.0.0:8080" for every network"#,
    ]),
    ("allow_localhost_no_auth = \"yes\"", &[
        "1:27: `allow_localhost_no_auth` must be true or false, not a string: write `allow_localhost_no_auth = true`",
    ]),
    ("limits = 3", &[
        "1:10: `limits` must be a table, not a whole number: write `[limits]`",
    ]),
    ("providers = {}", &[
        "1:13: `providers` must be an array of tables (`[[providers]]`), not a table: write `[[providers]]`",
    ]),
    ("[limits]\nconcurrent = 0", &[
        "2:14: `concurrent` is out of range: write a whole number from 1 to 1000000",
    ]),
    ("[limits]\nconcurrent = 1.5", &[
        "2:14: `concurrent` must be a whole number, not a decimal number: write `concurrent = 10000`",
    ]),
    ("[limits]\nconcurrent = 99999999999999999999", &[
        "2:14: `concurrent` is out of range: write a whole number from 1 to 1000000",
    ]),
    ("[limits]\nrequest_body = 33554432", &[
        r#"2:16: `request_body` must be a size in quotes, not a whole number: write `request_body = "32MiB"`"#,
    ]),
    ("[limits]\nrequest_body = \"32 megs\"", &[
        r#"2:16: `32 megs` is not a size: write a whole number and B, KB, MB, GB, KiB, MiB or GiB, such as "32MiB""#,
    ]),
    ("[limits]\nrequest_body = \"2GiB\"", &[
        r#"2:16: `request_body` is out of range: write a size from "1KiB" to "1GiB""#,
    ]),
    ("[shutdown]\ngrace = 30", &[
        r#"2:9: `grace` must be a duration in quotes, not a whole number: write `grace = "30s"`"#,
    ]),
    ("[shutdown]\ngrace = \"30\"", &[
        r#"2:9: `30` is not a duration: write a whole number and ms, s, m, h or d, such as "30s""#,
    ]),
    ("[shutdown]\ngrace = \"2d\"", &[
        r#"2:9: `grace` is out of range: write a duration from "0s" to "1d""#,
    ]),
    ("[log]\nlevel = \"inf\"", &[
        r#"2:9: `inf` is no `level`: did you mean "info"?"#,
    ]),
    ("[log]\nformat = \"xml\"", &[
        r#"2:10: `xml` is no `format`: write "auto" or "human" or "json""#,
    ]),
    ("[tokens]\nremove_ended_after = \"nie\"", &[
        r#"2:22: `nie` is not a duration: write a whole number and ms, s, m, h or d, such as "30d", or "never""#,
    ]),
    ("[limits]\nburst = 7", &[
        "2:9: warning: `burst` has no effect without `requests_per_second`: add `requests_per_second` or leave it out",
    ]),
    ("[egress]\nallow_private = false\n[[providers]]\nname = \"a\"\nbase_url = \"http://10.0.0.8/v1\"", &[
        "5:12: the egress policy denies 10.0.0.8 (a private network): use another URL, or set `egress.allow_private = true`",
    ]),
    ("[[providers]]\nname = \"a\"\nbase_url = \"http://169.254.1.1/v1\"", &[
        "3:12: the egress policy never allows 169.254.1.1 (link-local): use another URL; no setting changes that",
    ]),
    ("[conversations]\nredact = [\"(\", \"ok\"]\nmax_items = 0", &[
        "2:11: this is no regular expression: unclosed group: write one such as \"EMP-[0-9]{6}\"",
        "3:13: `max_items` is out of range: write a whole number from 1 to 1000000000",
    ]),
    ("[usage]\nretention_days = -1", &[
        "2:18: `retention_days` is out of range: write a whole number from 0 to 36500",
    ]),
    ("default_provider = \"opnai\"\n[[providers]]\nname = \"openai\"\nprovider_type = \"openai\"\napi_key = \"${K}\"", &[
        r#"1:20: `default_provider` names no provider: `opnai`: did you mean "openai"?"#,
    ]),
    ("default_provider = \"x\"", &[
        "1:20: `default_provider` names no provider: `x`: add a `[[providers]]` table with this name",
    ]),
    ("default_provider = \"zzz\"\n[[providers]]\nname = \"a\"\nbase_url = \"http://h\"\n", &[
        "1:20: `default_provider` names no provider: `zzz`: write one of: a",
    ]),
    ("default_provider = \"a\"\n[[providers]]\nname = \"a\"\nbase_url = \"http://h\"\nenabled = false", &[
        "1:20: warning: the default provider `a` is disabled: set `enabled = true` there, or name another",
    ]),
    ("default_provider = \"ollama\"", &[]),
    ("auto_detect_local_servers = false\ndefault_provider = \"ollama\"", &[
        "2:20: `default_provider` names no provider: `ollama`: add a `[[providers]]` table with this name",
    ]),
    ("[[providers]]\nbase_url = \"http://h\"", &[
        r#"1:1: this provider has no `name`: add `name = "openai"`"#,
    ]),
    ("[[providers]]\nname = \"a/b\"\nbase_url = \"http://h\"", &[
        "2:8: `a/b` is no provider name: use 1 to 64 letters, digits, `.`, `_` and `-`",
    ]),
    ("[[providers]]\nname = \"\"\nbase_url = \"http://h\"", &[
        "2:8: `` is no provider name: use 1 to 64 letters, digits, `.`, `_` and `-`",
    ]),
    ("[[providers]]\nname = 7\nbase_url = \"http://h\"", &[
        r#"2:8: `name` must be a string, not a whole number: write `name = "openai"`"#,
    ]),
    ("[[providers]]\nname = \"a\"\nbase_url = \"http://h\"\n[[providers]]\nname = \"A\"\nbase_url = \"http://h\"", &[
        "5:8: there is already a provider `a`: give each provider its own name",
    ]),
    ("[[providers]]\nname = \"a\"\nprovider_type = \"opnai\"", &[
        r#"3:17: unknown provider_type `opnai`: did you mean "openai"?"#,
    ]),
    ("[[providers]]\nname = \"a\"\nprovider_type = \"zzz\"", &[
        "3:17: unknown provider_type `zzz`: docs/providers.md has all that are; for any other leave it out and set `base_url`, or describe it under `[presets.NAME]`",
    ]),
    ("[[providers]]\nname = \"work\"", &[
        r#"1:1: provider `work` has no URL: add `base_url = "https://llm.example.com/v1"`, or `provider_type` for a well-known one"#,
    ]),
    ("[[providers]]\nname = \"openai\"\napi_key = \"${K}\"", &[
        r#"1:1: provider `openai` has no URL: add `provider_type = "openai"`"#,
    ]),
    ("[[providers]]\nname = \"openai\"\nprovider_type = \"openai\"", &[
        r#"1:1: warning: this provider needs a key and has none: add `api_key = "${OPENAI_API_KEY}"`"#,
    ]),
    ("[[providers]]\nname = \"a\"\nbase_url = \"http://h\"\nprotocols = { openai = \"http://h\" }", &[
        "3:12: `base_url` and `protocols` are both given: keep one; `protocols` can name every URL",
    ]),
    ("[[providers]]\nname = \"a\"\nprotocols = {}", &[
        r#"3:13: `protocols` names no known protocol: write `protocols = { openai = "https://llm.example.com/v1" }`"#,
    ]),
    ("[[providers]]\nname = \"a\"\nprotocols = { opnai = \"http://h\" }", &[
        "3:15: unknown key `opnai`: did you mean `openai`?",
    ]),
    ("[[providers]]\nname = \"a\"\nbase_url = \"ftp://h\"", &[
        r#"3:12: the URL must start with `http://` or `https://`: write it like "https://llm.example.com/v1""#,
    ]),
    ("[[providers]]\nname = \"a\"\nbase_url = \"h.example/v1\"", &[
        r#"3:12: the URL must start with `http://` or `https://`: write it like "https://llm.example.com/v1""#,
    ]),
    ("[[providers]]\nname = \"a\"\nbase_url = \"http://u:hunter2@h\"", &[
        "3:12: the URL must not hold a user name or password: give the key as `api_key`",
    ]),
    ("[[providers]]\nname = \"a\"\nbase_url = \"http://h/v1?key=hunter2\"", &[
        "3:12: the URL must not hold a query (`?…`): give the key as `api_key`",
    ]),
    ("[[providers]]\nname = \"a\"\nbase_url = \"https://{resource}.example.com\"", &[
        "3:12: the URL has no valid host name: fill in the part in braces",
    ]),
    ("[[providers]]\nname = \"a\"\nbase_url = \"http://h\"\napi_key = \"sk-hunter2\"", &[
        r#"4:11: warning: a key stands in the file: use "${NAME}""#,
    ]),
    ("[[providers]]\nname = \"a\"\nbase_url = \"http://h\"\napi_key = \"$K\"", &[
        r#"4:11: warning: this is taken as the key itself: write "${NAME}" for a variable"#,
    ]),
    ("[[providers]]\nname = \"a\"\nbase_url = \"http://h\"\napi_key = \"x${K}\"", &[
        r#"4:11: `${…}` must be the whole value: write "${NAME}""#,
    ]),
    ("[[providers]]\nname = \"a\"\nbase_url = \"http://h\"\napi_key = \"\"", &[
        r#"4:11: this is no key: it is empty or holds blanks: write "${NAME}""#,
    ]),
    ("[[providers]]\nname = \"a\"\nbase_url = \"http://h\"\napi_key = \"${A-B}\"", &[
        "4:11: this is no name of an environment variable: use letters, digits and `_`, such as OPENAI_API_KEY",
    ]),
    ("[[providers]]\nname = \"a\"\nbase_url = \"http://h\"\napi_key = 12345678", &[
        r#"4:11: `api_key` must be a string or a table, not a whole number: write `api_key = "${OPENAI_API_KEY}"`"#,
    ]),
    ("[[providers]]\nname = \"a\"\nbase_url = \"http://h\"\napi_key = {}", &[
        "4:11: this key has no source: give exactly one of `env`, `file`, `command`, `secret`, `oauth`, `device` and `value`",
    ]),
    ("[[providers]]\nname = \"a\"\nbase_url = \"http://h\"\napi_key = { env = \"A\", file = \"b\" }", &[
        "4:11: this key has more than one source: give exactly one of `env`, `file`, `command`, `secret`, `oauth`, `device` and `value`",
    ]),
    ("[[providers]]\nname = \"a\"\nbase_url = \"http://h\"\napi_key = { command = [] }", &[
        r#"4:23: this is no command: write `command = ["pass", "show", "work"]`"#,
    ]),
    ("[[providers]]\nname = \"a\"\nbase_url = \"http://h\"\napi_key = { command = 7 }", &[
        r#"4:23: `command` must be a string or an array of strings, not a whole number: write `command = ["pass", "show", "work"]`"#,
    ]),
    ("[[providers]]\nname = \"a\"\nbase_url = \"http://h\"\napi_key = { file = \"\" }", &[
        r#"4:20: this is no path: write `file = "/run/secrets/work"`"#,
    ]),
    ("[[providers]]\nname = \"a\"\nbase_url = \"http://h\"\napi_key = { env = \"A\", weight = 0 }", &[
        "4:33: a weight of 0 would never be chosen: write 1 or more, or remove the whole entry",
    ]),
    ("[[providers]]\nname = \"a\"\nbase_url = \"http://h\"\napi_key = \"${K}\"\napi_keys = []", &[
        "4:11: `api_key` and `api_keys` are both given: put every key into `api_keys`",
    ]),
    ("[[providers]]\nname = \"a\"\nbase_url = \"http://h\"\napi_keys = \"hunter2\"", &[
        r#"4:12: `api_keys` must be an array, not a string: write `api_keys = [{ env = "KEY_A" }, { env = "KEY_B", weight = 2 }]`"#,
    ]),
    ("[[providers]]\nname = \"a\"\nbase_url = \"http://h\"\napi_keys = [{ env = \"A\", name = \"n\" }, { env = \"B\", name = \"n\" }]", &[
        "4:40: two keys have the same `name`: give each key its own name",
    ]),
    ("[[providers]]\nname = \"a\"\nbase_url = \"http://h\"\napikey = \"hunter2\"", &[
        "4:1: unknown key `apikey`: did you mean `api_key`?",
    ]),
    ("[[providers]]\nname = \"a\"\nbase_url = \"http://h\"\ntimeouts = { conect = \"5s\" }", &[
        "4:14: unknown key `conect`: did you mean `connect`?",
    ]),
    ("[[providers]]\nname = \"a\"\nbase_url = \"http://h\"\ntimeouts = { connect = \"0s\" }", &[
        r#"4:24: `connect` is out of range: write a duration from "1ms" to "7d""#,
    ]),
    ("[[providers]]\nname = \"a\"\nbase_url = \"http://h\"\nmax_idle_connections = -1", &[
        "4:24: `max_idle_connections` is out of range: write a whole number from 0 to 100000",
    ]),
    ("[[providers]]\nname = \"a\"\nbase_url = \"http://h\"\nheaders = { authorization = \"hunter2\" }", &[
        "4:29: header `authorization` carries the key: use `api_key` instead",
    ]),
    ("[[providers]]\nname = \"a\"\nbase_url = \"http://h\"\nheaders = { Host = \"hunter2\" }", &[
        "4:20: header `Host` is set by torod: remove it",
    ]),
    ("[[providers]]\nname = \"a\"\nbase_url = \"http://h\"\nheaders = { \"a b\" = \"hunter2\" }", &[
        "4:21: `a b` is no header name: use letters, digits and `-`",
    ]),
    ("[[providers]]\nname = \"a\"\nbase_url = \"http://h\"\nheaders = { a = \"x\\ny\" }", &[
        "4:17: the value of header `a` is not allowed: use printable ASCII characters",
    ]),
    ("[[providers]]\nname = \"a\"\nbase_url = \"http://h\"\nheaders = { a = \"x\", A = \"y\" }", &[
        "4:26: header `A` is given twice: keep one",
    ]),
    ("[[providers]]\nname = \"a\"\nbase_url = \"http://h\"\n[[providers.models]]\ncontext = 1", &[
        r#"4:1: this model has no `id`: add `id = "big-model"`"#,
    ]),
    ("[[providers]]\nname = \"a\"\nbase_url = \"http://h\"\n[[providers.models]]\nid = \"m\"\n[[providers.models]]\nid = \"m\"", &[
        "7:6: model `m` is given twice: keep one",
    ]),
    ("[[providers]]\nname = \"a\"\nbase_url = \"http://h\"\n[[providers.models]]\nid = \"m\"\nprice = { input = -1 }", &[
        "6:19: `input` is no price: write US dollars per million tokens, from 0 to 1000000 with at most 9 decimals, such as 2.5",
    ]),
    ("[[providers]]\nname = \"a\"\nbase_url = \"http://h\"\n[[providers.models]]\nid = \"m\"\nprice = { inptu = 1 }", &[
        "6:11: unknown key `inptu`: did you mean `input`?",
    ]),
    ("listen_addr = \"127.0.0.1:1", &[
        r#"1:27: not TOML: the text in quotes is not closed, or holds a `\` or a character that must not stand there: close it with `"` on the same line; write `\` as `\\`, or use single quotes"#,
    ]),
    ("a = [1,", &[
        "1:8: not TOML: the array has no closing bracket: add `]`",
    ]),
    ("[shutdown]\ngrace = 30s", &[
        r#"2:9: not TOML: the value is missing or not in quotes: write texts and units in quotes, such as `level = "info"` or `grace = "30s"`"#,
    ]),
    ("[limits\n", &[
        "1:8: not TOML: the table header has no closing bracket: write `[limits]` or `[[providers]]`",
    ]),
    ("[log]\n[log]\n", &[
        "2:2: not TOML: this key or table is given twice: keep one; repeated tables need double brackets, such as `[[providers]]`",
    ]),
    ("[log]\nrequests = True", &[
        "2:12: not TOML: this is no boolean: write `true` or `false` in small letters",
    ]),
    ("listen_addr: \"x\"", &[
        "1:12: not TOML: the key holds a character that it cannot have: use letters, digits, `-` and `_`",
        "1:14: not TOML: the key has no value: write `key = value`",
    ]),
    ("listen_addr = \"a\" default_provider = \"b\"", &[
        "1:19: not TOML: something stands behind the value: put each key on its own line",
    ]),
    ("api_key = hunter2", &[
        r#"1:11: not TOML: the value is missing or not in quotes: write texts and units in quotes, such as `level = "info"` or `grace = "30s"`"#,
    ]),
    ("api_keys = [\n  \"sk-hunter2-hunter2-hunter2\n]", &[
        r#"2:30: not TOML: the text in quotes is not closed, or holds a `\` or a character that must not stand there: close it with `"` on the same line; write `\` as `\\`, or use single quotes"#,
    ]),
    ("listen_addr = \"x\"\r\nzzz = 1\r\n", &[
        r#"1:15: `x` is no address with a port: write "127.0.0.1:8080", or "0.0.0.0:8080" for every network"#,
        "2:1: unknown key `zzz`: known here: listen_addr, allow_localhost_no_auth, auto_detect_local_servers, auto_enable_public_free_models, lossy, egress, admin, server, tls, presets, providers, default_provider, model_aliases, active_model_profile, routing, auto, limits, shutdown, log, tokens, usage, responses, conversations, prices, alerts, telemetry",
    ]),
    ("\u{feff}zzz = 1", &[
        "1:1: unknown key `zzz`: known here: listen_addr, allow_localhost_no_auth, auto_detect_local_servers, auto_enable_public_free_models, lossy, egress, admin, server, tls, presets, providers, default_provider, model_aliases, active_model_profile, routing, auto, limits, shutdown, log, tokens, usage, responses, conversations, prices, alerts, telemetry",
    ]),
    ("\tzzz = 1 # é", &[
        "1:2: unknown key `zzz`: known here: listen_addr, allow_localhost_no_auth, auto_detect_local_servers, auto_enable_public_free_models, lossy, egress, admin, server, tls, presets, providers, default_provider, model_aliases, active_model_profile, routing, auto, limits, shutdown, log, tokens, usage, responses, conversations, prices, alerts, telemetry",
    ]),
];

#[test]
fn every_finding_is_worded_with_place_and_advice() {
    for (text, expected) in CASES {
        let expected: Vec<_> = expected.iter().map(|line| format!("torod.toml:{line}")).collect();
        let mut found: Vec<_> = examine(text, "torod.toml").findings.iter().map(Finding::to_string).collect();
        found.retain(|line| !line.contains(" in this version: leave"));
        assert_eq!(found, expected, "{text}");
        assert_eq!(
            parse(text, "torod.toml").is_err(),
            expected.iter().any(|line| !line.contains(": warning: ")),
            "{text}"
        );
    }
}

#[test]
fn no_finding_shows_a_secret() {
    let mut secrets = 0;
    for (text, _) in CASES {
        secrets += usize::from(text.contains("hunter2"));
        let mut shown = Vec::new();
        for finding in examine(text, "torod.toml").findings {
            finding.write_with_source(&mut shown).unwrap();
            assert!(!format!("{finding:?}").contains("hunter2"), "{finding:?}");
        }
        let shown = String::from_utf8(shown).unwrap();
        assert!(!shown.contains("hunter2"), "{shown}");
    }
    assert!(secrets > 8, "the table lost its secrets");
}

#[test]
fn the_caret_stands_under_the_place() {
    for (text, expected) in [
        ("listen_addr = 8080", " 1 | listen_addr = 8080\n   |               ^^^^\n"),
        ("\n\n\n\n\n\n\n\n\n\tzzz = true # \u{e9}", " 10 | \tzzz = true # \u{e9}\n    | \t^^^\n"),
        (
            "[[providers]]\nname = \"a\"\nbase_url = \"http://h\"\napi_key = \"sk-1\"",
            " 4 | api_key = \"**-*\"\n   |           ^^^^^^\n",
        ),
    ] {
        let mut shown = Vec::new();
        examine(text, "t").findings[0].write_with_source(&mut shown).unwrap();
        let shown = String::from_utf8(shown).unwrap();
        assert_eq!(shown.split_once('\n').unwrap().1, expected);
    }
}

#[test]
fn no_slip_of_the_pen_shows_a_secret() {
    let text = "[[providers]]\nname = \"a\"\nbase_url = \"http://h\"\napi_keys = [\"sk-hunter2\",\n  { value = \"sk-hunter2hunter2\" },\n\
                \"sk-proj-hunter2hunter2\"]\nheaders = { x-a = \"hunter2\" }\n[limits]\nconcurrent = 1\n";
    for at in 0..text.len() {
        for (skip, add) in [(1, ""), (0, "\""), (0, "="), (0, "]"), (0, "\n"), (0, "x")] {
            let slip = format!("{}{add}{}", &text[..at], &text[at + skip..]);
            for finding in examine(&slip, "t").findings {
                assert!(!format!("{finding:?}").contains("hunter2"), "{slip}\n{finding:?}");
            }
        }
    }
}
