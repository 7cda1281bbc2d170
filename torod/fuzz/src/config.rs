//! Configuration files: whatever stands in one is read or refused with a place, and what was read is shown as a file that
//! reads again.

use torod::config::{examine, show, view};

/// Reads the bytes as a file.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let examined = examine(text, "fuzz.toml");
    let lines = text.lines().count() + 1;
    for finding in &examined.findings {
        assert!((1..=lines).contains(&finding.line) && finding.column > 0, "{finding}");
        assert!(!finding.message.is_empty() && !finding.advice.is_empty());
        assert!(!finding.to_string().contains('\u{1b}'), "a finding may command a terminal");
        let mut shown = Vec::new();
        finding.write_with_source(&mut shown).unwrap();
    }
    if examined.has_errors() {
        return;
    }
    assert!(view(&examined.config).is_object());
    let shown = show(&examined.config);
    let again = examine(&shown, "shown.toml");
    let errors: Vec<String> = again.findings.iter().filter(|f| f.is_error()).map(ToString::to_string).collect();
    assert!(errors.is_empty(), "what is shown is wrong: {errors:?}\n{shown}");
}
