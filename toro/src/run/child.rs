//! The agent's process: in our group and on our terminal, so that Ctrl-C and Ctrl-Z work as without us.

use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, ExitStatus};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::agents::families::is_among;
use crate::agents::plan::Plan;
use crate::exit::{Exit, Failure};

/// A process by its number and the time it began, so that a number that was given anew is not mistaken for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Its number.
    pub pid: i32,
    /// When it began, in ticks since the machine did; 0 where the system does not tell.
    pub began: u64,
}

impl Identity {
    /// That of a process that runs now.
    pub fn of(pid: i32) -> Self {
        Self { pid, began: stat(pid).map_or(0, |stat| stat.began) }
    }

    /// Whether it still runs; one that waits to be waited for does not.
    pub fn is_alive(self) -> bool {
        match stat(self.pid) {
            Some(stat) => stat.began == self.began && !stat.is_over,
            None => self.began == 0 && kill(Pid::from_raw(self.pid), None).is_ok(),
        }
    }

    /// Sends it a signal, if it still runs.
    pub fn signal(self, signal: i32) {
        if let Ok(signal) = Signal::try_from(signal)
            && self.is_alive()
        {
            _ = kill(Pid::from_raw(self.pid), signal);
        }
    }

    /// It and all that it started and that those started, as far as the system tells.
    pub fn family(self) -> Vec<Self> {
        let mut family = vec![self];
        let Ok(folder) = std::fs::read_dir("/proc") else { return family };
        let pids = folder.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
        let all: Vec<(i32, Stat)> = pids.filter_map(|pid| Some((pid, stat(pid)?))).collect();
        let mut at = 0;
        while let Some(parent) = family.get(at).copied() {
            let children = all.iter().filter(|(pid, stat)| stat.parent == parent.pid && *pid != parent.pid);
            let found: Vec<Self> = children.map(|(pid, stat)| Self { pid: *pid, began: stat.began }).collect();
            family.extend(found.into_iter().filter(|one| !family.contains(one)).collect::<Vec<_>>());
            at += 1;
        }
        family
    }
}

struct Stat {
    is_over: bool,
    parent: i32,
    began: u64,
}

/// What Linux tells of a process.
fn stat(pid: i32) -> Option<Stat> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name stands in parentheses and may hold anything.
    let (_, rest) = text.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    Some(Stat {
        is_over: matches!(*fields.first()?, "Z" | "X"),
        parent: fields.get(1)?.parse().ok()?,
        began: fields.get(19)?.parse().ok()?,
    })
}

/// The running agent.
#[derive(Debug)]
pub struct Child {
    inner: std::process::Child,
    /// Which process it is.
    pub identity: Identity,
}

impl Child {
    /// Starts it.
    pub fn start(plan: &Plan) -> Result<Self, Failure> {
        let mut command = Command::new(&plan.program);
        command.args(&plan.arguments);
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(|name| is_among(name, &plan.removes)) {
                command.env_remove(name);
            }
        }
        command.envs(&plan.sets);
        let inner = command.spawn().map_err(|e| {
            let advice = match e.kind() {
                std::io::ErrorKind::NotFound => "Is the interpreter in its first line installed?",
                std::io::ErrorKind::ArgumentListTooLong => "Say less on the command line.",
                _ => "Is it a program for this machine, and may you run it?",
            };
            Failure::new(Exit::NotStarted, format!("{} cannot be started: {e}", plan.program.display()), advice)
        })?;
        let pid = i32::try_from(inner.id()).unwrap_or(i32::MAX);
        Ok(Self { inner, identity: Identity::of(pid) })
    }

    /// How it ended, if it did.
    pub fn ended(&mut self) -> std::io::Result<Option<Exit>> {
        Ok(self.inner.try_wait()?.map(of_status))
    }

    /// Waits until it ends.
    pub fn wait(&mut self) -> std::io::Result<Exit> {
        Ok(of_status(self.inner.wait()?))
    }
}

fn of_status(status: ExitStatus) -> Exit {
    match (status.code(), status.signal()) {
        (Some(code), _) => Exit::Code(u8::try_from(code).unwrap_or(u8::MAX)),
        (None, Some(signal)) => Exit::Signal(signal),
        (None, None) => Exit::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_is_found_and_a_number_alone_is_nobody() {
        let plan = Plan {
            program: "/bin/sh".into(),
            arguments: vec!["-c".into(), "sleep 60 & wait".into()],
            ..Plan::default()
        };
        let mut child = Child::start(&plan).unwrap();
        let me = child.identity;
        assert!(me.is_alive() && !Identity { began: me.began + 1, ..me }.is_alive());
        let mut family = me.family();
        while family.len() < 2 {
            family = me.family();
        }
        for one in &family {
            one.signal(9);
        }
        assert_eq!(child.wait().unwrap(), Exit::Signal(9));
        while family.iter().any(|one| one.is_alive()) {}
        assert!(!me.is_alive());
    }
}
