//! A scripted server for questions about models: it answers each with bytes, however wrong, or with silence.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::wire::{answer, request};

/// What it does with a question.
#[derive(Clone, Debug)]
pub enum Said {
    /// An answer with a status, headers and a JSON body.
    Json(u16, Vec<(String, String)>, String),
    /// These bytes and the end of the connection.
    Bytes(Vec<u8>),
    /// A good head and then the same bytes without end.
    Endless(Vec<u8>),
    /// Nothing.
    Hang,
}

impl Said {
    /// A list.
    pub fn list(body: impl Into<String>) -> Self {
        Self::Json(200, Vec::new(), body.into())
    }

    /// A body that is said to be longer than it is.
    pub fn cut(body: &str) -> Self {
        let whole = answer(200, &[], "application/json", &format!("{body}{}", " ".repeat(500)));
        Self::Bytes(whole.trim_end().as_bytes().to_vec())
    }
}

/// A question as it came.
#[derive(Clone, Debug)]
pub struct Question {
    pub path: String,
    pub head: String,
    pub body: String,
}

type Script = dyn Fn(&Question) -> Said + Send + Sync;

pub struct Lister {
    pub addr: SocketAddr,
    inner: Arc<Inner>,
    end: CancellationToken,
}

struct Inner {
    script: Mutex<Arc<Script>>,
    questions: Mutex<Vec<Question>>,
}

impl Lister {
    pub async fn start(script: impl Fn(&Question) -> Said + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let inner = Arc::new(Inner { script: Mutex::new(Arc::new(script)), questions: Mutex::default() });
        let end = CancellationToken::new();
        let (serving, ended) = (Arc::clone(&inner), end.clone());
        tokio::runtime::Handle::current().spawn(async move {
            while let Some(Ok((stream, _))) = ended.run_until_cancelled(listener.accept()).await {
                let (inner, end) = (Arc::clone(&serving), ended.clone());
                tokio::runtime::Handle::current()
                    .spawn(async move { end.run_until_cancelled(connection(stream, &inner)).await });
            }
        });
        Self { addr, inner, end }
    }

    /// One that says the same to every question.
    pub async fn always(said: Said) -> Self {
        Self::start(move |_| said.clone()).await
    }

    /// What it does from now on.
    pub fn does(&self, script: impl Fn(&Question) -> Said + Send + Sync + 'static) {
        *self.inner.script.lock().unwrap() = Arc::new(script);
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Everything that it was asked.
    pub fn questions(&self) -> Vec<Question> {
        self.inner.questions.lock().unwrap().clone()
    }

    /// How often it was asked for a path that begins so.
    pub fn asked(&self, path: &str) -> usize {
        self.questions().iter().filter(|question| question.path.starts_with(path)).count()
    }
}

impl Drop for Lister {
    fn drop(&mut self) {
        self.end.cancel();
    }
}

async fn connection(mut stream: TcpStream, inner: &Inner) {
    let mut buffer = Vec::new();
    while let Some((head, body)) = request(&mut stream, &mut buffer).await {
        let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
        let question = Question { path, head, body: String::from_utf8_lossy(&body).into_owned() };
        inner.questions.lock().unwrap().push(question.clone());
        let script = Arc::clone(&inner.script.lock().unwrap());
        match script(&question) {
            Said::Json(status, more, body) => {
                if stream.write_all(answer(status, &more, "application/json", &body).as_bytes()).await.is_err() {
                    return;
                }
            }
            Said::Bytes(bytes) => {
                drop(stream.write_all(&bytes).await);
                return;
            }
            Said::Endless(bytes) => {
                drop(stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n").await);
                while stream.write_all(&bytes).await.is_ok() {}
                return;
            }
            Said::Hang => std::future::pending().await,
        }
    }
}
