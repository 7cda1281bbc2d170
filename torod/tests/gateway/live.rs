//! What is told as it happens: to whom, how often, and for how long.

use bytes::Bytes;
use http::Response;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use serde_json::{Value, json};
use tokenrouter_simulator::{Settings, Simulator};

use crate::forms::Forms;
use crate::support::{Answer, SOON, TestDaemon, chat_body, port_zero, until, whole};

/// A stream that is read.
struct Stream {
    body: Incoming,
    text: String,
}

impl Stream {
    fn of(response: Response<Incoming>) -> Self {
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["cache-control"], "no-store");
        assert_eq!(response.headers()["x-accel-buffering"], "no");
        Self { body: response.into_body(), text: String::new() }
    }

    /// What comes next, signs of life aside; none at the end.
    async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let line = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
                let told = line("event:").zip(line("data:")).map(|(name, data)| (name.to_owned(), data.to_owned()));
                let rest = rest.to_owned();
                self.text = rest;
                match told {
                    Some((name, data)) => return Some((name, serde_json::from_str(&data).unwrap())),
                    None => continue,
                }
            }
            let frame = tokio::time::timeout(SOON, self.body.frame()).await.unwrap()?;
            self.text += std::str::from_utf8(&frame.unwrap().into_data().unwrap()).unwrap();
        }
    }

    /// The next event of this name.
    async fn event(&mut self, wanted: &str) -> Value {
        loop {
            let (name, data) = self.next().await.unwrap_or_else(|| panic!("it ended without `{wanted}`"));
            if name == wanted {
                return data;
            }
        }
    }
}

async fn ask(daemon: &TestDaemon, key: &str, query: &str) -> Response<Incoming> {
    let mut request = daemon.request(&format!("/admin/api/live{query}"), Bytes::new());
    *request.method_mut() = http::Method::GET;
    request.headers_mut().insert("authorization", format!("Bearer {key}").parse().unwrap());
    daemon.head(request).await
}

async fn listen(daemon: &TestDaemon, key: &str, query: &str) -> Stream {
    Stream::of(ask(daemon, key, query).await)
}

async fn make(daemon: &TestDaemon, body: Value) -> (String, String) {
    let made = daemon.post("/admin/api/tokens", body.to_string()).await.json();
    (made["id"].as_str().unwrap().to_owned(), made["key"].as_str().unwrap().to_owned())
}

async fn chat_as(daemon: &TestDaemon, key: &str, model: &str) -> Answer {
    let mut request = daemon.request("/v1/chat/completions", chat_body(model, ""));
    request.headers_mut().insert("authorization", format!("Bearer {key}").parse().unwrap());
    daemon.send(request).await
}

#[tokio::test]
async fn usage_is_told_as_reports_tell_it_and_to_each_what_it_may_see() {
    let daemon = TestDaemon::start().await;
    let (boss, boss_key) = make(&daemon, json!({ "role": "keymaster", "name": "boss" })).await;
    let (_, below) = make(&daemon, json!({ "role": "inferrer", "parent": boss, "name": "<b>below</b>" })).await;
    let (_, other) = make(&daemon, json!({ "role": "inferrer", "name": "other" })).await;
    let (mut all, mut own) = (listen(&daemon, &daemon.key, "").await, listen(&daemon, &boss_key, "").await);
    let hello = all.next().await.unwrap();
    assert_eq!((hello.0.as_str(), &hello.1["version"]), ("hello", &json!(env!("CARGO_PKG_VERSION"))));
    assert_eq!(hello.1["topics"], json!(["usage", "providers", "quotas", "alerts", "config"]));
    assert_eq!(own.next().await.unwrap().1["topics"], json!(["usage"]));
    for (key, model) in [(&below, "ok"), (&other, "ok"), (&below, "s500"), (&other, "ok")] {
        chat_as(&daemon, key, model).await;
    }
    // Sums of events add up to what a report says of the same requests.
    let sum = async |stream: &mut Stream, attempts: u64| {
        let (mut sums, mut rows) = (json!({}), Vec::new());
        while sums["attempts"].as_u64().unwrap_or(0) < attempts {
            let told = stream.event("usage").await;
            assert!(told["span_ms"].as_u64().is_some() && told["left_out"] == 0, "{told}");
            for name in ["attempts", "requests", "exchanges", "failures", "cost_nanos", "unpriced_nanos", "total_us"] {
                let more = told[name].as_u64().unwrap();
                sums[name] = json!(sums[name].as_u64().unwrap_or(0) + more);
            }
            drop(rows.splice(0..0, told["rows"].as_array().unwrap().iter().cloned()));
            Forms::new(daemon.get("/admin/api/openapi.json").await.json()).data("usage", &told);
        }
        (sums, rows)
    };
    let (sums, rows) = sum(&mut all, 4).await;
    let report = daemon.get("/admin/api/usage?period=today").await.json();
    for (name, value) in sums.as_object().unwrap() {
        assert_eq!(*value, report["total"][name], "{name}: {report}");
    }
    // The rows are those of lists.
    let listed = daemon.get("/admin/api/usage/requests?period=today").await.json();
    let listed: Vec<_> = listed["requests"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|one| one["attempts"].as_array().unwrap().clone())
        .collect();
    assert_eq!(rows, listed);
    assert!(rows.iter().any(|row| row["token_name"] == "<b>below</b>" && row["credential"].is_string()));
    let (sums, rows) = sum(&mut own, 2).await;
    assert_eq!((&sums["attempts"], &sums["failures"]), (&json!(2), &json!(1)));
    assert!(rows.iter().all(|row| row["token_name"] == "<b>below</b>" && row["credential"].is_null()), "{rows:?}");
    daemon.stop().await;
}

#[tokio::test]
async fn a_flood_is_few_events_with_the_newest_rows() {
    let daemon = TestDaemon::start().await;
    let mut all = listen(&daemon, &daemon.key, "?topics=usage").await;
    all.event("hello").await;
    let began = tokio::time::Instant::now();
    for _ in 0..20 {
        futures_util::future::join_all((0..10).map(|_| daemon.chat("ok", ""))).await;
    }
    let (mut attempts, mut events) = (0, 0);
    while attempts < 200 {
        let told = all.event("usage").await;
        let rows = told["rows"].as_array().unwrap();
        assert!(rows.len() <= 20);
        assert_eq!(rows.len() as u64 + told["left_out"].as_u64().unwrap(), told["attempts"].as_u64().unwrap());
        let ids: Vec<u64> = rows.iter().map(|row| row["id"].as_str().unwrap().parse().unwrap()).collect();
        assert!(ids.len() < 2 || ids.first() > ids.last(), "{ids:?}");
        attempts += told["attempts"].as_u64().unwrap();
        events += 1;
    }
    assert_eq!(attempts, 200);
    assert!(events <= 2 + began.elapsed().as_millis() / 250, "{events} events in {:?}", began.elapsed());
    daemon.stop().await;
}

#[tokio::test]
async fn who_may_not_see_it_is_refused_and_who_may_no_longer_hears_no_more() {
    let daemon = TestDaemon::start().await;
    let (id, key) = make(&daemon, json!({ "role": "inferrer" })).await;
    for query in ["?topics=log", "?topics=usage,providers", "?topics=config"] {
        let refused = whole(ask(&daemon, &key, query).await).await;
        assert_eq!(
            (refused.status.as_u16(), &refused.json()["error"]["code"]),
            (403, &json!("role_forbidden")),
            "{query}"
        );
    }
    for query in ["?topics=secrets", "?topics=,", "?topic=usage"] {
        assert_eq!(whole(ask(&daemon, &daemon.key, query).await).await.status, 400, "{query}");
    }
    assert_eq!(whole(ask(&daemon, "tr_nothing", "").await).await.status, 401);
    let mut own = listen(&daemon, &key, "").await;
    own.event("hello").await;
    let mut gone = daemon.request(&format!("/admin/api/tokens/{id}"), Bytes::new());
    *gone.method_mut() = http::Method::DELETE;
    assert_eq!(daemon.send(gone).await.status, 200);
    assert_eq!(own.event("end").await, json!({ "why": "token_ended" }));
    assert!(own.next().await.is_none());
    // A login that is over ends what was begun with it.
    let login = daemon.post("/admin/api/login", json!({ "key": daemon.key }).to_string()).await;
    let cookie = login.header("set-cookie").split(';').next().unwrap().to_owned();
    let with_cookie = |path: &str, method: http::Method| {
        let mut request = daemon.request(path, Bytes::new());
        *request.method_mut() = method;
        request.headers_mut().remove("authorization");
        request.headers_mut().insert("cookie", cookie.parse().unwrap());
        request
    };
    let mut page = Stream::of(daemon.head(with_cookie("/admin/api/live", http::Method::GET)).await);
    page.event("hello").await;
    assert_eq!(daemon.send(with_cookie("/admin/api/logout", http::Method::POST)).await.status, 204);
    assert_eq!(page.event("end").await, json!({ "why": "session_over" }));
    // The oldest of one's own makes room.
    let mut oldest = listen(&daemon, &daemon.key, "").await;
    let mut others = Vec::new();
    for _ in 0..4 {
        others.push(listen(&daemon, &daemon.key, "").await);
    }
    assert_eq!(oldest.event("end").await, json!({ "why": "replaced" }));
    // Others together leave room for admins.
    let mut guests = Vec::new();
    let mut refused = 0;
    for n in 0..9 {
        let (_, key) = make(&daemon, json!({ "role": "inferrer", "name": format!("guest {n}") })).await;
        for _ in 0..4 {
            let answer = ask(&daemon, &key, "").await;
            if answer.status() == 429 {
                assert_eq!(answer.headers()["retry-after"], "10");
                refused += 1;
            } else {
                guests.push(Stream::of(answer));
            }
        }
    }
    assert_eq!((guests.len(), refused), (32, 4));
    others.push(listen(&daemon, &daemon.key, "").await);
    // Who leaves makes room too.
    guests.clear();
    until("they have left", || async { ask(&daemon, &key_of_guest(&daemon).await, "").await.status() == 200 }).await;
    // When the gateway stops, nobody waits for pages.
    let mut last = others.pop().unwrap();
    last.event("hello").await;
    daemon.lifecycle.stop_softly();
    assert_eq!(last.event("end").await, json!({ "why": "stopping" }));
    drop((others, page, own));
    daemon.stop().await;
}

async fn key_of_guest(daemon: &TestDaemon) -> String {
    make(daemon, json!({ "role": "inferrer" })).await.1
}

#[tokio::test]
async fn breakers_alerts_lines_and_the_configuration_are_told_when_they_change() {
    let simulator = Simulator::start(port_zero(), Settings::default()).await.unwrap();
    let text = format!(
        "listen_addr = \"127.0.0.1:0\"\nauto_detect_local_servers = false\n[routing]\nattempts = 1\nprobe = false\nbreaker = {{ failures = 1, recovery = \"1h\" }}\n\
         [[providers]]\nname = \"sim\"\nbase_url = \"{}/v1\"\n",
        simulator.url()
    );
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("torod.toml");
    std::fs::write(&file, &text).unwrap();
    let daemon = TestDaemon::in_folder(simulator, &text, torod::clock::Clock::system(), folder).await;
    let mut forms = Forms::new(daemon.get("/admin/api/openapi.json").await.json());
    let mut all = listen(&daemon, &daemon.key, "?topics=providers,config,quotas,alerts").await;
    all.event("hello").await;
    // All of them first, then what changes.
    let told = all.event("providers").await;
    assert_eq!((&told["providers"][0]["name"], &told["providers"][0]["shut"]), (&json!("sim"), &json!([])));
    daemon.chat("s500", "").await;
    let told = loop {
        let told = all.event("providers").await;
        if told["providers"][0]["shut"] != json!([]) {
            break told;
        }
    };
    let shut = &told["providers"][0]["shut"][0];
    assert_eq!((&shut["model"], &shut["state"]), (&json!("s500"), &json!("failing")), "{told}");
    forms.data("providers", &told);
    // Nobody knows what this costs.
    assert_eq!(daemon.chat("ok", "").await.status, 200);
    let told = loop {
        let told = all.event("alerts").await;
        forms.data("alerts", &told);
        if told["alerts"] != json!([]) {
            break told;
        }
    };
    assert_eq!((&told["alerts"][0]["kind"], &told["firing"]), (&json!("price_unknown"), &json!(1)), "{told}");
    let id = told["alerts"][0]["id"].as_i64().unwrap();
    assert_eq!(daemon.post(&format!("/admin/api/alerts/{id}/acknowledge"), "").await.status, 200);
    let told = all.event("alerts").await;
    assert_eq!((&told["alerts"][0]["acknowledged_by"], &told["unacknowledged"]), (&json!("test"), &json!(0)), "{told}");
    std::fs::write(&file, format!("{text}zzz = 1\n")).unwrap();
    let told = all.event("config").await;
    assert!(told["error"].as_str().unwrap().contains("zzz"), "{told}");
    forms.data("config", &told);
    std::fs::write(&file, text.replace("\"sim\"", "\"other\"")).unwrap();
    let told = all.event("providers").await;
    assert_eq!(told["gone"], json!(["sim"]), "{told}");
    daemon.stop().await;
}

#[tokio::test]
async fn lines_of_the_log_are_told_once_they_are_kept() {
    let (daemon, _, _guard) = crate::log::kept("").await;
    tracing::info!(target: "request", "before");
    until("the line is kept", || async { daemon.get("/admin/api/log?q=before").await.text().contains("before") }).await;
    let mut all = listen(&daemon, &daemon.key, "?topics=log").await;
    all.event("hello").await;
    let mut forms = Forms::new(daemon.get("/admin/api/openapi.json").await.json());
    for n in 0..30 {
        tracing::info!(target: "request", n, "<script>{n}</script>");
    }
    let (mut lines, mut last) = (Vec::new(), 0);
    while lines.len() < 30 {
        let told = all.event("log").await;
        forms.data("log", &told);
        assert_eq!(told["left_out"], 0);
        last = told["last"].as_i64().unwrap();
        let ours = told["lines"].as_array().unwrap().iter().filter(|line| line["target"] == "request");
        lines.extend(ours.cloned());
    }
    let messages: Vec<_> = lines.iter().map(|line| line["message"].as_str().unwrap().to_owned()).collect();
    assert_eq!(messages, (0..30).map(|n| format!("<script>{n}</script>")).collect::<Vec<_>>(), "in order, each once");
    // As lists show them, and no further than the list goes.
    let listed = daemon.get("/admin/api/log?target=request&limit=1").await.json();
    assert_eq!((&listed["lines"][0], listed["last"].as_i64() >= Some(last)), (&lines[29], true));
    // More than anybody can read are cut short, and it says so.
    for n in 0..2_000 {
        tracing::info!(target: "request", n, "flood");
    }
    let told = loop {
        let told = all.event("log").await;
        if told["left_out"].as_u64().unwrap() > 0 {
            break told;
        }
    };
    assert_eq!(told["lines"].as_array().unwrap().len(), 100);
    daemon.stop().await;
}
