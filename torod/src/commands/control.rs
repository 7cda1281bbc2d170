//! The way to a running daemon: HTTP over the control socket in its data folder.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokenrouter_shared::Problem;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::daemon::SOCKET;

const DEADLINE: Duration = Duration::from_secs(10);
/// How long it may take where others are asked in turn.
pub const LONG: Duration = Duration::from_secs(90);
const MAX_BYTES: usize = 64 << 20;

#[derive(serde::Deserialize)]
struct Refused {
    error: Problem,
}

/// Asks the daemon that holds `data_dir` and reads its answer.
pub async fn ask<T: DeserializeOwned>(
    data_dir: &Path,
    method: Method,
    path: &str,
    body: Option<&impl Serialize>,
) -> anyhow::Result<T> {
    ask_within(data_dir, method, path, body, DEADLINE).await
}

/// The same for what may take `deadline`, because others are asked in turn.
pub async fn ask_within<T: DeserializeOwned>(
    data_dir: &Path,
    method: Method,
    path: &str,
    body: Option<&impl Serialize>,
    deadline: Duration,
) -> anyhow::Result<T> {
    let socket = data_dir.join(SOCKET);
    let asked = tokio::time::timeout(deadline, send(&socket, method, path, body)).await;
    let (status, bytes) = asked
        .with_context(|| format!("the daemon at {} does not answer", socket.display()))?
        .with_context(|| format!("a torod holds {} but cannot be asked", data_dir.display()))?;
    if !status.is_success() {
        match serde_json::from_slice::<Refused>(&bytes) {
            // Itself: some are worth asking about.
            Ok(Refused { error }) => return Err(error.into()),
            Err(_) => bail!("the daemon answered with status {status}; is it of another version?"),
        }
    }
    serde_json::from_slice(&bytes).context("the daemon's answer makes no sense; is it of another version?")
}

async fn send(
    socket: &Path,
    method: Method,
    path: &str,
    body: Option<&impl Serialize>,
) -> anyhow::Result<(StatusCode, Bytes)> {
    let stream = tokio::net::UnixStream::connect(socket).await?;
    let body: Full<Bytes> = match body {
        Some(body) => Full::new(serde_json::to_vec(body)?.into()),
        None => Full::default(),
    };
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", "localhost")
        .header("content-type", "application/json")
        .body(body)?;
    exchange(stream, request).await
}

/// Sends one request over `stream` and reads the answer, within bounds.
pub async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Full<Bytes>>,
) -> anyhow::Result<(StatusCode, Bytes)> {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let exchange = async {
        let answer = sender.send_request(request).await?;
        let status = answer.status();
        let bytes = Limited::new(answer.into_body(), MAX_BYTES).collect().await.map_err(|e| anyhow::anyhow!(e))?;
        Ok((status, bytes.to_bytes()))
    };
    // The connection's own future ends first only when it broke, and then the exchange says why.
    tokio::pin!(exchange);
    tokio::select! {
        answer = &mut exchange => answer,
        _ = connection => exchange.await,
    }
}

/// Whether a daemon holds `data_dir` and can be asked.
pub fn is_running(data_dir: &Path) -> bool {
    std::os::unix::net::UnixStream::connect(data_dir.join(SOCKET)).is_ok()
}

/// Percent-encodes what could end a path segment.
pub fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped += &format!("%{byte:02X}");
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_what_could_leave_the_path() {
        assert_eq!(escape("a b/../c?x"), "a%20b%2F..%2Fc%3Fx");
    }
}
