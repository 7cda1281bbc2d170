//! The load generator: closed loop (as fast as the answers come) and open loop (at fixed times).
use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use memchr::memmem;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::{JoinSet, spawn_local};
use tokio::time::{sleep, timeout};

use crate::clock::{now, us_between};
use crate::sse::Meter;

/// Nothing here takes longer; what does is an error.
const EXCHANGE: Duration = Duration::from_mins(1);
/// The largest plain answer.
const ANSWER_BYTES: usize = 1 << 20;

/// One kind of request, and what a right answer to it is.
#[derive(Clone)]
pub(crate) struct Ask {
    pub(crate) addr: SocketAddr,
    pub(crate) key: String,
    pub(crate) body: Bytes,
    /// The pieces of a streamed answer; none for a plain one.
    pub(crate) pieces: Option<u64>,
}

/// What was counted in one window.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) answers: u64,
    pub(crate) pieces: u64,
    pub(crate) errors: u64,
    /// What the first error was.
    pub(crate) problem: Option<String>,
    pub(crate) latency_us: Vec<u64>,
    pub(crate) first_us: Vec<u64>,
    pub(crate) gap_us: Vec<u64>,
}

/// The request of each number.
pub(crate) type Asks = Rc<dyn Fn(u32) -> Ask>;

/// The same request every time.
pub(crate) fn always(ask: Ask) -> Asks {
    Rc::new(move |_| ask.clone())
}

/// The counters that a phase and its connections share.
pub(crate) type Shared = Rc<RefCell<Tally>>;

type Sender = SendRequest<Full<Bytes>>;

async fn connect(addr: SocketAddr) -> anyhow::Result<Sender> {
    let socket = TcpStream::connect(addr).await?;
    socket.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioIo::new(socket)).await?;
    // It ends with its sender, and its errors come out there.
    spawn_local(async move { drop(connection.await) });
    Ok(sender)
}

/// Sends one request and checks its answer; times count from `due`.
async fn exchange(sender: &mut Sender, ask: &Ask, due: Instant, tally: &Shared) -> anyhow::Result<()> {
    let request = Request::post("/v1/chat/completions")
        .header("host", ask.addr.to_string())
        .header("authorization", format!("Bearer {}", ask.key))
        .header("content-type", "application/json")
        .body(Full::new(ask.body.clone()))?;
    sender.ready().await?;
    let response = sender.send_request(request).await?;
    let status = response.status();
    let Some(pieces) = ask.pieces.filter(|_| status == StatusCode::OK) else {
        let body = match Limited::new(response.into_body(), ANSWER_BYTES).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) => bail!("the answer could not be read: {error}"),
        };
        if status != StatusCode::OK || memmem::find(&body, b"Lorem ipsum").is_none() {
            let start: String = String::from_utf8_lossy(&body).chars().take(200).collect();
            bail!("wrong answer: {status} {start}");
        }
        tally.borrow_mut().latency_us.push(us_between(due, now()));
        return Ok(());
    };
    let mut meter = Meter::default();
    let mut body = response.into_body();
    let mut last = None;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        let new = meter.push(&data);
        if new == 0 {
            continue;
        }
        let at = now();
        let mut tally = tally.borrow_mut();
        tally.pieces += new;
        match last.replace(at) {
            None => tally.first_us.push(us_between(due, at)),
            Some(before) => tally.gap_us.push(us_between(before, at)),
        }
        // What came together with it had no gap.
        tally.gap_us.extend((1..new).map(|_| 0));
    }
    if !meter.is_right(pieces) {
        bail!("wrong stream: {} of {pieces} pieces, ended: {}", meter.pieces, meter.ended);
    }
    tally.borrow_mut().latency_us.push(us_between(due, now()));
    Ok(())
}

/// One exchange on a connection that is opened where there is none; a failed one is not used again.
async fn count(sender: &mut Option<Sender>, ask: &Ask, due: Instant, tally: &Shared) {
    let run = async {
        let mut open = match sender.take() {
            Some(open) if !open.is_closed() => open,
            _ => connect(ask.addr).await.context("connect")?,
        };
        exchange(&mut open, ask, due, tally).await?;
        anyhow::Ok(open)
    };
    match timeout(EXCHANGE, run).await.unwrap_or_else(|_| bail!("no answer within {EXCHANGE:?}")) {
        Ok(open) => {
            *sender = Some(open);
            tally.borrow_mut().answers += 1;
        }
        Err(problem) => {
            {
                let mut tally = tally.borrow_mut();
                tally.errors += 1;
                tally.problem.get_or_insert_with(|| format!("{problem:#}"));
            }
            // A target that refuses everything at once must not be hammered.
            sleep(Duration::from_millis(10)).await;
        }
    }
}

/// What is answered to `GET path`.
pub(crate) async fn get(addr: SocketAddr, key: &str, path: &str) -> anyhow::Result<Bytes> {
    let mut sender = connect(addr).await?;
    let request = Request::get(path)
        .header("host", addr.to_string())
        .header("authorization", format!("Bearer {key}"))
        .body(Full::default())?;
    let response = timeout(EXCHANGE, sender.send_request(request)).await??;
    let status = response.status();
    let Ok(body) = Limited::new(response.into_body(), ANSWER_BYTES).collect().await else {
        bail!("{path}: the answer could not be read");
    };
    if status != StatusCode::OK {
        bail!("{path}: {status}");
    }
    Ok(body.to_bytes())
}

/// One request; the error says what was wrong with the answer.
pub(crate) async fn once(ask: &Ask) -> anyhow::Result<()> {
    let tally = Shared::default();
    count(&mut None, ask, now(), &tally).await;
    tally.take().problem.map_or(Ok(()), |problem| bail!(problem))
}

/// Keeps `connections` busy until dropped; they begin spread over `spread`. Must run on a `LocalSet`.
pub(crate) fn closed_loop(ask: &Ask, connections: u32, spread: Duration, tally: &Shared) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    for number in 0..connections {
        let (ask, tally) = (ask.clone(), Rc::clone(tally));
        let delay = spread * number / connections.max(1);
        tasks.spawn_local(async move {
            sleep(delay).await;
            let mut sender = None;
            loop {
                count(&mut sender, &ask, now(), &tally).await;
            }
        });
    }
    tasks
}

/// Sends `total` requests at `per_second` over at most `connections`, and waits for all answers. Latency counts from
/// the moment a request was due, so that a stall is not hidden. Must run on a `LocalSet`.
pub(crate) async fn open_loop(asks: &Asks, per_second: u32, total: u32, connections: u32, tally: &Shared) {
    let (due_at, dues) = mpsc::channel(total.max(1) as usize);
    let pause = Duration::from_secs(1) / per_second.max(1);
    let start = now() + Duration::from_millis(20);
    // The runtime's timers count in milliseconds: too coarse for this, so a thread keeps the time.
    std::thread::spawn(move || {
        for number in 0..total {
            let due = start + pause * number;
            std::thread::sleep(due.saturating_duration_since(now()));
            if due_at.blocking_send((number, due)).is_err() {
                return;
            }
        }
    });
    let dues = Rc::new(tokio::sync::Mutex::new(dues));
    let mut tasks = JoinSet::new();
    for _ in 0..connections {
        let (asks, tally, dues) = (Rc::clone(asks), Rc::clone(tally), Rc::clone(&dues));
        tasks.spawn_local(async move {
            let mut sender = None;
            loop {
                let due = dues.lock().await.recv().await;
                let Some((number, due)) = due else { return };
                count(&mut sender, &asks(number), due, &tally).await;
            }
        });
    }
    while tasks.join_next().await.is_some() {}
}

/// Opens `streams` spread over `spread`, each once, and waits for their ends.
pub(crate) async fn each_once(ask: &Ask, streams: u32, spread: Duration, tally: &Shared) {
    let mut tasks = JoinSet::new();
    for number in 0..streams {
        let (ask, tally) = (ask.clone(), Rc::clone(tally));
        tasks.spawn_local(async move {
            sleep(spread * number / streams.max(1)).await;
            count(&mut None, &ask, now(), &tally).await;
        });
    }
    while tasks.join_next().await.is_some() {}
}
