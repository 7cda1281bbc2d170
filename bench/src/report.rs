//! What is printed: first the ratios, then every figure.
use std::fmt::Write as _;

use serde::Serialize;

use crate::phases::Figures;
use crate::targets::Target;

/// Everything one run showed.
#[derive(Serialize)]
pub(crate) struct Report {
    pub(crate) quick: bool,
    /// Each side had a CPU of its own; without that the figures of one side disturb the other's.
    pub(crate) pinned: bool,
    pub(crate) rows: Vec<Row>,
    /// Targets that were not measured, and why.
    pub(crate) skipped: Vec<String>,
}

/// One target's figures.
#[derive(Serialize)]
pub(crate) struct Row {
    pub(crate) target: Target,
    pub(crate) figures: Figures,
}

type Read = fn(&Figures) -> Option<u64>;

/// The ratios: what, of which figure, and where each is to end (against nginx, against floor-peek).
const RATIOS: [(&str, Read, &str, &str); 3] = [
    ("CPU, small request", |figures| figures.small_cpu_ns, "2.0", "-"),
    ("CPU, 100 KB agent body", |figures| figures.agent_cpu_ns, "-", "1.2"),
    ("CPU, streamed chunk", |figures| figures.chunk_cpu_ns, "-", "1.2"),
];

impl Report {
    /// Adds a target's figures, or what is better in them than in the ones of a round before.
    pub(crate) fn add(&mut self, target: Target, figures: Figures) {
        match self.rows.iter_mut().find(|row| row.target == target) {
            Some(row) => row.figures.improve(figures),
            None => self.rows.push(Row { target, figures }),
        }
    }

    fn find(&self, target: Target) -> Option<&Figures> {
        self.rows.iter().find(|row| row.target == target).map(|row| &row.figures)
    }

    /// The text for a terminal of 120 columns.
    pub(crate) fn text(&self) -> String {
        let mut out = String::new();
        self.write_ratios(&mut out);
        self.write_table(&mut out);
        self.write_notes(&mut out);
        out
    }

    fn write_ratios(&self, out: &mut String) {
        let Some(torod) = self.find(Target::Torod) else { return };
        let _ = writeln!(out, "{:<26}{:>9}{:>8}{:>15}{:>8}", "torod divided by", "nginx", "goal", "floor-peek", "goal");
        for (name, read, goal_nginx, goal_floor) in RATIOS {
            let by = |target| ratio(read(torod), self.find(target).and_then(read));
            let (nginx, floor) = (by(Target::Nginx), by(Target::FloorPeek));
            let _ = writeln!(out, "{name:<26}{nginx:>9}{goal_nginx:>8}{floor:>15}{goal_floor:>8}");
        }
        out.push('\n');
    }

    fn write_table(&self, out: &mut String) {
        let _ = write!(out, "{:<44}", "");
        for row in &self.rows {
            let _ = write!(out, "{:>12}", row.target.name());
        }
        out.push('\n');
        let direct = self.find(Target::Direct);
        self.write_line(out, "CPU µs / small request (64 connections)", |figures| tenths(figures.small_cpu_ns));
        self.write_line(out, "small requests / s, most (* load CPU full)", |figures| {
            let mark = if figures.load_was_full { "*" } else { "" };
            whole(figures.small_per_second) + mark
        });
        self.write_line(out, "CPU µs / 100 KB agent body (16 connections)", |figures| tenths(figures.agent_cpu_ns));
        self.write_line(out, "CPU µs / streamed chunk (128 streams)", |figures| tenths(figures.chunk_cpu_ns));
        self.write_line(out, "gap between chunks p99, ms", |figures| tenths(figures.gap_p99_us));
        let reads: [(&str, Read); 3] = [
            ("latency at 200/s p50, µs", |figures| figures.latency_p50_us),
            ("latency at 200/s p99, µs", |figures| figures.latency_p99_us),
            ("time to first event p50, µs", |figures| figures.first_event_p50_us),
        ];
        for (name, read) in reads {
            let base = direct.and_then(read);
            let name = if base.is_some() { format!("added {name}") } else { name.to_owned() };
            self.write_line(out, &name, |figures| match (read(figures), base) {
                // The direct row shows the whole time, the others what they add to it.
                (Some(us), Some(base)) if !direct.is_some_and(|direct| std::ptr::eq(direct, figures)) => {
                    format!("{:+}", us.cast_signed() - base.cast_signed())
                }
                (Some(us), Some(_)) => format!("({us})"),
                (us, _) => whole(us),
            });
        }
        self.write_line(out, "RSS MiB, idle", |figures| mebibytes(figures.idle_rss_kib));
        self.write_line(out, "RSS MiB, slow streams", |figures| mebibytes(figures.slow_rss_kib));
        self.write_line(out, "slow streams right / asked", |figures| match (figures.slow_right, figures.slow_asked) {
            (Some(right), Some(asked)) => format!("{right}/{asked}"),
            _ => "-".to_owned(),
        });
        self.write_line(out, "errors", |figures| figures.errors.to_string());
    }

    fn write_line(&self, out: &mut String, name: &str, cell: impl Fn(&Figures) -> String) {
        let cells: Vec<String> = self.rows.iter().map(|row| cell(&row.figures)).collect();
        if cells.iter().all(|cell| cell == "-") {
            return;
        }
        let _ = write!(out, "{name:<44}");
        for cell in cells {
            let _ = write!(out, "{cell:>12}");
        }
        out.push('\n');
    }

    fn write_notes(&self, out: &mut String) {
        out.push('\n');
        for row in &self.rows {
            if let Some(problem) = &row.figures.problem {
                let _ = writeln!(out, "first error of {}: {problem}", row.target.name());
            }
        }
        for skipped in &self.skipped {
            let _ = writeln!(out, "skipped {skipped}");
        }
        if !self.pinned {
            out.push_str("fewer than two CPUs: gateway and load share one, so rates and latencies say little\n");
        }
        if self.quick {
            out.push_str("quick: one short window each; good for a look, not for a comparison\n");
        }
    }
}

fn ratio(over: Option<u64>, under: Option<u64>) -> String {
    match (over, under) {
        (Some(over), Some(under)) if under > 0 => {
            // Rounded half up, in hundredths.
            let hundredths = (over * 100 + under / 2) / under;
            format!("{}.{:02}", hundredths / 100, hundredths % 100)
        }
        _ => "-".to_owned(),
    }
}

/// Thousandths of a unit as tenths of it.
fn tenths(thousandths: Option<u64>) -> String {
    thousandths.map_or_else(
        || "-".to_owned(),
        |value| {
            let tenths = (value + 50) / 100;
            format!("{}.{}", tenths / 10, tenths % 10)
        },
    )
}

fn whole(value: Option<u64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

fn mebibytes(kib: Option<u64>) -> String {
    tenths(kib.map(|kib| kib * 1_000 / 1_024))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(target: Target, ns: u64) -> Row {
        let figures = Figures { small_cpu_ns: Some(ns), latency_p50_us: Some(ns / 100), ..Figures::default() };
        Row { target, figures }
    }

    #[test]
    fn ratios_come_first_and_lines_fit() {
        let rows = vec![
            Row { target: Target::Direct, figures: Figures { latency_p50_us: Some(80), ..Figures::default() } },
            row(Target::Nginx, 10_000),
            row(Target::Floor, 12_000),
            row(Target::FloorPeek, 14_000),
            row(Target::Torod, 21_049),
        ];
        let text = Report { quick: true, pinned: false, rows, skipped: vec!["x: y".to_owned()] }.text();
        assert!(text.starts_with("torod divided by"), "{text}");
        assert!(text.contains("2.10") && text.contains("1.50"), "{text}");
        assert!(text.contains("21.0") && text.contains("(80)") && text.contains("+130"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 120), "{text}");
    }

    #[test]
    fn numbers() {
        assert_eq!(tenths(Some(1_049)), "1.0");
        assert_eq!(tenths(Some(1_050)), "1.1");
        assert_eq!(mebibytes(Some(2_560)), "2.5");
        assert_eq!(ratio(Some(1), Some(0)), "-");
    }
}
