//! A server that answers as a test wants it, and remembers what it was asked.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::support::port_zero;

/// One request as it came.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Method, path and headers, in small letters but for the path.
    pub head: String,
    pub body: String,
}

impl Asked {
    pub fn path(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or_default()
    }

    pub fn header(&self, name: &str) -> &str {
        let line = self.head.lines().find(|line| line.to_ascii_lowercase().starts_with(&format!("{name}:")));
        line.and_then(|line| line.split_once(':')).map_or("", |(_, value)| value.trim())
    }
}

pub struct Upstream {
    pub url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

/// An answer: status, further headers with `\r\n` behind each, body. None hangs up without one.
pub type Answer = Option<(u16, String, String)>;

impl Upstream {
    /// One that answers each request as `answer` says.
    pub async fn start(answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(port_zero()).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::<Mutex<Vec<Asked>>>::default();
        let (log, answer) = (Arc::clone(&asked), Arc::new(answer));
        tokio::runtime::Handle::current().spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
                tokio::runtime::Handle::current().spawn(async move { serve(stream, &log, &*answer).await });
            }
        });
        Self { url, asked }
    }

    /// What it was asked so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

async fn serve(mut stream: TcpStream, log: &Mutex<Vec<Asked>>, answer: &(impl Fn(&Asked) -> Answer + ?Sized)) {
    let mut bytes = Vec::new();
    let asked = loop {
        let mut piece = [0; 8 << 10];
        let Ok(read @ 1..) = stream.read(&mut piece).await else { return };
        bytes.extend_from_slice(&piece[..read]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let asked = Asked { head: head.to_owned(), body: body.to_owned() };
            if body.len() >= asked.header("content-length").parse().unwrap_or(0) {
                break asked;
            }
        }
    };
    log.lock().unwrap().push(asked.clone());
    if let Some((status, headers, body)) = answer(&asked) {
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n{headers}\r\n"
        );
        _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
    }
    _ = stream.shutdown().await;
}

/// An answer of a model.
pub fn completion() -> String {
    r#"{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}}"#.to_owned()
}

/// The list of one model, `m`.
pub fn list() -> String {
    r#"{"object":"list","data":[{"id":"m"}]}"#.to_owned()
}
