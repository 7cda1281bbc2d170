//! Signing in by device code, as a person and as a program: what is shown, kept, renewed and forgotten.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::change::{log, serve, until};
use crate::site::{Ended, KEY, SOON, Site};
use crate::token_server::{Asked, Reply, TokenServer};

const REFRESH: &str = "refresh-never-shown";
const CODE: &str = "device-never-shown";

fn invitation() -> Reply {
    Reply::Json(
        200,
        json!({
            "device_code": CODE, "user_code": "WDJB-MJHT", "verification_uri": "https://login.example.com/device",
            "verification_uri_complete": "https://login.example.com/device?c=WDJB-MJHT", "expires_in": 900, "interval": 1,
        }),
    )
}

fn refused(code: &str) -> Reply {
    Reply::Json(400, json!({"error": code}))
}

/// A server that says `pending` so often, and then gives tokens that expire after `life_s`. Each refresh token is good
/// once: who uses one again is signed out.
fn giving(pending: usize, life_s: u64) -> impl Fn(&Asked) -> Reply + Send + Sync {
    let good = Arc::new(Mutex::new(0));
    move |asked: &Asked| {
        if asked.path == "/device" {
            return invitation();
        }
        let mut good = good.lock().unwrap();
        match asked.field("grant_type") {
            "refresh_token" if asked.field("refresh_token") != format!("{REFRESH}-{good}") => {
                *good = usize::MAX;
                return refused("invalid_grant");
            }
            "refresh_token" => {}
            _ if asked.field("device_code") != CODE => return refused("invalid_grant"),
            _ if asked.n <= pending => return refused("authorization_pending"),
            _ => {}
        }
        *good += 1;
        let refresh = format!("{REFRESH}-{good}");
        Reply::Json(
            200,
            json!({"access_token": KEY, "token_type": "Bearer", "expires_in": life_s, "refresh_token": refresh}),
        )
    }
}

/// A home whose provider `sim` is signed in to at `tokens`.
async fn site(tokens: &TokenServer) -> Site {
    let site = Site::new().await;
    site.write(&format!(
        "listen_addr = \"127.0.0.1:0\"\nauto_detect_local_servers = false\n[[providers]]\nname = \"sim\"\nbase_url = \"{}\"\n\
         api_key = {{ device = {{ device_url = \"{}\", token_url = \"{}\", client_id = \"my-own\" }} }}\n",
        site.url(),
        tokens.url("/device"),
        tokens.url("/token"),
    ));
    site
}

/// torod, run off this thread: the token server answers on it.
async fn run(site: &Site, arguments: &[&str]) -> Ended {
    let mut command = site.torod(arguments);
    let ended = tokio::task::spawn_blocking(move || Ended::of(command.output().unwrap()));
    let ended = tokio::time::timeout(SOON, ended).await.unwrap().unwrap();
    for secret in [REFRESH, CODE] {
        assert!(!ended.out.contains(secret) && !ended.err.contains(secret), "{}{}", ended.out, ended.err);
    }
    ended
}

fn sealed(site: &Site) -> Vec<Vec<u8>> {
    let folder = site.home.path().join(".local/share/tokenrouter/sign-ins");
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .filter(|path| path.extension().is_some_and(|end| end == "sealed"))
        .map(|path| std::fs::read(path).unwrap())
        .collect()
}

async fn shown(site: &Site) -> (String, Value) {
    let list = run(site, &["provider", "list", "--json"]).await.json();
    (run(site, &["provider", "show", "sim"]).await.out, list[0]["keys"][0]["standing"]["state"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_signs_in_and_out() {
    let tokens = TokenServer::start(giving(1, 3600)).await;
    let site = site(&tokens).await;
    let (text, state) = shown(&site).await;
    assert_eq!(state, "signed_out");
    assert!(text.contains("# key 1: signed out (nobody is signed in: run `torod provider login sim`)"), "{text}");
    let test = run(&site, &["provider", "test", "sim"]).await;
    assert_eq!(test.code, Some(1));
    assert!(test.err.contains("nobody is signed in: run `torod provider login sim`"), "{}", test.err);
    let list = run(&site, &["provider", "list"]).await;
    assert!(list.out.contains("needs `torod provider login sim`"), "{}", list.out);

    let login = run(&site, &["provider", "login", "sim"]).await;
    assert_eq!(login.code, Some(0), "{}", login.err);
    for said in [
        "https://login.example.com/device\n",
        "WDJB-MJHT",
        "within 15 min",
        "my-own",
        "Signed in to `sim`; it renews itself.",
    ] {
        assert!(login.out.contains(said), "{said}: {}", login.out);
    }
    let asked = tokens.asked();
    assert_eq!((asked.len(), asked[0].field("client_id")), (3, "my-own"));
    let kept = sealed(&site);
    assert_eq!(kept.len(), 1);
    let (text, state) = shown(&site).await;
    assert_eq!(state, "good");
    assert!(text.contains("# key 1: signed in\n") && text.contains("# key from device:http"), "{text}");
    assert_eq!(run(&site, &["config", "check"]).await.code, Some(0));
    let test = run(&site, &["provider", "test", "sim", "--model", "ok"]).await;
    assert_eq!(test.code, Some(0), "{}{}", test.out, test.err);
    assert_eq!((sealed(&site), tokens.asked().len()), (kept, 3), "a good token is not renewed for a test");

    let logout = run(&site, &["provider", "logout", "sim"]).await;
    assert!(logout.out.starts_with("Signed out of `sim`") && sealed(&site).is_empty(), "{}", logout.out);
    assert_eq!(run(&site, &["provider", "logout", "sim"]).await.out, "Nobody was signed in to `sim`.\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_gateway_takes_a_sign_in_over_and_keeps_it_over_restarts() {
    // So short a life that every start must renew it, with a refresh token that is good once.
    let tokens = TokenServer::start(giving(0, 20)).await;
    let site = site(&tokens).await;
    let running = serve(&site).await;
    let state = |site: &Site| run_now(site)["keys"][0]["standing"]["state"].clone();
    until("it needs a sign-in", || state(&site) == "signed_out").await;
    let login = run(&site, &["provider", "login", "sim", "--json"]).await;
    let lines: Vec<Value> = login.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&lines[0]["user_code"], &lines[0]["expires_in_s"]), (&json!("WDJB-MJHT"), &json!(900)));
    assert_eq!(lines[1]["gateway_told"], true, "{}", login.out);
    until("the gateway has it", || state(&site) == "good").await;
    until("and uses it", || run_now(&site)["state"] == "up").await;
    drop(running);
    for _ in 0..2 {
        let before = tokens.asked().len();
        let running = serve(&site).await;
        until("it is signed in", || state(&site) == "good").await;
        until("and serves", || run_now(&site)["state"] == "up").await;
        assert!(tokens.asked().len() > before, "renewed");
        drop(running);
    }
    assert!(tokens.asked().iter().filter(|asked| asked.field("grant_type") == "refresh_token").count() >= 2);
    // The sign-in is taken back over there.
    tokens.does(|_| refused("invalid_grant"));
    let _running = serve(&site).await;
    until("somebody must sign in", || state(&site) == "signed_out").await;
    let (text, _) = shown(&site).await;
    assert!(text.contains("`invalid_grant` (status 400): run `torod provider login sim`"), "{text}");
    // And again, and out, while it runs.
    tokens.does(giving(0, 3600));
    assert_eq!(run(&site, &["provider", "login", "sim"]).await.code, Some(0));
    until("it is signed in", || state(&site) == "good").await;
    assert!(run(&site, &["provider", "logout", "sim"]).await.out.starts_with("Signed out"));
    until("nobody is signed in", || state(&site) == "signed_out").await;
    let log = std::fs::read_to_string(log(&site)).unwrap();
    assert!(log.contains("the key was fetched") && log.contains("signed out"), "{log}");
    for secret in [KEY, REFRESH, CODE] {
        assert!(!log.contains(secret), "{log}");
    }
}

/// What `provider list` says of the only provider; from a thread that may block.
fn run_now(site: &Site) -> Value {
    tokio::task::block_in_place(|| site.run(&["provider", "list", "--json"]).json()[0].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_that_fails_says_why_and_writes_nothing() {
    let tokens = TokenServer::start(|_| Reply::Html(200)).await;
    let site = site(&tokens).await;
    for (reply, expected) in [
        (refused("access_denied"), "the sign-in was refused on the page"),
        (refused("expired_token"), "the code has expired before it was entered"),
        (refused("invalid_client"), "the token server says `invalid_client` (status 400)"),
    ] {
        tokens.does(move |asked| if asked.path == "/device" { invitation() } else { reply.clone() });
        let login = run(&site, &["provider", "login", "sim"]).await;
        assert_eq!((login.code, sealed(&site).len()), (Some(1), 0), "{}", login.out);
        assert!(login.err.contains(expected), "{}", login.err);
    }
    tokens.does(|_| Reply::Html(404));
    let login = run(&site, &["provider", "login", "sim"]).await;
    assert!(login.err.contains("status 404 and no JSON"), "{}", login.err);
    for (arguments, expected) in [
        (&["provider", "login", "simm"][..], "did you mean `sim`?"),
        (&["provider", "login", "sim", "--key", "x"][..], "`sim` has no key `x` with `device`"),
        (&["provider", "logout", "other"][..], "there is no provider `other`"),
    ] {
        let ended = run(&site, arguments).await;
        assert_eq!(ended.code, Some(1));
        assert!(ended.err.contains(expected), "{}", ended.err);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_gives_up_and_writes_nothing() {
    let tokens = TokenServer::start(giving(1000, 3600)).await;
    let site = site(&tokens).await;
    let mut child =
        site.torod(&["provider", "login", "sim"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap());
    let reading = tokio::task::spawn_blocking(move || {
        let mut line = String::new();
        while !line.contains("WDJB-MJHT") {
            line.clear();
            assert!(out.read_line(&mut line).unwrap() > 0, "it ended before it told the code");
        }
        // Open until the end: a pipe that nobody reads any more ends it as well.
        (child, out)
    });
    let (child, _out): (Child, _) = tokio::time::timeout(SOON, reading).await.unwrap().unwrap();
    until("it waits for the person", || tokens.asked().len() > 1).await;
    kill(pid, Signal::SIGINT).unwrap();
    let ended = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap());
    let ended = Ended::of(tokio::time::timeout(SOON, ended).await.unwrap().unwrap());
    assert_eq!((ended.code, ended.err.trim()), (Some(130), "torod: given up: nothing was written"));
    assert!(sealed(&site).is_empty());
}
