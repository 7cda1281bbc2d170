//! What answers is no gateway, or one that means harm: a clear line, an exit code, and nothing that a terminal obeys.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::time::Duration;

use super::site::is_plain;
use super::support::{Ended, Home, Said};

/// Answers every request with these bytes, in these parts, and hangs up.
struct Fake {
    url: String,
}

impl Fake {
    fn new(answer: impl Fn(&str) -> Vec<Vec<u8>> + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        // It ends with the process of the test.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { break };
                stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
                let (mut asked, mut bytes) = (Vec::new(), [0; 8_192]);
                while let Ok(count @ 1..) = stream.read(&mut bytes) {
                    asked.extend_from_slice(&bytes[..count]);
                    let text = String::from_utf8_lossy(&asked);
                    let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
                    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
                    if body.len() >= length.map_or(0, |length| length.trim().parse().unwrap()) {
                        break;
                    }
                }
                let path = String::from_utf8_lossy(&asked).split(' ').nth(1).unwrap_or_default().to_owned();
                for part in answer(&path) {
                    if stream.write_all(&part).and_then(|()| stream.flush()).is_err() {
                        break;
                    }
                }
            }
        });
        Self { url }
    }

    /// With one status and one body.
    fn of(status: &'static str, kind: &'static str, body: &'static str) -> Self {
        Self::new(move |_| vec![whole(status, kind, body)])
    }

    fn said(&self, words: &[&str]) -> Said {
        let home = Home::new();
        home.store(&self.url, "tr_key");
        let said = home.run(words);
        is_plain(&said);
        assert!(!said.err.contains("panicked") && !said.err.contains("tr_key"), "{words:?}: {}", said.err);
        said
    }
}

fn whole(status: &str, kind: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}")
        .into_bytes()
}

/// Every command that asks the gateway something.
const COMMANDS: &[&[&str]] = &[
    &["status"],
    &["models"],
    &["models", "--names"],
    &["usage"],
    &["runs"],
    &["runs", "show", "tok_x"],
    &["token", "list"],
    &["token", "show", "x"],
    &["token", "create"],
    &["token", "revoke", "x"],
    &["chat", "-m", "x", "Hello"],
    &["pingpong", "--models", "x"],
    &["doctor", "-m", "x"],
];

#[test]
fn a_page_for_people_is_no_gateway() {
    let page = "<html><title>\u{1b}[31mLogin\u{7}</title></html>";
    let fake = Fake::of("200 OK", "text/html", page);
    for words in COMMANDS {
        let said = fake.said(words);
        assert!(matches!(said.ended, Ended::Code(1 | 4)), "{words:?}: {said:?}");
        let all = format!("{}{}", said.out, said.err);
        assert!(all.contains("is no tokenrouter gateway"), "{words:?}: {all}");
        assert!(all.contains("Check the address"), "{words:?}: {all}");
    }
}

#[test]
fn refusals_are_told_in_words_with_what_to_do() {
    let cases = [
        ("401 Unauthorized", "then `toro set-key`"),
        ("402 Payment Required", "`toro status` shows what"),
        ("403 Forbidden", "ask whoever runs it"),
        ("429 Too Many Requests", "try again"),
        ("502 Bad Gateway", "it answers 502"),
    ];
    for (status, text) in cases {
        let fake = Fake::of(status, "text/html", "<h1>\u{1b}]0;no\u{7}</h1>");
        for words in COMMANDS {
            let said = fake.said(words);
            assert!(matches!(said.ended, Ended::Code(1 | 4 | 5)), "{status} {words:?}: {said:?}");
            let all = format!("{}{}", said.out, said.err);
            assert!(all.contains(text), "{status} {words:?}: {all}");
        }
    }
    let limited = Fake::new(|_| {
        let body = r#"{"error":{"message":"Slow down.\u001b[2J","code":"rate_limited"}}"#;
        let length = body.len();
        vec![
            format!("HTTP/1.1 429 Too Many Requests\r\nretry-after: 90\r\ncontent-length: {length}\r\n\r\n{body}")
                .into_bytes(),
        ]
    });
    let said = limited.said(&["chat", "-m", "x", "Hello"]);
    assert_eq!(said.ended, Ended::Code(5));
    assert!(said.err.contains("Slow down.\u{fffd}[2J") && said.err.contains("Try again in 90 s."), "{}", said.err);
}

#[test]
fn names_and_answers_are_shown_and_not_obeyed() {
    let models = r#"{"data":[{"id":"a\u001b[31mb\u202ec","targets":["\u0007x"]},{"id":""},7,{"id":"ok","pricing":{"prompt":"1e9"}}]}"#;
    let fake = Fake::new(move |_| vec![whole("200 OK", "application/json", models)]);
    let said = fake.said(&["models"]);
    assert_eq!(said.ended, Ended::Code(0), "{}", said.err);
    assert!(said.out.contains("a\u{fffd}[31mb\u{fffd}c → \u{fffd}x") && said.out.contains("ok "), "{}", said.out);
    assert!(fake.said(&["models", "--names"]).out.contains("a\u{fffd}[31m"));

    let stream = "data: {\"choices\":[{\"delta\":{\"content\":\"red \\u001b[31m\\u009b2J\\r\\nend\"}}],\"model\":\"m\\u001b]0;t\\u0007\"}\n\n\
                  data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
    let fake = Fake::of("200 OK", "text/event-stream", stream);
    let said = fake.said(&["chat", "-m", "x", "Hello"]);
    assert_eq!((said.ended, said.out.as_str()), (Ended::Code(0), "red \u{fffd}[31m\u{fffd}2J\nend\n"), "{}", said.err);
    assert!(said.err.contains("cost unknown"), "{}", said.err);
}

#[test]
fn an_answer_that_is_cut_endless_or_no_stream_is_not_taken_for_a_whole_one() {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
    let cut = Fake::new(move |_| {
        vec![format!("{head}data: {{\"choices\":[{{\"delta\":{{\"content\":\"Hel\"}}}}]}}\n\n").into_bytes()]
    });
    let said = cut.said(&["chat", "-m", "x", "Hello"]);
    assert_eq!((said.ended, said.out.as_str()), (Ended::Code(4), "Hel\n"));
    assert!(said.err.contains("the answer is not whole") && said.err.contains("broke off"), "{}", said.err);
    let json = cut.said(&["chat", "-m", "x", "--json", "Hello"]);
    assert!(
        serde_json::from_str::<serde_json::Value>(&json.out).unwrap()["error"]["message"].is_string(),
        "{}",
        json.out
    );

    let short = Fake::new(|_| vec![b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n{\"data\":[".to_vec()]);
    for words in [&["models"][..], &["usage"], &["token", "list"]] {
        let said = short.said(words);
        assert!(said.ended == Ended::Code(4) && said.err.contains("cannot be reached"), "{words:?}: {}", said.err);
    }
    let endless = Fake::new(move |_| {
        let line = vec![b'x'; 1 << 20];
        std::iter::once(format!("{head}data: ").into_bytes()).chain(std::iter::repeat_n(line, 40)).collect()
    });
    let said = endless.said(&["chat", "-m", "x", "Hello"]);
    assert!(said.ended == Ended::Code(4) && said.err.contains("endless"), "{}", said.err);
    let huge = Fake::new(|_| {
        let one = r#"{"id":"model-with-a-name","x":"yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"},"#;
        let head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{\"data\":[".to_vec();
        std::iter::once(head).chain(std::iter::repeat_n(one.repeat(10_000).into_bytes(), 110)).collect()
    });
    let said = huge.said(&["models"]);
    assert!(said.ended == Ended::Code(4) && said.err.contains("endless"), "{}", said.err);
}

#[test]
fn a_stream_that_is_held_back_is_found_by_the_doctor() {
    let fake = Fake::new(|path| {
        let body = match path.split('?').next().unwrap() {
            "/health" => r#"{"status":"ok","version":"9.9.9"}"#,
            "/admin/api/me" => {
                r#"{"id":"tok_a","name":"n","role":"keymaster","expires_ms":null,"session":null,"limits":{},"budgets":[],"usage_today":{"requests":0,"attempts":0,"failed":0,"input_uncached":0,"cache_read":0,"cache_write":0,"output":0,"reasoning":0,"estimated":0,"cost_nanos":0,"unpriced_nanos":0,"unpriced_attempts":0}}"#
            }
            "/v1/models" => r#"{"data":[{"id":"x"}]}"#,
            _ => {
                let event = "data: {\"choices\":[{\"delta\":{\"content\":\"1\"}}]}\n\n".repeat(40);
                return vec![whole("200 OK", "text/event-stream", &format!("{event}data: [DONE]\n\n"))];
            }
        };
        vec![whole("200 OK", "application/json", body)]
    });
    let said = fake.said(&["doctor", "-m", "x"]);
    assert_eq!(said.ended, Ended::Code(1), "{}", said.err);
    assert!(said.out.contains("✗ streaming") && said.out.contains("proxy_buffering off"), "{}", said.out);
    assert!(said.out.contains("! no key"), "{}", said.out);
}
