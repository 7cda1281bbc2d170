//! Where one provider begins and ends in the text, with the comments that are its own.

use std::ops::Range;

use toml_edit::{ArrayOfTables, Item, Table};

/// The line of a first file under which providers stand.
const HEADING: &str = "# ---- Providers";

/// Where the first provider goes: under its heading, or at the end.
pub(super) fn first(text: &str) -> usize {
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        start += line.len();
        // A heading stands among comments: in front of a table it would take that table's keys away.
        if line.starts_with(HEADING) && text.get(start..).is_none_or(opens_a_table) {
            return start;
        }
    }
    text.len()
}

/// Whether the first line of `text` that is neither blank nor comment begins a table, or there is none.
fn opens_a_table(text: &str) -> bool {
    let lines = text.lines().map(str::trim_start);
    let mut lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.next().is_none_or(|line| line.starts_with('['))
}

/// Behind the last line of the last provider.
pub(super) fn after_last(text: &str, providers: &ArrayOfTables) -> usize {
    let end = providers.iter().last().and_then(|last| Some(whole(last)?.end));
    end.map_or(text.len(), |end| line_end(text, end))
}

/// `text` with `table` at `place`, with an empty line on both sides.
pub(super) fn insert(text: &str, place: usize, table: &str) -> String {
    let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let (before, after) = text.split_at_checked(place).unwrap_or((text, ""));
    let mut edited = before.to_owned();
    if !before.trim_start_matches('\u{feff}').is_empty() {
        edited += if before.ends_with('\n') { "" } else { end };
        edited += end;
    }
    edited += &table.replace('\n', end);
    if !after.is_empty() && !is_blank(first_line(after)) {
        edited += end;
    }
    edited + after
}

/// `text` without the provider at `at`, its own comments and one gap; none if its place cannot be told.
pub(super) fn cut(text: &str, providers: &ArrayOfTables, at: usize) -> Option<String> {
    let Range { start, end } = whole(providers.get(at)?)?;
    let mut start = line_start(text, start);
    let own = start;
    // Comments right above are its own, unless the file begins with them: those are the file's.
    while let Some(line) = last_line(text.get(..start)?)
        && line.trim_start().starts_with('#')
    {
        start -= line.len();
    }
    if start == 0 {
        start = own;
    }
    let mut end = line_end(text, end);
    let mut below = end;
    while first_line(text.get(below..)?).trim_start().starts_with('#') {
        below += first_line(text.get(below..)?).len();
    }
    // Comments right below are its own, unless they stand above something.
    if is_blank(first_line(text.get(below..)?)) {
        end = below;
    }
    while !text.get(end..)?.is_empty() && is_blank(first_line(text.get(end..)?)) {
        end += first_line(text.get(end..)?).len();
    }
    let (mut before, after) = (text.get(..start)?, text.get(end..)?);
    if after.is_empty() {
        while let Some(line) = last_line(before).filter(|line| is_blank(line)) {
            before = before.get(..before.len() - line.len())?;
        }
    }
    Some(format!("{before}{after}"))
}

/// From the header of `table` to the end of its last value, tables inside included.
fn whole(table: &Table) -> Option<Range<usize>> {
    let mut whole = table.span()?;
    for (_, item) in table {
        let inner = match item {
            Item::Table(table) => Some(whole_or_dotted(table, &whole)),
            Item::ArrayOfTables(tables) => tables.iter().filter_map(self::whole).reduce(|a, b| join(&a, &b)),
            other => other.span(),
        };
        if let Some(inner) = inner {
            whole.end = whole.end.max(inner.end);
        }
    }
    Some(whole)
}

fn whole_or_dotted(table: &Table, outer: &Range<usize>) -> Range<usize> {
    let inner = table.iter().filter_map(|(_, item)| match item {
        Item::Table(table) => Some(whole_or_dotted(table, outer)),
        Item::ArrayOfTables(tables) => tables.iter().filter_map(whole).reduce(|a, b| join(&a, &b)),
        other => other.span(),
    });
    let own = table.span().unwrap_or_else(|| outer.clone());
    inner.fold(own, |a, b| join(&a, &b))
}

fn join(a: &Range<usize>, b: &Range<usize>) -> Range<usize> {
    a.start.min(b.start)..a.end.max(b.end)
}

fn line_start(text: &str, at: usize) -> usize {
    text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |newline| newline + 1)
}

/// Behind the line in which `at` stands.
fn line_end(text: &str, at: usize) -> usize {
    // A value of many lines ends behind its last character.
    text.get(at..).and_then(|rest| rest.find('\n')).map_or(text.len(), |newline| at + newline + 1)
}

fn first_line(text: &str) -> &str {
    text.split_inclusive('\n').next().unwrap_or_default()
}

fn last_line(text: &str) -> Option<&str> {
    text.split_inclusive('\n').next_back()
}

fn is_blank(line: &str) -> bool {
    line.trim().is_empty()
}
