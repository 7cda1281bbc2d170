//! What a provider does without a client that waits: work in the background, and conversations that it keeps.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokenrouter_simulator::{Settings, Simulator};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use torod::clock::Clock;

use crate::support::{Answer, TestDaemon, port_zero, until};

/// A provider of Responses: what is asked in the background is done at the second look; every conversation exists.
struct Worker {
    url: String,
    heard: Arc<Mutex<Vec<String>>>,
    looks: Arc<AtomicUsize>,
}

fn usage() -> Value {
    json!({"input_tokens": 70, "input_tokens_details": {"cached_tokens": 20}, "output_tokens": 30,
           "output_tokens_details": {"reasoning_tokens": 10}, "total_tokens": 100})
}

impl Worker {
    async fn start(ends: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let (heard, looks) = (Arc::<Mutex<Vec<String>>>::default(), Arc::<AtomicUsize>::default());
        let (told, looked) = (Arc::clone(&heard), Arc::clone(&looks));
        tokio::runtime::Handle::current().spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = vec![0; 64 << 10];
                let read = stream.read(&mut request).await.unwrap_or(0);
                let request = String::from_utf8_lossy(&request[..read]).into_owned();
                let mut status = "200 OK";
                let body = if request.starts_with("GET /v1/responses/") {
                    match looked.fetch_add(1, Ordering::SeqCst) {
                        _ if ends == "gone" => {
                            status = "404 Not Found";
                            json!({"error": {"message": "no such response"}})
                        }
                        0 => json!({"id": "resp_bg", "object": "response", "status": "in_progress", "usage": null}),
                        _ => json!({"id": "resp_bg", "object": "response", "status": ends, "output": [], "usage": usage()}),
                    }
                } else if request.contains("\"background\":true") {
                    json!({"id": "resp_bg", "object": "response", "status": "queued", "output": [], "usage": null})
                } else if request.starts_with("GET") {
                    json!({"object": "list", "data": [{"id": "m", "object": "model"}]})
                } else {
                    json!({"id": "resp_1", "object": "response", "status": "completed", "output": [], "usage": usage()})
                };
                told.lock().unwrap().push(request);
                let body = body.to_string();
                let answer = format!(
                    "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                    body.len()
                );
                _ = stream.write_all(answer.as_bytes()).await;
                _ = stream.shutdown().await;
            }
        });
        Self { url, heard, looks }
    }

    fn text(&self) -> String {
        format!(
            "listen_addr = \"127.0.0.1:0\"\nauto_detect_local_servers = false\nallow_localhost_no_auth = false\n\
             [[providers]]\nname = \"w\"\nprovider_type = \"openai\"\nprotocols = {{ responses = \"{}\" }}\napi_key = \"sk-w\"\n",
            self.url
        )
    }

    async fn daemon(&self) -> TestDaemon {
        let simulator = Simulator::start(port_zero(), Settings::default()).await.unwrap();
        TestDaemon::configured(simulator, &self.text(), Clock::system()).await
    }

    fn posts(&self) -> usize {
        self.heard.lock().unwrap().iter().filter(|request| request.starts_with("POST")).count()
    }
}

const COLUMNS: &str = "input_uncached, cache_read, output, reasoning, estimated, status";

async fn in_background(daemon: &TestDaemon) -> Answer {
    let answer = daemon.post("/v1/responses", r#"{"model":"w/m","input":"think hard","background":true}"#).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["status"]), (200, &"queued".into()), "{}", answer.text());
    assert!(!answer.header("x-request-id").is_empty() && answer.header("x-tokenrouter-provider") == "w");
    answer
}

#[tokio::test]
async fn work_in_the_background_is_counted_when_it_ends() {
    for ends in ["completed", "incomplete", "failed"] {
        let worker = Worker::start(ends).await;
        let daemon = worker.daemon().await;
        in_background(&daemon).await;
        assert_eq!(daemon.app.lifecycle.in_flight(), 1, "it is under way");
        let rows = daemon.rows(COLUMNS).await;
        assert_eq!(rows, [["50", "20", "30", "10", "0", "200"]], "{ends}");
        assert_eq!(worker.looks.load(Ordering::SeqCst), 2);
        assert!(daemon.app.lifecycle.in_flight() == 0);
        let kept = daemon.get("/v1/responses/resp_bg").await;
        assert_eq!(kept.json()["status"], ends, "{}", kept.text());
        daemon.stop().await;
    }
}

#[tokio::test]
async fn what_cannot_be_learnt_is_an_estimate_and_never_nothing() {
    // The answer is not there any more.
    let worker = Worker::start("gone").await;
    let daemon = worker.daemon().await;
    in_background(&daemon).await;
    // The daemon stops before it has ended.
    let (_, folder) = daemon.stop_keeping().await;
    let rows = crate::support::rows(folder.path(), COLUMNS);
    assert_eq!((rows.len(), rows[0][4].as_str(), rows[0][5].as_str()), (1, "1", "200"), "{rows:?}");
    assert_ne!(rows[0][0], "0");
}

#[tokio::test]
async fn a_conversation_is_the_tokens_that_used_it_first() {
    let worker = Worker::start("completed").await;
    let daemon = worker.daemon().await;
    let other = daemon.other_key().await;
    let ask = async |key: &str, path: &str, more: &str| {
        let mut request = daemon.request(path, format!(r#"{{"model":"w/m","input":"hi"{more}}}"#));
        request.headers_mut().insert("authorization", format!("Bearer {key}").parse().unwrap());
        let answer = daemon.send(request).await;
        (answer.status.as_u16(), answer.json()["error"]["code"].as_str().unwrap_or_default().to_owned())
    };
    let (fine, foreign) = ((200, String::new()), (404, "conversation_not_found".to_owned()));
    let mine = r#","conversation":"conv_1""#;
    assert_eq!(ask(&daemon.key, "/v1/responses", mine).await, fine);
    assert_eq!(ask(&daemon.key, "/v1/responses", mine).await, fine);
    let before = worker.posts();
    for spelt in [
        mine,
        r#","conversation":{"id":"conv_1"}"#,
        r#","convers\u0061tion":"conv_1""#,
        r#","conversation":"conv\u005f1""#,
    ] {
        for path in ["/v1/responses", "/v1/responses/input_tokens"] {
            assert_eq!(ask(&other, path, spelt).await, foreign, "{spelt} at {path}");
        }
    }
    assert_eq!(ask(&other, "/v1/responses", r#","conversation":"x","conversation":"conv_1""#).await.0, 400);
    assert_eq!(ask(&other, "/v1/responses/compact", r#","previous_response_id":"resp_1""#).await.0, 400);
    assert_eq!(ask(&other, "/v1/responses/input_tokens", r#","previous_response_id":"resp_1""#).await.0, 400);
    for odd in [
        r#","conversation":" conv_1""#,
        r#","conversation":"conv_1 ""#,
        r#","Conversation":"conv_1""#,
        r#"," conversation":"conv_1""#,
        r#","conversation":{"id":"conv_7","Id":"conv_1"}"#,
        r#","previous_response_id":"resp_1 ""#,
        r#","previous_response_id":"RESP_1""#,
    ] {
        for path in ["/v1/responses", "/v1/responses/compact", "/v1/responses/input_tokens"] {
            assert_eq!(ask(&other, path, odd).await.0, 400, "{odd} at {path}");
        }
    }
    assert_eq!(ask(&other, "/v1/responses", r#","conversation":"CONV_1""#).await, foreign);
    assert_eq!(worker.posts(), before, "the provider was asked");
    assert_eq!(ask(&other, "/v1/responses", r#","conversation":"conv_2""#).await, fine);
    assert_eq!(ask(&daemon.key, "/v1/responses", r#","conversation":"conv_2""#).await, foreign);
    // It is remembered over a restart.
    until("it is written", || async {
        let connection = torod::store::schema::open_reader(&daemon.folder.path().join("data")).unwrap();
        connection.query_row("SELECT count(*) FROM kept WHERE kind = 2", [], |row| row.get::<_, i64>(0)).unwrap() == 2
    })
    .await;
    let (simulator, folder) = daemon.stop_keeping().await;
    let daemon = TestDaemon::in_folder(simulator, &worker.text(), Clock::system(), folder).await;
    let mut request = daemon.request("/v1/responses", r#"{"model":"w/m","input":"hi","conversation":"conv_1"}"#);
    request.headers_mut().insert("authorization", format!("Bearer {other}").parse().unwrap());
    assert_eq!(daemon.send(request).await.status, 404);
    daemon.stop().await;
}
