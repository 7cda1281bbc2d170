//! Measures torod side by side with nginx and bare hyper, on loopback, in front of the simulated provider.
//!
//! `cargo build --release && cargo run --release -p tokenrouter-bench` runs everything in a few minutes; `--quick`
//! in about one. The gateway has one CPU for itself; provider and load generator share another. Ratios between rows of
//! one run can be compared between machines, absolute figures cannot.

mod body;
mod clock;
mod cpu;
mod floor;
mod load;
mod phases;
mod process;
mod report;
mod soak;
mod sse;
mod stats;
mod targets;

#[cfg(test)]
mod smoke;

use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Parser, Subcommand, ValueEnum as _};
use tokenrouter_simulator::{Settings, Simulator};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::LocalSet;

use crate::phases::{Figures, Phase, Plan};
use crate::process::Cpus;
use crate::report::Report;
use crate::soak::Soak;
use crate::targets::Target;

/// Measure torod side by side with nginx and bare proxies.
#[derive(Parser)]
#[command(name = "tokenrouter-bench", args_conflicts_with_subcommands = true)]
struct Args {
    /// One short window for each figure: about a minute in all
    #[arg(long)]
    quick: bool,
    /// Measure these only
    #[arg(long, value_delimiter = ',', value_name = "TARGETS")]
    only: Vec<Target>,
    /// Run these phases only
    #[arg(long, value_delimiter = ',', value_name = "PHASES")]
    phases: Vec<Phase>,
    /// Measure every target this often, in turns, and keep the best of each figure
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// Also write everything to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// The torod to measure; without it the one built beside this program
    #[arg(long, value_name = "PROGRAM")]
    torod: Option<PathBuf>,
    #[command(subcommand)]
    mode: Option<Mode>,
}

/// What this program starts itself as.
#[derive(Subcommand)]
enum Mode {
    /// The simulated provider
    #[command(hide = true)]
    Upstream,
    #[command(after_help = "Example: tokenrouter-bench soak --minutes 30 --rate 300")]
    Soak(Soak),
    /// A bare proxy
    #[command(hide = true)]
    Floor {
        /// Where requests go
        upstream: SocketAddr,
        /// Check a key and look at the body
        #[arg(long)]
        peek: bool,
    },
}

fn main() -> ExitCode {
    match start(&Args::parse()) {
        Ok(code) => code,
        Err(problem) => {
            tell(&format!("{problem:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Says something on stderr; when nobody listens any more, that is no reason to stop.
fn tell(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

fn start(args: &Args) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let local = LocalSet::new();
    match &args.mode {
        Some(Mode::Upstream) => {
            // A short answer costs the provider little; streams name their own numbers. Nothing is kept of a call.
            let settings = Settings {
                chunks: 8,
                interval: Duration::from_millis(10),
                record: false,
                strict: false,
                ..Settings::default()
            };
            runtime.block_on(async {
                let simulator = Simulator::start(([127, 0, 0, 1], 0).into(), settings).await?;
                announce(simulator.addr())?;
                parent_gone().await
            })?;
        }
        Some(Mode::Floor { upstream, peek }) => runtime.block_on(local.run_until(async {
            let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
            announce(listener.local_addr()?)?;
            tokio::select! {
                () = floor::serve(listener, upstream.to_string(), *peek) => Ok(()),
                gone = parent_gone() => gone,
            }
        }))?,
        Some(Mode::Soak(soak)) => return runtime.block_on(local.run_until(until_told(endure(soak)))),
        None => return runtime.block_on(local.run_until(until_told(run(args)))),
    }
    Ok(ExitCode::SUCCESS)
}

/// Measures, or ends where somebody says so: dropped, a measurement ends its children and removes its files.
async fn until_told(measurement: impl Future<Output = anyhow::Result<ExitCode>>) -> anyhow::Result<ExitCode> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        done = measurement => done,
        _ = tokio::signal::ctrl_c() => Ok(ExitCode::from(130)),
        _ = terminate.recv() => Ok(ExitCode::from(143)),
    }
}

/// Tells the parent where this process listens.
fn announce(addr: SocketAddr) -> anyhow::Result<()> {
    let mut out = std::io::stdout();
    writeln!(out, "{addr}")?;
    Ok(out.flush()?)
}

/// Waits until the parent has gone, however it went: its end of our stdin closes.
async fn parent_gone() -> anyhow::Result<()> {
    let (gone, wait) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let _ = std::io::stdin().read(&mut [0]);
        let _ = gone.send(());
    });
    Ok(wait.await?)
}

/// The torod that is named, or the one beside this program.
fn find_torod(named: Option<&Path>) -> anyhow::Result<PathBuf> {
    Ok(match named {
        Some(torod) => torod.to_owned(),
        None => std::env::current_exe()?.with_file_name("torod"),
    })
}

async fn endure(soak: &Soak) -> anyhow::Result<ExitCode> {
    let torod = find_torod(soak.torod.as_deref())?;
    if let Some(reason) = Target::Torod.missing(&torod) {
        anyhow::bail!(reason);
    }
    process::raise_file_limit()?;
    let cpus = Cpus::find();
    if let Some(cpus) = cpus {
        process::pin(cpus.load)?;
    }
    let dir = tempfile::Builder::new().prefix("tokenrouter-bench-").tempdir()?;
    let (_provider, upstream) = targets::start_self(&["upstream"], None, dir.path()).context("simulated provider")?;
    soak::run(soak, upstream, &torod, cpus).await?;
    Ok(ExitCode::SUCCESS)
}

async fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let torod = find_torod(args.torod.as_deref())?;
    let all = |wanted: &[Target]| if wanted.is_empty() { Target::value_variants().to_vec() } else { wanted.to_vec() };
    let phases = if args.phases.is_empty() { Phase::value_variants().to_vec() } else { args.phases.clone() };
    let plan = if args.quick { Plan::QUICK } else { Plan::FULL };

    if process::raise_file_limit()? < 4_096 && phases.contains(&Phase::Slow) {
        tell("fewer than 4,096 open files are allowed (ulimit -n): slow streams will fail");
    }
    let cpus = Cpus::find();
    if let Some(cpus) = cpus {
        process::pin(cpus.load)?;
    }
    let dir = tempfile::Builder::new().prefix("tokenrouter-bench-").tempdir()?;
    let (_provider, upstream) = targets::start_self(&["upstream"], None, dir.path()).context("simulated provider")?;

    let mut report = Report { quick: args.quick, pinned: cpus.is_some(), rows: Vec::new(), skipped: Vec::new() };
    // Other work on the machine's cores can only add to a figure, and comes and goes within minutes.
    for (round, target) in (0..args.rounds).flat_map(|round| all(&args.only).into_iter().map(move |t| (round, t))) {
        let measured = match target.missing(&torod) {
            Some(reason) => Err(anyhow::anyhow!(reason)),
            None => measure(target, upstream, &torod, &phases, &plan, cpus).await,
        };
        match measured {
            Ok(figures) => report.add(target, figures),
            Err(problem) if round == 0 => {
                tell(&format!("{}: {problem:#}", target.name()));
                report.skipped.push(format!("{}: {problem:#}", target.name()));
            }
            Err(_) => {}
        }
    }
    std::io::stdout().write_all(report.text().as_bytes())?;
    if let Some(file) = &args.json {
        let json = serde_json::to_string_pretty(&report)?;
        std::fs::write(file, json + "\n").with_context(|| format!("cannot write {}", file.display()))?;
    }
    let clean = !report.rows.is_empty() && report.rows.iter().all(|row| row.figures.errors == 0);
    Ok(if clean { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Starts a target, takes its figures, and ends it.
async fn measure(
    target: Target,
    upstream: SocketAddr,
    torod: &Path,
    phases: &[Phase],
    plan: &Plan,
    cpus: Option<Cpus>,
) -> anyhow::Result<Figures> {
    let running = targets::start(target, upstream, torod, cpus).await?;
    // What a start leaves to be done later is part of idling.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let mut figures = Figures { idle_rss_kib: running.pid().map(cpu::rss_kib), ..Figures::default() };
    for phase in phases {
        tell(&format!("{:<12}{phase:?}", target.name()));
        figures.take(*phase, &running, plan, cpus).await;
    }
    Ok(figures)
}
