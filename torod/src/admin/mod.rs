//! The admin API below `/admin/api`: one operation, one file.

pub mod alerts;
pub mod aliases;
pub mod answer;
pub mod audit;
pub mod body;
pub mod config;
pub mod conversations;
pub mod endpoints;
pub mod live;
pub mod log;
pub mod me;
pub mod models;
pub mod network;
mod noted;
pub mod openapi;
pub mod operation;
pub mod operations;
mod paging;
pub mod presets;
pub mod providers;
mod query;
pub mod quotas;
pub mod reconcile;
pub mod reprice;
pub mod routes;
pub mod routing;
pub mod secrets;
pub mod sessions;
pub mod settings;
pub mod setup;
pub mod shape;
pub mod status;
mod strict;
pub mod tls;
pub mod tokens;
pub mod usage;
mod version;

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

pub use operation::router;
use tokio::sync::Semaphore;

use self::answer::Failure;

use crate::access::issue::IssueError;
use crate::access::throttle::{Rate, Throttle};
use crate::access::{Random, Sessions, Setup, TokenIndex};
use crate::alerts::Alerts;
use crate::clock::Clock;
use crate::conversations::Conversations;
use crate::conversations::replay::Gateway;
use crate::lifecycle::Lifecycle;
use crate::reload::Reload;
use crate::reports::ReportError;
use crate::store::{Connection, Keyring, Readers, SignIns, Stop, StoreError, WriterHandle};
use crate::telemetry::lines::Lines;
use crate::upstreams::decisions::Decisions;
use crate::upstreams::snapshot::Live;
use crate::usage::{Sequence, UsageWriter};

/// What the operations may reach.
pub struct Admin {
    /// The database's writing side.
    pub writer: WriterHandle,
    /// Its reading side.
    pub readers: Arc<Readers>,
    /// Who may come in; published anew before a change is answered.
    pub tokens: Arc<TokenIndex>,
    /// The configuration in force.
    pub reload: Arc<Reload>,
    /// Providers, and how they stand.
    pub live: Arc<Live>,
    /// What somebody should know.
    pub alerts: Arc<Alerts>,
    /// The last decisions about who got a request.
    pub decisions: Arc<Decisions>,
    /// What secrets are sealed under.
    pub keys: Arc<Keyring>,
    /// The sign-ins that people made.
    pub sign_ins: Arc<SignIns>,
    /// The time.
    pub clock: Clock,
    /// Ids of exchanges and attempts, which are the time of rows.
    pub ids: Arc<Sequence>,
    /// Ends what goes on where nobody waits any more.
    pub lifecycle: Lifecycle,
    /// Random bytes.
    pub random: Random,
    /// Who is logged in.
    pub sessions: Arc<Sessions>,
    /// Makes the first token.
    pub setup: Arc<Setup>,
    /// Logins that failed.
    pub logins: Throttle,
    /// Held by whoever gives a provider a key, until the file names it: of two at once, the one whose change was refused
    /// must not have left its key for the other's provider.
    pub giving_key: Arc<tokio::sync::Mutex<()>>,
    /// Lines of the log on their way into the database, once somebody keeps them.
    pub lines: Arc<OnceLock<Arc<Lines>>>,
    /// The conversations that are kept.
    pub conversations: Arc<Conversations>,
    /// One permit for each report that is being made.
    pub reports: Arc<Semaphore>,
    /// How the usage writer stands, and what it writes.
    pub usage: Arc<UsageWriter>,
    /// Who is told what happens.
    pub hub: live::Hub,
    /// When the daemon started, in Unix milliseconds.
    pub started_ms: i64,
    /// Where it listens, and how that changes.
    pub network: network::Network,
    /// Where it shows the metrics by themselves.
    pub metrics_at: Option<SocketAddr>,
    /// Sends requests once more.
    pub gateway: Arc<dyn Gateway>,
}

/// So many reports are made at once: each has a connection with up to 2 MiB of cache, and a core for itself.
pub const REPORTS: usize = 2;
/// How long a report may wait for its turn, and how long it may take then.
const TURN: Duration = Duration::from_secs(10);
const LONGEST: Duration = Duration::from_secs(20);

/// Ends a question when its answer is not waited for any longer.
struct StopOnDrop(Stop);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// How often somebody may try to log in with a wrong key: by address, and all together.
pub fn logins() -> Throttle {
    Throttle::new(Rate { burst: 10, every_ms: 12_000 }, Rate { burst: 100, every_ms: 500 })
}

/// How often wrong keys are answered by their mistake before they are only counted.
pub fn guesses() -> Throttle {
    Throttle::new(Rate { burst: 60, every_ms: 1_000 }, Rate { burst: 1_000, every_ms: 20 })
}

impl Admin {
    /// What "now" is to those who ask of rows, in Unix milliseconds; see [`Sequence::now_ms`].
    fn rows_now_ms(&self) -> i64 {
        self.ids.now_ms(self.clock.now_ms())
    }

    /// Asks the database on a connection for reading: it sees every change that was answered.
    async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, IssueError> + Send + 'static,
    ) -> Result<T, IssueError> {
        let readers = Arc::clone(&self.readers);
        let asked = tokio::task::spawn_blocking(move || readers.with(|connection| Ok(query(connection))));
        asked.await.map_err(|_| StoreError::Closed)??
    }

    /// Asks the database for a report: few at once, and none for longer than anybody waits.
    async fn report<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, ReportError> + Send + 'static,
    ) -> Result<T, Failure> {
        let turn = tokio::time::timeout(TURN, Arc::clone(&self.reports).acquire_owned()).await;
        let Ok(Ok(permit)) = turn else { return Err(Failure::busy()) };
        let (readers, stop) = (Arc::clone(&self.readers), Stop::default());
        let stop_on_drop = StopOnDrop(stop.clone());
        let asked = tokio::task::spawn_blocking(move || {
            // Held until the database is done, also where nobody waits any more.
            let _permit = permit;
            readers.with_stop(&stop, |connection| {
                // All of a report is of one moment, and the file is locked once for it.
                let moment = connection.unchecked_transaction()?;
                Ok(query(&moment))
            })
        });
        let answer = tokio::time::timeout(LONGEST, asked).await.map_err(|_| Failure::too_slow())?;
        drop(stop_on_drop);
        match answer {
            Ok(Ok(answer)) => Ok(answer?),
            Ok(Err(error)) => Err(ReportError::from(error).into()),
            Err(_) => Err(StoreError::Closed.into()),
        }
    }
}
