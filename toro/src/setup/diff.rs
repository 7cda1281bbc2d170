//! What would change in a file, as people know it from version control.

use similar::algorithms::{Capture, Replace, myers};
use similar::{ChangeTag, DiffOp};

/// Lines that are shown before and after a change.
const AROUND: usize = 2;

/// The lines of the difference: `-` those that go, `+` those that come, and where in the file that is.
pub fn lines(before: &str, after: &str) -> Vec<String> {
    let (old, new): (Vec<&str>, Vec<&str>) =
        (before.split_inclusive('\n').collect(), after.split_inclusive('\n').collect());
    let mut found = Replace::new(Capture::new());
    // One algorithm over one kind of text: all that the crate offers would be half a megabyte of the program.
    let Ok(()) = myers::diff_deadline_raw(&mut found, &*old, 0..old.len(), &*new, 0..new.len(), None);
    let mut shown = Vec::new();
    for group in found.into_inner().into_grouped_ops(AROUND) {
        shown.extend(place(&group));
        for change in group.iter().flat_map(|op| op.iter_changes(&*old, &*new)) {
            let sign = match change.tag() {
                ChangeTag::Equal => ' ',
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
            };
            shown.push(format!("{sign}{}", change.value().trim_end_matches('\n')));
        }
    }
    shown
}

/// `@@ -4,3 +4,5 @@`: which lines it is of the one file, and which of the other.
fn place(group: &[DiffOp]) -> Option<String> {
    let (first, last) = (group.first()?, group.last()?);
    let range = |from: usize, to: usize| {
        // Of nothing, the line before is told.
        let start = if from == to { from } else { from + 1 };
        format!("{start},{}", to - from)
    };
    let old = range(first.old_range().start, last.old_range().end);
    let new = range(first.new_range().start, last.new_range().end);
    Some(format!("@@ -{old} +{new} @@"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_and_what_comes_is_shown_with_what_is_around() {
        let before = (1..=20).fold(String::new(), |text, line| text + &line.to_string() + "\n");
        let after = before.replace("5\n", "five\nand\n").replace("20\n", "");
        assert_eq!(
            lines(&before, &after),
            [
                "@@ -3,5 +3,6 @@",
                " 3",
                " 4",
                "-5",
                "+five",
                "+and",
                " 6",
                " 7",
                "@@ -13,8 +14,8 @@",
                " 13",
                " 14",
                "-15",
                "+1five",
                "+and",
                " 16",
                " 17",
                " 18",
                " 19",
                "-20"
            ]
        );
        assert_eq!(lines("", "a\nb"), ["@@ -0,0 +1,2 @@", "+a", "+b"]);
        assert_eq!(lines("a\n", ""), ["@@ -1,1 +0,0 @@", "-a"]);
        assert!(lines("a\n", "a\n").is_empty());
        // Also where a line only ends otherwise.
        assert_eq!(lines("a\nb", "a\nb\n"), ["@@ -1,2 +1,2 @@", " a", "-b", "+b"]);
    }
}
