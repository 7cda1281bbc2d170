//! A canary in every place where a secret can be: whatever happens, it is found in no log, no answer, and no file of the
//! data folder, neither plainly nor in base64, hexadecimal or percent-encoded.

use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use serde_json::json;

use crate::hunt::{CANARY, Hunt};
use crate::site::{SITE_KEY, Site};
use crate::stranger::Stranger;
use crate::support::{until, whole};
use crate::token_server::{Reply, TokenServer};

/// The configuration: a canary in every form that a credential has, at providers that work and at one that tells.
fn configuration(folder: &Path, teller: &Stranger, tokens: &TokenServer) -> String {
    let file = folder.join("key-file");
    std::fs::write(&file, format!("{CANARY}-file\n")).unwrap();
    let script = folder.join("key-command");
    std::fs::write(&script, format!("{{\"token\":\"{CANARY}-command\"}}")).unwrap();
    let oauth = format!(
        "{{ oauth = {{ token_url = \"{}\", client_id = \"c\", client_secret = \"{CANARY}-client\" }} }}",
        tokens.url("/token")
    );
    let device = format!(
        "{{ device = {{ device_url = \"{}\", token_url = \"{}\", client_id = \"c\" }} }}",
        tokens.url("/device"),
        tokens.url("/token")
    );
    let keys = [
        ("literal", format!("\"{CANARY}-literal\"")),
        ("value", format!("{{ value = \"{CANARY}-value\" }}")),
        ("file", format!("{{ file = \"{}\" }}", file.display())),
        ("variable", "\"${SITE_KEY}\"".to_owned()),
        ("command", format!("{{ command = [\"cat\", \"{}\"] }}", script.display())),
        ("stored", "{ secret = \"stored\" }".to_owned()),
        ("oauth", oauth),
        ("device", device),
    ];
    let mut text = "[log]\nlevel = \"trace\"\n[routing]\nattempts = 1\nprobe = false\n".to_owned();
    for (name, key) in keys {
        text += &format!(
            "[[providers]]\nname = \"{name}\"\nprotocols = {{ openai = \"ONE/v1\", anthropic = \"ONE/anthropic\" }}\napi_key = {key}\n\
             headers = {{ \"x-extra\" = \"{CANARY}-header\" }}\n"
        );
    }
    // It repeats what it was sent, as some vendors do.
    text += &format!(
        "[[providers]]\nname = \"teller\"\nbase_url = \"{}\"\napi_key = \"{CANARY}-told\"\n\
         [[providers]]\nname = \"gone\"\nbase_url = \"http://127.0.0.1:9\"\napi_key = \"{CANARY}-gone\"\n",
        teller.url()
    );
    text
}

/// A token server whose every word is secret.
async fn token_server() -> TokenServer {
    TokenServer::start(|asked| match asked.path.as_str() {
        "/device" => Reply::Json(
            200,
            json!({"device_code": format!("{CANARY}-device-code"), "user_code": "ABCD", "expires_in": 900, "interval": 1,
                   "verification_uri": "https://login.example.com/device"}),
        ),
        _ => Reply::Json(
            200,
            json!({"access_token": format!("{CANARY}-access"), "token_type": "bearer", "expires_in": 3600,
                   "refresh_token": format!("{CANARY}-refresh")}),
        ),
    })
    .await
}

async fn run(site: &Site, arguments: &[&str], input: &str) -> Vec<u8> {
    let mut command = site.command(arguments);
    command.env("SITE_KEY", SITE_KEY);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let (input, mut child) = (input.to_owned(), command.spawn().unwrap());
    let running = move || {
        // Who refuses its arguments does not read.
        _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap()
    };
    let ended = tokio::task::spawn_blocking(running).await.unwrap();
    [ended.stdout, ended.stderr].concat()
}

/// Sessions and keys that come and go: each is told once, to whom it is for, and never again.
async fn people(site: &Site, hunt: &mut Hunt) {
    for name in ["first", "second"] {
        let made = site.ask("POST", "/admin/api/tokens", &format!(r#"{{"name":"{name}"}}"#)).await.json();
        let (id, key) = (made["id"].as_str().unwrap(), made["key"].as_str().unwrap());
        let login = site.ask("POST", "/admin/api/login", &format!(r#"{{"key":"{key}"}}"#)).await;
        let cookie = login.header("set-cookie").split(';').next().unwrap().to_owned();
        hunt.add(&key[3..30]);
        hunt.look("login", &login.body);
        hunt.add(cookie.split_once('=').unwrap().1);
        for (method, path) in [
            ("GET", "/admin/api/me"),
            ("GET", "/admin/api/sessions"),
            ("GET", "/admin/api/x"),
            ("POST", "/v1/chat/completions"),
        ] {
            let request = http::Request::builder().method(method).uri(format!("{}{path}", site.url()));
            let request = request.header("cookie", &cookie).header("content-type", "application/json");
            hunt.look_at(path, &site.send(request.body("{}".to_owned().into()).unwrap()).await);
        }
        for body in [r#"{"grace_ms":60000}"#, ""] {
            let rotated = site.ask("POST", &format!("/admin/api/tokens/{id}/rotate"), body).await.json();
            hunt.add(&rotated["key"].as_str().unwrap()[3..30]);
        }
        hunt.look_at("revoke", &site.ask("DELETE", &format!("/admin/api/tokens/{id}"), "").await);
        let late = site.head_as(key, "POST", "/v1/chat/completions", "{}").await;
        hunt.look_at("an ended key", &whole(late).await);
    }
}

/// Secrets in every place of a body, the wrong ones too.
async fn bodies(site: &Site, hunt: &mut Hunt) {
    let version = site.ask("GET", "/admin/api/settings", "").await.json()["version"].to_string();
    let change = |inner: &str| format!(r#"{{"version":{version},{inner}}}"#);
    let secret = format!("{CANARY}-body");
    for (method, path, body) in [
        ("POST", "login", format!(r#"{{"key":"{secret}"}}"#)),
        ("POST", "login", format!(r#"{{"{secret}":1}}"#)),
        ("POST", "login", format!(r#"{{"key":{{"{secret}":1}}}}"#)),
        ("POST", "login", format!(r#"["{secret}"]"#)),
        ("POST", "setup", format!(r#"{{"code":["{secret}"]}}"#)),
        ("POST", "setup", format!(r#"{{"{secret}":""}}"#)),
        ("POST", "providers", format!(r#"{{"provider":"http://127.0.0.1:9/v1","name":"x","key":"{secret}"}}"#)),
        ("POST", "providers", format!(r#"{{"provider":"http://127.0.0.1:9/v1","name":"x","key":{{"{secret}":1}}}}"#)),
        ("POST", "providers", format!(r#"{{"provider":"http://u:{secret}@127.0.0.1:9/v1","name":"x"}}"#)),
        ("POST", "providers", format!(r#"{{"provider":"http://127.0.0.1:9/v1?key={secret}","name":"x"}}"#)),
        ("PUT", "providers/literal/key", change(&format!(r#""key":{{"value":["{secret}"]}}"#))),
        ("PUT", "providers/literal/key", change(&format!(r#""key":{{"value":"{secret} x"}}"#))),
        ("PUT", "providers/literal/key", change(&format!(r#""{secret}":1"#))),
        ("PATCH", "providers/literal", change(&format!(r#""set":{{"api_key":"{secret}"}}"#))),
        ("PATCH", "providers/literal", change(&format!(r#""set":{{"headers.x-extra":"{secret}"}}"#))),
        ("PATCH", "providers/literal", change(&format!(r#""set":{{"base_url":"https://u:{secret}@h/v1"}}"#))),
        ("PUT", "secrets/b", format!(r#"{{"value":"{secret}","for":["https://u:{secret}@h"]}}"#)),
        ("PUT", "secrets/b", format!(r#"{{"value":"{secret}","value":"{secret}"}}"#)),
        ("PUT", "secrets/b", format!(r#"{{"value":"{secret}","for":[["{secret}"]]}}"#)),
        // This one is kept, and so is a provider's own: the search of the data folder is for something.
        ("PUT", "secrets/b", format!(r#"{{"value":"{secret}","for":["https://api.example.com"]}}"#)),
        (
            "POST",
            "providers",
            format!(r#"{{"provider":"http://127.0.0.1:9/v1","name":"added","key":{{"value":"{secret}"}}}}"#),
        ),
    ] {
        hunt.look_at(&format!("{method} {path}"), &site.ask(method, &format!("/admin/api/{path}"), &body).await);
    }
    let shown = site.ask("GET", "/admin/api/providers/added", "").await;
    assert_eq!(shown.status, 200, "{}", shown.text());
    hunt.look_at("added", &shown);
    hunt.look("torod.toml", std::fs::read_to_string(site.file()).unwrap().split("added").nth(1).unwrap().as_bytes());
    assert_eq!(site.ask("DELETE", "/admin/api/providers/added", "").await.status, 204);
}

/// The help of every command, asked for where the environment is full of secrets.
async fn helps(site: &Site, hunt: &mut Hunt) {
    let mut waiting = vec![Vec::<String>::new()];
    let mut seen = 0;
    while let Some(path) = waiting.pop() {
        let words: Vec<&str> = path.iter().map(String::as_str).chain(["--help"]).collect();
        let help = String::from_utf8(run(site, &words, "").await).unwrap();
        hunt.look(&words.join(" "), help.as_bytes());
        seen += 1;
        let commands = help.split("Commands:\n").nth(1).unwrap_or_default();
        let commands = commands.lines().take_while(|line| line.starts_with("  "));
        let named =
            commands.filter_map(|line| line.strip_prefix("  ")?.split(' ').next().filter(|word| !word.is_empty()));
        for command in named.filter(|word| *word != "help") {
            waiting.push(path.iter().cloned().chain([command.to_owned()]).collect());
        }
    }
    assert!(seen > 30, "{seen} commands");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_canary_in_every_secret_place_is_found_nowhere() {
    assert!(SITE_KEY.starts_with(CANARY));
    let said = format!(
        r#"{{"error":{{"message":"Incorrect API key provided: {CANARY}-told. Find yours at https://vendor.example","code":"invalid_api_key"}}}}"#
    );
    let told = |status: u16| {
        format!(
            "HTTP/1.1 {status} No\r\ncontent-type: application/json\r\ncontent-length: {}\r\nx-debug: {CANARY}-told\r\n\r\n{said}",
            said.len()
        )
    };
    let (teller, tokens) = (Stranger::start(told(401)).await, token_server().await);
    let elsewhere = tempfile::tempdir().unwrap();
    let text = configuration(elsewhere.path(), &teller, &tokens);
    let site = Site::start(&text).await;
    let mut hunt = Hunt::of(site.key());

    let stored = run(&site, &["secrets", "set", "stored"], &format!("{CANARY}-stored")).await;
    hunt.look("secrets set", &stored);
    hunt.look("provider login", &run(&site, &["provider", "login", "device"], "").await);
    site.logged("stored").await;

    // Inference: good, bad, unreachable, refused with the key in the answer, streamed, translated.
    for provider in ["literal", "value", "file", "variable", "command", "stored", "oauth", "device", "teller", "gone"] {
        for (path, more) in [
            ("/v1/chat/completions", ""),
            ("/v1/chat/completions", r#","stream":true"#),
            ("/v1/messages", r#","max_tokens":5"#),
            ("/v2/chat", ""),
        ] {
            let body = format!(r#"{{"model":"{provider}/ok","messages":[{{"role":"user","content":"hi"}}]{more}}}"#);
            let answer = site.ask("POST", path, &body).await;
            let is_fine = !matches!(provider, "teller" | "gone");
            let why = || site.log().lines().filter(|line| line.contains("left out")).collect::<Vec<_>>().join("\n");
            assert!(!is_fine || answer.status == 200, "{provider} {path}: {}\n{}", answer.text(), why());
            hunt.look_at(&format!("{provider} {path}"), &answer);
        }
        let failing = format!(r#"{{"model":"{provider}/s400","messages":[]}}"#);
        hunt.look_at(provider, &site.ask("POST", "/v1/chat/completions", &failing).await);
    }
    // Every canary was really sent: the search is for something that is there.
    let calls = site.one.calls();
    let was_sent = |part: &str| calls.iter().any(|call| call.headers.iter().any(|(_, value)| value.contains(part)));
    for part in ["literal", "value", "file", "variable", "command", "stored", "access", "header"] {
        assert!(was_sent(&format!("{CANARY}-{part}")), "{part} was never sent");
    }

    // Clients with keys of all kinds that are wrong.
    let wrong = format!("tr_{CANARY}");
    for (method, path) in [
        ("POST", "/v1/chat/completions"),
        ("GET", "/v1/models"),
        ("GET", "/v1/status"),
        ("GET", "/admin/api/tokens"),
        ("GET", "/health"),
    ] {
        hunt.look_at(path, &whole(site.head_as(&wrong, method, path, "{}").await).await);
        for name in ["key", "api_key", "access_token"] {
            let path = format!("{path}?{name}={CANARY}-query");
            hunt.look_at(&path, &whole(site.head_as("none", method, &path, "{}").await).await);
        }
    }
    let gemini = format!("/v1beta/models/literal%2Fok:generateContent?key={CANARY}-query");
    hunt.look_at(&gemini, &whole(site.head_as("none", "POST", &gemini, "{}").await).await);
    let setup = format!(r#"{{"code":"{CANARY}-code"}}"#);
    hunt.look_at("setup", &site.ask("POST", "/admin/api/setup", &setup).await);
    for body in [format!(r#"{{"value":"{CANARY} x"}}"#), format!(r#"{{"value":{{"{CANARY}":1}}}}"#), CANARY.to_owned()]
    {
        hunt.look_at("secrets", &site.ask("PUT", "/admin/api/secrets/stored", &body).await);
    }

    people(&site, &mut hunt).await;
    bodies(&site, &mut hunt).await;

    // All that is told.
    for path in [
        "/",
        "/health",
        "/healthz",
        "/status",
        "/v1/status",
        "/v1/models",
        "/metrics",
        "/openapi.json",
        "/admin",
        "/admin/api/openapi.json",
        "/admin/api/tokens",
        "/admin/api/models",
        "/admin/api/routing",
        "/admin/api/secrets",
        "/admin/api/providers",
        "/admin/api/settings",
        "/admin/api/me",
        "/admin/api/audit",
        "/admin/api/sessions",
        "/admin/api/routes/explain?model=literal/ok",
        "/admin/api/nothing",
    ] {
        hunt.look_at(path, &site.ask("GET", path, "").await);
    }
    hunt.look_at("rotate", &site.ask("POST", "/admin/api/secrets-key/rotate", "").await);
    for arguments in [
        &["config", "show"][..],
        &["config", "show", "--json"],
        &["config", "check"],
        &["provider", "list"],
        &["provider", "list", "--json"],
        &["provider", "show", "literal"],
        &["provider", "show", "oauth", "--json"],
        &["provider", "test", "literal", "--model", "ok"],
        &["provider", "test", "teller", "--model", "ok", "--json"],
        &["provider", "test", "gone", "--model", "ok"],
        &["secrets", "list", "--json"],
        &["token", "list", "--all", "--json"],
        &["audit", "--limit", "1000"],
        &["audit", "--limit", "1000", "--json"],
        &["models"],
        &["usage"],
        &["route", "explain", "literal/ok"],
        &["secrets", "rotate"],
    ] {
        hunt.look(&arguments.join(" "), &run(&site, arguments, "").await);
    }
    helps(&site, &mut hunt).await;

    // Files that are wrong in ways that could quote a key.
    let reasons = [
        format!("api_key = \"{CANARY}-literal"),
        format!("[[providers]]\nname = \"x\"\nbase_url = \"https://user:{CANARY}@host/v1\"\n"),
        format!("[[providers]]\nname = \"x\"\nbase_url = \"https://host/v1?key={CANARY}\"\n"),
        format!("[[providers]]\nname = \"x\"\nbase_url = \"https://host\"\napi_kee = \"{CANARY}\"\n"),
        format!("[[providers]]\nname = \"x\"\nbase_url = \"https://host\"\napi_key = [\"{CANARY}\"]\n"),
        format!("[[providers]]\nname = \"x\"\nbase_url = \"https://host\"\napi_key = {{ secret = \"{CANARY} x\" }}\n"),
        format!("[[providers]]\nname = \"x\"\nbase_url = \"https://host\"\napi_key = {{ valu = \"{CANARY}\" }}\n"),
        format!("[[providers]]\nname = \"x\"\nbase_url = \"https://host\"\nheaders = {{ \"x y\" = \"{CANARY}\" }}\n"),
    ];
    for reason in reasons {
        let before = site.status().await["config"]["error"].clone();
        site.write(&format!("{text}{reason}"));
        hunt.look_at("reload", &site.ask("POST", "/admin/api/reload", "").await);
        let after = site.status().await["config"]["error"].clone();
        assert!(after.is_string(), "{reason}: {before} {after}");
        hunt.look("config.error", after.as_str().unwrap().as_bytes());
        hunt.look("config check", &run(&site, &["config", "check"], "").await);
    }
    site.write(&text);
    site.ask("POST", "/admin/api/reload", "").await;
    // What waits for the database is there when it ends.
    until("every record is written", || async {
        let status = site.status().await;
        status["usage"]["queued"].as_u64().unwrap_or(0) == 0
    })
    .await;
    hunt.look_through(&site.folder.path().join("data"));
    let folder = site.stop_keeping().await;
    hunt.look_through(&folder.path().join("data"));
    let log = std::fs::read(folder.path().join("log")).unwrap();
    assert!(memchr::memmem::find(&log, b"\"level\":\"TRACE\"").is_some() || log.len() > 10_000, "the log says little");
    hunt.look("the log", &log);
    assert!(hunt.seen.is_empty(), "{} places:\n{}", hunt.seen.len(), hunt.seen.join("\n"));
}
