//! What comes before HTTP on a connection: the word of a proxy, and TLS.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::connection::{Peer, Service};
use super::proxied;
use super::wire::Wire;
use crate::tls::CHALLENGE_PROTOCOL;

/// How long a client may take before its first request: the word of a proxy and TLS included.
const PATIENCE: Duration = Duration::from_secs(15);
/// The first byte of a client that begins TLS.
const HANDSHAKE: u8 = 0x16;

/// What a listener does with its connections.
#[derive(Clone)]
pub struct Front {
    /// What answers them.
    pub service: Arc<dyn Service>,
    /// How it speaks TLS, if it does.
    pub secure: Option<Secure>,
    /// Whether trusted proxies say by the PROXY protocol whom they speak for.
    pub proxy_protocol: bool,
}

/// How TLS is spoken.
#[derive(Clone)]
pub struct Secure {
    /// The certificate and the protocols.
    pub config: Arc<ServerConfig>,
    /// What answers those who speak plain HTTP here.
    pub plain: Arc<dyn Service>,
}

/// A connection on which HTTP begins.
pub struct Opened {
    /// Its bytes.
    pub wire: Wire,
    /// Who is at the other end.
    pub peer: Peer,
    /// What answers it.
    pub service: Arc<dyn Service>,
}

impl Front {
    /// One of plain HTTP.
    pub fn plain(service: Arc<dyn Service>) -> Self {
        Self { service, secure: None, proxy_protocol: false }
    }

    /// Whether HTTP begins at once with whoever connects, who may be a proxy that is trusted.
    pub(super) const fn is_bare(&self, is_proxy: bool) -> bool {
        self.secure.is_none() && !(self.proxy_protocol && is_proxy)
    }

    /// HTTP at once.
    pub(super) fn at_once(&self, stream: TcpStream, addr: SocketAddr) -> Opened {
        Opened { wire: Wire::Tcp(stream), peer: Peer::Tcp(addr), service: Arc::clone(&self.service) }
    }

    /// Waits for what comes before HTTP. None: there is nothing to be said on this connection any more.
    pub(super) async fn open(self: Arc<Self>, stream: TcpStream, addr: SocketAddr, is_proxy: bool) -> Option<Opened> {
        match tokio::time::timeout(PATIENCE, self.begin(stream, addr, is_proxy)).await {
            Ok(Ok(opened)) => opened,
            Ok(Err(error)) => {
                tracing::debug!(%error, address = %addr.ip(), "a connection was closed before its first request");
                None
            }
            Err(_) => None,
        }
    }

    async fn begin(&self, mut stream: TcpStream, addr: SocketAddr, is_proxy: bool) -> io::Result<Option<Opened>> {
        let proxied = if self.proxy_protocol && is_proxy {
            let told = proxied::read(&mut stream).await;
            Some(told.map_err(|e| io::Error::new(e.kind(), format!("the header of the PROXY protocol: {e}")))?)
        } else {
            None
        };
        let peer = |is_tls: bool| match proxied {
            Some(told) => {
                let is_https = is_tls || told.is_https;
                match told.client {
                    Some(client) => Peer::Proxied { client, is_https },
                    None => Peer::Untold { proxy: addr.ip().to_canonical(), is_https },
                }
            }
            None if is_tls => Peer::Tls(addr),
            None => Peer::Tcp(addr),
        };
        let Some(secure) = &self.secure else {
            return Ok(Some(Opened { wire: Wire::Tcp(stream), peer: peer(false), service: Arc::clone(&self.service) }));
        };
        let mut first = [0];
        if stream.peek(&mut first).await? == 0 {
            return Ok(None);
        }
        if first != [HANDSHAKE] {
            return Ok(Some(Opened { wire: Wire::Tcp(stream), peer: peer(false), service: Arc::clone(&secure.plain) }));
        }
        let stream = TlsAcceptor::from(Arc::clone(&secure.config)).accept(stream).await?;
        if stream.get_ref().1.alpn_protocol() == Some(CHALLENGE_PROTOCOL) {
            // The CA has seen what it wanted to see.
            return Ok(None);
        }
        let wire = Wire::Tls(Box::new(stream));
        Ok(Some(Opened { wire, peer: peer(true), service: Arc::clone(&self.service) }))
    }
}
