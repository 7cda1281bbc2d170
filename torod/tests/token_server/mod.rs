//! A scripted token server on a raw socket: it answers as OAuth says, or as no server should.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// A question as it came.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Counts this server's questions from 0.
    pub n: usize,
    pub path: String,
    /// The `Authorization` header.
    pub authorization: Option<String>,
    pub form: BTreeMap<String, String>,
}

impl Asked {
    pub fn field(&self, name: &str) -> &str {
        self.form.get(name).map_or("", String::as_str)
    }
}

/// What the server does.
#[derive(Clone, Debug)]
pub enum Reply {
    /// A status with JSON.
    Json(u16, Value),
    /// A status with a page.
    Html(u16),
    /// A redirect to this URL.
    Redirect(String),
    /// A body without end.
    Endless,
    /// Nothing at all.
    Hang,
    /// The connection is closed without an answer.
    Cut,
}

type Script = dyn Fn(&Asked) -> Reply + Send + Sync;

struct Inner {
    script: Mutex<Arc<Script>>,
    asked: Mutex<Vec<Asked>>,
}

/// A running token server; it ends with the runtime.
pub struct TokenServer {
    pub addr: SocketAddr,
    inner: Arc<Inner>,
}

fn hold<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl TokenServer {
    pub async fn start(script: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let inner = Arc::new(Inner { script: Mutex::new(Arc::new(script)), asked: Mutex::default() });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (addr, serving) = (listener.local_addr().unwrap(), Arc::clone(&inner));
        tokio::runtime::Handle::current().spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let inner = Arc::clone(&serving);
                tokio::runtime::Handle::current().spawn(async move { drop(connection(stream, &inner).await) });
            }
        });
        Self { addr, inner }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }

    /// What it does from now on.
    pub fn does(&self, script: impl Fn(&Asked) -> Reply + Send + Sync + 'static) {
        *hold(&self.inner.script) = Arc::new(script);
    }

    /// Every question so far.
    pub fn asked(&self) -> Vec<Asked> {
        hold(&self.inner.asked).clone()
    }
}

async fn connection(mut stream: TcpStream, inner: &Inner) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    let (head, body) = loop {
        if stream.read_buf(&mut bytes).await? == 0 {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length: usize = header(head, "content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        if body.len() >= length {
            break (head.to_owned(), body.to_owned());
        }
    };
    let asked = {
        let mut all = hold(&inner.asked);
        let asked = Asked {
            n: all.len(),
            path: head.split(' ').nth(1).unwrap_or_default().to_owned(),
            authorization: header(&head, "authorization"),
            form: form_urlencoded::parse(body.as_bytes()).into_owned().collect(),
        };
        all.push(asked.clone());
        asked
    };
    let script = Arc::clone(&hold(&inner.script));
    let (status, more, kind, body) = match script(&asked) {
        Reply::Json(status, value) => (status, String::new(), "application/json", value.to_string()),
        Reply::Html(status) => (status, String::new(), "text/html", "<html>hello</html>".to_owned()),
        Reply::Redirect(url) => (302, format!("location: {url}\r\n"), "text/html", String::new()),
        Reply::Endless => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{").await?;
            loop {
                stream.write_all(&[b' '; 4096]).await?;
            }
        }
        Reply::Hang => return std::future::pending().await,
        Reply::Cut => return Ok(()),
    };
    let length = body.len();
    let answer = format!(
        "HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\n{more}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
    );
    stream.write_all(answer.as_bytes()).await
}

fn header(head: &str, name: &str) -> Option<String> {
    let mut lines = head.lines().filter_map(|line| line.split_once(':'));
    lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned())
}
