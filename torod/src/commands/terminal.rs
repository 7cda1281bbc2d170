//! The terminal: how wide it is, and sentences whose lines end between words.

use std::io::Write;

/// On a narrower terminal than this words are left as they are, in characters.
const NARROWEST: usize = 40;

/// The width of the terminal that the output goes to, in characters; none where it goes elsewhere.
pub(super) fn width() -> Option<usize> {
    terminal_size::terminal_size_of(std::io::stdout()).map(|(width, _)| usize::from(width.0))
}

/// The same for what is said beside the output.
fn width_beside() -> Option<usize> {
    terminal_size::terminal_size_of(std::io::stderr()).map(|(width, _)| usize::from(width.0))
}

/// Writes `text` to the output; on a terminal it is broken between words, and each further line begins under `indent`.
pub(super) fn tell(out: &mut dyn Write, text: &str, indent: usize) -> std::io::Result<()> {
    writeln!(out, "{}", wrapped(text, indent, width()))
}

/// Says `text` beside the output, in the same way.
pub(super) fn say(text: &str, indent: usize) -> std::io::Result<()> {
    writeln!(anstream::stderr(), "{}", wrapped(text, indent, width_beside()))
}

/// `text` in lines of at most `width` characters where words allow it. What follows a break in its first line begins
/// under `indent`, in another line under that line's own first word.
pub(super) fn wrapped(text: &str, indent: usize, width: Option<usize>) -> String {
    let Some(width) = width.filter(|width| *width >= NARROWEST) else { return text.to_owned() };
    let mut lines = Vec::new();
    for (at, line) in text.split('\n').enumerate() {
        let own = line.chars().take_while(|c| *c == ' ').count();
        let hang = if at == 0 { indent } else { own };
        wrap(line, hang.min(width / 2), width, &mut lines);
    }
    lines.join("\n")
}

fn wrap(line: &str, hang: usize, width: usize, lines: &mut Vec<String>) {
    let (mut current, mut used, mut is_begun) = (String::new(), 0, false);
    for word in line.split(' ') {
        let length = visible(word);
        if is_begun && used + 1 + length > width && !current.trim().is_empty() && length > 0 {
            lines.push(current.trim_end().to_owned());
            current = " ".repeat(hang);
            used = hang;
        } else if is_begun {
            current.push(' ');
            used += 1;
        }
        current.push_str(word);
        used += length;
        is_begun = true;
    }
    lines.push(current);
}

/// How many characters of `word` are seen: colours are not.
fn visible(word: &str) -> usize {
    let mut is_code = false;
    let seen = word.chars().filter(|c| match (is_code, c) {
        (false, '\u{1b}') => {
            is_code = true;
            false
        }
        (true, 'm') => {
            is_code = false;
            false
        }
        (is_code, _) => !is_code,
    });
    seen.count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_between_words_and_go_on_under_the_text() {
        let text = "torod: there is already a provider `groq`: give this one a name of its own\n  --name  groq-2 or any other name that is free";
        let expected = "torod: there is already a provider `groq`:\n       give this one a name of its own\n  \
                        --name  groq-2 or any other name that is\n  free";
        assert_eq!(wrapped(text, 7, Some(42)), expected);
        assert_eq!(wrapped(text, 7, None), text);
        assert_eq!(wrapped(text, 7, Some(10)), text);
    }

    #[test]
    fn a_word_longer_than_the_line_stays_whole_and_colours_take_no_room() {
        let path = "/a".repeat(40);
        assert_eq!(wrapped(&format!("no {path} here"), 2, Some(40)), format!("no\n  {path}\n  here"));
        let line = format!("\u{1b}[32m✓\u{1b}[0m {}", "word ".repeat(7).trim_end());
        assert_eq!(wrapped(&line, 2, Some(40)), line);
    }
}
