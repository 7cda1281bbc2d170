//! Tables: as wide as the terminal at most, one line a row; bare and whole columns elsewhere.

use std::fmt;
use std::ops::{Deref, DerefMut};

use comfy_table::{ColumnConstraint, LineStyle, TableStyle, Width, presets};

use super::terminal;

/// One line below the header, and none between rows.
const HEADED: TableStyle = presets::NOTHING.header_separator(LineStyle::none().fill('─'));
/// The blanks beside the content of a column.
const PADDING: u16 = 2;
/// No column becomes narrower than this, in characters.
const NARROWEST: u16 = 8;

/// A table that fits where the output goes.
pub(super) struct Table {
    inner: comfy_table::Table,
    width: Option<usize>,
    is_shortened: bool,
    /// The columns that are never shortened.
    whole: Vec<usize>,
    /// The columns that are left out where not all fit, the first one first.
    spare: Vec<usize>,
}

impl Table {
    /// Long texts go on in further lines of their column instead of being shortened: all of them matters.
    pub(super) fn wrapped(mut self) -> Self {
        self.is_shortened = false;
        self.inner.set_delimiter(' ');
        self
    }

    /// What stands in these columns is of use only as a whole.
    pub(super) fn keep_whole(&mut self, columns: &[usize]) {
        self.whole = columns.to_vec();
    }

    /// Where not all columns fit, these are left out, the first one first, before another one is shortened.
    pub(super) fn spare(&mut self, columns: &[usize]) {
        self.spare = columns.to_vec();
    }
}

/// An empty table for where the output goes.
pub(super) fn table(is_terminal: bool) -> Table {
    of_width(is_terminal, terminal::width().filter(|_| is_terminal))
}

fn of_width(is_headed: bool, width: Option<usize>) -> Table {
    let mut inner = comfy_table::Table::new();
    inner.load_style(if is_headed { HEADED } else { presets::NOTHING });
    inner.set_content_arrangement(comfy_table::ContentArrangement::Disabled);
    inner.set_truncation_indicator("…");
    // No word is put on a line of its own: there is one line.
    inner.set_delimiter('\n');
    Table { inner, width, is_shortened: true, whole: Vec::new(), spare: Vec::new() }
}

impl Deref for Table {
    type Target = comfy_table::Table;

    fn deref(&self) -> &Self::Target {
        &self.inner
    }
}

impl DerefMut for Table {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.inner
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = self.inner.clone();
        if let Some(width) = self.width {
            self.fit(&mut table, u16::try_from(width).unwrap_or(u16::MAX));
            for row in table.row_iter_mut().filter(|_| self.is_shortened) {
                row.max_height(1);
            }
        }
        // Blanks at the end would be lines of their own on a narrow terminal.
        let lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl Table {
    /// Leaves out what can be spared, then narrows the widest columns until all fit.
    fn fit(&self, table: &mut comfy_table::Table, width: u16) {
        let mut widths = table.column_max_content_widths();
        let mut hidden: Vec<usize> = Vec::new();
        for at in &self.spare {
            let all = widths.iter().fold(0_u16, |sum, width| sum.saturating_add(*width));
            if all <= room(width, widths.len() - hidden.len()) {
                break;
            }
            if let (Some(width), Some(column)) = (widths.get_mut(*at), table.column_mut(*at)) {
                *width = 0;
                column.set_constraint(ColumnConstraint::Hidden);
                hidden.push(*at);
            }
        }
        let header = table.header().into_iter().flat_map(comfy_table::Row::cell_iter);
        let names: Vec<u16> =
            header.map(|cell| u16::try_from(cell.content().chars().count()).unwrap_or(u16::MAX)).collect();
        let content = widths.clone();
        let least = |at: usize| match content.get(at) {
            Some(width) if self.whole.contains(&at) => *width,
            _ => names.get(at).copied().unwrap_or_default().max(NARROWEST),
        };
        narrow(&mut widths, room(width, content.len() - hidden.len()), least);
        for (at, width) in widths.into_iter().enumerate().filter(|(at, _)| !hidden.contains(at)) {
            if let Some(column) = table.column_mut(at) {
                column.set_constraint(ColumnConstraint::Absolute(Width::Fixed(width + PADDING)));
            }
        }
    }
}

/// What so many columns have for their content.
fn room(width: u16, columns: usize) -> u16 {
    width.saturating_sub(PADDING.saturating_mul(u16::try_from(columns).unwrap_or(u16::MAX)))
}

/// Narrows the widest columns until all fit into `room`, each down to its `least` at most.
fn narrow(widths: &mut [u16], room: u16, least: impl Fn(usize) -> u16) {
    loop {
        let all: u16 = widths.iter().fold(0, |sum, width| sum.saturating_add(*width));
        let Some(excess) = all.checked_sub(room).filter(|excess| *excess > 0) else { break };
        let spare = widths.iter().enumerate().filter(|(at, width)| **width > least(*at));
        let Some((widest, &most)) = spare.max_by_key(|(_, width)| **width) else { break };
        // Down to the next one, so that no column gives up all while another as wide keeps all.
        let others = widths.iter().enumerate().filter(|(at, _)| *at != widest).map(|(_, width)| *width);
        let next = others.filter(|width| *width < most).max().unwrap_or(0);
        let by = excess.min(most.saturating_sub(next)).min(most - least(widest)).max(1);
        if let Some(width) = widths.get_mut(widest) {
            *width = most - by;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(is_headed: bool, width: Option<usize>) -> String {
        let mut table = of_width(is_headed, width);
        table.set_header(["name", "n", "meaning"]);
        table.add_row(["groq", "1", "a long sentence that does not fit on a line of forty characters"]);
        table.add_row(["work-with-a-name", "22", "short"]);
        table.to_string()
    }

    #[test]
    fn a_row_is_one_line_of_the_terminal_and_its_longest_text_is_shortened() {
        let rule = "─".repeat(42);
        let expected = format!(
            " name              n   meaning\n{rule}\n groq              1   a long sentence t…\n work-with-a-name  22  short"
        );
        assert_eq!(shown(true, Some(42)), expected);
        for width in [20, 30, 42, 80, 200] {
            let text = shown(true, Some(width));
            assert_eq!(text.lines().count(), 4, "{text}");
            let longest = text.lines().map(|line| line.chars().count()).max();
            assert!(longest <= Some(width.max(32)), "{width}:\n{text}");
        }
    }

    #[test]
    fn what_can_be_spared_goes_first_and_what_must_be_whole_stays() {
        let text = |width| {
            let mut table = of_width(true, Some(width));
            table.set_header(["name", "id", "used", "limits"]);
            table.add_row(["a name of some length", "tok_0123456789abcdef", "3 days ago", "$5, 60 rpm, some models"]);
            table.keep_whole(&[1]);
            table.spare(&[2]);
            table.to_string()
        };
        assert!(text(100).contains("3 days ago") && !text(100).contains('…'), "{}", text(100));
        assert!(!text(80).contains("used") && !text(80).contains('…'), "{}", text(80));
        for width in [44, 50, 60] {
            let text = text(width);
            assert!(text.contains(" tok_0123456789abcdef ") && text.contains('…'), "{text}");
            assert!(text.lines().all(|line| line.chars().count() <= width), "{text}");
        }
    }

    #[test]
    fn what_matters_goes_on_below() {
        let mut table = of_width(true, Some(40)).wrapped();
        table.set_header(["name", "why"]);
        table.add_row(["groq", "a long sentence that does not fit on a line of forty characters"]);
        let text = table.to_string();
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.ends_with("a long sentence that does not fit on a line of forty characters"), "{text}");
        assert!(text.lines().count() == 5 && text.lines().all(|line| line.chars().count() <= 40), "{text}");
    }

    #[test]
    fn elsewhere_columns_are_bare_and_whole() {
        let text = shown(false, None);
        assert!(text.contains("of forty characters") && !text.contains('─') && !text.contains('…'), "{text}");
        assert!(text.lines().all(|line| !line.ends_with(' ')), "{text}");
    }
}
