//! Charts of characters: columns over time, and bars that stand beside their names.

/// A column or a bar from one eighth to all of a character.
const RISING: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const GROWING: [char; 9] = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉', '█'];
const PLAIN_RISING: [char; 9] = [' ', '.', '.', '.', ':', ':', ':', '#', '#'];
/// Lines of a chart over time, without its axis.
const HEIGHT: usize = 7;
/// A column is at most so wide, in characters.
const WIDEST_COLUMN: usize = 6;
/// Blanks between two labels of the axis.
const LABEL_GAP: usize = 2;

/// Which characters charts are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ink {
    /// Blocks and lines.
    Blocks,
    /// ASCII alone.
    Plain,
}

impl Ink {
    /// What the terminal's language can show.
    pub(super) fn of(is_plain: bool, env: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &&str| env(name).filter(|value| !value.is_empty());
        let language = ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(set).map(|text| text.to_ascii_lowercase());
        let is_latin = language.is_some_and(|text| text.contains("8859") || text == "posix" || text == "c");
        if is_plain || is_latin { Self::Plain } else { Self::Blocks }
    }
}

/// A bar of at most `width` characters, where `most` fills them. What is not nothing is seen.
pub(super) fn bar(value: u64, most: u64, width: usize, ink: Ink) -> String {
    let eighths = share(value, most, width.saturating_mul(8));
    if ink == Ink::Plain {
        return "#".repeat(eighths.div_ceil(8).min(width));
    }
    let mut bar = "█".repeat(eighths / 8);
    bar.extend(GROWING.get(eighths % 8).filter(|c| **c != ' '));
    bar
}

/// So much of `whole` as `value` is of `most`; one at least, where it is not nothing.
fn share(value: u64, most: u64, whole: usize) -> usize {
    if value == 0 || most == 0 {
        return 0;
    }
    let of = u128::from(value.min(most)) * u128::try_from(whole).unwrap_or(0) / u128::from(most);
    usize::try_from(of).unwrap_or(whole).max(1)
}

/// Columns over time: each point's label and value, from left to right, within `width` characters. Where there are more
/// points than room, neighbours are added up. `told` writes a value for the axis.
pub(super) fn columns(points: &[(String, u64)], width: usize, ink: Ink, told: impl Fn(u64) -> String) -> Vec<String> {
    let scale = |merged: &[(String, u64)]| merged.iter().map(|(_, value)| *value).max().unwrap_or(0);
    // What stands beside the axis is as wide as its widest text; merging makes values greater, and seldom wider.
    let all: u64 = points.iter().fold(0, |sum, (_, value)| sum.saturating_add(*value));
    let margin = [told(all), told(scale(points))].iter().map(|text| text.chars().count()).max().unwrap_or(0);
    let room = width.saturating_sub(margin + 3).max(8);
    let merged = merged(points, room);
    let most = scale(&merged);
    let (column, gap) = match room / merged.len().max(1) {
        0 | 1 => (1, 0),
        each => ((each - 1).min(WIDEST_COLUMN), 1),
    };
    let (corner, edge, line, ramp) = match ink {
        Ink::Blocks => ('└', '│', '─', RISING),
        Ink::Plain => ('+', '|', '-', PLAIN_RISING),
    };
    let mut lines = Vec::with_capacity(HEIGHT + 2);
    for row in (0..HEIGHT).rev() {
        let beside = match row {
            _ if most == 0 => String::new(),
            row if row + 1 == HEIGHT => told(most),
            row if row == HEIGHT / 2 => told(most / 2),
            _ => String::new(),
        };
        let mut text = format!("{beside:>margin$} {edge}");
        for (_, value) in &merged {
            let eighths = share(*value, most, HEIGHT * 8).saturating_sub(row * 8).min(8);
            let cell = ramp.get(eighths).copied().unwrap_or(' ');
            text.extend(std::iter::repeat_n(cell, column));
            text.extend(std::iter::repeat_n(' ', gap));
        }
        lines.push(text.trim_end().to_owned());
    }
    let length = merged.len() * (column + gap);
    lines.push(format!("{:>margin$} {corner}{}", told(0), line.to_string().repeat(length)));
    let mut labels = " ".repeat(margin + 2);
    for (at, (label, _)) in merged.iter().enumerate() {
        let place = margin + 2 + at * (column + gap);
        let used = labels.chars().count();
        let is_free = place == margin + 2 || place >= used + LABEL_GAP;
        if is_free && place + label.chars().count() <= width.max(margin + 2 + length) {
            labels += &" ".repeat(place.saturating_sub(used));
            labels += label;
        }
    }
    lines.push(labels.trim_end().to_owned());
    lines
}

/// As many points as there is room for; each takes up as many neighbours.
fn merged(points: &[(String, u64)], room: usize) -> Vec<(String, u64)> {
    let each = points.len().div_ceil(room.max(1)).max(1);
    let add = |chunk: &[(String, u64)]| {
        let label = chunk.first().map(|(label, _)| label.clone()).unwrap_or_default();
        (label, chunk.iter().fold(0_u64, |sum, (_, value)| sum.saturating_add(*value)))
    };
    points.chunks(each).map(add).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(values: &[u64]) -> Vec<(String, u64)> {
        values.iter().enumerate().map(|(at, value)| (format!("{at:02}:00"), *value)).collect()
    }

    #[test]
    fn bars_are_in_proportion_and_never_too_long() {
        let told = [0, 1, 50, 100, 1_000].map(|n| bar(n, 100, 4, Ink::Blocks));
        assert_eq!(told, ["", "▏", "██", "████", "████"]);
        assert_eq!([0, 1, 50, 100].map(|n| bar(n, 100, 4, Ink::Plain)), ["", "#", "##", "####"]);
        assert_eq!((bar(u64::MAX, u64::MAX, 2, Ink::Blocks), bar(5, 0, 10, Ink::Plain)), ("██".into(), String::new()));
    }

    #[test]
    fn columns_stand_on_an_axis_with_labels() {
        let told = columns(&points(&[0, 4, 8, 1]), 30, Ink::Blocks, |n| format!("${n}"));
        let expected = [
            " $8 │            █████",
            "    │            █████",
            "    │            █████",
            " $4 │      ▄▄▄▄▄ █████",
            "    │      █████ █████",
            "    │      █████ █████",
            "    │      █████ █████ ▇▇▇▇▇",
            " $0 └────────────────────────",
            "     00:00       02:00",
        ];
        assert_eq!(told, expected, "\n{}", told.join("\n"));
    }

    #[test]
    fn more_points_than_room_are_added_up_and_no_line_is_too_long() {
        for (count, width) in [(0, 80), (1, 80), (24, 80), (288, 80), (400, 140), (1_000, 40), (31, 20)] {
            let values: Vec<u64> = (0..count).map(|n| n * 7 % 13).collect();
            for ink in [Ink::Blocks, Ink::Plain] {
                let told = columns(&points(&values), width, ink, |n| n.to_string());
                assert!(told.iter().all(|line| line.chars().count() <= width), "{count} {width}:\n{}", told.join("\n"));
                assert!(ink == Ink::Blocks || told.iter().all(|line| line.is_ascii()), "{}", told.join("\n"));
            }
        }
        let sum = |points: &[(String, u64)]| points.iter().map(|(_, value)| value).sum::<u64>();
        let all = points(&[3; 100]);
        assert_eq!((merged(&all, 30).len(), sum(&merged(&all, 30))), (25, 300));
        columns(&points(&[u64::MAX, u64::MAX]), 20, Ink::Plain, |n| n.to_string());
    }

    #[test]
    fn blocks_are_left_out_where_the_terminal_has_none() {
        let with =
            |name: &'static str, value: &'static str| move |asked: &str| (asked == name).then(|| value.to_owned());
        assert_eq!(Ink::of(false, with("LANG", "C")), Ink::Plain);
        assert_eq!(Ink::of(false, with("LC_ALL", "de_DE.ISO-8859-1")), Ink::Plain);
        assert_eq!(Ink::of(false, with("LANG", "de_DE.UTF-8")), Ink::Blocks);
        assert_eq!(Ink::of(false, |_| None), Ink::Blocks);
        assert_eq!(Ink::of(true, |_| None), Ink::Plain);
    }
}
