//! Numbers, times and sentences as people read them.

use tokenrouter_shared::label::is_printable;

/// On a narrower terminal than this words are left as they are, in characters.
const NARROWEST: usize = 40;

/// Digits in groups of three: `2,000,000`.
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 model`, `2,000 models`.
pub fn counted(n: u64, one: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{} {one}s", grouped(n)) }
}

/// A time in words, without what does not matter beside it: `850 ms`, `4.2 s`, `3 min 20 s`, `2 h 5 min`, `3 days`.
pub fn span(ms: u64) -> String {
    let (seconds, minutes, hours) = (ms / 1_000, ms / 60_000, ms / 3_600_000);
    let and = |whole: String, rest: u64, unit: &str| {
        if rest == 0 { whole } else { format!("{whole} {rest} {unit}") }
    };
    match seconds {
        0 => format!("{ms} ms"),
        1..=9 => format!("{seconds}.{} s", ms % 1_000 / 100),
        10..=119 => format!("{seconds} s"),
        120..=7_199 => and(format!("{minutes} min"), seconds % 60, "s"),
        7_200..=172_799 => and(format!("{hours} h"), minutes % 60, "min"),
        _ => format!("{} days", hours / 24),
    }
}

/// Text that came from elsewhere, without what a terminal would obey.
pub fn plain(text: &str) -> String {
    text.chars().map(|c| if is_printable(c) { c } else { '\u{fffd}' }).collect()
}

/// What a model says, in lines: without what a terminal would obey, or what would turn its direction. Marks that join
/// letters and pictures stay.
pub fn said(text: &str) -> String {
    let shown = |c: char| match c {
        '\n' | '\t' | '\u{200c}' | '\u{200d}' | '\u{ad}' | '\u{2060}' => Some(c),
        '\r' => None,
        c if is_printable(c) => Some(c),
        _ => Some('\u{fffd}'),
    };
    text.chars().filter_map(shown).collect()
}

/// `text` in lines of at most `width` characters where words allow it; lines after a break begin under `indent`, in a
/// further line of the text under that line's own first word.
pub fn wrapped(text: &str, indent: usize, width: Option<usize>) -> String {
    let Some(width) = width.filter(|width| *width >= NARROWEST) else { return text.to_owned() };
    let mut lines: Vec<String> = Vec::new();
    for (at, line) in text.split('\n').enumerate() {
        let own = line.chars().take_while(|c| *c == ' ').count();
        let hang = " ".repeat(if at == 0 { indent } else { own }.min(width / 2));
        let (mut current, mut is_begun) = (String::new(), false);
        for word in line.split(' ') {
            let is_full = is_begun && current.chars().count() + 1 + word.chars().count() > width;
            if is_full && !word.is_empty() && !current.trim().is_empty() {
                lines.push(current.trim_end().to_owned());
                current.clone_from(&hang);
            } else if is_begun {
                current.push(' ');
            }
            current += word;
            is_begun = true;
        }
        lines.push(current);
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_times_are_read_at_a_glance() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([1, 0, 2_000].map(|n| counted(n, "request")), ["1 request", "0 requests", "2,000 requests"]);
        let times = [850, 4_230, 61_000, 200_000, 7_500_000, 259_200_000].map(span);
        assert_eq!(times, ["850 ms", "4.2 s", "61 s", "3 min 20 s", "2 h 5 min", "3 days"]);
    }

    #[test]
    fn a_terminal_obeys_nothing_that_a_gateway_says() {
        assert_eq!(plain("a\u{1b}[31mb\u{202e}c\n"), "a\u{fffd}[31mb\u{fffd}c\u{fffd}");
    }

    #[test]
    fn an_answer_keeps_its_lines_and_nothing_that_acts() {
        assert_eq!(said("a\r\n\tb\u{1b}]0;x\u{7}\u{9b}2J\u{202e}"), "a\n\tb\u{fffd}]0;x\u{fffd}\u{fffd}2J\u{fffd}");
        assert_eq!(said("👩\u{200d}💻 نامه\u{200c}ای"), "👩\u{200d}💻 نامه\u{200c}ای");
    }

    #[test]
    fn lines_end_between_words() {
        let text = "toro: the gateway does not answer. Is it running at this address?\n  torod serve";
        let expected = "toro: the gateway does not answer. Is it\n      running at this address?\n  torod serve";
        assert_eq!(wrapped(text, 6, Some(42)), expected);
        assert_eq!(wrapped(text, 6, None), text);
        assert_eq!(wrapped(text, 6, Some(10)), text);
    }
}
