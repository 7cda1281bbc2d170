//! The gateway's certificate: where it comes from, and that the one that is shown stays good. Nothing of it is touched
//! while TLS is off.

mod acme;
mod certificate;
pub mod challenge;
mod error;
mod files;
mod resolver;
mod selfsigned;
mod source;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use rustls::ServerConfig;
use tokenrouter_shared::gateway::TlsView;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use self::acme::Acme;
pub use self::certificate::{Certificate, Facts};
pub use self::error::TlsError;
use self::resolver::Resolver;
pub use self::selfsigned::FILE as SELF_SIGNED;
use self::source::Source;
pub use self::source::is_same;
use crate::clock::Clock;
use crate::config::{Config, TlsMode, Watch};
use crate::lifecycle::Lifecycle;

/// What a CA speaks that looks whether a name is ours (RFC 8737).
pub const CHALLENGE_PROTOCOL: &[u8] = b"acme-tls/1";

/// How often it is looked whether the certificate is still good.
const LOOK: Duration = Duration::from_hours(1);
/// Two files are not written at one moment: what does not fit together now may do so after this.
const SETTLE: Duration = Duration::from_secs(2);
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
/// So long before the end of a certificate that somebody else keeps new, the log says so once a day.
const WARN_MS: i64 = 14 * DAY_MS;

/// Gives random numbers.
pub type Dice = Box<dyn Fn() -> u64 + Send + Sync>;

/// Has a certificate and keeps it good.
pub struct Keeper {
    source: Source,
    clock: Clock,
    resolver: Arc<Resolver>,
    config: Arc<ServerConfig>,
    failure: ArcSwapOption<String>,
    warned_ms: AtomicI64,
    /// When the next one is to take its place; `i64::MAX`: somebody else decides.
    renews_ms: AtomicI64,
    /// Whether another one is wanted although this one is good.
    is_forced: AtomicBool,
    wake: Notify,
    dice: Dice,
    /// Another one has taken its place.
    over: CancellationToken,
}

impl std::fmt::Debug for Keeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keeper").field("source", &self.source).finish_non_exhaustive()
    }
}

impl Keeper {
    /// The certificate that `config` wants, in force; none where TLS is off. Blocks: files are read.
    pub fn start(config: &Config, dir: &Path, clock: &Clock, dice: Dice) -> Result<Option<Self>, TlsError> {
        Self::with(config, dir, clock, dice, false)
    }

    /// The same for a configuration that is tried: what is made for it replaces nothing until [`Keeper::promote`].
    pub fn try_out(config: &Config, dir: &Path, clock: &Clock, dice: Dice) -> Result<Option<Self>, TlsError> {
        Self::with(config, dir, clock, dice, true)
    }

    fn with(config: &Config, dir: &Path, clock: &Clock, dice: Dice, is_trial: bool) -> Result<Option<Self>, TlsError> {
        let resolver = Arc::new(Resolver::default());
        let Some(source) = Source::new(config, dir, &resolver, is_trial) else { return Ok(None) };
        if let Some(certificate) = source.first(clock.now_ms())? {
            resolver.show(certificate);
        }
        let is_acme = config.tls.mode == TlsMode::Acme;
        let config =
            resolver::server_config(Arc::clone(&resolver), is_acme).map_err(|e| TlsError::Unmade(e.to_string()))?;
        Ok(Some(Self {
            source,
            clock: clock.clone(),
            resolver,
            config: Arc::new(config),
            failure: ArcSwapOption::empty(),
            warned_ms: AtomicI64::new(i64::MIN),
            renews_ms: AtomicI64::new(i64::MAX),
            is_forced: AtomicBool::new(false),
            wake: Notify::new(),
            dice,
            over: CancellationToken::new(),
        }))
    }

    /// Something listens by plain HTTP and gives out what a CA asks for.
    pub fn set_asked_by_http(&self) {
        self.resolver.challenges.set_asked_by_http();
    }

    /// How TLS is spoken.
    pub fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config)
    }

    /// The certificate that is shown.
    pub fn facts(&self) -> Option<Arc<Facts>> {
        self.resolver.shown().map(|certificate| Arc::clone(&certificate.facts))
    }

    /// Why no other certificate takes its place, though one should.
    pub fn failure(&self) -> Option<Arc<String>> {
        self.failure.load_full()
    }

    /// The certificate as the admin API shows it.
    pub fn view(&self) -> TlsView {
        let facts = self.facts().unwrap_or_default();
        let renews_ms = match &self.source {
            Source::SelfSigned { .. } => Some(selfsigned::due_ms(&facts)),
            Source::Files { .. } => None,
            Source::Acme(_) => Some(self.renews_ms.load(Ordering::Relaxed).max(0)).filter(|at_ms| *at_ms != i64::MAX),
        };
        let error = self.failure().map(|said| String::clone(&said));
        TlsView { renews_ms, error, ..facts.view(self.source.mode().as_str()) }
    }

    /// The text that a CA asks for by plain HTTP.
    pub fn challenge(&self, token: &str) -> Option<String> {
        self.resolver.challenges.text(token)
    }

    /// Has another certificate take the place of this one, although it is good.
    pub fn renew(&self) {
        self.is_forced.store(true, Ordering::Release);
        self.wake.notify_one();
    }

    /// Has it looked now whether there is another certificate.
    pub fn look(&self) {
        self.wake.notify_one();
    }

    /// Begins to keep the certificate good.
    pub fn begin(self: &Arc<Self>, lifecycle: &Lifecycle) {
        lifecycle.spawn_until("certificate", self.over.clone(), Arc::clone(self).run(lifecycle.clone()));
    }

    /// Another one takes its place.
    pub fn end(&self) {
        self.over.cancel();
    }

    /// What was tried holds. Blocks: a file is renamed.
    pub fn promote(&self) {
        if let Err(error) = self.source.promote() {
            tracing::error!("{error}. After a start another certificate is shown");
        }
    }

    /// What was tried does not hold. Blocks: a file is removed.
    pub fn discard(&self) {
        self.source.discard();
    }

    /// Resolves when nothing is to be kept good any more.
    async fn over(&self, lifecycle: &Lifecycle) {
        tokio::select! {
            () = lifecycle.soft_stop() => {}
            () = self.over.cancelled() => {}
        }
    }

    /// Keeps the certificate good until the daemon stops, or another one takes its place.
    pub async fn run(self: Arc<Self>, lifecycle: Lifecycle) {
        let (mut cert, mut key) = match &self.source {
            Source::SelfSigned { .. } => (None, None),
            Source::Files { cert, key } => {
                let watched = (watch(cert), watch(key));
                // Whatever changed before that was seen by nobody.
                self.wake.notify_one();
                watched
            }
            Source::Acme(acme) => return self.order_on_time(acme, &lifecycle).await,
        };
        self.warn_of_end();
        loop {
            tokio::select! {
                () = changed(&mut cert) => {}
                () = changed(&mut key) => {}
                () = self.wake.notified() => {}
                () = tokio::time::sleep(LOOK) => {}
                () = self.over(&lifecycle) => return,
            }
            let is_forced = self.is_forced.swap(false, Ordering::AcqRel);
            let mut found = self.next(is_forced).await;
            if matches!(found, Err(TlsError::Mismatch(..) | TlsError::Garbled(..) | TlsError::Unreadable(..))) {
                tokio::time::sleep(SETTLE).await;
                found = self.next(is_forced).await;
            }
            self.settle(found);
            self.warn_of_end();
        }
    }

    /// Another certificate, where there is one to be had.
    async fn next(self: &Arc<Self>, is_forced: bool) -> Result<Option<Certificate>, TlsError> {
        let me = Arc::clone(self);
        let looking = move || {
            let shown = me.resolver.shown();
            me.source.next(shown.as_deref().filter(|_| !is_forced), me.clock.now_ms())
        };
        tokio::task::spawn_blocking(looking).await.unwrap_or(Ok(None))
    }

    /// Shows what was found, or tells once why there is nothing to show. The old one is shown meanwhile.
    fn settle(&self, found: Result<Option<Certificate>, TlsError>) {
        match found {
            Ok(other) => {
                self.failure.store(None);
                if let Some(certificate) = other {
                    let facts = Arc::clone(&certificate.facts);
                    self.resolver.show(certificate);
                    tell(&facts);
                }
            }
            Err(error) => {
                let said = error.to_string();
                if self.failure().is_none_or(|known| *known != said) {
                    tracing::error!("{said}. The certificate before it is shown meanwhile");
                }
                self.failure.store(Some(Arc::new(said)));
            }
        }
    }

    fn warn_of_end(&self) {
        let Some(facts) = self.facts() else { return };
        let now_ms = self.clock.now_ms();
        let is_near = facts.ends_ms - now_ms < WARN_MS;
        if is_near && now_ms >= self.warned_ms.load(Ordering::Relaxed).saturating_add(DAY_MS) {
            self.warned_ms.store(now_ms, Ordering::Relaxed);
            tracing::warn!("the certificate that this gateway shows ends at {}", error::day(facts.ends_ms));
        }
    }
}

/// What stands in the files of a gateway that does not run; none where TLS is off, or no certificate was made yet.
pub fn at_rest(config: &Config, dir: &Path) -> Result<Option<Arc<Facts>>, TlsError> {
    let found = match (config.tls.mode, &config.tls.cert_file, &config.tls.key_file) {
        (TlsMode::SelfSigned, ..) => selfsigned::read(dir)?,
        (TlsMode::Pem, Some(cert), Some(key)) => Some(files::read(cert, key)?),
        (TlsMode::Acme, ..) => Acme::new(config, dir, Arc::default()).kept()?,
        _ => None,
    };
    Ok(found.map(|certificate| certificate.facts))
}

/// Tells of a certificate that is shown from now on.
pub fn tell(facts: &Facts) {
    tracing::info!(
        fingerprint = facts.fingerprint,
        "TLS shows the certificate {} for {}, good until {}",
        facts.fingerprint,
        facts.names.join(", "),
        error::day(facts.ends_ms)
    );
}

fn watch(path: &Path) -> Option<Watch> {
    Watch::start(path)
        .inspect_err(|error| {
            tracing::warn!(%error, "{} cannot be watched: it is looked at once an hour and at SIGHUP", path.display());
        })
        .ok()
}

async fn changed(watch: &mut Option<Watch>) {
    match watch {
        Some(watch) => watch.changed().await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::certificate::tests::made;
    use super::*;
    use crate::config::parse;

    fn config(folder: &Path) -> Config {
        let at = |name: &str| folder.join(name).display().to_string();
        let text = format!("[tls]\nmode = 'pem'\ncert_file = '{}'\nkey_file = '{}'", at("c.pem"), at("k.pem"));
        parse(&text, "t").unwrap()
    }

    async fn until(what: &str, is_so: impl Fn() -> bool) {
        let waiting = async {
            while !is_so() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        assert!(tokio::time::timeout(Duration::from_secs(20), waiting).await.is_ok(), "never: {what}");
    }

    #[tokio::test]
    async fn another_certificate_takes_its_place_and_one_that_cannot_be_used_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let write = |pair: &(String, String)| {
            std::fs::write(folder.path().join("c.pem"), &pair.0).unwrap();
            std::fs::write(folder.path().join("k.pem"), &pair.1).unwrap();
        };
        let clock = Clock::fixed(1_780_000_000_000);
        let start = || Keeper::start(&config(folder.path()), folder.path(), &clock, Box::new(|| 4));
        assert!(start().unwrap_err().to_string().contains("cannot read"));
        write(&made(&["old.example"], 2020, 2021));
        assert!(start().unwrap_err().to_string().contains("ended at 2021-01-01"));
        write(&made(&["one.example"], 2026, 2027));
        let keeper = Arc::new(start().unwrap().unwrap());
        let lifecycle = Lifecycle::default();
        let running = tokio::runtime::Handle::current().spawn(Arc::clone(&keeper).run(lifecycle.clone()));
        let shows = |name: &str| keeper.facts().is_some_and(|facts| facts.names == [name]);
        let two = made(&["two.example"], 2026, 2027);
        write(&two);
        until("the next one is shown", || shows("two.example")).await;
        for (broken, said) in [
            (made(&["three.example"], 2020, 2021), "ended at"),
            ((two.0.clone(), made(&["x"], 2026, 2027).1), "is not the key"),
            ((String::new(), two.1.clone()), "holds no certificate"),
        ] {
            write(&broken);
            until(said, || keeper.failure().is_some_and(|failure| failure.contains(said))).await;
            assert!(shows("two.example"), "{said}");
        }
        write(&made(&["four.example"], 2026, 2027));
        until("it is right again", || shows("four.example") && keeper.failure().is_none()).await;
        lifecycle.stop_softly();
        running.await.unwrap();
    }

    #[tokio::test]
    async fn a_certificate_of_our_own_is_made_anew_before_it_ends_and_a_full_disk_keeps_the_old_one() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("data");
        std::fs::create_dir(&dir).unwrap();
        let config = parse("[tls]\nmode = 'self-signed'\nhosts = ['gw.lan']\n[admin]\nhosts = ['GW.lan', 'b']", "t");
        let clock = Clock::fixed(1_795_305_600_000);
        let keeper = Arc::new(Keeper::start(&config.unwrap(), &dir, &clock, Box::new(|| 4)).unwrap().unwrap());
        let first = keeper.facts().unwrap();
        assert_eq!(first.names[..4], ["gw.lan", "b", "localhost", "127.0.0.1"]);
        let lifecycle = Lifecycle::default();
        let running = tokio::runtime::Handle::current().spawn(Arc::clone(&keeper).run(lifecycle.clone()));
        clock.advance(first.ends_ms - clock.now_ms() - DAY_MS);
        // As good as a full disk: nothing can be written.
        std::fs::rename(&dir, folder.path().join("away")).unwrap();
        keeper.look();
        until("the failure is told", || keeper.failure().is_some()).await;
        assert_eq!(keeper.facts().unwrap(), first);
        std::fs::rename(folder.path().join("away"), &dir).unwrap();
        keeper.look();
        until("another one is shown", || keeper.facts().unwrap().ends_ms > first.ends_ms).await;
        assert!(keeper.failure().is_none());
        lifecycle.stop_softly();
        running.await.unwrap();
    }
}
