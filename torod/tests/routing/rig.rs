//! A daemon over scripted providers, with a clock that is moved by hand, and a client that says how an answer ended.

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use tokenrouter_simulator::{Settings, Simulator};
use torod::clock::Clock;

use crate::act::Speech;
use crate::support::{Answer, SOON, TestDaemon, events, port_zero};
use crate::upstream::Upstream;

/// What every configuration begins with. Probes are off: a test that wants them says so.
pub const HEAD: &str =
    "listen_addr = \"127.0.0.1:0\"\nauto_detect_local_servers = false\nallow_localhost_no_auth = false\n";

pub struct Rig {
    pub daemon: TestDaemon,
    pub up: Vec<Upstream>,
    pub clock: Clock,
}

/// A provider's table; `more` is further lines in it.
pub fn provider(name: &str, url: &str, more: &str) -> String {
    let protocols =
        format!("protocols = {{ openai = \"{url}/v1\", responses = \"{url}/v1\", anthropic = \"{url}/anthropic\" }}");
    format!("[[providers]]\nname = \"{name}\"\n{protocols}\n{more}\n")
}

/// A table of an alias with targets `profile provider model weight`, where `-` stands for what is left out.
pub fn alias(name: &str, targets: &[&str]) -> String {
    let mut text = format!("[[model_aliases]]\nname = \"{name}\"\n");
    for target in targets {
        let parts: Vec<_> = target.split(' ').collect();
        text += "[[model_aliases.targets]]\n";
        for (key, value) in ["profile", "provider", "model"].iter().zip(&parts).filter(|(_, value)| **value != "-") {
            text += &format!("{key} = \"{value}\"\n");
        }
        if let Some(weight) = parts.get(3) {
            text += &format!("weight = {weight}\n");
        }
    }
    text
}

impl Rig {
    /// Providers `p0`, `p1`, … that list `m` and `m2`; `top` stands at the top of the file, `inside[i]` in each table.
    pub async fn new(top: &str, inside: &[&str], below: &str) -> Self {
        let up: Vec<_> = (0..inside.len()).map(|at| Upstream::start(&format!("p{at}"), &["m", "m2"])).collect();
        Self::over(up, top, inside, below, Clock::fixed(1_800_000_000_000)).await
    }

    /// The same over providers that exist; `routing` lines follow a `[routing]` in `below`.
    pub async fn over(up: Vec<Upstream>, top: &str, inside: &[&str], below: &str, clock: Clock) -> Self {
        let mut text = format!("{HEAD}{top}\n");
        for (at, (up, inside)) in up.iter().zip(inside).enumerate() {
            text += &provider(&format!("p{at}"), &up.url(), inside);
        }
        text += below;
        Self::of(up, &text, clock).await
    }

    /// A daemon for exactly this file.
    pub async fn of(up: Vec<Upstream>, text: &str, clock: Clock) -> Self {
        let simulator = Simulator::start(port_zero(), Settings::default()).await.unwrap();
        let daemon = TestDaemon::configured(simulator, text, clock.clone()).await;
        Self { daemon, up, clock }
    }

    /// Equal providers.
    pub async fn equal(count: usize, below: &str) -> Self {
        Self::new("", &vec![""; count], below).await
    }

    /// One provider with a backup, which has its turn only when the first fails.
    pub async fn with_backup(below: &str) -> Self {
        Self::new("", &["priority = 0", "priority = 10"], below).await
    }

    /// Calls to each since the last look.
    pub fn seen(&self) -> Vec<u64> {
        self.up.iter().map(Upstream::clear).collect()
    }

    pub async fn chat(&self, model: &str) -> Answer {
        self.daemon.chat(model, "").await
    }

    pub async fn stream(&self, model: &str) -> Outcome {
        self.ask(Speech::OpenAi, model, true, "hi", &[]).await
    }

    /// Asks in a protocol and reads the answer to its end, whatever that is.
    pub async fn ask(
        &self,
        speech: Speech,
        model: &str,
        stream: bool,
        text: &str,
        headers: &[(&str, &str)],
    ) -> Outcome {
        let (path, body) = question(speech, model, stream, text);
        self.send(speech, &path, body.to_string(), headers).await
    }

    pub async fn send(&self, speech: Speech, path: &str, body: impl Into<Bytes>, headers: &[(&str, &str)]) -> Outcome {
        let mut request = self.daemon.request(path, body);
        for (name, value) in headers {
            let name: http::HeaderName = name.parse().unwrap();
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        self.outcome(speech, request).await
    }

    async fn outcome(&self, speech: Speech, request: Request<Full<Bytes>>) -> Outcome {
        let asked = tokio::time::timeout(SOON, self.daemon.client.request(request)).await;
        let Ok(Ok(answer)) = asked else { return Outcome::none(format!("{:?}", asked.map(Result::err))) };
        let (head, mut body) = answer.into_parts();
        let (mut bytes, mut broken) = (Vec::new(), None);
        loop {
            match tokio::time::timeout(SOON, body.frame()).await {
                Ok(Some(Ok(frame))) => bytes.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data)),
                Ok(Some(Err(e))) => broken = Some(e.to_string()),
                Ok(None) => break,
                Err(_) => broken = Some("it hangs".to_owned()),
            }
            if broken.is_some() {
                break;
            }
        }
        Outcome::of(speech, head.status, head.headers, &bytes, broken)
    }

    pub async fn admin(&self, method: http::Method, path: &str, body: &str) -> Answer {
        let mut request = self.daemon.request(path, body.to_owned());
        *request.method_mut() = method;
        self.daemon.send(request).await
    }

    pub async fn stop(self) {
        for up in &self.up {
            up.release(1_000);
        }
        self.daemon.stop().await;
    }
}

/// A request's path and body.
pub fn question(speech: Speech, model: &str, stream: bool, text: &str) -> (String, Value) {
    let said = json!([{"role": "user", "content": text}]);
    match speech {
        Speech::OpenAi => ("/v1/chat/completions".into(), json!({"model": model, "messages": said, "stream": stream})),
        Speech::Anthropic => {
            ("/v1/messages".into(), json!({"model": model, "max_tokens": 64, "messages": said, "stream": stream}))
        }
        Speech::Responses => ("/v1/responses".into(), json!({"model": model, "input": text, "stream": stream})),
        Speech::Gemini => {
            let verb = if stream { "streamGenerateContent?alt=sse" } else { "generateContent" };
            let body = json!({"contents": [{"role": "user", "parts": [{"text": text}]}]});
            (format!("/v1beta/models/{model}:{verb}"), body)
        }
    }
}

/// How a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// As a whole answer of its protocol.
    Clean,
    /// With an error of its protocol.
    Error,
    /// With neither.
    Nothing,
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Outcome {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
    /// Pieces of a provider's content that came.
    pub pieces: usize,
    pub ending: Ending,
    /// Why there was no end.
    pub broken: Option<String>,
}

impl Outcome {
    fn none(why: String) -> Self {
        Self {
            status: 0,
            headers: HeaderMap::new(),
            text: String::new(),
            pieces: 0,
            ending: Ending::Nothing,
            broken: Some(why),
        }
    }

    fn of(speech: Speech, status: StatusCode, headers: HeaderMap, bytes: &[u8], broken: Option<String>) -> Self {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let is_stream = headers.get("content-type").is_some_and(|kind| kind.as_bytes().starts_with(b"text/event"));
        let last = if is_stream { events(bytes).last().cloned().unwrap_or_default() } else { text.clone() };
        let is_end = match speech {
            Speech::OpenAi => last == "[DONE]",
            Speech::Anthropic => last.contains("message_stop"),
            Speech::Responses => last.contains("response.completed"),
            Speech::Gemini => last.contains("finishReason"),
        };
        let is_error = [r#""error":{"#, r#""type":"error""#, "response.failed"].iter().any(|mark| last.contains(mark));
        let ending = match (is_stream, status.is_success()) {
            _ if is_error => Ending::Error,
            (true, _) if is_end => Ending::Clean,
            (false, true) if serde_json::from_str::<Value>(&text).is_ok() => Ending::Clean,
            _ => Ending::Nothing,
        };
        // Each piece of content names its provider in brackets.
        let deltas = if is_stream && speech == Speech::Responses {
            events(bytes).iter().filter(|e| e.contains("output_text.delta")).count()
        } else {
            text.matches("[p").count()
        };
        Self { status: status.as_u16(), headers, text, pieces: deltas, ending, broken }
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// A whole answer, as if nothing had happened.
    pub fn is_good(&self) -> bool {
        self.status == 200 && self.ending == Ending::Clean && self.pieces > 0 && self.broken.is_none()
    }

    /// The provider and the credential that answered.
    pub fn who(&self) -> (String, String) {
        let inside = self.text.split_once("[p").and_then(|(_, rest)| rest.split_once(']')).map(|(inside, _)| inside);
        let (name, key) = inside.and_then(|inside| inside.split_once('|')).unwrap_or(("", ""));
        (format!("p{name}"), key.to_owned())
    }
}
