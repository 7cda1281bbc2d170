//! A server on a raw socket that says the same to everybody and remembers what it was told.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// A running server; it ends with the runtime.
pub struct Stranger {
    pub addr: SocketAddr,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Stranger {
    /// One that answers every request with these bytes and hangs up.
    pub async fn start(answer: impl Into<Vec<u8>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let heard = Arc::<Mutex<Vec<String>>>::default();
        let (answer, told) = (answer.into(), Arc::clone(&heard));
        tokio::runtime::Handle::current().spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = vec![0; 64 << 10];
                let read = stream.read(&mut request).await.unwrap_or(0);
                told.lock().unwrap().push(String::from_utf8_lossy(&request[..read]).into_owned());
                _ = stream.write_all(&answer).await;
                _ = stream.shutdown().await;
            }
        });
        Self { addr, heard }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// The requests so far; a connection without any counts as an empty one.
    pub fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }
}
