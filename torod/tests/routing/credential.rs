//! Keys that change by themselves: fetched, renewed before they expire and when they are refused; what goes wrong with
//! that costs nobody else anything, and no secret is told.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokenrouter_simulator::{Settings, Simulator};
use torod::clock::Clock;

use crate::act::Act;
use crate::rig::{HEAD, provider};
use crate::support::{TestDaemon, port_zero, until};
use crate::token_server::{Asked, Reply, TokenServer};
use crate::upstream::Upstream;

const NOW: i64 = 1_800_000_000_000;
const PASSWORD: &str = "hunter2-password";

struct Site {
    daemon: TestDaemon,
    up: Upstream,
    tokens: TokenServer,
    clock: Clock,
}

/// A token with its number.
fn token(n: usize) -> Reply {
    Reply::Json(200, json!({"access_token": format!("hunter2-{n}"), "token_type": "Bearer", "expires_in": 3600}))
}

fn oauth(tokens: &TokenServer) -> String {
    format!(
        "api_key = {{ oauth = {{ token_url = \"{}\", client_id = \"gateway\", client_secret = \"{PASSWORD}\" }} }}",
        tokens.url("/token")
    )
}

impl Site {
    /// A provider `p0` whose key `script` gives, and beside it what `more` describes.
    async fn new(script: impl Fn(&Asked) -> Reply + Send + Sync + 'static, more: &str) -> Self {
        let tokens = TokenServer::start(script).await;
        let key = oauth(&tokens);
        Self::with(tokens, &key, more).await
    }

    async fn with(tokens: TokenServer, key: &str, more: &str) -> Self {
        let (up, clock) = (Upstream::start("p0", &["m"]), Clock::fixed(NOW));
        let text = format!("{HEAD}{}{more}", provider("p0", &up.url(), key));
        let simulator = Simulator::start(port_zero(), Settings::default()).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let daemon = TestDaemon::at_once(simulator, &text, clock.clone(), folder).await;
        Self { daemon, up, tokens, clock }
    }

    /// Has the renewal look at the clock.
    fn wake(&self) {
        self.daemon.app.live.load().providers[0].credentials()[0].held.wake();
    }

    /// Waits until so many keys were there.
    async fn has_key(&self, number: u64) {
        until("the key is there", || async {
            self.daemon.app.live.load().providers[0].credentials()[0].held.number() >= number
        })
        .await;
    }

    async fn lists(&self) {
        until("the list is read", || async {
            self.daemon
                .app
                .live
                .load()
                .table
                .resolve("m")
                .is_ok_and(|found| found.candidates.list().iter().all(|candidate| !candidate.endpoint.model.is_empty()))
        })
        .await;
    }

    /// How the key stands.
    async fn standing(&self) -> Value {
        self.daemon.get("/v1/status").await.json()["providers"][0]["keys"][0].clone()
    }

    async fn chats(&self, model: &str) -> u16 {
        self.daemon.chat(model, "").await.status.as_u16()
    }

    fn keys(&self) -> Vec<String> {
        self.up.asks().into_iter().map(|ask| ask.key).collect()
    }
}

/// Accepts the token with this number only.
fn only(n: usize) -> impl Fn(&crate::upstream::Ask) -> Act + Send + Sync {
    move |ask| if ask.key == format!("hunter2-{n}") { Act::Ok } else { Act::status(401) }
}

#[tokio::test]
async fn a_token_is_fetched_at_start_and_renewed_before_it_expires() {
    let site = Site::new(|asked| token(asked.n), "").await;
    site.has_key(1).await;
    site.lists().await;
    assert_eq!((site.chats("m").await, site.chats("m").await), (200, 200));
    assert_eq!(site.keys(), ["hunter2-0", "hunter2-0"]);
    let expected = json!({"label": "1", "state": "good", "expires_ms": NOW + 3_600_000, "problem": null});
    assert_eq!(site.standing().await, expected);
    // The server is down when the time has come: the old one is used until there is another.
    site.tokens.does(|_| Reply::Json(500, json!({"error": "server_error"})));
    site.clock.advance(3_000_000);
    site.wake();
    until("it was tried", || async { site.standing().await["problem"].is_string() }).await;
    assert_eq!(site.standing().await["problem"], "the token server says `server_error` (status 500)");
    assert_eq!(site.chats("m").await, 200);
    site.tokens.does(|asked| token(asked.n));
    site.clock.advance(2_000);
    site.wake();
    site.has_key(2).await;
    assert_eq!(site.chats("m").await, 200);
    assert_eq!(site.keys(), ["hunter2-0", "hunter2-0", "hunter2-0", "hunter2-2"]);
    // It is the same endpoint as before, with all that is known of it.
    let status = site.daemon.get("/v1/status").await.json();
    let endpoints = status["providers"][0]["endpoints"].as_array().unwrap();
    assert_eq!((endpoints.len(), endpoints[0]["calls"].as_u64()), (1, Some(4)), "{endpoints:?}");
    // Nothing is due: nobody asks.
    site.wake();
    site.clock.advance(1_000_000);
    site.wake();
    assert_eq!((site.chats("m").await, site.tokens.asked().len()), (200, 3));
    site.daemon.stop().await;
}

#[tokio::test]
async fn a_refused_token_is_renewed_once_and_every_request_succeeds() {
    let site = Site::new(|asked| token(asked.n), "").await;
    site.has_key(1).await;
    site.lists().await;
    site.up.does(only(1));
    let answers = join_all((0..20).map(|_| site.chats("m"))).await;
    assert!(answers.iter().all(|status| *status == 200), "{answers:?}");
    assert_eq!(site.tokens.asked().len(), 2, "renewed once for all");
    assert_eq!(site.chats("m").await, 200, "nothing is held against the new one");
    // The new one is refused as well: it is not asked for tokens without end.
    site.up.does(only(99));
    for _ in 0..5 {
        assert_ne!(site.chats("m").await, 200);
    }
    assert_eq!(site.tokens.asked().len(), 2);
    // Once the renewal is due the new key has its chance, whatever was held against the old one.
    site.clock.advance(2_900_000);
    site.up.does(only(2));
    site.wake();
    site.has_key(3).await;
    until("it serves again", || async { site.chats("m").await == 200 }).await;
    site.daemon.stop().await;
}

#[tokio::test]
async fn without_a_token_a_provider_is_unready_for_a_clear_reason_and_others_serve() {
    let other = Upstream::start("p1", &["n"]);
    let more = provider("p1", &other.url(), "api_key = \"static-key\"");
    let wrong = |_: &Asked| {
        let said = format!("the secret {PASSWORD} is wrong");
        Reply::Json(401, json!({"error": "invalid_client", "error_description": said}))
    };
    let site = Site::new(wrong, &more).await;
    until("it was tried", || async { site.standing().await["problem"].is_string() }).await;
    let expected = json!({
        "label": "1", "state": "missing", "expires_ms": null,
        "problem": "the token server says `invalid_client`: the secret [secret] is wrong (status 401)",
    });
    assert_eq!(site.standing().await, expected);
    let refused = site.daemon.chat("p0/m", "").await;
    assert_eq!((refused.status.as_u16(), refused.header("retry-after")), (503, "5"));
    assert_eq!(refused.json()["error"]["code"], "upstream_key_missing");
    let explained = site.daemon.get("/admin/api/routes/explain?model=p0/m").await;
    assert!(explained.text().contains("no key: the token server says `invalid_client`"), "{}", explained.text());
    assert_eq!(site.chats("p1/n").await, 200);
    assert_eq!(site.daemon.get("/health").await.status, 200, "somebody serves");
    let shown = [refused.text(), explained.text(), site.daemon.get("/v1/status").await.text()].concat();
    assert!(!shown.contains("hunter2"), "{shown}");
    assert_eq!(site.up.calls(), 0, "nobody is called without a key");
    // It is put right over there, and found out by itself.
    site.tokens.does(|_| token(7));
    site.clock.advance(720_000);
    site.wake();
    site.has_key(1).await;
    until("it serves", || async { site.chats("p0/m").await == 200 }).await;
    site.daemon.stop().await;
}

#[tokio::test]
async fn a_token_server_that_hangs_keeps_nobody_waiting() {
    let other = Upstream::start("p1", &["n"]);
    let site = Site::new(|_| Reply::Hang, &provider("p1", &other.url(), "")).await;
    until("it is asked", || async { !site.tokens.asked().is_empty() }).await;
    assert_eq!((site.chats("p1/n").await, site.chats("p0/m").await), (200, 503));
    site.daemon.stop().await;
}

#[tokio::test]
async fn a_command_is_run_again_when_its_key_is_refused_or_about_to_expire() {
    let folder = tempfile::tempdir().unwrap();
    let (file, runs) = (folder.path().join("key"), folder.path().join("runs"));
    std::fs::write(&file, r#"{"token":"hunter2-0","expires_in":1000}"#).unwrap();
    let line = format!("echo >> '{}'; cat '{}'", runs.display(), file.display());
    let nobody = TokenServer::start(|_| Reply::Cut).await;
    let site = Site::with(nobody, &format!("api_key = {{ command = \"{line}\" }}"), "").await;
    let count = || std::fs::read_to_string(&runs).unwrap().lines().count();
    site.lists().await;
    assert_eq!((site.chats("m").await, site.standing().await["expires_ms"].as_i64()), (200, Some(NOW + 1_000_000)));
    std::fs::write(&file, r#"{"token":"hunter2-1","expires_in":1000}"#).unwrap();
    site.up.does(only(1));
    assert_eq!((site.chats("m").await, count()), (200, 2));
    // It fails for a while: the key stays.
    std::fs::write(&file, "{").unwrap();
    site.clock.advance(900_000);
    site.wake();
    until("it was tried", || async { site.standing().await["problem"].is_string() }).await;
    assert_eq!(site.chats("m").await, 200);
    std::fs::write(&file, r#"{"access_token":"hunter2-2"}"#).unwrap();
    site.up.does(only(2));
    site.clock.advance(60_000);
    site.wake();
    site.has_key(3).await;
    assert_eq!(site.chats("m").await, 200);
    assert!(!site.daemon.get("/v1/status").await.text().contains("hunter2"));
    site.daemon.stop().await;
}

#[tokio::test]
async fn a_file_is_read_again_where_that_is_wished() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "hunter2-0").unwrap();
    let nobody = TokenServer::start(|_| Reply::Cut).await;
    let key = format!("api_key = {{ file = \"{}\", refresh = \"10m\" }}", file.path().display());
    let site = Site::with(nobody, &key, "").await;
    site.lists().await;
    assert_eq!(site.chats("m").await, 200);
    std::fs::write(file.path(), "hunter2-1").unwrap();
    site.clock.advance(601_000);
    site.wake();
    site.has_key(2).await;
    assert_eq!(site.chats("m").await, 200);
    assert_eq!(site.keys(), ["hunter2-0", "hunter2-1"]);
    site.daemon.stop().await;
}

#[tokio::test]
async fn with_several_keys_the_one_that_is_there_serves() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&asked);
    let tokens = TokenServer::start(move |_| {
        counting.fetch_add(1, Relaxed);
        Reply::Html(200)
    })
    .await;
    let grant = oauth(&tokens).replace("api_key = ", "");
    let site = Site::with(tokens, &format!("api_keys = [{grant}, \"static-key\"]"), "").await;
    until("it was tried", || async { site.standing().await["problem"].is_string() }).await;
    assert_eq!((site.chats("p0/m").await, site.keys()), (200, vec!["static-key".to_owned()]));
    assert!(asked.load(Relaxed) > 0);
    site.daemon.stop().await;
}
