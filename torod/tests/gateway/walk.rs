//! Walks through every route with every kind of key, in every place for one, and compares with a table.
//!
//! `routes.tsv` has a line for each method and path: who may ask, then one column for each place: a header, another
//! header, a session's cookie, the cookie from a foreign page, the cookie under a foreign name. In each column stand the
//! statuses for nobody, a malformed key, an unknown, an expired and a revoked one, an inferrer, a keymaster asking about
//! its own, one asking about another's, and an admin. `UPDATE_ROUTES=1` writes it anew, to be read before it is believed.

use std::fmt::Write as _;
use std::path::Path;

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::Full;
use tokenrouter_simulator::{Settings, Simulator};
use torod::clock::Clock;
use torod::http::listed::{Listed, routes};

use crate::forms::Forms;
use crate::support::{Answer, TestDaemon, configuration, port_zero};

const PLACES: [&str; 5] = ["authorization", "x-api-key", "cookie", "cookie+origin", "cookie+host"];
const WHO: [&str; 9] =
    ["nobody", "malformed", "unknown", "expired", "revoked", "inferrer", "keymaster-own", "keymaster-other", "admin"];

/// One of [`WHO`]: its key, its session, and the tokens that it asks about.
struct Person {
    key: Option<String>,
    cookie: Option<String>,
}

struct Walk {
    daemon: TestDaemon,
    clock: Clock,
    people: Vec<Person>,
    /// Below the keymaster, below nobody.
    own: String,
    other: String,
}

impl Walk {
    async fn start() -> Self {
        let simulator = Simulator::start(port_zero(), Settings::default()).await.unwrap();
        let clock = Clock::fixed(1_800_000_000_000);
        let folder = tempfile::tempdir().unwrap();
        let text = configuration(&simulator.url(), "", "");
        std::fs::write(folder.path().join("torod.toml"), &text).unwrap();
        let daemon = TestDaemon::in_folder(simulator, &text, clock.clone(), folder).await;
        let mut walk = Self { daemon, clock, people: Vec::new(), own: String::new(), other: String::new() };
        let (expired_id, expired) = walk.make(r#"{"role":"admin","ttl_ms":3600000}"#).await;
        let (revoked_id, revoked) = walk.make(r#"{"role":"admin"}"#).await;
        let (_, inferrer) = walk.make(r#"{"role":"inferrer"}"#).await;
        let (keymaster_id, keymaster) = walk.make(r#"{"role":"keymaster"}"#).await;
        walk.own = walk.make(&format!(r#"{{"role":"inferrer","parent":"{keymaster_id}"}}"#)).await.0;
        walk.other = walk.make(r#"{"role":"inferrer"}"#).await.0;
        assert!(!expired_id.is_empty());
        let admin = walk.daemon.key.clone();
        let unknown = torod::access::Key::generate(&mut |bytes| bytes.fill(7)).reveal().to_owned();
        for key in [
            None,
            Some("tr_short".to_owned()),
            Some(unknown),
            Some(expired),
            Some(revoked),
            Some(inferrer),
            Some(keymaster.clone()),
            Some(keymaster),
            Some(admin),
        ] {
            walk.people.push(Person { key, cookie: None });
        }
        for at in 0..WHO.len() {
            let cookie = match at {
                0 => None,
                1 => Some("tokenrouter_session=x".to_owned()),
                2 => Some(format!("tokenrouter_session={}", "0".repeat(64))),
                _ => Some(walk.login(walk.people[at].key.clone().unwrap()).await),
            };
            walk.people[at].cookie = cookie;
        }
        walk.clock.advance(3_600_001);
        let revoked = walk
            .send(Method::DELETE, &format!("/admin/api/tokens/{revoked_id}"), &[("authorization", walk.bearer())], "")
            .await;
        assert_eq!(revoked.status, 200);
        walk
    }

    fn bearer(&self) -> String {
        format!("Bearer {}", self.daemon.key)
    }

    async fn make(&self, body: &str) -> (String, String) {
        let made = self.daemon.post("/admin/api/tokens", body.to_owned()).await.json();
        (made["id"].as_str().unwrap().to_owned(), made["key"].as_str().unwrap().to_owned())
    }

    async fn login(&self, key: String) -> String {
        let answer = self.send(Method::POST, "/admin/api/login", &[], &format!(r#"{{"key":"{key}"}}"#)).await;
        answer.header("set-cookie").split(';').next().unwrap().to_owned()
    }

    async fn send(&self, method: Method, path: &str, headers: &[(&'static str, String)], body: &str) -> Answer {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.daemon.url));
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        if !body.is_empty() {
            request = request.header("content-type", "application/json");
        }
        let request = request.body(Full::new(body.to_owned().into())).unwrap();
        if path != "/admin/api/live" {
            return self.daemon.send(request).await;
        }
        // It does not end by itself.
        let (head, stream) = self.daemon.head(request).await.into_parts();
        if !head.status.is_success() {
            return crate::support::whole(http::Response::from_parts(head, stream)).await;
        }
        Answer { status: head.status, headers: head.headers, body: Bytes::new() }
    }

    /// The status for one of [`WHO`] in one of [`PLACES`].
    async fn ask(&self, route: Listed, place: usize, who: usize) -> Answer {
        // Guesses are counted, and forgotten with time.
        self.clock.advance(if route.path == "/admin/api/login" { 13_000 } else { 2_000 });
        let person = &self.people[who];
        // Whoever logs out has logged in for it.
        let fresh = match &person.key {
            Some(key) if route.path == "/admin/api/logout" && who > 4 => Some(self.login(key.clone()).await),
            _ => None,
        };
        let mut headers = Vec::new();
        match (place, &person.key, &person.cookie) {
            (0, Some(key), _) => headers.push(("authorization", format!("Bearer {key}"))),
            (1, Some(key), _) => headers.push(("x-api-key", key.clone())),
            (2.., _, Some(cookie)) => headers.push(("cookie", fresh.unwrap_or_else(|| cookie.clone()))),
            _ => {}
        }
        match place {
            3 => headers.push(("origin", "http://evil.example".to_owned())),
            4 => headers.push(("host", "evil.example".to_owned())),
            _ => {}
        }
        let target = self.target(route, who).await;
        let path = route.path.replace("{which}", &target).replace("{model}", "ok").replace("{id}", "none");
        let path = path
            .replace("{request_id}", "none")
            .replace("{sha256}", "none")
            .replace("{name}", "none")
            .replace("{dimension}", "model")
            .replace("{path}", "usage")
            .replace("{label}", "none");
        let path = if path.ends_with("/explain") { format!("{path}?model=ok") } else { path };
        self.send(route.method.parse().unwrap(), &path, &headers, body(route)).await
    }

    /// The token that is asked about; one that is ended is made anew.
    async fn target(&self, route: Listed, who: usize) -> String {
        let is_own = WHO[who] != "keymaster-other";
        if route.method != "DELETE" || !route.path.contains("{which}") {
            return if is_own { self.own.clone() } else { self.other.clone() };
        }
        let parent = if is_own { self.own_parent().await } else { None };
        let parent = parent.map(|id| format!(r#","parent":"{id}""#)).unwrap_or_default();
        self.make(&format!(r#"{{"role":"inferrer"{parent}}}"#)).await.0
    }

    /// The id of the keymaster.
    async fn own_parent(&self) -> Option<String> {
        let key = self.people[6].key.clone()?;
        let me =
            self.send(Method::GET, "/admin/api/me", &[("authorization", format!("Bearer {key}"))], "").await.json();
        me["id"].as_str().map(str::to_owned)
    }
}

/// A request that makes sense as far as that needs no more than this.
fn body(route: Listed) -> &'static str {
    match (route.method, route.path) {
        ("GET" | "DELETE", _) => "",
        (_, "/admin/api/tokens") => r#"{"role":"inferrer"}"#,
        ("PATCH", "/admin/api/tokens/{which}") => r#"{"version":1}"#,
        (_, "/admin/api/login") => r#"{"key":"tr_short"}"#,
        (_, "/admin/api/routing") => r#"{"active_model_profile":null}"#,
        (_, path) if path.starts_with("/admin/api") => "{}",
        (_, path) if path.contains("/v1beta/") => r#"{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}"#,
        (_, path) if path.contains("responses") => r#"{"model":"ok","input":"hi"}"#,
        (_, path) if path.contains("embeddings") => r#"{"model":"ok","input":"hi"}"#,
        (_, path) if path.contains("/v1/completions") => r#"{"model":"ok","prompt":"hi"}"#,
        _ => r#"{"model":"ok","max_tokens":5,"messages":[{"role":"user","content":"hi"}]}"#,
    }
}

/// What holds whatever the table says.
fn check_line(route: Listed, columns: &[Vec<u16>]) {
    let what = format!("{} {}", route.method, route.path);
    let is_admin = route.path.starts_with("/admin/api");
    for (place, statuses) in columns.iter().enumerate() {
        for (who, &status) in statuses.iter().enumerate() {
            let at = format!("{what}: {} as {}: {status}", PLACES[place], WHO[who]);
            assert!(status < 500, "{at}");
            // A token that may not be seen does not exist.
            let is_hidden = status == 404 && route.path.contains("{which}");
            let is_let_in = ![401, 403].contains(&status) && !is_hidden;
            if route.needs == "nothing" {
                continue;
            }
            assert!(who > 4 || !is_let_in, "{at}: nobody, or a key that opens nothing");
            assert!(is_admin || place < 2 || !is_let_in, "{at}: no cookie opens inference");
            assert!(place < 3 || !is_let_in, "{at}: a foreign page or name");
            assert!(!(route.needs == "admin" && who < 8 && is_let_in), "{at}: for admins");
            assert!(!(route.needs == "keymaster" && who < 6 && is_let_in), "{at}: for keymasters");
            let may = match route.needs {
                "admin" => who == 8,
                "keymaster" => who >= 6,
                _ => who >= 5,
            };
            // About another's token a keymaster hears that there is none.
            assert!(!may || place >= 3 || (!is_admin && place == 2) || is_let_in || is_hidden, "{at}: this one may");
        }
    }
    if is_admin {
        assert_eq!(columns[0], columns[1], "{what}: both headers open the same");
    }
}

#[tokio::test]
async fn every_route_answers_every_key_in_every_place_as_the_table_says() {
    let walk = Walk::start().await;
    let mut forms = Forms::new(walk.daemon.get("/admin/api/openapi.json").await.json());
    let mut text = format!("# method\tpath\tneeds\t{}\n# statuses for: {}\n", PLACES.join("\t"), WHO.join(" "));
    for route in routes() {
        let mut columns = Vec::new();
        for place in 0..PLACES.len() {
            let mut statuses = Vec::new();
            for who in 0..WHO.len() {
                let answer = walk.ask(route, place, who).await;
                if route.path.starts_with("/admin/api") {
                    forms.check(route.method, route.path, &answer);
                }
                statuses.push(answer.status.as_u16());
            }
            columns.push(statuses);
        }
        check_line(route, &columns);
        let shown = |statuses: &Vec<u16>| statuses.iter().map(u16::to_string).collect::<Vec<_>>().join(" ");
        let columns: Vec<_> = columns.iter().map(shown).collect();
        writeln!(text, "{}\t{}\t{}\t{}", route.method, route.path, route.needs, columns.join("\t")).unwrap();
    }
    let table = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/gateway/routes.tsv");
    if std::env::var_os("UPDATE_ROUTES").is_some() {
        std::fs::write(&table, &text).unwrap();
    }
    let expected = std::fs::read_to_string(&table).unwrap();
    for (seen, known) in text.lines().zip(expected.lines()) {
        assert_eq!(seen, known);
    }
    assert_eq!(
        text.lines().count(),
        expected.lines().count(),
        "a route is missing in routes.tsv, or too many are there"
    );
    walk.daemon.stop().await;
}
