//! The places where the gateway is to listen, and their sockets.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use tokenrouter_shared::gateway::ListenerView;

use crate::config::{Config, Listen};
use crate::http::doorway::Serves;
use crate::server::activation::{Given, Socket};
use crate::server::bind::{self, BindError};

/// The name by which systemd hands over a socket for the admin pages alone.
const ADMIN: &str = "admin";
/// The name of one on which plain HTTP is answered with the way to HTTPS.
const HTTP: &str = "http";

/// Where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum At {
    /// A socket that the service manager has opened: which one.
    Given(usize),
    /// An address.
    Tcp(SocketAddr),
    /// A socket in the file system.
    Unix(PathBuf),
}

/// What answers there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// The gateway, or a part of it.
    Serves(Serves),
    /// The way to HTTPS.
    Http,
}

/// A place that is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) at: At,
    pub(super) what: What,
    /// Whether it speaks plain HTTP although TLS is on.
    pub(super) is_plain: bool,
    /// Where it stands in the file.
    pub(super) key: &'static str,
}

/// A socket of the service manager's, by its name.
#[derive(Clone, Debug)]
pub(super) struct Handed {
    name: String,
    is_tcp: bool,
}

impl Handed {
    pub(super) fn of(given: &Given) -> Self {
        Self { name: given.name.clone(), is_tcp: matches!(given.socket, Socket::Tcp(_)) }
    }
}

impl Wanted {
    /// Every place that `config` wants; what the service manager has `handed` over takes the place of `listen_addr`.
    pub(super) fn all(config: &Config, handed: &[Handed]) -> Vec<Self> {
        let rest = rest(config, handed);
        let mut all = Vec::new();
        for (at, Handed { name, is_tcp }) in handed.iter().enumerate() {
            let what = match name.as_str() {
                HTTP if *is_tcp && config.tls.is_on() => What::Http,
                ADMIN => What::Serves(Serves::Admin),
                _ => What::Serves(rest),
            };
            all.push(Self { at: At::Given(at), what, is_plain: !is_tcp, key: "listen_addr" });
        }
        if !all.iter().any(|wanted| wanted.what == What::Serves(rest)) {
            let at = At::Tcp(config.listen_addr);
            all.push(Self { at, what: What::Serves(rest), is_plain: false, key: "listen_addr" });
        }
        let server = &config.server;
        for (list, key, serves) in
            [(&server.listen, "server.listen", rest), (&server.admin_listen, "server.admin_listen", Serves::Admin)]
        {
            let what = What::Serves(serves);
            all.extend(list.iter().map(|listen| match listen {
                Listen::Tcp { addr, is_plain } => Self { at: At::Tcp(*addr), what, is_plain: *is_plain, key },
                Listen::Unix(path) => Self { at: At::Unix(path.clone()), what, is_plain: true, key },
            }));
        }
        if let Some(addr) = config.tls.http_addr.filter(|_| config.tls.is_on()) {
            all.push(Self { at: At::Tcp(addr), what: What::Http, is_plain: true, key: "tls.http_addr" });
        }
        all
    }

    /// Whether it is `other`'s place as well.
    pub(super) fn is_at(&self, other: &Self) -> bool {
        // Any port is another one each time.
        let is_one = !matches!(self.at, At::Tcp(addr) if addr.port() == 0);
        self.at == other.at && (is_one || self.key == other.key)
    }

    /// Whether what listens at `addr` keeps it from being bound: the same port, and one of both at every address.
    pub(super) fn is_blocked_by(&self, addr: SocketAddr) -> bool {
        match &self.at {
            At::Tcp(own) => own.port() == addr.port() && (own.ip().is_unspecified() || addr.ip().is_unspecified()),
            At::Given(_) | At::Unix(_) => false,
        }
    }

    /// Binds it; none where the service manager has it.
    pub(super) async fn bind(&self, socket_mode: u32) -> Result<Option<Socket>, BindError> {
        Ok(match &self.at {
            At::Given(_) => None,
            At::Tcp(addr) => Some(Socket::Tcp(bind::tcp(*addr, self.key).await?)),
            At::Unix(path) => Some(Socket::Unix(bind::socket(path, socket_mode, self.key)?)),
        })
    }

    /// Its file.
    pub(super) fn path(&self) -> Option<&Path> {
        match &self.at {
            At::Unix(path) => Some(path),
            At::Given(_) | At::Tcp(_) => None,
        }
    }

    /// For people.
    pub(super) fn view(&self, shown: &str, addr: Option<SocketAddr>, is_tls: bool) -> ListenerView {
        ListenerView {
            what: match self.what {
                What::Serves(Serves::All | Serves::Inference) => "api",
                What::Serves(Serves::Admin) => "admin",
                What::Http => "http",
            }
            .to_owned(),
            address: shown.to_owned(),
            is_loopback: addr.is_none_or(|addr| addr.ip().to_canonical().is_loopback()),
            is_tls: is_tls && !self.is_plain && self.what != What::Http,
        }
    }
}

/// What is served where the admin pages do not stand apart.
pub(super) fn rest(config: &Config, handed: &[Handed]) -> Serves {
    let has_admin = !config.server.admin_listen.is_empty() || handed.iter().any(|handed| handed.name == ADMIN);
    if has_admin { Serves::Inference } else { Serves::All }
}

/// Every place, bound.
pub(super) struct Bound {
    pub(super) sockets: Vec<(Wanted, Socket)>,
    pub(super) handed: Vec<Handed>,
    /// The address by which the gateway is known.
    pub(super) addr: SocketAddr,
}

impl Bound {
    /// Binds what `config` wants; what systemd has handed over takes the place of `listen_addr`.
    pub(super) async fn bind(config: &Config, given: Vec<Given>) -> anyhow::Result<Self> {
        let handed: Vec<Handed> = given.iter().map(Handed::of).collect();
        let mut given = given.into_iter();
        let (mut sockets, mut known) = (Vec::new(), None);
        for wanted in Wanted::all(config, &handed) {
            // They stand first, in their order.
            let socket = match wanted.bind(config.server.socket_mode).await? {
                Some(socket) => Some(socket),
                None => given.next().map(|given| given.socket),
            };
            let Some(socket) = socket else { continue };
            let is_known = matches!(wanted.what, What::Serves(Serves::All | Serves::Inference));
            known = known.or(named(&socket)?.1.filter(|_| is_known));
            sockets.push((wanted, socket));
        }
        Ok(Self { sockets, handed, addr: known.unwrap_or(config.listen_addr) })
    }

    /// Every address with a port.
    pub(super) fn addresses(&self) -> Vec<SocketAddr> {
        let serving = self.sockets.iter().filter(|(wanted, _)| wanted.what != What::Http);
        serving.filter_map(|(_, socket)| named(socket).ok()?.1).collect()
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
}

/// What a socket is called, and its address.
pub(super) fn named(socket: &Socket) -> std::io::Result<(String, Option<SocketAddr>)> {
    Ok(match socket {
        Socket::Tcp(listener) => {
            let addr = listener.local_addr()?;
            (addr.to_string(), Some(addr))
        }
        Socket::Unix(listener) => {
            let path = listener.local_addr()?.as_pathname().map(|path| path.display().to_string());
            (format!("unix:{}", path.unwrap_or_default()), None)
        }
    })
}
