//! The daemon's life: named tasks, soft and hard stop, signals, and how many exchanges are under way.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// A client that has connected asks within this time, or may ask again.
const LAST_MOMENT: Duration = Duration::from_millis(250);

/// The handle that everything which must end holds on to.
#[derive(Clone, Debug, Default)]
pub struct Lifecycle {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    draining: AtomicBool,
    /// Somebody takes over the addresses when this daemon ends.
    is_succeeded: AtomicBool,
    /// What is taken over is not listened at any more.
    handed_over: CancellationToken,
    /// New requests are refused from here on; what runs may finish.
    soft: CancellationToken,
    /// Everything ends now.
    hard: CancellationToken,
    tasks: TaskTracker,
    in_flight: AtomicUsize,
    idle: Notify,
}

impl Lifecycle {
    /// Spawns a task that the daemon cannot do without: when it ends before the daemon stops, the daemon stops.
    pub fn spawn(&self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let guard = Guard { name, lifecycle: self.clone(), closed: None };
        self.inner.tasks.spawn(async move {
            let guard = guard;
            task.await;
            drop(guard);
        });
    }

    /// Spawns a task that the daemon cannot do without as long as nobody has `closed` it.
    pub fn spawn_until(
        &self,
        name: &'static str,
        closed: CancellationToken,
        task: impl Future<Output = ()> + Send + 'static,
    ) {
        let guard = Guard { name, lifecycle: self.clone(), closed: Some(closed) };
        self.inner.tasks.spawn(async move {
            let guard = guard;
            task.await;
            drop(guard);
        });
    }

    /// Spawns the task of one connection, whose end concerns nobody else.
    pub fn spawn_connection(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.inner.tasks.spawn(task);
    }

    /// Resolves when an address that somebody takes over is to be left: from then on who connects there waits for the next.
    /// Without such an address there is no such time.
    pub fn leaves(&self) -> impl Future<Output = ()> + Send + 'static {
        self.inner.is_succeeded.store(true, Ordering::Release);
        self.inner.handed_over.clone().cancelled_owned()
    }

    /// Leaves the addresses that somebody takes over; who came before that has a moment to ask and is served.
    async fn hand_over(&self) {
        if self.inner.is_succeeded.load(Ordering::Acquire) {
            self.inner.handed_over.cancel();
            tokio::time::sleep(LAST_MOMENT).await;
        }
    }

    /// Begins the soft stop.
    pub fn stop_softly(&self) {
        self.inner.draining.store(true, Ordering::Release);
        self.inner.soft.cancel();
    }

    /// Ends everything.
    pub fn stop_now(&self) {
        self.stop_softly();
        self.inner.hard.cancel();
    }

    /// Whether new requests are refused.
    pub fn is_draining(&self) -> bool {
        self.inner.draining.load(Ordering::Acquire)
    }

    /// Resolves when the soft stop begins.
    pub async fn soft_stop(&self) {
        self.inner.soft.cancelled().await;
    }

    /// Resolves when everything must end.
    pub async fn hard_stop(&self) {
        self.inner.hard.cancelled().await;
    }

    /// Counts one more exchange until the result is dropped.
    pub fn enter(&self) -> InFlight {
        self.inner.in_flight.fetch_add(1, Ordering::AcqRel);
        InFlight { lifecycle: self.clone() }
    }

    /// How many exchanges are under way.
    pub fn in_flight(&self) -> usize {
        self.inner.in_flight.load(Ordering::Acquire)
    }

    /// Resolves when no exchange is under way.
    pub async fn idle(&self) {
        loop {
            let notified = self.inner.idle.notified();
            if self.in_flight() == 0 {
                return;
            }
            notified.await;
        }
    }

    /// Waits for the exchanges under way, at most for `grace`; a hard stop cuts it short. Says whether all finished.
    pub async fn drain(&self, grace: Duration) -> bool {
        tokio::select! {
            () = self.idle() => true,
            () = tokio::time::sleep(grace) => false,
            () = self.hard_stop() => false,
        }
    }

    /// Ends what is left and waits for every task, at most for `limit`. Says whether all ended.
    pub async fn finish(&self, limit: Duration) -> bool {
        self.stop_now();
        self.inner.tasks.close();
        tokio::time::timeout(limit, self.inner.tasks.wait()).await.is_ok()
    }
}

/// One exchange under way.
#[derive(Debug)]
pub struct InFlight {
    lifecycle: Lifecycle,
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let inner = &self.lifecycle.inner;
        if inner.in_flight.fetch_sub(1, Ordering::AcqRel) == 1 && inner.draining.load(Ordering::Acquire) {
            inner.idle.notify_waiters();
        }
    }
}

/// Counts what is under way of one kind, up to a limit.
#[derive(Debug, Default)]
pub struct Gauge {
    count: AtomicUsize,
    /// Those who wait for a place.
    waiting: AtomicUsize,
    /// Wakes the one of them that has waited longest.
    freed: Notify,
}

/// One who waits for a place, until it is dropped.
#[derive(Debug)]
pub struct Waiting {
    gauge: Arc<Gauge>,
}

impl Waiting {
    /// Resolves when a place may be free, for one after the other in the order in which they came.
    pub async fn freed(&self) {
        self.gauge.freed.notified().await;
    }

    /// What it waits for a place in.
    pub const fn gauge(&self) -> &Arc<Gauge> {
        &self.gauge
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.gauge.waiting.fetch_sub(1, Ordering::AcqRel);
    }
}

/// One of what a [`Gauge`] counts, until it is dropped.
#[derive(Debug)]
pub struct Permit {
    gauge: Arc<Gauge>,
}

impl Gauge {
    /// One more, unless `limit` are under way already.
    pub fn enter(self: &Arc<Self>, limit: usize) -> Option<Permit> {
        // Never counted for a moment: who looks again must not think that a place came free.
        let one_more = |count: usize| (count < limit).then_some(count + 1);
        self.count.fetch_update(Ordering::AcqRel, Ordering::Relaxed, one_more).ok()?;
        Some(Permit { gauge: Arc::clone(self) })
    }

    /// The same for one who comes now, behind those who wait already.
    pub fn enter_behind(self: &Arc<Self>, limit: usize) -> Option<Permit> {
        if self.waiting.load(Ordering::Acquire) > 0 { None } else { self.enter(limit) }
    }

    /// Waits for a place from now on.
    pub fn wait(self: &Arc<Self>) -> Waiting {
        self.waiting.fetch_add(1, Ordering::AcqRel);
        Waiting { gauge: Arc::clone(self) }
    }

    /// How many are under way.
    pub fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.gauge.count.fetch_sub(1, Ordering::AcqRel);
        if self.gauge.waiting.load(Ordering::Acquire) > 0 {
            self.gauge.freed.notify_one();
        }
    }
}

struct Guard {
    name: &'static str,
    lifecycle: Lifecycle,
    /// Whoever cancels it wants the task to end.
    closed: Option<CancellationToken>,
}

impl Drop for Guard {
    fn drop(&mut self) {
        let is_closed = self.closed.as_ref().is_some_and(CancellationToken::is_cancelled);
        if !is_closed && !self.lifecycle.is_draining() {
            tracing::error!(task = self.name, "a task that must not end has ended; stopping the daemon");
            self.lifecycle.stop_softly();
        }
    }
}

/// First signal: soft stop. Second: everything ends at once.
pub async fn follow_signals(lifecycle: Lifecycle) {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        tracing::error!("cannot listen for signals");
        return lifecycle.hard_stop().await;
    };
    for again in [false, true] {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            () = lifecycle.hard_stop() => return,
        }
        if again {
            tracing::warn!("second signal: ending at once");
            lifecycle.stop_now();
        } else {
            tracing::info!(
                in_flight = lifecycle.in_flight(),
                "stopping: no new requests; a second signal ends at once"
            );
            lifecycle.hand_over().await;
            lifecycle.stop_softly();
        }
    }
}

/// Tells the service manager (systemd) that the daemon serves, now and then that it still runs, and that it ends. It sits on
/// the same threads as the requests, so that a daemon which hangs is silent.
pub async fn tell_service_manager(lifecycle: Lifecycle) {
    tell(NotifyState::Ready);
    let every = sd_notify::watchdog_enabled().map(|longest| longest / 3);
    let alive = async || match every {
        Some(every) => {
            tokio::time::sleep(every).await;
            tell(NotifyState::Watchdog);
        }
        None => std::future::pending().await,
    };
    loop {
        tokio::select! {
            () = alive() => {}
            () = lifecycle.soft_stop() => break,
        }
    }
    tell(NotifyState::Stopping);
    // What runs may take longer than a watchdog waits.
    loop {
        tokio::select! {
            () = alive() => {}
            () = lifecycle.hard_stop() => return,
        }
    }
}

fn tell(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!(%error, "the service manager cannot be told how the daemon stands");
    }
}

/// The signal that has the configuration read anew. While one of these lives, it ends nobody.
#[derive(Debug)]
pub struct Hangups(Option<tokio::signal::unix::Signal>);

impl Hangups {
    /// Begins to listen.
    pub fn listen() -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        let signal = signal(SignalKind::hangup());
        if let Err(error) = &signal {
            tracing::error!(%error, "cannot listen for SIGHUP");
        }
        Self(signal.ok())
    }

    /// Resolves at the next one.
    pub async fn next(&mut self) {
        if let Some(signal) = &mut self.0
            && signal.recv().await.is_some()
        {
            return;
        }
        std::future::pending::<()>().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn drains_when_the_last_exchange_ends() {
        let lifecycle = Lifecycle::default();
        let one = lifecycle.enter();
        let two = lifecycle.enter();
        lifecycle.stop_softly();
        let drained = lifecycle.drain(Duration::from_mins(1));
        let leaving = async {
            drop(one);
            assert_eq!(lifecycle.in_flight(), 1);
            drop(two);
        };
        assert!(tokio::join!(drained, leaving).0);
    }

    #[test]
    fn a_gauge_lets_in_up_to_its_limit() {
        let gauge = Arc::new(Gauge::default());
        let one = gauge.enter(2);
        let two = gauge.enter(2);
        assert!(one.is_some() && two.is_some());
        assert!(gauge.enter(2).is_none());
        assert_eq!(gauge.count(), 2);
        drop(one);
        assert!(gauge.enter(2).is_some());
        assert_eq!(gauge.count(), 1);
    }

    #[tokio::test]
    async fn a_task_that_dies_stops_the_daemon() {
        let lifecycle = Lifecycle::default();
        lifecycle.spawn("short-lived", async {});
        lifecycle.soft_stop().await;
        assert!(lifecycle.is_draining());
    }

    #[tokio::test]
    async fn a_task_that_was_closed_stops_nobody() {
        let (lifecycle, closed) = (Lifecycle::default(), CancellationToken::new());
        let until = closed.clone();
        lifecycle.spawn_until("closable", closed.clone(), async move { until.cancelled().await });
        closed.cancel();
        lifecycle.inner.tasks.close();
        lifecycle.inner.tasks.wait().await;
        assert!(!lifecycle.is_draining());
    }
}
