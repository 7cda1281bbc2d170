//! A change of the places that is tried: begun, held while the file is written, settled, or taken back.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokenrouter_shared::network::NetworkTrial;
use tokio_util::sync::CancellationToken;

use super::board::{Board, Inner, Manner, Place};
use super::mending;
use super::places::{Wanted, What, named, rest};
use crate::admin::network::{Later, Refusal, Standing, Ways};
use crate::config::Config;
use crate::http::routes::Reached;
use crate::http::tried::Tried;
use crate::server::activation::Socket;
use crate::server::bind::BindError;
use crate::server::connection::Service;
use crate::server::front::{Front, Secure};
use crate::tls::{self, Keeper};

/// A change that is tried.
pub(super) struct Trial {
    id: u64,
    config: Arc<Config>,
    /// The other keeper, if the change wants one; none in it where TLS goes off.
    keeper: Option<Option<Arc<Keeper>>>,
    added: Vec<Place>,
    /// What had to be closed for something new, to be bound again.
    displaced: Vec<Place>,
    /// What answered before at places that stay.
    swapped: Vec<(Arc<ArcSwap<Front>>, Arc<Front>)>,
    /// Somebody has said that it holds, and the file is being written.
    is_held: bool,
    /// Ends its clock.
    over: CancellationToken,
}

impl Trial {
    /// Where it listens besides.
    pub(super) fn added(&self) -> &[Place] {
        &self.added
    }
}

/// Sockets for what is new, and what was closed for them.
#[derive(Default)]
struct New {
    sockets: Vec<(Wanted, Socket)>,
    displaced: Vec<Place>,
}

/// The new manner beside the old one, so that whoever comes by the old is answered as before.
fn beside(new: Front, old: Option<&Front>, id: u64) -> Front {
    let mark = |service: Arc<dyn Service>| -> Arc<dyn Service> { Arc::new(Tried { service, id }) };
    let proxy_protocol = new.proxy_protocol;
    match (old, new.secure) {
        (Some(old), Some(secure)) if old.secure.is_none() => {
            let secure = Secure { config: secure.config, plain: Arc::clone(&old.service) };
            Front { service: mark(new.service), secure: Some(secure), proxy_protocol }
        }
        (Some(Front { service, secure: Some(before), .. }), None) => {
            let secure = Secure { config: Arc::clone(&before.config), plain: mark(new.service) };
            Front { service: Arc::clone(service), secure: Some(secure), proxy_protocol }
        }
        (_, secure) => Front { service: mark(new.service), secure, proxy_protocol },
    }
}

impl Board {
    /// Tries `config` for as long as `within`.
    async fn try_out(self: Arc<Self>, config: Config, within: Duration) -> Result<(u64, NetworkTrial), Refusal> {
        let mut inner = self.inner.lock().await;
        if inner.trial.is_some() {
            return Err(Refusal::Busy);
        }
        let wants = Wanted::all(&config, &inner.handed);
        let has_same_tls = tls::is_same(&inner.config, &config);
        let is_same = wants.len() == inner.places.len()
            && wants.iter().all(|wanted| inner.places.iter().any(|place| place.wanted == *wanted))
            && inner.config.server.proxy_protocol == config.server.proxy_protocol;
        if is_same && has_same_tls {
            return Err(Refusal::Same);
        }
        let before = self.ground.keeper.load_full();
        let other = if has_same_tls { None } else { Some(self.make_keeper(&config).await?) };
        let keeper = other.clone().unwrap_or(before);
        let bound = match self.bind_new(&mut inner, &wants, &config).await {
            Ok(bound) => bound,
            Err(error) => {
                discard(other);
                return Err(Refusal::Unusable(error.to_string()));
            }
        };
        inner.trials += 1;
        let id = inner.trials;
        let port = port(&inner.places, &bound.sockets, &wants);
        let rest = rest(&config, &inner.handed);
        let manner = Manner { config: &config, keeper: keeper.as_ref(), rest, port };
        let mut listeners = Vec::new();
        let mut kept = Vec::new();
        for place in &inner.places {
            let Some(wanted) = wants.iter().find(|wanted| wanted.is_at(&place.wanted)) else { continue };
            if wanted.what == What::Http && place.wanted.what != What::Http {
                // What is there goes on until the change holds.
                continue;
            }
            let (new, old) = (self.front(wanted, place.addr, manner), place.front.load_full());
            let is_other = *wanted != place.wanted
                || old.secure.is_some() != new.secure.is_some()
                || (new.secure.is_some() && !has_same_tls)
                || old.proxy_protocol != new.proxy_protocol;
            kept.push((place, wanted, new, old, is_other || wanted.what == What::Http));
        }
        let serves = |wanted: &Wanted| wanted.what != What::Http;
        let is_new = bound.sockets.iter().any(|(wanted, _)| serves(wanted))
            || kept.iter().any(|(_, wanted, .., is_other)| *is_other && serves(wanted));
        let mut swapped = Vec::new();
        for (place, wanted, new, old, is_other) in kept {
            // Where nothing is new but something goes, what stays is what is looked at.
            if is_other || !is_new {
                let is_tls = new.secure.is_some();
                place.front.store(Arc::new(beside(new, Some(&old), id)));
                swapped.push((Arc::clone(&place.front), old));
                if serves(wanted) {
                    listeners.push(wanted.view(&place.shown, place.addr, is_tls));
                }
            }
        }
        let mut added: Vec<Place> = Vec::new();
        let New { sockets, displaced } = bound;
        for (wanted, socket) in sockets {
            let addr = named(&socket).ok().and_then(|(_, addr)| addr);
            let new = self.front(&wanted, addr, manner);
            let is_tls = new.secure.is_some();
            // What cannot be asked for its own address cannot be served either.
            let Ok(place) = self.begin_at(wanted, socket, beside(new, None, id)) else { continue };
            if serves(&place.wanted) {
                listeners.push(place.wanted.view(&place.shown, place.addr, is_tls));
            }
            added.push(place);
        }
        if let Some(Some(keeper)) = &other {
            keeper.begin(&self.ground.lifecycle);
        }
        let until_ms = self.ground.clock.now_ms().saturating_add(i64::try_from(within.as_millis()).unwrap_or(i64::MAX));
        let fingerprint = keeper.and_then(|keeper| keeper.facts()).map(|facts| facts.fingerprint.clone());
        let view = NetworkTrial { until_ms, listeners, fingerprint };
        let (config, over) = (Arc::new(config), CancellationToken::new());
        let clock = over.clone();
        inner.trial = Some(Trial { id, config, keeper: other, added, displaced, swapped, is_held: false, over });
        self.tell(&inner, Some(view.clone()), None);
        drop(inner);
        let me = Arc::clone(&self);
        self.ground.lifecycle.spawn_connection(async move {
            let ended = me.ground.lifecycle.clone();
            tokio::select! {
                () = tokio::time::sleep(within) => {}
                () = clock.cancelled() => return,
                () = ended.soft_stop() => return,
            }
            let seconds = within.as_secs();
            me.take_back(id, &format!("nobody came by it and confirmed it within {seconds} s"), false).await;
        });
        Ok((id, view))
    }

    /// Keeps the change `id` from being taken back while the file is written; none where there is no such change any more.
    async fn keep_waiting(&self, id: u64) -> Option<Arc<Config>> {
        let mut inner = self.inner.lock().await;
        let trial = inner.trial.as_mut().filter(|trial| trial.id == id && !trial.is_held)?;
        trial.is_held = true;
        Some(Arc::clone(&trial.config))
    }

    /// The change `id` holds: what is no longer wanted goes.
    async fn come_into_force(&self, id: u64) {
        let mut inner = self.inner.lock().await;
        let Some(trial) = inner.trial.take_if(|trial| trial.id == id) else { return };
        trial.over.cancel();
        let wants = Wanted::all(&trial.config, &inner.handed);
        if let Some(keeper) = trial.keeper {
            if let Some(keeper) = &keeper {
                let keeper = Arc::clone(keeper);
                drop(tokio::task::spawn_blocking(move || keeper.promote()).await);
            }
            self.ground.keeper.swap(keeper).iter().for_each(|before| before.end());
        }
        let keeper = self.ground.keeper.load_full();
        inner.config = trial.config;
        let mut places = std::mem::take(&mut inner.places);
        places.extend(trial.added);
        let port = port(&places, &[], &wants);
        let config = Arc::clone(&inner.config);
        let rest = rest(&config, &inner.handed);
        let manner = Manner { config: &config, keeper: keeper.as_ref(), rest, port };
        for mut place in places {
            let Some(wanted) = wants.iter().find(|wanted| wanted.is_at(&place.wanted)) else {
                place.close().await;
                continue;
            };
            place.wanted = wanted.clone();
            place.front.store(Arc::new(self.front(wanted, place.addr, manner)));
            inner.places.push(place);
        }
        self.follow_metrics(keeper.as_ref());
        tracing::info!("the gateway listens where the change of the network says");
        self.tell(&inner, None, None);
    }

    /// Takes the change `id` back. Whoever holds it says so; nobody else takes it back then. Says whether there was one.
    async fn take_back(&self, id: u64, why: &str, is_held: bool) -> bool {
        let mut inner = self.inner.lock().await;
        let Some(trial) = inner.trial.take_if(|trial| trial.id == id && trial.is_held == is_held) else { return false };
        trial.over.cancel();
        for (front, before) in trial.swapped {
            front.store(before);
        }
        for place in trial.added {
            place.close().await;
        }
        self.bind_again(&mut inner, trial.displaced).await;
        discard(trial.keeper);
        tracing::warn!("the change of where the gateway listens was taken back: {why}");
        self.tell(&inner, None, Some(why.to_owned()));
        true
    }

    async fn make_keeper(&self, config: &Config) -> Result<Option<Arc<Keeper>>, Refusal> {
        let (config, dir, clock) = (config.clone(), self.ground.dir.clone(), self.ground.clock.clone());
        let dice = mending::dice(self.ground.random);
        let made = tokio::task::spawn_blocking(move || Keeper::try_out(&config, &dir, &clock, dice)).await;
        let made = made.map_err(|_| Refusal::Busy)?;
        Ok(made.map_err(|error| Refusal::Unusable(error.to_string()))?.map(Arc::new))
    }

    /// Binds what is wanted and not there yet. Where one is in the way that is not wanted any more, it makes room.
    async fn bind_new(&self, inner: &mut Inner, wants: &[Wanted], config: &Config) -> Result<New, BindError> {
        let mut bound = New::default();
        let is_there = |places: &[Place], wanted: &Wanted| places.iter().any(|place| place.wanted.is_at(wanted));
        let new: Vec<&Wanted> = wants.iter().filter(|wanted| !is_there(&inner.places, wanted)).collect();
        for wanted in new {
            let error = loop {
                match wanted.bind(config.server.socket_mode).await {
                    Ok(socket) => {
                        bound.sockets.extend(socket.map(|socket| (wanted.clone(), socket)));
                        break None;
                    }
                    Err(error @ BindError::Taken(..)) => {
                        let in_the_way = inner.places.iter().position(|place| {
                            let is_blocked = place.addr.is_some_and(|addr| wanted.is_blocked_by(addr));
                            is_blocked && !wants.iter().any(|other| other.is_at(&place.wanted))
                        });
                        let Some(at) = in_the_way else { break Some(error) };
                        let place = inner.places.remove(at);
                        place.shut().await;
                        bound.displaced.push(place);
                    }
                    Err(error) => break Some(error),
                }
            };
            if let Some(error) = error {
                for path in bound.sockets.iter().filter_map(|(wanted, _)| wanted.path()) {
                    _ = std::fs::remove_file(path);
                }
                drop(bound.sockets);
                self.bind_again(inner, bound.displaced).await;
                return Err(error);
            }
        }
        Ok(bound)
    }

    /// Opens anew what was closed for a change that does not hold.
    async fn bind_again(&self, inner: &mut Inner, displaced: Vec<Place>) {
        for place in displaced {
            let front = Front::clone(&place.front.load());
            let again = match place.bound_at().bind(inner.config.server.socket_mode).await {
                Ok(Some(socket)) => self.begin_at(place.wanted.clone(), socket, front).map_err(|e| e.to_string()),
                Ok(None) => continue,
                Err(error) => Err(error.to_string()),
            };
            match again {
                Ok(place) => inner.places.push(place),
                Err(error) => tracing::error!("the gateway no longer listens on {}: {error}", place.shown),
            }
        }
    }

    /// Tells how it stands, and by which names the gateway is reached.
    fn tell(&self, inner: &Inner, trial: Option<NetworkTrial>, taken_back: Option<String>) {
        let added = inner.trial.iter().flat_map(|trial| &trial.added);
        let all = || inner.places.iter().chain(added.clone());
        let listeners = all().map(Place::view).collect();
        let mut hosts = inner.config.tls.hosts.clone();
        hosts.extend(inner.trial.iter().flat_map(|trial| trial.config.tls.hosts.iter().cloned()));
        self.ground.routes.reach(Reached { at: all().filter_map(|place| place.addr).collect(), hosts });
        self.seen.store(Arc::new(Standing { listeners, trial, taken_back }));
    }
}

/// The port at which the gateway is known.
fn port(places: &[Place], sockets: &[(Wanted, Socket)], wants: &[Wanted]) -> u16 {
    let bound = |wanted: &Wanted| {
        let known = places.iter().find(|place| place.wanted.is_at(wanted)).and_then(|place| place.addr);
        let new = || {
            let (_, socket) = sockets.iter().find(|(other, _)| other == wanted)?;
            named(socket).ok()?.1
        };
        known.or_else(new)
    };
    let mut serving = wants.iter().filter(|wanted| wanted.what != What::Http && !wanted.is_plain);
    serving.find_map(bound).map_or(443, |addr| addr.port())
}

/// A keeper that does not come into force.
fn discard(keeper: Option<Option<Arc<Keeper>>>) {
    if let Some(keeper) = keeper.flatten() {
        keeper.end();
        // Off this thread: a file is removed.
        drop(tokio::task::spawn_blocking(move || keeper.discard()));
    }
}

impl Ways for Board {
    fn standing(&self) -> Standing {
        Standing::clone(&self.seen.load())
    }

    fn begin(self: Arc<Self>, config: Config, within: Duration) -> Later<Result<(u64, NetworkTrial), Refusal>> {
        Box::pin(self.try_out(config, within))
    }

    fn hold(self: Arc<Self>, id: u64) -> Later<Option<Arc<Config>>> {
        Box::pin(async move { self.keep_waiting(id).await })
    }

    fn settle(self: Arc<Self>, id: u64, holds: bool) -> Later<()> {
        Box::pin(async move {
            if holds {
                self.come_into_force(id).await;
            } else {
                self.take_back(id, "the file could not be changed", true).await;
            }
        })
    }

    fn withdraw(self: Arc<Self>) -> Later<bool> {
        Box::pin(async move {
            let id = self.inner.lock().await.trial.as_ref().map(|trial| trial.id);
            match id {
                Some(id) => self.take_back(id, "somebody took it back", false).await,
                None => false,
            }
        })
    }
}
