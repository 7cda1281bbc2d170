//! The phases of a measurement, each against one running target.
use std::time::Duration;

use clap::ValueEnum;
use serde::Serialize;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::body;
use crate::clock::{now, us_between};
use crate::cpu::{self, CpuMark};
use crate::load::{self, Ask, Shared, Tally};
use crate::process::Cpus;
use crate::stats::{median, percentile};
use crate::targets::Running;

/// A load generator's CPU that is busier than this may be what limits the rate.
const FULL_PER_MILLE: u64 = 920;

/// One kind of load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Phase {
    /// Short requests over 64 connections, as fast as they are answered
    Small,
    /// 100 KB requests of a coding agent over 16 connections
    Agent,
    /// 128 streams at once, 100 chunks a second each
    Dense,
    /// 200 short requests a second, then 20 streams a second
    Fixed,
    /// 1,000 slow streams at once
    Slow,
}

/// How long and how often.
#[derive(Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) warm_up: Duration,
    pub(crate) window: Duration,
    pub(crate) windows: u32,
    pub(crate) fixed_requests: u32,
    pub(crate) fixed_streams: u32,
    pub(crate) slow_streams: u32,
    pub(crate) slow_spread: Duration,
    pub(crate) slow_chunks: u64,
}

impl Plan {
    /// Windows that are long enough to be compared: half a minute for each phase at most.
    pub(crate) const FULL: Self = Self {
        warm_up: Duration::from_secs(2),
        window: Duration::from_secs(4),
        windows: 3,
        fixed_requests: 2_000,
        fixed_streams: 100,
        slow_streams: 1_000,
        slow_spread: Duration::from_secs(4),
        slow_chunks: 16,
    };
    /// About a minute for all targets.
    pub(crate) const QUICK: Self = Self {
        warm_up: Duration::from_millis(500),
        window: Duration::from_secs(2),
        windows: 1,
        fixed_requests: 400,
        fixed_streams: 30,
        slow_streams: 1_000,
        slow_spread: Duration::from_millis(1_500),
        slow_chunks: 6,
    };
}

/// What was measured of one target. Nanoseconds of CPU are user and system time of its process tree.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Figures {
    pub(crate) small_cpu_ns: Option<u64>,
    pub(crate) small_per_second: Option<u64>,
    /// The load generator's CPU was full: the target could do more.
    pub(crate) load_was_full: bool,
    pub(crate) agent_cpu_ns: Option<u64>,
    pub(crate) chunk_cpu_ns: Option<u64>,
    pub(crate) gap_p99_us: Option<u64>,
    pub(crate) latency_p50_us: Option<u64>,
    pub(crate) latency_p99_us: Option<u64>,
    pub(crate) first_event_p50_us: Option<u64>,
    pub(crate) idle_rss_kib: Option<u64>,
    pub(crate) slow_rss_kib: Option<u64>,
    pub(crate) slow_right: Option<u64>,
    pub(crate) slow_asked: Option<u64>,
    pub(crate) errors: u64,
    /// What the first wrong answer was.
    pub(crate) problem: Option<String>,
}

impl Figures {
    /// Takes the better figure of the two; errors count from both, memory is the most that was seen.
    pub(crate) fn improve(&mut self, other: Self) {
        let least = |kept: &mut Option<u64>, other: Option<u64>| *kept = kept.iter().copied().chain(other).min();
        least(&mut self.small_cpu_ns, other.small_cpu_ns);
        least(&mut self.agent_cpu_ns, other.agent_cpu_ns);
        least(&mut self.chunk_cpu_ns, other.chunk_cpu_ns);
        least(&mut self.gap_p99_us, other.gap_p99_us);
        least(&mut self.latency_p50_us, other.latency_p50_us);
        least(&mut self.latency_p99_us, other.latency_p99_us);
        least(&mut self.first_event_p50_us, other.first_event_p50_us);
        least(&mut self.slow_right, other.slow_right);
        if other.small_per_second > self.small_per_second {
            (self.small_per_second, self.load_was_full) = (other.small_per_second, other.load_was_full);
        }
        self.idle_rss_kib = self.idle_rss_kib.max(other.idle_rss_kib);
        self.slow_rss_kib = self.slow_rss_kib.max(other.slow_rss_kib);
        self.slow_asked = self.slow_asked.or(other.slow_asked);
        self.errors += other.errors;
        self.problem = self.problem.take().or(other.problem);
    }

    fn add_errors(&mut self, tally: &Tally) {
        self.errors += tally.errors;
        if self.problem.is_none() {
            self.problem.clone_from(&tally.problem);
        }
    }

    fn add_all_errors(&mut self, windows: &[Window]) {
        for window in windows {
            self.add_errors(&window.tally);
        }
    }

    /// Runs one phase and keeps what it showed.
    pub(crate) async fn take(&mut self, phase: Phase, target: &Running, plan: &Plan, cpus: Option<Cpus>) {
        match phase {
            Phase::Small => {
                let ask = target.ask(body::small("up/ok", false), None);
                let full = Load::mark(cpus);
                let windows = saturate(&ask, 64, Duration::ZERO, target, plan).await;
                self.load_was_full = full.was_full();
                self.small_cpu_ns = cost(&windows, |tally| tally.answers);
                self.small_per_second = median(&mut windows.iter().map(Window::per_second).collect::<Vec<_>>());
                self.add_all_errors(&windows);
            }
            Phase::Agent => {
                let ask = target.ask(body::agent("up/ok"), None);
                let windows = saturate(&ask, 16, Duration::ZERO, target, plan).await;
                self.agent_cpu_ns = cost(&windows, |tally| tally.answers);
                self.add_all_errors(&windows);
            }
            Phase::Dense => {
                let ask = target.ask(body::small("up/ok+chunks=100+interval_ms=10", true), Some(100));
                let mut windows = saturate(&ask, 128, Duration::from_secs(1), target, plan).await;
                self.chunk_cpu_ns = cost(&windows, |tally| tally.pieces);
                let gaps = windows.iter_mut().filter_map(|window| percentile(&mut window.tally.gap_us, 990));
                self.gap_p99_us = median(&mut gaps.collect::<Vec<_>>());
                self.add_all_errors(&windows);
            }
            Phase::Fixed => {
                let tally = Shared::default();
                let ask = target.ask(body::small("up/ok", false), None);
                load::open_loop(&load::always(ask), 200, plan.fixed_requests, 32, &tally).await;
                let mut plain = tally.take();
                self.latency_p50_us = percentile(&mut plain.latency_us, 500);
                self.latency_p99_us = percentile(&mut plain.latency_us, 990);
                self.add_errors(&plain);
                let ask = target.ask(body::small("up/ok+chunks=3+interval_ms=5", true), Some(3));
                load::open_loop(&load::always(ask), 20, plan.fixed_streams, 16, &tally).await;
                let mut streamed = tally.take();
                self.first_event_p50_us = percentile(&mut streamed.first_us, 500);
                self.add_errors(&streamed);
            }
            Phase::Slow => self.take_slow(target, plan).await,
        }
    }

    async fn take_slow(&mut self, target: &Running, plan: &Plan) {
        let model = format!("up/ok+chunks={}+interval_ms=500", plan.slow_chunks);
        let ask = target.ask(body::small(&model, true), Some(plan.slow_chunks));
        let tally = Shared::default();
        let mut peak = None;
        let sample = async {
            loop {
                peak = peak.max(target.pid().map(cpu::rss_kib));
                sleep(Duration::from_millis(250)).await;
            }
        };
        tokio::select! {
            () = load::each_once(&ask, plan.slow_streams, plan.slow_spread, &tally) => {}
            () = sample => {}
        }
        let tally = tally.take();
        self.slow_rss_kib = peak;
        self.slow_right = Some(tally.answers);
        self.slow_asked = Some(u64::from(plan.slow_streams));
        self.add_errors(&tally);
    }
}

/// How busy the load generator's CPU was.
struct Load {
    cpu: Option<usize>,
    before: Option<(u64, u64)>,
}

impl Load {
    fn mark(cpus: Option<Cpus>) -> Self {
        let cpu = cpus.map(|cpus| cpus.load);
        Self { cpu, before: cpu::machine_ticks(cpu) }
    }

    fn was_full(&self) -> bool {
        let (Some(before), Some(after)) = (self.before, cpu::machine_ticks(self.cpu)) else { return false };
        (after.0 - before.0) * 1_000 > (after.1 - before.1).max(1) * FULL_PER_MILLE
    }
}

/// One window: what was answered, how long it was, and what it cost the target.
struct Window {
    tally: Tally,
    us: u64,
    cpu_ns: Option<u64>,
}

impl Window {
    fn per_second(&self) -> u64 {
        self.tally.answers * 1_000_000 / self.us.max(1)
    }
}

async fn saturate(ask: &Ask, connections: u32, spread: Duration, target: &Running, plan: &Plan) -> Vec<Window> {
    let tally = Shared::default();
    let mut tasks: JoinSet<()> = load::closed_loop(ask, connections, spread, &tally);
    sleep(plan.warm_up + spread).await;
    let mut windows = Vec::new();
    // What went wrong while warming up is wrong too.
    let mut early = Some(tally.take());
    for _ in 0..plan.windows {
        let (mark, start) = (target.pid().map(CpuMark::set), now());
        sleep(plan.window).await;
        let mut counted = tally.take();
        let (us, cpu_ns) = (us_between(start, now()), mark.map(|mark| mark.used_ns()));
        if let Some(early) = early.take() {
            counted.errors += early.errors;
            counted.problem = early.problem.or(counted.problem);
        }
        windows.push(Window { tally: counted, us, cpu_ns });
    }
    tasks.shutdown().await;
    windows
}

/// The median of nanoseconds a unit.
fn cost(windows: &[Window], units: impl Fn(&Tally) -> u64) -> Option<u64> {
    let costs = windows.iter().filter_map(|window| window.cpu_ns?.checked_div(units(&window.tally)));
    median(&mut costs.collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(cpu_ns: u64, answers: u64) -> Window {
        Window { tally: Tally { answers, ..Tally::default() }, us: 2_000_000, cpu_ns: Some(cpu_ns) }
    }

    #[test]
    fn costs_are_medians_of_windows() {
        let windows = [window(3_000, 3), window(10_000, 2), window(4_000, 2)];
        assert_eq!(cost(&windows, |tally| tally.answers), Some(2_000));
        assert_eq!(cost(&[window(3_000, 0)], |tally| tally.answers), None);
        assert_eq!(window(0, 5_000).per_second(), 2_500);
    }
}
