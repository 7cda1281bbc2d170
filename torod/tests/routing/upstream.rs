//! A scripted provider on a raw socket: it can do to a connection what no server library lets one do.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Instant;

use bytes::Bytes;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::act::Act;
use crate::wire::{act, answer, ask, request};

/// A call as it came.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Counts this provider's calls from 0.
    pub n: u64,
    /// The credential, without `Bearer`.
    pub key: String,
    pub model: String,
    pub stream: bool,
    pub path: String,
    pub body: Bytes,
    pub at: Instant,
}

pub type Script = dyn Fn(&Ask) -> Act + Send + Sync;

/// What a provider's connections share.
pub struct Inner {
    pub name: String,
    script: RwLock<Arc<Script>>,
    models: Mutex<Vec<String>>,
    /// By credential and model.
    counts: Mutex<BTreeMap<(String, String), u64>>,
    asks: Mutex<VecDeque<Ask>>,
    keeps: AtomicBool,
    lists: AtomicBool,
    number: AtomicU64,
    connections: AtomicU64,
    pub hung_up: AtomicU64,
    pub gate: Semaphore,
}

/// A running provider.
pub struct Upstream {
    pub addr: SocketAddr,
    inner: Arc<Inner>,
    open: Mutex<Result<Serving, TcpSocket>>,
}

/// An open door: how to close it, and what goes on behind it.
struct Serving {
    end: CancellationToken,
    tasks: TaskTracker,
}

fn bound(addr: SocketAddr) -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind(addr).unwrap();
    socket
}

fn hold<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Upstream {
    /// A provider that lists `models` and answers everything.
    pub fn start(name: &str, models: &[&str]) -> Self {
        let inner = Arc::new(Inner {
            name: name.to_owned(),
            script: RwLock::new(Arc::new(|_: &Ask| Act::Ok)),
            models: Mutex::new(models.iter().map(|m| (*m).to_owned()).collect()),
            counts: Mutex::default(),
            asks: Mutex::default(),
            keeps: AtomicBool::new(true),
            lists: AtomicBool::new(true),
            number: AtomicU64::new(0),
            connections: AtomicU64::new(0),
            hung_up: AtomicU64::new(0),
            gate: Semaphore::new(0),
        });
        let listener = bound("127.0.0.1:0".parse().unwrap()).listen(1024).unwrap();
        let addr = listener.local_addr().unwrap();
        let open = Mutex::new(Ok(serve(listener, &inner)));
        Self { addr, inner, open }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// What it does from now on.
    pub fn does(&self, script: impl Fn(&Ask) -> Act + Send + Sync + 'static) {
        *self.inner.script.write().unwrap() = Arc::new(script);
    }

    /// The same for every call.
    pub fn always(&self, act: Act) {
        self.does(move |_| act.clone());
    }

    /// Whether it answers questions for its list; else 404.
    pub fn has_list(&self, lists: bool) {
        self.inner.lists.store(lists, Relaxed);
    }

    /// Whether calls are kept for [`Upstream::asks`].
    pub fn keeps(&self, keeps: bool) {
        self.inner.keeps.store(keeps, Relaxed);
    }

    /// Refuses connections from now on, and ends those that are.
    pub async fn close(&self) {
        let tasks = match &*hold(&self.open) {
            Ok(serving) => {
                serving.end.cancel();
                serving.tasks.close();
                serving.tasks.clone()
            }
            Err(_) => return,
        };
        tasks.wait().await;
        // Bound but not listening: the address stays ours, and connections are refused.
        *hold(&self.open) = Err(bound(self.addr));
    }

    /// Takes connections again.
    pub fn reopen(&self) {
        let mut open = hold(&self.open);
        if open.is_ok() {
            return;
        }
        let nothing = Serving { end: CancellationToken::new(), tasks: TaskTracker::new() };
        if let Err(socket) = std::mem::replace(&mut *open, Ok(nothing)) {
            *open = Ok(serve(socket.listen(1024).unwrap(), &self.inner));
        }
    }

    /// Lets so many held calls go on.
    pub fn release(&self, calls: usize) {
        self.inner.gate.add_permits(calls);
    }

    /// Calls since the last clearing, without questions for the list.
    pub fn calls(&self) -> u64 {
        hold(&self.inner.counts).values().sum()
    }

    /// The same by credential.
    pub fn by_key(&self) -> BTreeMap<String, u64> {
        let mut counts = BTreeMap::new();
        for ((key, _), count) in &*hold(&self.inner.counts) {
            *counts.entry(key.clone()).or_default() += count;
        }
        counts
    }

    /// The same for one model.
    pub fn calls_of(&self, model: &str) -> u64 {
        hold(&self.inner.counts).iter().filter(|((_, m), _)| m == model).map(|(_, count)| count).sum()
    }

    /// The newest calls.
    pub fn asks(&self) -> Vec<Ask> {
        hold(&self.inner.asks).iter().cloned().collect()
    }

    /// Connections that were ever taken.
    pub fn connections(&self) -> u64 {
        self.inner.connections.load(Relaxed)
    }

    /// Calls that the other side left before their end.
    pub fn hung_up(&self) -> u64 {
        self.inner.hung_up.load(Relaxed)
    }

    /// Begins to count anew; says how many calls there were.
    pub fn clear(&self) -> u64 {
        let calls = std::mem::take(&mut *hold(&self.inner.counts)).values().sum();
        hold(&self.inner.asks).clear();
        calls
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        if let Ok(serving) = &*hold(&self.open) {
            serving.end.cancel();
        }
    }
}

/// An `https` server whose certificate nobody trusts. Says its URL; it ends with the runtime.
pub async fn untrusted() -> String {
    let certified = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::Pkcs8(certified.signing_key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    tokio::runtime::Handle::current().spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::runtime::Handle::current().spawn(async move { drop(acceptor.accept(stream).await) });
        }
    });
    url
}

fn serve(listener: TcpListener, inner: &Arc<Inner>) -> Serving {
    let serving = Serving { end: CancellationToken::new(), tasks: TaskTracker::new() };
    let (inner, end, tasks) = (Arc::clone(inner), serving.end.clone(), serving.tasks.clone());
    serving.tasks.spawn(async move {
        while let Some(Ok((stream, _))) = end.run_until_cancelled(listener.accept()).await {
            inner.connections.fetch_add(1, Relaxed);
            let (inner, end) = (Arc::clone(&inner), end.clone());
            tasks.spawn(async move { end.run_until_cancelled(connection(stream, inner)).await });
        }
    });
    serving
}

async fn connection(mut stream: TcpStream, inner: Arc<Inner>) {
    drop(stream.set_nodelay(true));
    let mut buffer = Vec::with_capacity(8 << 10);
    loop {
        let Some((head, body)) = request(&mut stream, &mut buffer).await else { return };
        let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
        if head.starts_with("GET") {
            let models: Vec<_> = hold(&inner.models)
                .iter()
                .map(|m| serde_json::json!({"id": m, "name": format!("models/{m}"), "type": "model"}))
                .collect();
            let list = serde_json::json!({"object": "list", "data": models, "models": models}).to_string();
            let found = inner.lists.load(Relaxed);
            let (status, body) = if found { (200, list) } else { (404, "{}".to_owned()) };
            if stream.write_all(answer(status, &[], "application/json", &body).as_bytes()).await.is_err() {
                return;
            }
            continue;
        }
        let ask = ask(inner.number.fetch_add(1, Relaxed), &head, path, body);
        let script = Arc::clone(&inner.script.read().unwrap());
        *hold(&inner.counts).entry((ask.key.clone(), ask.model.clone())).or_default() += 1;
        if inner.keeps.load(Relaxed) {
            let mut asks = hold(&inner.asks);
            asks.push_back(ask.clone());
            if asks.len() > 4_096 {
                asks.pop_front();
            }
        }
        if act(&mut stream, &inner, &ask, script(&ask)).await.is_none() {
            return;
        }
    }
}
