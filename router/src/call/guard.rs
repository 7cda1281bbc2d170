//! Which addresses may be connected to: asked of what a name means at this moment, and again of the connection made.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower_service::Service;

type BoxError = Box<dyn Error + Send + Sync>;
type Later<T> = Pin<Box<dyn Future<Output = Result<T, BoxError>> + Send>>;

/// Says of an address why it may not be connected to.
type Rule = dyn Fn(IpAddr) -> Result<(), String> + Send + Sync;

/// Decides which addresses a [`Client`](super::Client) may connect to; the default lets it connect to all.
///
/// It is asked of the addresses that a name resolves to right before the connection is made, so that a name that means
/// another machine the second time gets nobody past it.
///
/// ```
/// use tokenrouter::call::Guard;
///
/// let guard = Guard::new(|ip| if ip.is_loopback() { Err("this machine is not for clients".into()) } else { Ok(()) });
/// assert!(guard.check("127.0.0.1".parse().unwrap()).is_err());
/// assert!(guard.check("192.0.2.1".parse().unwrap()).is_ok());
/// ```
#[derive(Clone, Default)]
pub struct Guard(Option<Arc<Rule>>);

impl Guard {
    /// A guard that `rule` decides for: its error is told as the reason why there is no connection.
    pub fn new(rule: impl Fn(IpAddr) -> Result<(), String> + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(rule)))
    }

    /// Whether `ip` may be connected to.
    ///
    /// # Errors
    ///
    /// Why not, in words.
    pub fn check(&self, ip: IpAddr) -> Result<(), String> {
        self.0.as_ref().map_or(Ok(()), |rule| rule(ip))
    }

    fn allow(&self, ip: IpAddr) -> Result<(), BoxError> {
        self.check(ip).map_err(|why| io::Error::new(io::ErrorKind::PermissionDenied, why).into())
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Guard(a rule)" } else { "Guard(open)" })
    }
}

/// The system's resolver, which keeps to itself what may not be connected to.
#[derive(Clone, Debug)]
pub(super) struct Resolver {
    names: GaiResolver,
    guard: Guard,
}

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = BoxError;
    type Future = Later<Self::Response>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.names.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let (asked, guard) = (self.names.call(name), self.guard.clone());
        Box::pin(async move {
            let mut refused = None;
            let mut allowed = Vec::new();
            for addr in asked.await? {
                match guard.allow(addr.ip()) {
                    Ok(()) => allowed.push(addr),
                    Err(why) => refused = Some(why),
                }
            }
            match refused {
                Some(why) if allowed.is_empty() => Err(why),
                _ => Ok(allowed.into_iter()),
            }
        })
    }
}

/// Makes connections, none of them past the guard.
#[derive(Clone, Debug)]
pub(super) struct Guarded {
    connector: HttpConnector<Resolver>,
    guard: Guard,
}

impl Guarded {
    /// Connects under `guard`, as `set` has the connector be.
    pub(super) fn new(guard: Guard, set: impl FnOnce(&mut HttpConnector<Resolver>)) -> Self {
        let resolver = Resolver { names: GaiResolver::new(), guard: guard.clone() };
        let mut connector = HttpConnector::new_with_resolver(resolver);
        set(&mut connector);
        Self { connector, guard }
    }
}

impl Service<Uri> for Guarded {
    type Response = TokioIo<TcpStream>;
    type Error = BoxError;
    type Future = Later<Self::Response>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.connector.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        // An address needs no resolver, and meets none.
        let literal = uri.host().and_then(|host| host.trim_matches(['[', ']']).parse().ok());
        if let Some(Err(why)) = literal.map(|ip| self.guard.allow(ip)) {
            return Box::pin(std::future::ready(Err(why)));
        }
        let (connecting, guard) = (self.connector.call(uri), self.guard.clone());
        Box::pin(async move {
            let stream = connecting.await?;
            // Nothing was sent yet. Whatever way led here, this is who would get it.
            guard.allow(stream.inner().peer_addr()?.ip())?;
            Ok(stream)
        })
    }
}
