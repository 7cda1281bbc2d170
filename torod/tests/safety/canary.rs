//! A canary in every place where a secret can be: whatever happens, it is found in no log, no answer, and no file of the
//! data folder, neither plainly nor in base64, hexadecimal or percent-encoded.

use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use serde_json::json;

use crate::site::{SITE_KEY, Site};
use crate::stranger::Stranger;
use crate::support::{Answer, until, whole};
use crate::token_server::{Reply, TokenServer};

/// Every canary begins with this; what follows tells which it was.
const CANARY: &str = "cAnArY7f3a";

/// What must be found nowhere.
struct Hunt {
    forms: Vec<(String, Vec<u8>)>,
    seen: Vec<String>,
}

impl Hunt {
    /// For the canaries, and the key of a token.
    fn of(token: &str) -> Self {
        let mut forms = Vec::new();
        for secret in [CANARY, &token[3..30]] {
            forms.push(("plain".to_owned(), secret.into()));
            forms.push((
                "hexadecimal".to_owned(),
                secret.bytes().flat_map(|b| format!("{b:02x}").into_bytes()).collect(),
            ));
            let percent = secret.bytes().flat_map(|b| format!("%{b:02X}").into_bytes()).collect();
            forms.push(("percent-encoded".to_owned(), percent));
            for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
                for before in 0..3 {
                    // What stands before and behind it changes the first and the last letters.
                    let text = engine.encode([&vec![0; before][..], secret.as_bytes()].concat());
                    let inner = &text.as_bytes()[(before * 8).div_ceil(6)..text.len() - 2];
                    forms.push((format!("base64 behind {before}"), inner.to_vec()));
                }
            }
        }
        Self { forms, seen: Vec::new() }
    }

    fn look(&mut self, place: &str, bytes: &[u8]) {
        for (form, wanted) in &self.forms {
            if let Some(at) = memchr::memmem::find(bytes, wanted) {
                let around = &bytes[at.saturating_sub(80)..(at + 80).min(bytes.len())];
                self.seen.push(format!("{place}, {form}: …{}…", String::from_utf8_lossy(around)));
            }
        }
    }

    fn look_at(&mut self, place: &str, answer: &Answer) {
        self.look(place, &answer.body);
        self.look(place, format!("{:?}", answer.headers).as_bytes());
    }

    fn look_through(&mut self, folder: &Path) {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if entry.file_type().unwrap().is_dir() {
                self.look_through(&path);
            } else if let Ok(bytes) = std::fs::read(&path) {
                // Keys are in keys; sockets cannot be read.
                self.look(&path.display().to_string(), &bytes);
            }
        }
    }
}

#[test]
fn the_hunt_finds_what_it_looks_for() {
    let token = format!("tr_{}", "x".repeat(40));
    let canary = format!("{CANARY}-tail");
    for found in [
        canary.clone(),
        STANDARD_NO_PAD.encode(&canary),
        STANDARD_NO_PAD.encode(format!("u:{canary}")),
        URL_SAFE_NO_PAD.encode(format!("a{canary}b")),
        canary.bytes().fold(String::new(), |text, b| text + &format!("{b:02x}")),
        format!("x{}y", "x".repeat(27)),
    ] {
        let mut hunt = Hunt::of(&token);
        hunt.look("here", format!("…{found}…").as_bytes());
        assert!(!hunt.seen.is_empty(), "{found}");
    }
    let mut hunt = Hunt::of(&token);
    hunt.look("here", b"nothing of that kind");
    assert!(hunt.seen.is_empty());
}

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
            assert!(!is_fine || answer.status == 200, "{provider} {path}: {}", answer.text());
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
        &["models"],
        &["usage"],
        &["route", "explain", "literal/ok"],
        &["secrets", "rotate"],
    ] {
        hunt.look(&arguments.join(" "), &run(&site, arguments, "").await);
    }

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
