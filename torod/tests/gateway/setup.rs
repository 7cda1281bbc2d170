//! The first token of a gateway that has no owner yet, and who must not get it.

use http::{HeaderMap, HeaderName};
use tempfile::TempDir;
use torod::clock::Clock;
use torod::config;
use torod::daemon::{Daemon, Options};

use crate::support::{Answer, whole};

struct Fresh {
    daemon: Daemon,
    url: String,
    folder: TempDir,
}

impl Fresh {
    async fn start() -> Self {
        Self::in_folder(tempfile::tempdir().unwrap(), "").await
    }

    async fn in_folder(folder: TempDir, more: &str) -> Self {
        let text = format!("listen_addr = \"127.0.0.1:0\"\nauto_detect_local_servers = false\n{more}");
        let daemon = Daemon::start(Options {
            config: config::parse(&text, "t").unwrap(),
            file: None,
            data_dir: folder.path().join("data"),
            clock: Clock::system(),
            random: torod::access::system_random,
            env: |_| None,
        });
        let daemon = daemon.await.unwrap();
        let url = format!("http://{}", daemon.addr());
        Self { daemon, url, folder }
    }

    async fn send(&self, method: &str, path: &str, headers: &[(&'static str, &str)], body: &str) -> Answer {
        let client = hyper_util::client::legacy::Client::builder(hyper_util::rt::TokioExecutor::new()).build_http();
        let mut request = http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header("content-type", "application/json")
            .body(http_body_util::Full::new(bytes::Bytes::from(body.to_owned())))
            .unwrap();
        let mut given = HeaderMap::new();
        for (name, value) in headers {
            given.append(HeaderName::from_static(name), value.replace("OWN", &self.url).parse().unwrap());
        }
        request.headers_mut().extend(given);
        whole(client.request(request).await.unwrap()).await
    }

    /// The code of the problem, or `made`.
    async fn ask(&self, headers: &[(&'static str, &str)], body: &str) -> String {
        let answer = self.send("POST", "/admin/api/setup", headers, body).await;
        answer.json()["error"]["code"].as_str().unwrap_or("made").to_owned()
    }

    async fn stop(self) -> TempDir {
        self.daemon.lifecycle().stop_softly();
        assert!(self.daemon.run().await);
        self.folder
    }
}

/// A program on another machine, or one that might be.
const ELSEWHERE: (&str, &str) = ("via", "1.1 proxy");

#[tokio::test]
async fn setup_by_code_is_closed_to_pages_of_others_bombs_and_everybody_once_there_is_an_admin() {
    let fresh = Fresh::start().await;
    assert_eq!(fresh.ask(&[ELSEWHERE, ("content-encoding", "zstd")], "x").await, "setup_closed");
    let code = fresh.daemon.setup().open().unwrap();
    for _ in 0..6 {
        assert_eq!(
            fresh.ask(&[ELSEWHERE, ("origin", "http://evil.example")], r#"{"code":"A"}"#).await,
            "foreign_origin"
        );
    }
    assert_eq!(fresh.ask(&[ELSEWHERE, ("content-encoding", "zstd")], "x").await, "unsupported_encoding");
    assert_eq!(fresh.ask(&[ELSEWHERE], &format!(r#"{{"code":"{code}","name":"a\u001bb"}}"#)).await, "bad_name");
    assert_eq!(fresh.ask(&[ELSEWHERE], "{}").await, "setup_code_missing");
    assert_eq!(
        fresh.ask(&[ELSEWHERE], &format!("{{\"code\":\"A\"{}}}", " ".repeat(20_000))).await,
        "request_too_large"
    );
    fresh.daemon.setup().make_admin(None).await.unwrap();
    assert_eq!(fresh.ask(&[ELSEWHERE], &format!(r#"{{"code":"{code}"}}"#)).await, "setup_closed");
    fresh.stop().await;
}

#[tokio::test]
async fn the_setup_code_works_once_and_five_wrong_ones_void_it() {
    let fresh = Fresh::start().await;
    let code = fresh.daemon.setup().open().unwrap();
    assert_eq!(fresh.ask(&[ELSEWHERE], r#"{"code":"AAAA-AAAA-AAAA-AAAA"}"#).await, "setup_code_wrong");
    let body = format!(r#"{{"code":"{}"}}"#, code.to_lowercase());
    let made = fresh.send("POST", "/admin/api/setup", &[ELSEWHERE], &body).await;
    assert_eq!((made.status.as_u16(), made.json()["role"].as_str()), (201, Some("admin")));
    assert_eq!(fresh.ask(&[ELSEWHERE], &body).await, "setup_closed");
    assert!(!made.text().contains(&code));
    let folder = fresh.stop().await;
    for file in std::fs::read_dir(folder.path().join("data")).unwrap().map(|file| file.unwrap().path()) {
        let bytes = std::fs::read(&file).unwrap_or_default();
        let is_there = |text: &str| bytes.windows(text.len()).any(|part| part == text.as_bytes());
        assert!(!is_there(&code) && !is_there(&code.to_lowercase()), "the code is in {}", file.display());
    }
    let fresh = Fresh::start().await;
    let code = fresh.daemon.setup().open().unwrap();
    for _ in 0..5 {
        assert_eq!(fresh.ask(&[ELSEWHERE], r#"{"code":"A"}"#).await, "setup_code_wrong");
    }
    assert_eq!(fresh.ask(&[ELSEWHERE], &format!(r#"{{"code":"{code}"}}"#)).await, "setup_closed");
    fresh.stop().await;
}

/// Row 115: a fresh folder opens the setup page on loopback; making the first token shuts it, for good.
#[tokio::test]
async fn on_this_machine_the_first_token_needs_no_code_and_only_the_first() {
    let fresh = Fresh::start().await;
    assert!(fresh.send("GET", "/admin", &[], "").await.text().contains("data-state=\"open\""));
    assert!(fresh.send("GET", "/admin", &[ELSEWHERE], "").await.text().contains("data-state=\"closed\""));
    // As the page itself sends it.
    let own = [("origin", "OWN"), ("sec-fetch-site", "same-origin")];
    let (one, two, three) = tokio::join!(fresh.ask(&own, "{}"), fresh.ask(&own, "{}"), fresh.ask(&[], ""));
    let mut all = [one, two, three];
    all.sort();
    assert_eq!(all, ["made", "setup_closed", "setup_closed"]);
    assert!(fresh.send("GET", "/admin", &[], "").await.text().contains("data-state=\"closed\""));
    assert_eq!(fresh.ask(&own, "{}").await, "setup_closed");
    let folder = fresh.stop().await;
    let again = Fresh::in_folder(folder, "").await;
    assert_eq!(again.ask(&own, "{}").await, "setup_closed", "after a restart");
    let folder = again.stop().await;
    // Also when nothing is left of the tokens that there were.
    let connection = torod::store::schema::open_writer(&folder.path().join("data")).unwrap();
    connection.execute_batch("DELETE FROM token").unwrap();
    drop(connection);
    let again = Fresh::in_folder(folder, "").await;
    assert!(!again.daemon.has_admin());
    assert_eq!(again.ask(&own, "{}").await, "setup_closed", "after every token was removed");
    again.stop().await;
}

#[tokio::test]
async fn nobody_else_gets_the_first_token() {
    let fresh = Fresh::in_folder(tempfile::tempdir().unwrap(), "[server]\ntrusted_proxies = [\"127.0.0.1\"]").await;
    let direct = Fresh::start().await;
    for (headers, expected) in [
        // The trick of a page whose name was made to resolve to this machine.
        (&[("host", "evil.example")][..], "foreign_host"),
        (&[("host", "evil.example"), ("origin", "http://evil.example")], "foreign_host"),
        (&[("host", "localhost.evil.example")], "foreign_host"),
        (&[("origin", "http://evil.example")], "foreign_origin"),
        (&[("origin", "null")], "foreign_origin"),
        (&[("origin", "http://localhost:1")], "foreign_origin"),
        (&[("sec-fetch-site", "cross-site")], "foreign_origin"),
        (&[("sec-fetch-site", "same-site")], "foreign_origin"),
        // A proxy on this machine that says so, and a client that claims to be here.
        (&[("x-forwarded-for", "127.0.0.1")], "setup_closed"),
        (&[("forwarded", "for=127.0.0.1")], "setup_closed"),
        (&[("x-real-ip", "127.0.0.1")], "setup_closed"),
        (&[("cf-connecting-ip", "127.0.0.1")], "setup_closed"),
    ] {
        assert_eq!(direct.ask(headers, "{}").await, expected, "{headers:?}");
    }
    for headers in [&[][..], &[("x-forwarded-for", "127.0.0.1")], &[("forwarded", "for=127.0.0.1;proto=https")]] {
        assert_eq!(fresh.ask(headers, "{}").await, "setup_closed", "by a trusted proxy: {headers:?}");
    }
    // What a form of another site can send without asking.
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"] {
        let answer = direct.send("POST", "/admin/api/setup", &[("content-type", kind)], "{}").await;
        assert_eq!((answer.status.as_u16(), &*answer.json()["error"]["code"].to_string()), (415, "\"content_type\""));
    }
    assert!(direct.daemon.app().tokens.is_empty() && fresh.daemon.app().tokens.is_empty());
    direct.stop().await;
    fresh.stop().await;
}
