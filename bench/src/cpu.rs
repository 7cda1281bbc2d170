//! What a process tree has used: CPU time and memory, as the kernel counts them.
use std::collections::{HashMap, HashSet};
use std::fs;

use nix::time::clock_getcpuclockid;
use nix::unistd::{Pid, SysconfVar, sysconf};

/// The process and all its descendants.
pub(crate) fn tree(root: u32) -> Vec<u32> {
    let mut parents = Vec::new();
    if let Ok(entries) = fs::read_dir("/proc") {
        for entry in entries.flatten() {
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
            if let Some(parent) = stat(pid).and_then(|fields| fields.get(1)?.parse::<u32>().ok()) {
                parents.push((pid, parent));
            }
        }
    }
    let mut found = HashSet::from([root]);
    loop {
        let before = found.len();
        for (pid, parent) in &parents {
            if found.contains(parent) {
                found.insert(*pid);
            }
        }
        if found.len() == before {
            return found.into_iter().collect();
        }
    }
}

/// The fields of /proc/PID/stat from the third (state) on.
fn stat(pid: u32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name may hold anything, brackets too: what follows its last one is numbers.
    let (_, rest) = text.rsplit_once(')')?;
    Some(rest.split_whitespace().map(str::to_owned).collect())
}

/// CPU time of one process with all its threads, in nanoseconds.
fn process_ns(pid: u32) -> Option<u64> {
    let by_clock = || {
        let clock = clock_getcpuclockid(Pid::from_raw(i32::try_from(pid).ok()?)).ok()?;
        let time = clock.now().ok()?;
        Some(u64::try_from(time.tv_sec()).ok()? * 1_000_000_000 + u64::try_from(time.tv_nsec()).ok()?)
    };
    by_clock().or_else(|| ticks_ns(pid))
}

/// The same from user and system time in clock ticks, which is coarser.
fn ticks_ns(pid: u32) -> Option<u64> {
    let fields = stat(pid)?;
    let ticks = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    let per_second = sysconf(SysconfVar::CLK_TCK).ok()??;
    Some(ticks * (1_000_000_000 / u64::try_from(per_second).ok()?.max(1)))
}

/// CPU time used since a moment by a process tree.
pub(crate) struct CpuMark {
    root: u32,
    before: HashMap<u32, u64>,
}

impl CpuMark {
    /// Marks this moment.
    pub(crate) fn set(root: u32) -> Self {
        Self { root, before: read(root) }
    }

    /// Nanoseconds used since, by what runs now. A process that ended meanwhile is not counted.
    pub(crate) fn used_ns(&self) -> u64 {
        let after = read(self.root);
        after.iter().map(|(pid, ns)| ns.saturating_sub(self.before.get(pid).copied().unwrap_or(0))).sum()
    }
}

fn read(root: u32) -> HashMap<u32, u64> {
    tree(root).into_iter().filter_map(|pid| Some((pid, process_ns(pid)?))).collect()
}

/// Resident memory of a process tree in KiB; pages that processes share count once for each.
pub(crate) fn rss_kib(root: u32) -> u64 {
    tree(root).into_iter().filter_map(process_rss_kib).sum()
}

fn process_rss_kib(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().trim_end_matches("kB").trim().parse().ok()
}

/// Busy and total ticks of one CPU of the machine, or of all when `cpu` is none.
pub(crate) fn machine_ticks(cpu: Option<usize>) -> Option<(u64, u64)> {
    let text = fs::read_to_string("/proc/stat").ok()?;
    let name = cpu.map_or_else(|| "cpu".to_owned(), |cpu| format!("cpu{cpu}"));
    let line = text.lines().find(|line| line.split_whitespace().next() == Some(name.as_str()))?;
    let numbers: Vec<u64> = line.split_whitespace().skip(1).take(8).filter_map(|word| word.parse().ok()).collect();
    let total: u64 = numbers.iter().sum();
    let idle = numbers.get(3)? + numbers.get(4)?;
    Some((total - idle, total))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keeps a CPU busy until the process has used so much more of it.
    fn burn(ns: u64) {
        let pid = std::process::id();
        let end = process_ns(pid).unwrap() + ns;
        while process_ns(pid).unwrap() < end {
            std::hint::black_box((0..10_000_u64).sum::<u64>());
        }
    }

    #[test]
    fn work_is_counted() {
        let mark = CpuMark::set(std::process::id());
        burn(50_000_000);
        assert!(mark.used_ns() >= 50_000_000);
    }

    #[test]
    fn both_ways_of_reading_agree() {
        burn(50_000_000);
        let (clock, ticks) = (process_ns(std::process::id()).unwrap(), ticks_ns(std::process::id()).unwrap());
        // Other tests run in this process meanwhile, and a tick is 10 ms.
        assert!(ticks.abs_diff(clock) < 500_000_000, "{clock} {ticks}");
    }

    #[test]
    fn a_tree_has_its_root() {
        assert!(tree(std::process::id()).contains(&std::process::id()));
        assert!(rss_kib(std::process::id()) > 500);
        assert_eq!(process_ns(u32::MAX), None);
    }

    #[test]
    fn the_machine_counts() {
        let (busy, total) = machine_ticks(None).unwrap();
        assert!(busy <= total && total > 0);
    }
}
