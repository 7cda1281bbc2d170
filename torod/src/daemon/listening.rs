//! Where the daemon listens: binds every place before anything is announced, and opens them all when it can answer.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use tokenrouter_shared::gateway::ListenerView;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::config::{Config, Listen};
use crate::http::doorway::{Insecure, Serves};
use crate::http::routes::Routes;
use crate::lifecycle::Lifecycle;
use crate::server::accept::{self, Hall};
use crate::server::activation::{Given, Socket};
use crate::server::bind;
use crate::server::connection::{Peer, Service};
use crate::server::crowd::{Crowd, Room};
use crate::server::front::{Front, Secure};
use crate::tls::Keeper;

/// The name by which systemd hands over a socket for the admin pages alone.
const ADMIN: &str = "admin";
/// The name of one on which plain HTTP is answered with the way to HTTPS.
const HTTP: &str = "http";

/// Every place, bound.
pub(super) struct Bound {
    places: Vec<Place>,
    /// Plain HTTP where TLS is on.
    http: Vec<TcpListener>,
    /// What places answer that are not for the admin pages.
    rest: Serves,
    /// The address by which the gateway is known.
    pub(super) addr: SocketAddr,
    /// Sockets in the file system that go when the daemon ends.
    pub(super) paths: Vec<PathBuf>,
}

struct Place {
    socket: Socket,
    shown: String,
    serves: Serves,
    is_plain: bool,
}

impl Bound {
    /// Binds what `config` wants; what systemd has handed over takes the place of `listen_addr`.
    pub(super) async fn bind(config: &Config, given: Vec<Given>) -> anyhow::Result<Self> {
        let has_admin_places = !config.server.admin_listen.is_empty() || given.iter().any(|given| given.name == ADMIN);
        let rest = if has_admin_places { Serves::Inference } else { Serves::All };
        let (addr, places, http, paths) = (config.listen_addr, Vec::new(), Vec::new(), Vec::new());
        let mut bound = Self { places, http, rest, addr, paths };
        for Given { socket, name } in given {
            match socket {
                Socket::Tcp(listener) if name == HTTP && config.tls.is_on() => bound.http.push(listener),
                socket => bound.put(socket, if name == ADMIN { Serves::Admin } else { rest }, false)?,
            }
        }
        if !bound.places.iter().any(|place| place.serves == rest) {
            let listener = bind::tcp(config.listen_addr, "listen_addr").await?;
            bound.put(Socket::Tcp(listener), rest, false)?;
        }
        let server = &config.server;
        for (list, key, serves) in
            [(&server.listen, "server.listen", rest), (&server.admin_listen, "server.admin_listen", Serves::Admin)]
        {
            for wanted in list {
                match wanted {
                    Listen::Tcp { addr, is_plain } => {
                        let listener = bind::tcp(*addr, key).await?;
                        bound.put(Socket::Tcp(listener), serves, *is_plain)?;
                    }
                    Listen::Unix(path) => {
                        let listener = bind::socket(path, server.socket_mode, key)?;
                        bound.paths.push(path.clone());
                        bound.put(Socket::Unix(listener), serves, true)?;
                    }
                }
            }
        }
        if let Some(addr) = config.tls.http_addr.filter(|_| config.tls.is_on()) {
            bound.http.push(bind::tcp(addr, "tls.http_addr").await?);
        }
        let known = bound.places.iter().find(|place| place.serves == rest && matches!(place.socket, Socket::Tcp(_)));
        if let Some(Socket::Tcp(listener)) = known.map(|place| &place.socket) {
            bound.addr = listener.local_addr()?;
        }
        Ok(bound)
    }

    fn put(&mut self, socket: Socket, serves: Serves, is_plain: bool) -> std::io::Result<()> {
        let shown = match &socket {
            Socket::Tcp(listener) => listener.local_addr()?.to_string(),
            Socket::Unix(listener) => {
                let path = listener.local_addr()?.as_pathname().map(|path| path.display().to_string());
                format!("unix:{}", path.unwrap_or_default())
            }
        };
        let is_plain = is_plain || matches!(socket, Socket::Unix(_));
        self.places.push(Place { socket, shown, serves, is_plain });
        Ok(())
    }

    /// Every address with a port.
    pub(super) fn addresses(&self) -> Vec<SocketAddr> {
        let addr = |place: &Place| match &place.socket {
            Socket::Tcp(listener) => listener.local_addr().ok(),
            Socket::Unix(_) => None,
        };
        self.places.iter().filter_map(addr).collect()
    }

    /// Off loopback, nobody may find a gateway that has no owner yet.
    pub(super) fn refuse_open_door(&self, has_admin: bool) -> anyhow::Result<()> {
        let open = self.addresses().into_iter().find(|addr| !addr.ip().to_canonical().is_loopback());
        match open {
            Some(addr) if !has_admin => anyhow::bail!(
                "refusing to listen on {addr}, which other machines can reach, before an admin token exists. \
                 Run `torod token create --role admin` first, or set `listen_addr = \"127.0.0.1:{}\"`",
                addr.port()
            ),
            _ => Ok(()),
        }
    }

    /// Every place, for people.
    pub(super) fn views(&self, is_tls: bool) -> Vec<ListenerView> {
        let view = |place: &Place| ListenerView {
            what: match place.serves {
                Serves::All | Serves::Inference => "api",
                Serves::Admin => "admin",
            }
            .to_owned(),
            address: place.shown.clone(),
            is_loopback: match &place.socket {
                Socket::Tcp(listener) => is_loopback(listener),
                Socket::Unix(_) => true,
            },
            is_tls: is_tls && !place.is_plain,
        };
        let http = self.http.iter().filter_map(|listener| {
            let (address, is_loopback) = (listener.local_addr().ok()?.to_string(), is_loopback(listener));
            Some(ListenerView { what: "http".to_owned(), address, is_loopback, is_tls: false })
        });
        self.places.iter().map(view).chain(http).collect()
    }

    /// Begins to answer everywhere.
    pub(super) fn open(
        self,
        config: &Config,
        routes: &Arc<Routes>,
        keeper: Option<&Arc<Keeper>>,
        lifecycle: &Lifecycle,
    ) {
        let limits = &config.limits;
        let room = Room { connections: limits.connections, per_address: limits.connections_per_address };
        let crowd = Arc::new(Crowd::new(room));
        let spawn = |listener: TcpListener, front: Front| {
            let known = Arc::clone(routes);
            let is_proxy = move |address| known.trusts(address);
            let hall = Hall::new(front, Arc::clone(&crowd), lifecycle.clone());
            lifecycle.spawn("listener", accept::tcp(listener, hall, is_proxy));
        };
        let insecure = |service: Arc<dyn Service>, keeper: &Arc<Keeper>, port: u16| {
            Arc::new(Insecure { routes: Arc::clone(routes), service, keeper: Arc::clone(keeper), port })
        };
        for Place { socket, serves, is_plain, .. } in self.places {
            let service = serves.service(routes);
            match socket {
                Socket::Tcp(listener) => {
                    let port = listener.local_addr().map_or(443, |addr| addr.port());
                    let secure = keeper.filter(|_| !is_plain).map(|keeper| Secure {
                        config: keeper.config(),
                        plain: insecure(Arc::clone(&service), keeper, port),
                    });
                    spawn(listener, Front { service, secure, proxy_protocol: config.server.proxy_protocol });
                }
                Socket::Unix(listener) => {
                    let (crowd, closed) = (Some(Arc::clone(&crowd)), CancellationToken::new());
                    let accepting = accept::unix(listener, Peer::Unix, service, crowd, lifecycle.clone(), closed);
                    lifecycle.spawn("listener", accepting);
                }
            }
        }
        for (listener, keeper) in self.http.into_iter().zip(keeper.into_iter().cycle()) {
            let service = insecure(self.rest.service(routes), keeper, self.addr.port());
            let proxy_protocol = config.server.proxy_protocol;
            spawn(listener, Front { service, secure: None, proxy_protocol });
        }
    }
}

fn is_loopback(listener: &TcpListener) -> bool {
    listener.local_addr().is_ok_and(|addr| addr.ip().to_canonical().is_loopback())
}
