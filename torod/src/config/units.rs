//! Durations and sizes as people write them: `250ms`, `30s`, `32MiB`.

use std::time::Duration;

const DURATIONS_MS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

const SIZES_BYTES: [(&str, u64); 7] = [
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("KB", 1000),
    ("B", 1),
];

/// A whole number and `ms`, `s`, `m`, `h` or `d`.
pub(super) fn parse_duration(text: &str) -> Option<Duration> {
    parse(text, &DURATIONS_MS, false).map(Duration::from_millis)
}

/// A whole number and `B`, `KB`, `MB`, `GB`, `KiB`, `MiB` or `GiB`, in any case; in bytes.
pub(super) fn parse_size(text: &str) -> Option<u64> {
    parse(text, &SIZES_BYTES, true)
}

/// The shortest text that [`parse_duration`] reads as the same time.
pub(super) fn format_duration(value: Duration) -> String {
    let ms = u64::try_from(value.as_millis()).unwrap_or(u64::MAX);
    if ms == 0 { "0s".to_owned() } else { format(ms, &DURATIONS_MS) }
}

/// The shortest text that [`parse_size`] reads as the same size.
pub(super) fn format_size(bytes: u64) -> String {
    if bytes == 0 { "0B".to_owned() } else { format(bytes, &SIZES_BYTES) }
}

fn parse(text: &str, units: &[(&str, u64)], any_case: bool) -> Option<u64> {
    let (digits, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    let unit = unit.trim_start_matches(' ');
    let same = |name: &str| if any_case { name.eq_ignore_ascii_case(unit) } else { name == unit };
    let (_, factor) = units.iter().find(|(name, _)| same(name))?;
    digits.parse::<u64>().ok()?.checked_mul(*factor)
}

fn format(value: u64, units: &[(&str, u64)]) -> String {
    let exact = units.iter().find(|(_, factor)| value.is_multiple_of(*factor));
    exact.map_or_else(|| value.to_string(), |(name, factor)| format!("{}{name}", value / factor))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_units() {
        for (text, expected) in [
            ("250ms", Some(250)),
            ("30s", Some(30_000)),
            ("5m", Some(300_000)),
            ("2 h", Some(7_200_000)),
            ("1d", Some(86_400_000)),
            ("30", None),
            ("s", None),
            ("", None),
            ("-1s", None),
            ("1.5s", None),
            ("30S", None),
            ("99999999999999999999s", None),
            ("18446744073709551615d", None),
        ] {
            assert_eq!(parse_duration(text), expected.map(Duration::from_millis), "{text}");
        }
        for (text, expected) in [
            ("32MiB", Some(33_554_432)),
            ("1GB", Some(1_000_000_000)),
            ("5kb", Some(5000)),
            ("7B", Some(7)),
            ("7", None),
            ("1TB", None),
        ] {
            assert_eq!(parse_size(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn reads_back_what_it_wrote(n in 0_u64..u64::MAX / 2) {
            prop_assert_eq!(parse_size(&format_size(n)), Some(n));
            let time = Duration::from_millis(n);
            prop_assert_eq!(parse_duration(&format_duration(time)), Some(time));
        }

        #[test]
        fn never_panics(text in ".{0,20}") {
            let _ = (parse_duration(&text), parse_size(&text));
        }
    }
}
