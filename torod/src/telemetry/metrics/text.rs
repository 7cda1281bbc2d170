//! Prometheus' text format, version 0.0.4: what families there are, and how a sample is written.

use std::fmt::{self, Display, Write as _};

/// The type of the whole.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What a family's numbers are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only grows.
    Counter,
    /// It is what it is now.
    Gauge,
    /// How many were how large.
    Histogram,
}

impl Kind {
    /// The word of the format.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// Numbers of one name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Family {
    /// With the unit, and `_total` where it is a counter.
    pub name: &'static str,
    /// What its numbers are.
    pub kind: Kind,
    /// By what they are told apart; of a histogram without `le`.
    pub labels: &'static [&'static str],
    /// What they say, in a sentence.
    pub help: &'static str,
}

/// An amount in billionths, as a decimal number: nano-dollars as dollars.
#[derive(Clone, Copy, Debug)]
pub struct Nanos(pub u128);

impl Display for Nanos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        decimal(f, self.0 / 1_000_000_000, self.0 % 1_000_000_000, 9)
    }
}

/// Microseconds as seconds.
#[derive(Clone, Copy, Debug)]
pub struct Micros(pub u128);

impl Display for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        decimal(f, self.0 / 1_000_000, self.0 % 1_000_000, 6)
    }
}

/// Milliseconds as seconds.
#[derive(Clone, Copy, Debug)]
pub struct Millis(pub u64);

impl Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        decimal(f, u128::from(self.0 / 1_000), u128::from(self.0 % 1_000), 3)
    }
}

/// `whole.part` without zeros at the end.
fn decimal(f: &mut fmt::Formatter<'_>, whole: u128, part: u128, digits: usize) -> fmt::Result {
    if part == 0 {
        return write!(f, "{whole}");
    }
    let part = format!("{part:0digits$}");
    write!(f, "{whole}.{}", part.trim_end_matches('0'))
}

/// The text while it is written.
#[derive(Debug, Default)]
pub struct Text {
    out: String,
}

impl Text {
    /// Begins with `family`; its samples follow.
    pub fn begin(&mut self, family: &Family) {
        // Writing into a String cannot fail.
        _ = writeln!(self.out, "# HELP {} {}", family.name, family.help);
        _ = writeln!(self.out, "# TYPE {} {}", family.name, family.kind.as_str());
    }

    /// One number of `family`, whose labels have `values`.
    pub fn sample(&mut self, family: &Family, values: &[&str], number: impl Display) {
        self.write(family, "", values, None, number);
    }

    /// A family with one number and no labels.
    pub fn alone(&mut self, family: &Family, number: impl Display) {
        self.begin(family);
        self.sample(family, &[], number);
    }

    pub(super) fn write(
        &mut self,
        family: &Family,
        ending: &str,
        values: &[&str],
        le: Option<&dyn Display>,
        number: impl Display,
    ) {
        debug_assert_eq!(values.len(), family.labels.len(), "{}", family.name);
        let out = &mut self.out;
        out.push_str(family.name);
        out.push_str(ending);
        let mut mark = '{';
        for (label, value) in family.labels.iter().zip(values) {
            _ = write!(out, "{mark}{label}=\"");
            escape(value, out);
            out.push('"');
            mark = ',';
        }
        if let Some(le) = le {
            _ = write!(out, "{mark}le=\"{le}\"");
            mark = ',';
        }
        if mark == ',' {
            out.push('}');
        }
        _ = writeln!(out, " {number}");
    }

    /// All of it.
    pub fn finish(self) -> String {
        self.out
    }
}

fn escape(value: &str, out: &mut String) {
    for c in value.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_written_as_the_format_wants_them() {
        let family = Family { name: "a_total", kind: Kind::Counter, labels: &["x", "y"], help: "What." };
        let mut text = Text::default();
        text.begin(&family);
        text.sample(&family, &["q\"\\\nz", "größe"], 7);
        text.alone(&Family { name: "b_seconds", kind: Kind::Gauge, labels: &[], help: "When." }, Micros(1_500_000));
        let expected = "# HELP a_total What.\n# TYPE a_total counter\na_total{x=\"q\\\"\\\\\\nz\",y=\"größe\"} 7\n\
                        # HELP b_seconds When.\n# TYPE b_seconds gauge\nb_seconds 1.5\n";
        assert_eq!(text.finish(), expected);
    }

    #[test]
    fn amounts_are_exact_decimals() {
        assert_eq!(Nanos(0).to_string(), "0");
        assert_eq!(Nanos(1).to_string(), "0.000000001");
        assert_eq!(Nanos(12_345_600_000_000).to_string(), "12345.6");
        assert_eq!(Micros(3_000_000).to_string(), "3");
        assert_eq!(Micros(25).to_string(), "0.000025");
        assert_eq!(Millis(1_790_000_000_040).to_string(), "1790000000.04");
    }
}
