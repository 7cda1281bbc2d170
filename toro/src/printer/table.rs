//! Tables: a row is one line. On a terminal the widest texts are shortened until all fits; elsewhere columns are whole.

use std::fmt;

use super::words::plain;

/// Between two columns.
const GAP: usize = 2;
/// No column becomes narrower than this, in characters.
const NARROWEST: usize = 8;

/// Rows under a header.
#[derive(Clone, Debug)]
pub struct Table {
    is_ruled: bool,
    width: Option<usize>,
    header: Vec<String>,
    rows: Vec<Vec<String>>,
    numbers: Vec<usize>,
    whole: Vec<usize>,
}

impl Table {
    /// An empty one; with a line below its header where `is_ruled`.
    pub(super) const fn new(is_ruled: bool, width: Option<usize>) -> Self {
        Self { is_ruled, width, header: Vec::new(), rows: Vec::new(), numbers: Vec::new(), whole: Vec::new() }
    }

    /// Names the columns.
    #[must_use]
    pub fn header<const N: usize>(mut self, names: [&str; N]) -> Self {
        self.header = names.map(str::to_owned).to_vec();
        self
    }

    /// These columns hold numbers, and end under one another.
    #[must_use]
    pub fn numbers<const N: usize>(mut self, columns: [usize; N]) -> Self {
        self.numbers = columns.to_vec();
        self
    }

    /// Names the columns, and says which of them hold numbers.
    #[must_use]
    pub fn columns<'n>(mut self, columns: impl Iterator<Item = (&'n str, bool)>) -> Self {
        for (at, (name, is_number)) in columns.enumerate() {
            self.header.push(name.to_owned());
            if is_number {
                self.numbers.push(at);
            }
        }
        self
    }

    /// These columns are never shortened: what stands there is typed again, and of no use in part.
    #[must_use]
    pub fn whole<const N: usize>(mut self, columns: [usize; N]) -> Self {
        self.whole = columns.to_vec();
        self
    }

    /// How wide it is where nothing is shortened, in characters.
    pub fn natural_width(&self) -> usize {
        let widths = Self { width: None, ..self.clone() }.widths();
        widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1)
    }

    /// Adds a row. What a terminal would obey is taken out.
    pub fn row(&mut self, cells: impl IntoIterator<Item = impl AsRef<str>>) {
        self.rows.push(cells.into_iter().map(|cell| plain(cell.as_ref())).collect());
    }

    /// Whether there is no row.
    pub const fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// How wide each column is.
    fn widths(&self) -> Vec<usize> {
        let mut widths: Vec<usize> = Vec::new();
        for row in std::iter::once(&self.header).chain(&self.rows) {
            for (at, cell) in row.iter().enumerate() {
                let width = cell.chars().count();
                match widths.get_mut(at) {
                    Some(most) => *most = width.max(*most),
                    None => widths.push(width),
                }
            }
        }
        let Some(room) = self.width.map(|all| all.saturating_sub(GAP * widths.len().saturating_sub(1))) else {
            return widths;
        };
        loop {
            let excess = widths.iter().sum::<usize>().saturating_sub(room);
            let narrowed =
                widths.iter_mut().enumerate().filter(|(at, width)| **width > NARROWEST && !self.whole.contains(at));
            match narrowed.map(|(_, width)| width).max() {
                Some(width) if excess > 0 => *width -= 1,
                _ => return widths,
            }
        }
    }

    fn line(&self, cells: &[String], widths: &[usize]) -> String {
        let mut line = String::new();
        for (at, (cell, width)) in cells.iter().zip(widths).enumerate() {
            if at > 0 {
                line += &" ".repeat(GAP);
            }
            let length = cell.chars().count();
            let blanks = " ".repeat(width.saturating_sub(length));
            if length > *width {
                line.extend(cell.chars().take(width.saturating_sub(1)));
                line.push('…');
            } else if self.numbers.contains(&at) {
                line += &blanks;
                line += cell;
            } else {
                line += cell;
                line += &blanks;
            }
        }
        line.trim_end().to_owned()
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths = self.widths();
        let mut lines = Vec::with_capacity(self.rows.len() + 2);
        if !self.header.is_empty() {
            lines.push(self.line(&self.header, &widths));
            if self.is_ruled {
                lines.push("─".repeat(widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1)));
            }
        }
        lines.extend(self.rows.iter().map(|row| self.line(row, &widths)));
        f.write_str(&lines.join("\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(width: Option<usize>) -> Table {
        let mut table = Table::new(width.is_some(), width).header(["model", "cost", "what for"]).numbers([1]);
        table.row(["openai/gpt-5.5", "$0.12", "a long sentence that does not fit on a narrow line"]);
        table.row(["x", "$12.00", "short\u{1b}[2J"]);
        table
    }

    #[test]
    fn a_row_is_one_line_and_fits() {
        let whole = table(None).to_string();
        let lines: Vec<&str> = whole.lines().collect();
        assert_eq!(lines[0], "model             cost  what for");
        assert_eq!(lines[2], "x               $12.00  short\u{fffd}[2J");
        for width in [34, 50, 80, 200] {
            let text = table(Some(width)).to_string();
            assert_eq!(text.lines().count(), 4, "{text}");
            assert!(text.lines().all(|line| line.chars().count() <= width), "{width}:\n{text}");
        }
        assert!(table(Some(50)).to_string().contains('…'));
    }
}
