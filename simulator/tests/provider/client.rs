//! A client that sees bytes: one request on one connection, and whether its answer really ended.
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};
use tokenrouter_simulator::{Settings, Simulator};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

pub(crate) const SOON: Duration = Duration::from_secs(20);

/// A simulator that does not dawdle.
pub(crate) async fn quick() -> Simulator {
    with(Settings { interval: Duration::ZERO, ..Settings::default() }).await
}

pub(crate) async fn with(settings: Settings) -> Simulator {
    Simulator::start(([127, 0, 0, 1], 0).into(), settings).await.unwrap()
}

/// An answer as it came over the wire.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
    /// Whether the body ended as announced, by length or by the last chunk.
    pub(crate) complete: bool,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let pairs = self.head.lines().filter_map(|line| line.split_once(": "));
        pairs.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    }

    /// The events: name and data.
    pub(crate) fn events(&self) -> Vec<(String, String)> {
        let text = self.text();
        assert!(text.is_empty() || text.ends_with("\n\n") || text.ends_with("\r\n\r\n"), "{text:?}");
        let text = text.replace("\r\n", "\n");
        let event = |block: &str| {
            let (mut name, mut data) = (String::new(), String::new());
            for line in block.lines() {
                match line.split_once(": ").unwrap() {
                    ("event", value) => value.clone_into(&mut name),
                    ("data", value) => data.push_str(value),
                    other => panic!("{other:?}"),
                }
            }
            (name, data)
        };
        text.split("\n\n").filter(|block| !block.is_empty()).map(event).collect()
    }

    /// The data of the events that are JSON.
    pub(crate) fn values(&self) -> Vec<Value> {
        let data = self.events().into_iter().map(|(_, data)| data).filter(|data| data != "[DONE]");
        data.map(|data| serde_json::from_str(&data).unwrap()).collect()
    }

    pub(crate) fn is_done(&self) -> bool {
        self.events().last().is_some_and(|(_, data)| data == "[DONE]")
    }
}

pub(crate) fn request(method: &str, path: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{headers}content-length: {length}\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

pub(crate) async fn connect(addr: SocketAddr, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    stream
}

pub(crate) async fn send(addr: SocketAddr, method: &str, path: &str, headers: &str, body: &[u8]) -> Answer {
    let mut stream = connect(addr, &request(method, path, headers, body)).await;
    let mut bytes = Vec::new();
    timeout(SOON, stream.read_to_end(&mut bytes)).await.expect("an end").unwrap();
    parse(&bytes)
}

pub(crate) async fn get(simulator: &Simulator, path: &str) -> Answer {
    send(simulator.addr(), "GET", path, "", b"").await
}

pub(crate) async fn post(simulator: &Simulator, path: &str, body: &Value) -> Answer {
    send(simulator.addr(), "POST", path, "content-type: application/json\r\n", body.to_string().as_bytes()).await
}

pub(crate) fn parse(bytes: &[u8]) -> Answer {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let status = head[9..12].parse().unwrap();
    let rest = &bytes[end + 4..];
    let mut answer = Answer { status, head, body: rest.to_vec(), complete: false };
    if let Some(length) = answer.header("content-length") {
        answer.complete = rest.len() == length.parse::<usize>().unwrap();
    } else if answer.header("transfer-encoding") == Some("chunked") {
        (answer.body, answer.complete) = unchunk(rest);
    }
    answer
}

fn unchunk(mut rest: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    while let Some(end) = rest.windows(2).position(|two| two == b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..end]).unwrap(), 16).unwrap();
        if size == 0 {
            return (body, true);
        }
        // What has come of a chunk so far does not count.
        let Some(after) = rest.get(end + 2 + size + 2..) else { break };
        body.extend_from_slice(&rest[end + 2..end + 2 + size]);
        rest = after;
    }
    (body, false)
}

/// A protocol under test: where to post, and how a question looks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Protocol {
    Chat,
    Completions,
    Responses,
    Messages,
}

pub(crate) const PROTOCOLS: [Protocol; 4] =
    [Protocol::Chat, Protocol::Completions, Protocol::Responses, Protocol::Messages];

impl Protocol {
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Chat => "/v1/chat/completions",
            Self::Completions => "/v1/completions",
            Self::Responses => "/v1/responses",
            Self::Messages => "/v1/messages",
        }
    }

    pub(crate) fn ask(self, model: &str, stream: bool) -> Value {
        let messages = json!([{"role": "user", "content": "Hello"}]);
        match self {
            Self::Chat => json!({"model": model, "stream": stream, "messages": messages}),
            Self::Completions => json!({"model": model, "stream": stream, "prompt": "Hello"}),
            Self::Responses => json!({"model": model, "stream": stream, "input": messages}),
            Self::Messages => json!({"model": model, "stream": stream, "messages": messages, "max_tokens": 100}),
        }
    }

    /// The text of a whole answer.
    pub(crate) fn text(self, answer: &Value) -> String {
        let text = match self {
            Self::Chat => &answer["choices"][0]["message"]["content"],
            Self::Completions => &answer["choices"][0]["text"],
            Self::Responses => {
                let items = answer["output"].as_array().unwrap();
                &items.iter().find(|item| item["type"] == "message").unwrap()["content"][0]["text"]
            }
            Self::Messages => {
                let blocks = answer["content"].as_array().unwrap();
                &blocks.iter().find(|block| block["type"] == "text").unwrap()["text"]
            }
        };
        text.as_str().unwrap().to_owned()
    }

    /// The text pieces of a stream.
    pub(crate) fn deltas(self, values: &[Value]) -> Vec<String> {
        let piece = |value: &Value| {
            let text = match self {
                Self::Chat => &value["choices"][0]["delta"]["content"],
                Self::Completions => &value["choices"][0]["text"],
                Self::Responses if value["type"] == "response.output_text.delta" => &value["delta"],
                Self::Messages => &value["delta"]["text"],
                Self::Responses => &Value::Null,
            };
            text.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
        };
        values.iter().filter_map(piece).collect()
    }
}
