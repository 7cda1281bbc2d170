//! Child processes: on their CPU, and ended by their id whatever happens.
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::clock::now;
use crate::cpu;

/// The CPUs of a run: the gateway has one for itself.
#[derive(Clone, Copy)]
pub(crate) struct Cpus {
    pub(crate) gateway: usize,
    pub(crate) load: usize,
}

impl Cpus {
    /// The first two CPUs this process may use; none when there is only one.
    pub(crate) fn find() -> Option<Self> {
        let allowed = sched_getaffinity(Pid::from_raw(0)).ok()?;
        let mut cpus = (0..CpuSet::count()).filter(|cpu| allowed.is_set(*cpu).unwrap_or(false));
        Some(Self { gateway: cpus.next()?, load: cpus.next()? })
    }
}

/// Keeps this thread, and what it starts from now on, on one CPU.
pub(crate) fn pin(cpu: usize) -> anyhow::Result<()> {
    let mut set = CpuSet::new();
    set.set(cpu)?;
    sched_setaffinity(Pid::from_raw(0), &set).with_context(|| format!("cannot run on CPU {cpu} only"))
}

/// Allows as many open files as the system lets us: a thousand streams need two thousand in a gateway.
pub(crate) fn raise_file_limit() -> anyhow::Result<u64> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?;
    Ok(hard)
}

/// A running child. Dropped, it is asked to end, then made to, with all it started.
pub(crate) struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts a program on a CPU; what it says goes to the log.
    pub(crate) fn start(command: &mut Command, cpus: Option<(usize, Cpus)>, log: PathBuf) -> anyhow::Result<Self> {
        let file = File::create(&log)?;
        command.stdin(Stdio::piped()).stderr(file);
        // A child inherits the CPU of the thread that starts it.
        if let Some((cpu, _)) = cpus {
            pin(cpu)?;
        }
        let child = command.spawn();
        if let Some((_, own)) = cpus {
            pin(own.load)?;
        }
        let child = child.with_context(|| format!("cannot start {}", command.get_program().display()))?;
        Ok(Self { child, log })
    }

    /// Its id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The address it prints as its first line.
    pub(crate) fn announced(&mut self) -> anyhow::Result<SocketAddr> {
        let out = self.child.stdout.take().context("its output is not read")?;
        let mut line = String::new();
        BufReader::new(out.take(256)).read_line(&mut line)?;
        line.trim().parse().with_context(|| format!("it did not say where it listens: {}", self.last_words()))
    }

    /// The end of its log.
    pub(crate) fn last_words(&self) -> String {
        last_words(&self.log)
    }

    /// Fails when it has ended.
    pub(crate) fn check(&mut self) -> anyhow::Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("it ended with {status}: {}", self.last_words()),
        }
    }
}

fn last_words(log: &Path) -> String {
    let text = std::fs::read(log).unwrap_or_default();
    String::from_utf8_lossy(text.get(text.len().saturating_sub(600)..).unwrap_or_default()).trim().to_owned()
}

impl Drop for Process {
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(None)) {
            return;
        }
        let family = cpu::tree(self.pid());
        let pid = |id: &u32| i32::try_from(*id).map(Pid::from_raw).ok();
        if let Some(pid) = pid(&self.pid()) {
            let _ = kill(pid, Signal::SIGTERM);
        }
        let deadline = now() + Duration::from_secs(3);
        while now() < deadline {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        for pid in family.iter().filter_map(pid) {
            let _ = kill(pid, Signal::SIGKILL);
        }
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_child_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let mut command = Command::new("sleep");
        let mut process = Process::start(command.arg("60"), None, dir.path().join("log")).unwrap();
        process.check().unwrap();
        let pid = process.pid();
        drop(process);
        assert!(kill(Pid::from_raw(pid.cast_signed()), None).is_err());
    }

    #[test]
    fn an_ended_child_is_reported() {
        let dir = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        let command = command.args(["-c", "echo 'no such thing' >&2; exit 3"]).stdout(Stdio::piped());
        let mut process = Process::start(command, None, dir.path().join("log")).unwrap();
        process.announced().unwrap_err();
        let _ = process.child.wait();
        let problem = process.check().unwrap_err().to_string();
        assert!(problem.contains("no such thing") && problem.contains('3'), "{problem}");
    }
}
