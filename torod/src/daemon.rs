//! The composition root: builds every part in order, runs them, and stops them in reverse.

mod board;
mod mending;
mod places;
mod seeing;
mod trial;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::Context;
use arc_swap::{ArcSwap, ArcSwapOption};
use tokenrouter::envelope::Sealer;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use self::board::Board;
use self::mending::{finish_rotation, settle_broken_off};
use self::places::Bound;
use self::seeing::{Ground, Seeing};
use crate::access::rate::Pace;
use crate::access::wall::Moment;
use crate::access::{Random, Sessions, Setup, TokenIndex, founding, last_use, lease, sweep, used_up};
use crate::admin;
use crate::admin::network::{Network, Ways};
use crate::alerts::{self, Alerts};
use crate::app::App;
use crate::clock::Clock;
use crate::config::{Config, ConfigFile};
use crate::conversations::Conversations;
use crate::gateway::{declined, intake::UNPACKING, replay::Replays};
use crate::http::routes::{Door, Reached, Routes};
use crate::lifecycle::{Hangups, Lifecycle};
use crate::memory::Memory;
use crate::reload::{Changes, Parts, Reload, ReloadError};
use crate::server::activation::Given;
use crate::server::connection::Peer;
use crate::server::crowd::Room;
use crate::server::front::Front;
use crate::server::{accept, bind};
use crate::store::{
    DataSet, DirLock, Keyring, Lists, Readers, SignIns, kept, key_file, quotas, schema, sessions, tokens, usage,
};
use crate::telemetry::keep;
use crate::telemetry::lines::Lines;
use crate::tls::{self, Keeper};
use crate::upstreams::decisions::Decisions;
use crate::upstreams::discovery::Discovery;
use crate::upstreams::key_source::World;
use crate::upstreams::renewal::Renewals;
use crate::upstreams::snapshot::Live;
use crate::upstreams::vault::Vault;
use crate::upstreams::{probe, quota};
use crate::usage::{Sequence, UsageWriter, upkeep};

/// The control socket's name in the data folder.
pub const SOCKET: &str = "torod.sock";
/// How long flushing and closing may take at the end.
const CLOSING: Duration = Duration::from_secs(5);

/// What a daemon is built from.
pub struct Options {
    /// What the operator decided.
    pub config: Config,
    /// Where it stands on disk, to be read again when it changes.
    pub file: Option<ConfigFile>,
    /// Where the database lies.
    pub data_dir: PathBuf,
    /// The time.
    pub clock: Clock,
    /// Random bytes.
    pub random: Random,
    /// The environment, for secrets.
    pub env: fn(&str) -> Option<String>,
}

/// A daemon that listens.
pub struct Daemon {
    app: Arc<App>,
    setup: Arc<Setup>,
    usage: Arc<UsageWriter>,
    addr: SocketAddr,
    is_tls: bool,
    metrics_addr: Option<SocketAddr>,
    board: Arc<Board>,
    control: PathBuf,
    has_admin: bool,
    _lock: DirLock,
}

impl Daemon {
    /// Builds everything and begins to listen.
    pub async fn start(options: Options) -> anyhow::Result<Self> {
        Self::start_on(options, Vec::new()).await
    }

    /// The same on sockets that are bound already, instead of `listen_addr`.
    pub async fn start_on(options: Options, given: Vec<Given>) -> anyhow::Result<Self> {
        let Options { config, file, data_dir, clock, random, env } = options;
        let lock = DirLock::take(&data_dir)?;
        let mut connection = schema::open_writer(&data_dir)
            .with_context(|| format!("cannot use the data folder {}", data_dir.display()))?;
        let rows = tokens::all(&connection)?;
        let tokens = Arc::new(TokenIndex::timed(&rows, clock.clone()));
        founding::found_all(&connection, &tokens, Moment::of(&clock))?;
        let has_admin = tokens.has_admin(clock.now_ms());
        let was_fresh = !tokens::any_ever(&connection)?;
        let sessions = Arc::new(Sessions::new(sessions::all(&connection)?));
        let has_calls = kept::any(&connection, kept::Kind::Call)?;
        let ids = Arc::new(Sequence::after(usage::greatest_id(&connection)?));
        let known_quotas = quotas::all(&connection)?;
        let told = alerts::Before::read(&connection)?;
        let gateway_key = key_file::load_or_make(&data_dir, random)?;
        let keys = Arc::new(Keyring::new(&data_dir, random));
        let sign_ins = Arc::new(SignIns::new(&data_dir, Arc::clone(&keys), &gateway_key)?);
        finish_rotation(&mut connection, &keys, &sign_ins, clock.now_ms());
        if let Some(file) = &file {
            settle_broken_off(&mut connection, &file.path);
        }
        let usage = Arc::new(UsageWriter::start(connection, config.usage.queue, clock.clone())?);

        let (wanted, dir, time) = (config.clone(), data_dir.clone(), clock.clone());
        // Off this thread: it reads files.
        let begin = move || Keeper::start(&wanted, &dir, &time, mending::dice(random));
        let tls = tokio::task::spawn_blocking(begin).await??.map(Arc::new);
        let keeper = Arc::new(ArcSwapOption::new(tls.clone()));
        // Bound before anything else is announced, so that a taken port is the first thing to be told.
        let bound = Bound::bind(&config, given).await?;
        bound.refuse_open_door(has_admin)?;
        let (addr, reached) = (bound.addr, Reached { at: bound.addresses(), hosts: config.tls.hosts.clone() });
        let socket = data_dir.join(SOCKET);
        let control = bind::unix(&socket);

        let lifecycle = Lifecycle::default();
        let hangups = Hangups::listen();
        let readers = Arc::new(Readers::new(data_dir.clone()));
        let memory = Arc::new(Memory::new(
            usage.handle(),
            Arc::clone(&readers),
            clock.clone(),
            config.responses.clone(),
            has_calls,
        ));
        let mut seed = [0; 8];
        random(&mut seed)?;
        let live = Arc::new(Live::new(&config, Vec::new(), u64::from_ne_bytes(seed), clock.clone()));
        let conversations = Arc::new(Conversations::new(&data_dir, Arc::clone(&live), clock.clone()));
        conversations.configure(config.conversations.clone());
        let log_requests = Arc::new(AtomicBool::new(config.log.requests));
        let discovery = Discovery {
            live: Arc::clone(&live),
            lists: Arc::new(Lists::new(&data_dir)),
            clock: clock.clone(),
            lifecycle: lifecycle.clone(),
        };
        let vault = Arc::new(Vault::new(Arc::clone(&readers), Arc::clone(&keys)));
        let (wanted, known, rows) = (config.clone(), Arc::clone(&live), Arc::clone(&usage));
        let (time, secrets) = (clock.clone(), Arc::clone(&vault));
        // Off this thread: secrets come from files and commands.
        let seeing = move || {
            let (config, egress, vault) = (&wanted.telemetry, &wanted.egress, &*secrets);
            Seeing::begin(Ground { config, egress, live: &known, usage: &rows, clock: &time, random, env, vault })
        };
        let mut seeing = tokio::task::spawn_blocking(seeing).await??;
        let exporter = seeing.exporter.take();
        let scrapes = seeing.bind().await?;
        let renewals = Renewals {
            world: World { clock: clock.clone(), env, vault, sign_ins: Arc::clone(&sign_ins) },
            live: Arc::clone(&live),
            lifecycle: lifecycle.clone(),
        };
        let parts = Parts {
            discovery,
            memory: Arc::clone(&memory),
            conversations: Arc::clone(&conversations),
            log_requests: Arc::clone(&log_requests),
            data_set: DataSet::new(&data_dir),
            renewals,
            own_addr: addr,
            tls: Arc::clone(&keeper),
        };
        // Off this thread: secrets come from files and commands.
        let reload = tokio::task::spawn_blocking(move || Reload::new(parts, config, file)).await?;
        let reload = Arc::new(reload);
        let served = Arc::clone(&reload.status().config);
        let lines = Arc::default();
        let decisions = Arc::new(Decisions::default());
        let alerts = Arc::new(Alerts::new(alerts::Parts {
            live: Arc::clone(&live),
            tokens: Arc::clone(&tokens),
            usage: Arc::clone(&usage),
            readers: Arc::clone(&readers),
            vault: Arc::new(Vault::new(Arc::clone(&readers), Arc::clone(&keys))),
            env,
            clock: clock.clone(),
            before: told,
        }));
        let app = Arc::new(App {
            clock: clock.clone(),
            ids: Arc::clone(&ids),
            tokens: Arc::clone(&tokens),
            live: Arc::clone(&live),
            recorder: usage.recorder(),
            declined: declined::rows(),
            usage: Arc::clone(&usage),
            decisions: Arc::clone(&decisions),
            lifecycle: lifecycle.clone(),
            pace: Pace::default(),
            streams: Arc::default(),
            non_streams: Arc::default(),
            queue: Arc::default(),
            sealer: Sealer::new(gateway_key),
            memory: Arc::clone(&memory),
            conversations: Arc::clone(&conversations),
            unpacking: Semaphore::new(UNPACKING),
            log_requests,
            alerts: Arc::clone(&alerts),
            reload: Arc::clone(&reload),
            metrics: seeing.metrics.clone(),
            tracer: exporter.as_ref().map(|exporter| Arc::clone(&exporter.tracer)),
            exports: exporter.as_ref().map(|exporter| Arc::clone(&exporter.counts)),
            lines: Arc::clone(&lines),
            started_ms: clock.now_ms(),
        });
        let setup = Arc::new(Setup::new(usage.handle(), Arc::clone(&tokens), clock.clone(), random, was_fresh));
        let admin = Arc::new(admin::Admin {
            ids,
            writer: usage.handle(),
            readers,
            tokens,
            reload: Arc::clone(&reload),
            live,
            alerts: Arc::clone(&alerts),
            decisions,
            keys,
            sign_ins,
            clock,
            lifecycle: lifecycle.clone(),
            random,
            sessions: Arc::clone(&sessions),
            setup: Arc::clone(&setup),
            logins: admin::logins(),
            reports: Arc::new(Semaphore::new(admin::REPORTS)),
            giving_key: Arc::default(),
            lines,
            conversations,
            usage: Arc::clone(&usage),
            hub: admin::live::Hub::default(),
            started_ms: app.started_ms,
            network: Network::default(),
            metrics_at: scrapes.as_ref().and_then(|scrapes| scrapes.local_addr().ok()),
            gateway: Arc::new(Replays(Arc::clone(&app))),
        });
        let (writer, scrape_key) = (usage.handle(), seeing.scrape_key);
        let operations = admin::router(Arc::clone(&admin));
        let door = Door { admin: operations, setup: Arc::clone(&setup), sessions, writer, reached, scrape_key };
        let routes = Arc::new(Routes::new(Arc::clone(&app), door));

        let show = |scrapes| seeing::show(scrapes, &routes, tls.as_ref(), &lifecycle);
        let (metrics_addr, metrics) = scrapes.map(show).transpose()?.unzip();
        let ground = board::Ground {
            routes: Arc::clone(&routes),
            lifecycle: lifecycle.clone(),
            room: Room { connections: served.limits.connections, per_address: served.limits.connections_per_address },
            clock: app.clock.clone(),
            random,
            dir: data_dir,
            keeper,
            metrics: metrics.flatten(),
        };
        let board = Board::open(ground, &served, bound)?;
        admin.network.set(Arc::downgrade(&(Arc::clone(&board) as Arc<dyn Ways>)));
        if let Some(keeper) = &tls {
            keeper.facts().iter().for_each(|facts| tls::tell(facts));
            keeper.begin(&lifecycle);
        }
        match control {
            Ok(control) => {
                let closed = CancellationToken::new();
                let front = Arc::new(ArcSwap::from_pointee(Front::plain(routes)));
                let accepting = accept::unix(control, Peer::Local, front, None, lifecycle.clone(), closed);
                lifecycle.spawn("control", accepting);
            }
            // Socket paths have a short limit; the gateway is of use without one.
            Err(e) => tracing::warn!("{e}; `torod token` will not reach this daemon"),
        }
        lifecycle.spawn("token uses", last_use::run(Arc::clone(&app.tokens), usage.handle(), lifecycle.clone()));
        let configured = Arc::clone(&reload);
        let keep = move || configured.status().config.tokens.remove_ended_after;
        let (writer, index) = (usage.handle(), Arc::clone(&app.tokens));
        let used_up = used_up::watch(Arc::clone(&index), app.clock.clone());
        let swept = sweep::run(writer, index, used_up, keep, app.clock.clone(), lifecycle.clone());
        lifecycle.spawn("token sweep", swept);
        let configured = Arc::clone(&reload);
        let kept = move || configured.status().config.usage.clone();
        let upkeep = upkeep::run(usage.handle(), kept, app.clock.clone(), lifecycle.clone());
        lifecycle.spawn("usage upkeep", upkeep);
        let leases = lease::run(usage.handle(), Arc::clone(&app.tokens), app.clock.clone(), lifecycle.clone());
        lifecycle.spawn("token leases", leases);
        if let Some(exporter) = exporter {
            lifecycle.spawn("telemetry", exporter.run(lifecycle.clone()));
        }
        lifecycle.spawn("memory", memory.run(lifecycle.clone()));
        reload.begin().await;
        quota::restore(&app.live.load(), &known_quotas, &app.clock);
        let quotas = quota::run(Arc::clone(&app.live), usage.handle(), app.clock.clone(), lifecycle.clone());
        lifecycle.spawn("quotas", quotas);
        lifecycle.spawn("alerts", alerts.run(lifecycle.clone()));
        lifecycle.spawn("probes", probe::run(Arc::clone(&app.live), app.clock.clone(), lifecycle.clone()));
        lifecycle.spawn("configuration", Arc::clone(&reload).follow(hangups));
        let is_tls = tls.is_some();
        Ok(Self { app, setup, usage, addr, is_tls, metrics_addr, board, control: socket, has_admin, _lock: lock })
    }

    /// Where it listens.
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The URL by which it is reached.
    pub fn url(&self) -> String {
        format!("{}://{}", if self.is_tls { "https" } else { "http" }, self.addr)
    }

    /// Where the metrics stand by themselves.
    pub const fn metrics_addr(&self) -> Option<SocketAddr> {
        self.metrics_addr
    }

    /// Has the database keep the last of `lines`, until it ends. A second time changes nothing.
    pub fn keep_log(&self, lines: &Arc<Lines>) {
        if self.app.lines.set(Arc::clone(lines)).is_ok() {
            let keep = self.app.reload.status().config.log.keep_lines;
            let kept = keep::run(Arc::clone(lines), self.usage.handle(), keep, self.lifecycle());
            self.app.lifecycle.spawn("log", kept);
        }
    }

    /// Its handles.
    pub const fn app(&self) -> &Arc<App> {
        &self.app
    }

    /// Whether somebody can administer it already.
    pub const fn has_admin(&self) -> bool {
        self.has_admin
    }

    /// Makes the first tokens.
    pub const fn setup(&self) -> &Arc<Setup> {
        &self.setup
    }

    /// The handle to stop it by.
    pub fn lifecycle(&self) -> Lifecycle {
        self.app.lifecycle.clone()
    }

    /// Reads its configuration file and its secrets anew.
    pub async fn reload(&self) -> Result<Changes, ReloadError> {
        self.app.reload.reload().await
    }

    /// Runs until it is told to stop, then lets running answers finish. Says whether everything ended in order.
    pub async fn run(self) -> bool {
        let lifecycle = self.lifecycle();
        lifecycle.soft_stop().await;
        let drained = lifecycle.drain(self.app.reload.status().config.shutdown.grace).await;
        if !drained {
            tracing::warn!(in_flight = lifecycle.in_flight(), "not every answer finished in time; ending them now");
        }
        let ended = lifecycle.finish(CLOSING).await;
        let (usage, conversations) = (self.usage, Arc::clone(&self.app.conversations));
        let written = tokio::task::spawn_blocking(move || {
            let written = usage.stop(CLOSING);
            conversations.stop();
            written
        })
        .await
        .unwrap_or(false);
        if !written {
            tracing::error!("not every usage record could be written");
        }
        self.board.remove_files().await;
        _ = std::fs::remove_file(&self.control);
        tracing::info!("stopped");
        drained && ended && written
    }
}

/// Writes `url` where somebody waits for it, in one piece.
pub fn announce(path: &Path, url: &str) -> std::io::Result<()> {
    let partial = path.with_extension("partial");
    std::fs::write(&partial, format!("{url}\n"))?;
    std::fs::rename(partial, path)
}
