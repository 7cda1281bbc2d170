//! Every place where the gateway listens, and how that changes while it runs: what is new stands beside the old, and goes
//! again unless somebody comes by it in time and says that it holds.

use std::net::SocketAddr;
use std::sync::Arc;

use arc_swap::{ArcSwap, ArcSwapOption};
use tokenrouter_shared::gateway::ListenerView;
use tokio_util::sync::CancellationToken;

use super::places::{At, Bound, Handed, Wanted, What, named, rest};
use super::trial::Trial;
use crate::access::Random;
use crate::admin::network::Standing;
use crate::clock::Clock;
use crate::config::Config;
use crate::http::doorway::{Insecure, Serves};
use crate::http::routes::Routes;
use crate::lifecycle::Lifecycle;
use crate::server::accept::{self, Hall};
use crate::server::activation::Socket;
use crate::server::connection::{Peer, Service};
use crate::server::crowd::{Crowd, Room};
use crate::server::front::{Front, Secure};
use crate::tls::Keeper;

/// The certificate's keeper that is in force.
pub(super) type InForce = Arc<ArcSwapOption<Keeper>>;

/// What a board is built from.
pub(super) struct Ground {
    pub(super) routes: Arc<Routes>,
    pub(super) lifecycle: Lifecycle,
    pub(super) room: Room,
    pub(super) clock: Clock,
    pub(super) random: Random,
    pub(super) dir: std::path::PathBuf,
    pub(super) keeper: InForce,
    /// The metrics' own listener, where it speaks TLS, with its port.
    pub(super) metrics: Option<(Arc<ArcSwap<Front>>, u16)>,
}

/// Every place where the gateway listens.
pub(super) struct Board {
    pub(super) ground: Ground,
    crowd: Arc<Crowd>,
    pub(super) inner: tokio::sync::Mutex<Inner>,
    pub(super) seen: ArcSwap<Standing>,
}

/// What changes, one change after the other.
pub(super) struct Inner {
    pub(super) config: Arc<Config>,
    pub(super) handed: Vec<Handed>,
    pub(super) places: Vec<Place>,
    pub(super) trial: Option<Trial>,
    pub(super) trials: u64,
}

/// A place that is open.
pub(super) struct Place {
    pub(super) wanted: Wanted,
    pub(super) shown: String,
    pub(super) addr: Option<SocketAddr>,
    pub(super) front: Arc<ArcSwap<Front>>,
    closed: CancellationToken,
    gone: CancellationToken,
}

/// How places speak.
#[derive(Clone, Copy)]
pub(super) struct Manner<'a> {
    pub(super) config: &'a Config,
    pub(super) keeper: Option<&'a Arc<Keeper>>,
    /// What is served where the admin pages do not stand apart.
    pub(super) rest: Serves,
    /// The port at which TLS is spoken, for those who come by plain HTTP elsewhere.
    pub(super) port: u16,
}

impl Place {
    /// For people.
    pub(super) fn view(&self) -> ListenerView {
        self.wanted.view(&self.shown, self.addr, self.front.load().secure.is_some())
    }

    /// Stops listening; who is connected stays.
    pub(super) async fn shut(&self) {
        self.closed.cancel();
        self.gone.cancelled().await;
    }

    /// The same for good: its file goes as well.
    pub(super) async fn close(self) {
        self.shut().await;
        if let Some(path) = self.wanted.path() {
            _ = std::fs::remove_file(path);
        }
    }

    /// Where it was, with the port that it had.
    pub(super) fn bound_at(&self) -> Wanted {
        let at = self.addr.map_or_else(|| self.wanted.at.clone(), At::Tcp);
        Wanted { at, ..self.wanted.clone() }
    }
}

impl Board {
    /// Begins to answer at all of `bound`.
    pub(super) fn open(ground: Ground, config: &Arc<Config>, bound: Bound) -> std::io::Result<Arc<Self>> {
        let Bound { sockets, handed, .. } = bound;
        let inner = Inner { config: Arc::clone(config), handed, places: Vec::new(), trial: None, trials: 0 };
        let crowd = Arc::new(Crowd::new(ground.room));
        let mut board = Self { ground, crowd, inner: tokio::sync::Mutex::new(inner), seen: ArcSwap::default() };
        let keeper = board.ground.keeper.load_full();
        let rest = rest(config, &board.inner.get_mut().handed);
        let manner = Manner { config, keeper: keeper.as_ref(), rest, port: bound.addr.port() };
        let mut places = Vec::new();
        for (wanted, socket) in sockets {
            let front = board.front(&wanted, named(&socket)?.1, manner);
            places.push(board.begin_at(wanted, socket, front)?);
        }
        let inner = board.inner.get_mut();
        inner.places = places;
        let listeners = inner.places.iter().map(Place::view).collect();
        board.seen.store(Arc::new(Standing { listeners, ..Standing::default() }));
        Ok(Arc::new(board))
    }

    /// Removes the sockets in the file system, at the end.
    pub(super) async fn remove_files(&self) {
        let inner = self.inner.lock().await;
        let added = inner.trial.iter().flat_map(Trial::added);
        for path in inner.places.iter().chain(added).filter_map(|place| place.wanted.path()) {
            _ = std::fs::remove_file(path);
        }
    }

    /// The metrics' own listener shows the certificate that the others show.
    pub(super) fn follow_metrics(&self, keeper: Option<&Arc<Keeper>>) {
        let Some((front, port)) = &self.ground.metrics else { return };
        front.rcu(|now| {
            let secure = keeper.map(|keeper| self.secure(&now.service, keeper, *port));
            Front { secure, ..Front::clone(now) }
        });
    }

    fn secure(&self, service: &Arc<dyn Service>, keeper: &Arc<Keeper>, port: u16) -> Secure {
        Secure { config: keeper.config(), plain: self.insecure(service, keeper, port) }
    }

    fn insecure(&self, service: &Arc<dyn Service>, keeper: &Arc<Keeper>, port: u16) -> Arc<Insecure> {
        let (routes, service) = (Arc::clone(&self.ground.routes), Arc::clone(service));
        Arc::new(Insecure { routes, service, keeper: Arc::clone(keeper), port })
    }

    /// What answers at a place.
    pub(super) fn front(&self, wanted: &Wanted, own: Option<SocketAddr>, manner: Manner<'_>) -> Front {
        let Manner { config, keeper, rest, port } = manner;
        let routes = &self.ground.routes;
        let proxy_protocol = config.server.proxy_protocol;
        match (wanted.what, keeper) {
            (What::Http, Some(keeper)) => {
                keeper.set_asked_by_http();
                let service = self.insecure(&rest.service(routes), keeper, port);
                Front { service, secure: None, proxy_protocol }
            }
            (What::Http, None) => Front { service: rest.service(routes), secure: None, proxy_protocol },
            (What::Serves(serves), keeper) => {
                let own = own.map_or(443, |addr| addr.port());
                let service = serves.service(routes);
                let secure = keeper.filter(|_| !wanted.is_plain).map(|keeper| self.secure(&service, keeper, own));
                Front { service, secure, proxy_protocol }
            }
        }
    }

    /// Begins to answer at `socket`.
    pub(super) fn begin_at(&self, wanted: Wanted, socket: Socket, front: Front) -> std::io::Result<Place> {
        let Ground { lifecycle, routes, .. } = &self.ground;
        let crowd = &self.crowd;
        let (shown, addr) = named(&socket)?;
        let front = Arc::new(ArcSwap::from_pointee(front));
        let (closed, gone) = (CancellationToken::new(), CancellationToken::new());
        let last = gone.clone().drop_guard();
        if let At::Given(_) = wanted.at {
            // The service manager keeps it open: who connects from then on is served by the next version.
            let (left, ends, closed) = (lifecycle.leaves(), lifecycle.clone(), closed.clone());
            lifecycle.spawn_connection(async move {
                tokio::select! {
                    () = left => closed.cancel(),
                    () = closed.cancelled() => {}
                    () = ends.hard_stop() => {}
                }
            });
        }
        match socket {
            Socket::Tcp(listener) => {
                let hall = Hall {
                    front: Arc::clone(&front),
                    crowd: Arc::clone(crowd),
                    lifecycle: lifecycle.clone(),
                    closed: closed.clone(),
                };
                let known = Arc::clone(routes);
                let is_proxy = move |address| known.trusts(address);
                lifecycle.spawn_until("listener", closed.clone(), async move {
                    accept::tcp(listener, hall, is_proxy).await;
                    drop(last);
                });
            }
            Socket::Unix(listener) => {
                let (front, crowd) = (Arc::clone(&front), Some(Arc::clone(crowd)));
                let (ends, until) = (lifecycle.clone(), closed.clone());
                lifecycle.spawn_until("listener", closed.clone(), async move {
                    accept::unix(listener, Peer::Unix, front, crowd, ends, until).await;
                    drop(last);
                });
            }
        }
        Ok(Place { wanted, shown, addr, front, closed, gone })
    }
}
