//! Logging in, staying logged in, and everything that ends it.

use http::{HeaderMap, Method};
use tokenrouter_simulator::{Settings, Simulator};
use torod::clock::Clock;

use crate::support::{Answer, TestDaemon, chat_body, configuration, port_zero};

const NOW: i64 = 1_800_000_000_000;
const HOUR: i64 = 3_600_000;

async fn start(clock: &Clock, more: &str) -> TestDaemon {
    let simulator = Simulator::start(port_zero(), Settings::default()).await.unwrap();
    let text = configuration(&simulator.url(), "", more);
    TestDaemon::configured(simulator, &text, clock.clone()).await
}

async fn send(daemon: &TestDaemon, method: Method, path: &str, headers: &[(&'static str, &str)], body: &str) -> Answer {
    let mut request = daemon.request(path, body.to_owned());
    *request.method_mut() = method;
    request.headers_mut().remove("authorization");
    let mut given = HeaderMap::new();
    for (name, value) in headers {
        given.append(*name, value.parse().unwrap());
    }
    request.headers_mut().extend(given);
    daemon.send(request).await
}

fn code(answer: &Answer) -> (u16, String) {
    (answer.status.as_u16(), answer.json()["error"]["code"].as_str().unwrap_or_default().to_owned())
}

async fn try_login(daemon: &TestDaemon, key: &str, headers: &[(&'static str, &str)]) -> Answer {
    send(daemon, Method::POST, "/admin/api/login", headers, &format!(r#"{{"key":"{key}"}}"#)).await
}

/// The cookie as a browser sends it back, and the session's id.
async fn login(daemon: &TestDaemon, key: &str) -> (String, String) {
    let answer = try_login(daemon, key, &[("user-agent", "Test\tBrowser")]).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let cookie = answer.header("set-cookie").split(';').next().unwrap().to_owned();
    (cookie, answer.json()["id"].as_str().unwrap().to_owned())
}

async fn me(daemon: &TestDaemon, cookie: &str) -> Answer {
    send(daemon, Method::GET, "/admin/api/me", &[("cookie", cookie)], "").await
}

async fn make(daemon: &TestDaemon, body: &str) -> (String, String) {
    let made = daemon.post("/admin/api/tokens", body.to_owned()).await.json();
    (made["id"].as_str().unwrap().to_owned(), made["key"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_session_opens_the_admin_api_and_nothing_else() {
    let daemon = start(&Clock::fixed(NOW), "").await;
    let answer = try_login(&daemon, &format!(" {} ", daemon.key), &[]).await;
    let header = answer.header("set-cookie").to_owned();
    for part in ["tokenrouter_session=", "; Path=/admin", "; HttpOnly", "; SameSite=Strict", "; Max-Age=604800"] {
        assert!(header.contains(part), "{header}");
    }
    assert!(!header.contains("Domain") && !header.contains("Secure"), "{header}");
    let cookie = header.split(';').next().unwrap();
    let value = cookie.split('=').nth(1).unwrap();
    assert!(!header.contains(&daemon.key) && !answer.text().contains(value) && !answer.text().contains(&daemon.key));
    let seen = me(&daemon, cookie).await;
    assert_eq!((seen.status.as_u16(), seen.json()["role"].as_str()), (200, Some("admin")));
    assert_eq!(seen.json()["session"]["ends_ms"], NOW + 12 * HOUR);
    assert_eq!(send(&daemon, Method::GET, "/admin/api/tokens", &[("cookie", cookie)], "").await.status, 200);
    for (method, path) in [
        (Method::POST, "/v1/chat/completions"),
        (Method::GET, "/v1/models"),
        (Method::GET, "/v1/status"),
        (Method::POST, "/v1/messages"),
    ] {
        let answer = send(&daemon, method, path, &[("cookie", cookie)], &chat_body("ok", "")).await;
        assert_eq!(answer.status, 401, "{path}");
    }
    for wrong in ["tokenrouter_session=", "tokenrouter_session=x", &format!("{cookie}0"), &cookie.to_uppercase()] {
        assert_eq!(me(&daemon, wrong).await.status, 401, "{wrong}");
    }
    let twice = format!("{cookie}; {cookie}");
    assert_eq!(code(&me(&daemon, &twice).await), (401, "session_over".into()), "one of them is somebody else's");
    assert_eq!(me(&daemon, &format!("__Host-{cookie}")).await.status, 401, "that name is for TLS");
    assert_eq!(me(&daemon, &format!("a=b; {cookie}; c=d")).await.status, 200);
    let data = std::fs::read_dir(daemon.folder.path().join("data")).unwrap();
    for file in data.map(Result::unwrap).filter(|entry| entry.file_type().unwrap().is_file()) {
        let bytes = std::fs::read(file.path()).unwrap();
        let holds = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        assert!(!holds(value) && !holds(&daemon.key), "{:?}", file.path());
    }
    daemon.stop().await;
}

#[tokio::test]
async fn a_session_ends_when_it_is_idle_old_or_over_and_lives_through_a_restart() {
    let clock = Clock::fixed(NOW);
    let daemon = start(&clock, "").await;
    let (cookie, _) = login(&daemon, &daemon.key).await;
    // Each use gives twelve hours more, and the seventh day is the last.
    for _ in 0..15 {
        clock.advance(11 * HOUR);
        assert_eq!(me(&daemon, &cookie).await.status, 200);
    }
    clock.advance(3 * HOUR + 1);
    let over = me(&daemon, &cookie).await;
    assert_eq!(code(&over), (401, "session_over".into()));
    assert!(over.header("set-cookie").contains("Max-Age=0"), "the browser forgets it");
    let (cookie, _) = login(&daemon, &daemon.key).await;
    clock.advance(12 * HOUR);
    assert_eq!(me(&daemon, &cookie).await.status, 401, "idle");
    let (cookie, _) = login(&daemon, &daemon.key).await;
    clock.advance(6 * HOUR);
    assert_eq!(me(&daemon, &cookie).await.status, 200);
    crate::support::until("the use is noted", || async {
        let connection = torod::store::schema::open_reader(&daemon.folder.path().join("data")).unwrap();
        connection.query_row("SELECT max(seen_ms - created_ms) FROM session", [], |row| row.get(0)) == Ok(6 * HOUR)
    })
    .await;
    let (simulator, folder) = daemon.stop_keeping().await;
    clock.advance(7 * HOUR);
    let text = configuration(&simulator.url(), "", "");
    let daemon = TestDaemon::in_folder(simulator, &text, clock.clone(), folder).await;
    assert_eq!(me(&daemon, &cookie).await.status, 200, "the use before the restart counts");
    // A clock that was set back before its beginning tells nothing about its age.
    clock.advance(-20 * HOUR);
    assert_eq!(me(&daemon, &cookie).await.status, 401);
    let (simulator, folder) = daemon.stop_keeping().await;
    clock.advance(20 * HOUR);
    let text = configuration(&simulator.url(), "", "[admin]\nsession_lifetime = \"1h\"");
    let daemon = TestDaemon::in_folder(simulator, &text, clock, folder).await;
    assert_eq!(me(&daemon, &cookie).await.status, 401, "a shorter life holds for sessions that there are");
    daemon.stop().await;
}

#[tokio::test]
async fn a_session_ends_with_its_token_and_with_those_above() {
    let clock = Clock::fixed(NOW);
    let daemon = start(&clock, "").await;
    let (parent, parent_key) = make(&daemon, r#"{"role":"keymaster","name":"parent"}"#).await;
    let (_, child_key) = make(&daemon, &format!(r#"{{"role":"inferrer","parent":"{parent}"}}"#)).await;
    let (_, short_key) = make(&daemon, r#"{"role":"inferrer","ttl_ms":60000}"#).await;
    let (of_parent, _) = login(&daemon, &parent_key).await;
    let (of_child, _) = login(&daemon, &child_key).await;
    let (of_short, _) = login(&daemon, &short_key).await;
    for cookie in [&of_parent, &of_child, &of_short] {
        assert_eq!(me(&daemon, cookie).await.status, 200);
    }
    clock.advance(60_001);
    assert_eq!(me(&daemon, &of_short).await.status, 401);
    assert_eq!(me(&daemon, &of_child).await.status, 200);
    let mut delete = daemon.request(&format!("/admin/api/tokens/{parent}"), "");
    *delete.method_mut() = Method::DELETE;
    assert_eq!(daemon.send(delete).await.status, 200);
    for cookie in [&of_parent, &of_child] {
        assert_eq!(me(&daemon, cookie).await.status, 401);
    }
    assert_eq!(try_login(&daemon, &child_key, &[]).await.status, 401);
    let list = daemon.get("/admin/api/sessions").await.json();
    assert_eq!(list["sessions"].as_array().unwrap().len(), 0, "{list}");
    daemon.stop().await;
}

#[tokio::test]
async fn sessions_are_listed_and_ended_by_their_owner_and_by_admins() {
    let daemon = start(&Clock::fixed(NOW), "").await;
    let (_, other_key) = make(&daemon, r#"{"role":"keymaster","name":"other"}"#).await;
    let (own, own_id) = login(&daemon, &daemon.key).await;
    let (other, other_id) = login(&daemon, &other_key).await;
    let ids = async |cookie: &str| {
        let list = send(&daemon, Method::GET, "/admin/api/sessions", &[("cookie", cookie)], "").await.json();
        let one = |session: &serde_json::Value| {
            (session["id"].as_str().unwrap().to_owned(), session["current"].as_bool().unwrap())
        };
        let mut ids: Vec<_> = list["sessions"].as_array().unwrap().iter().map(one).collect();
        ids.sort_by_key(|(id, _)| *id != own_id);
        ids
    };
    assert_eq!(ids(&own).await, [(own_id.clone(), true), (other_id.clone(), false)]);
    assert_eq!(ids(&other).await, [(other_id.clone(), true)]);
    let listed = daemon.get("/admin/api/sessions").await.json();
    assert_eq!(listed["sessions"][0]["agent"], "TestBrowser");
    assert_eq!(listed["sessions"][0]["address"], "127.0.0.1");
    let end = async |cookie: &str, id: &str| {
        send(&daemon, Method::DELETE, &format!("/admin/api/sessions/{id}"), &[("cookie", cookie)], "").await.status
    };
    assert_eq!(end(&other, &own_id).await, 404, "it knows nothing of it");
    assert_eq!(end(&own, &other_id).await, 204);
    assert_eq!(me(&daemon, &other).await.status, 401);
    assert_eq!(end(&own, &other_id).await, 404);
    let answer = send(&daemon, Method::POST, "/admin/api/logout", &[("cookie", &own)], "").await;
    assert_eq!(answer.status, 204);
    assert!(answer.header("set-cookie").contains("Max-Age=0"));
    assert_eq!(me(&daemon, &own).await.status, 401);
    assert_eq!(code(&daemon.post("/admin/api/logout", "").await), (409, "no_session".into()));
    // Logging in again ends the session that the browser had.
    let (first, _) = login(&daemon, &daemon.key).await;
    assert_eq!(try_login(&daemon, &daemon.key, &[("cookie", &first)]).await.status, 201);
    assert_eq!(me(&daemon, &first).await.status, 401);
    daemon.stop().await;
}

#[tokio::test]
async fn a_token_has_so_many_sessions_and_the_oldest_goes() {
    let daemon = start(&Clock::fixed(NOW), "").await;
    let (first, _) = login(&daemon, &daemon.key).await;
    let (_, other_key) = make(&daemon, r#"{"role":"inferrer"}"#).await;
    let (other, _) = login(&daemon, &other_key).await;
    for _ in 0..15 {
        login(&daemon, &daemon.key).await;
    }
    assert_eq!(me(&daemon, &first).await.status, 200);
    login(&daemon, &daemon.key).await;
    assert_eq!(me(&daemon, &first).await.status, 401);
    assert_eq!(me(&daemon, &other).await.status, 200);
    daemon.stop().await;
}

#[tokio::test]
async fn guessing_is_slowed_down_and_being_right_is_not() {
    let clock = Clock::fixed(NOW);
    let daemon = start(&clock, "").await;
    for _ in 0..40 {
        assert_eq!(try_login(&daemon, &daemon.key, &[]).await.status, 201);
    }
    let wrong = format!("{}x", daemon.key);
    for _ in 0..10 {
        assert_eq!(code(&try_login(&daemon, &wrong, &[]).await), (401, "token_malformed".into()));
    }
    for _ in 0..3 {
        let slowed = try_login(&daemon, &daemon.key, &[]).await;
        assert_eq!(code(&slowed), (429, "too_many_attempts".into()), "nobody learns whether it was right");
        assert_eq!(slowed.header("retry-after"), "12");
    }
    // A body that is none was no attempt.
    let answer = send(&daemon, Method::POST, "/admin/api/login", &[], "{\"key\":").await;
    assert_eq!(code(&answer), (400, "bad_request".into()));
    assert_eq!(daemon.get("/admin/api/me").await.status, 200, "a key by itself still opens");
    clock.advance(12_000);
    assert_eq!(try_login(&daemon, &daemon.key, &[]).await.status, 201);
    // The same for keys that the admin API does not know.
    let guess = || send(&daemon, Method::GET, "/admin/api/me", &[("x-api-key", "tr_wrong")], "");
    for _ in 0..60 {
        assert_eq!(guess().await.status, 401);
    }
    assert_eq!(code(&guess().await), (429, "too_many_attempts".into()));
    assert_eq!(daemon.get("/admin/api/me").await.status, 200);
    daemon.stop().await;
}

/// Many at once: not one more is tried than may fail.
#[tokio::test]
async fn many_guesses_at_once_are_no_more_than_one_after_the_other() {
    let daemon = start(&Clock::fixed(NOW), "").await;
    let all = futures_util::future::join_all((0..50).map(|_| try_login(&daemon, "tr_wrong", &[]))).await;
    assert_eq!(all.iter().filter(|answer| answer.status == 401).count(), 10);
    assert_eq!(all.iter().filter(|answer| answer.status == 429).count(), 40);
    daemon.stop().await;
}

#[tokio::test]
async fn only_the_gateways_own_pages_may_use_a_session() {
    let daemon = start(&Clock::fixed(NOW), "[admin]\nhosts = [\"gw.lan\"]\npublic_url = \"https://gw.example\"").await;
    let (cookie, _) = login(&daemon, &daemon.key).await;
    let own = daemon.url.clone();
    let by = |headers: &[(&'static str, &str)]| {
        let mut all = vec![("cookie", cookie.as_str())];
        all.extend_from_slice(headers);
        let all: Vec<(&'static str, String)> = all.into_iter().map(|(n, v)| (n, v.to_owned())).collect();
        let daemon = &daemon;
        async move {
            let all: Vec<(&'static str, &str)> = all.iter().map(|(n, v)| (*n, v.as_str())).collect();
            code(&send(daemon, Method::GET, "/admin/api/me", &all, "").await)
        }
    };
    let good = (200, String::new());
    assert_eq!(by(&[("origin", &own), ("sec-fetch-site", "same-origin")]).await, good);
    assert_eq!(by(&[("host", "gw.lan"), ("origin", "http://gw.lan")]).await, good);
    assert_eq!(by(&[("host", "gw.example"), ("origin", "https://gw.example")]).await, good);
    for headers in [
        &[("origin", "http://evil.example")][..],
        &[("origin", "null")],
        &[("origin", "http://127.0.0.1:1")],
        &[("sec-fetch-site", "same-site")],
        &[("sec-fetch-site", "cross-site")],
    ] {
        assert_eq!(by(headers).await, (403, "foreign_origin".into()), "{headers:?}");
    }
    for host in ["evil.example", "gw.lan.evil.example"] {
        assert_eq!(by(&[("host", host), ("origin", &format!("http://{host}"))]).await, (403, "foreign_host".into()));
        let page = send(&daemon, Method::GET, "/admin", &[("host", host)], "").await;
        assert_eq!(code(&page), (403, "foreign_host".into()));
    }
    // Automation has a key, and no page behind it.
    let bearer = format!("Bearer {}", daemon.key);
    let with_key = [("authorization", bearer.as_str())];
    let answer = send(&daemon, Method::POST, "/admin/api/tokens", &with_key, r#"{"role":"inferrer"}"#).await;
    assert_eq!(answer.status, 201);
    let foreign = [with_key[0], ("origin", "http://evil.example")];
    let answer = send(&daemon, Method::POST, "/admin/api/tokens", &foreign, r#"{"role":"inferrer"}"#).await;
    assert_eq!(code(&answer), (403, "foreign_origin".into()));
    let text = [with_key[0], ("content-type", "text/plain")];
    let answer = send(&daemon, Method::POST, "/admin/api/tokens", &text, r#"{"role":"inferrer"}"#).await;
    assert_eq!(code(&answer), (415, "content_type".into()));
    daemon.stop().await;
}

#[tokio::test]
async fn every_answer_from_behind_the_door_is_json_and_tells_browsers_to_be_careful() {
    let daemon = start(&Clock::fixed(NOW), "").await;
    for (method, path, status) in [
        (Method::GET, "/admin/api/nothing", 404),
        (Method::PUT, "/admin/api/tokens", 405),
        (Method::GET, "/admin/api/tokens?all=perhaps", 400),
        (Method::GET, "/admin/api/models/%ff", 400),
        (Method::POST, "/admin/api/tokens", 400),
        (Method::OPTIONS, "/admin/api/tokens", 405),
    ] {
        let mut request = daemon.request(path, "{");
        *request.method_mut() = method.clone();
        let answer = daemon.send(request).await;
        assert_eq!(answer.status.as_u16(), status, "{method} {path}");
        let error = &answer.json()["error"];
        for field in ["code", "message", "advice"] {
            assert!(!error[field].as_str().unwrap().is_empty(), "{method} {path}: {error}");
        }
        assert!(!answer.header("x-request-id").is_empty());
        assert_eq!(answer.header("cache-control"), "no-store");
    }
    let mut pages = Vec::new();
    for path in ["/admin", "/admin/", "/admin/usage", "/admin/x.js", "/admin/api/me", "/admin/api/openapi.json"] {
        pages.push((path.to_owned(), send(&daemon, Method::GET, path, &[], "").await));
    }
    let page = pages[0].1.text();
    // What the page is made of, whichever of the two it is.
    let parts = page.split('"').filter(|part| part.starts_with("/admin/") && part.contains('.'));
    for part in parts.map(str::to_owned).collect::<Vec<_>>() {
        let answer = send(&daemon, Method::GET, &part, &[], "").await;
        assert_eq!(answer.status, 200, "{part}");
        let tag = answer.header("etag").to_owned();
        let again = send(&daemon, Method::GET, &part, &[("if-none-match", &tag)], "").await;
        assert_eq!((again.status.as_u16(), again.body.len(), again.header("etag")), (304, 0, &*tag), "{part}");
        let head = send(&daemon, Method::HEAD, &part, &[], "").await;
        assert_eq!((head.status.as_u16(), head.body.len()), (200, 0), "{part}");
        assert_eq!(head.header("content-length"), answer.body.len().to_string(), "{part}");
        pages.push((part, answer));
    }
    assert!(pages.len() > 7, "the page has a script and a style: {page}");
    for (path, answer) in &pages {
        let policy = answer.header("content-security-policy");
        for part in [
            "default-src 'none'",
            "script-src 'self'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
            "form-action 'none'",
        ] {
            assert!(policy.contains(part), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(answer.header(name), value, "{path}: {name}");
        }
        assert!(answer.headers.get("access-control-allow-origin").is_none());
    }
    // Nothing in the page needs more than the policy allows.
    assert!(page.starts_with("<!doctype html>") && page.contains("data-state=\"closed\""));
    assert_eq!(page, pages[2].1.text(), "every place of the site begins with the same document");
    assert_eq!((pages[0].1.header("cache-control"), pages[3].1.status.as_u16()), ("no-store", 404));
    for forbidden in ["<style", "style=", "onclick", "<script>", "http://", "https://", "{{"] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
    let script = include_str!("../../src/http/plain/plain.js");
    for forbidden in ["innerHTML", "eval(", "localStorage", "document.cookie", ".style"] {
        assert!(!script.contains(forbidden), "{forbidden}");
    }
    daemon.stop().await;
}
