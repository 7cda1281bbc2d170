//! Every command of torod that any document shows, in a block or in a sentence, is one that torod understands.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Parser as _;
use clap::error::ErrorKind;
use torod::cli::Cli;

/// The documents for people, by their names below the repository's root.
fn documents() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut found = vec![root.join("README.md"), root.join("packaging/README.md")];
    let mut folders = vec![root.join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "md") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// What calls torod, as its own words.
#[derive(Debug)]
struct Shown {
    words: Vec<String>,
    /// It stands in a sentence, where words that go without saying are left out.
    is_told: bool,
}

/// The lines of code blocks, fenced and indented.
pub fn lines(text: &str) -> Vec<&str> {
    let (mut is_fenced, mut found) = (false, Vec::new());
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            is_fenced = !is_fenced;
        } else if is_fenced || line.starts_with("    ") {
            found.push(line.trim());
        }
    }
    found
}

/// Between backquotes, outside code blocks.
fn told(text: &str) -> Vec<&str> {
    let outside = text.split("```").step_by(2);
    outside.flat_map(|part| part.split('`').skip(1).step_by(2)).collect()
}

/// The words of a shell's line up to what is the shell's own: a comment, a pipe, another command.
fn words(line: &str) -> Vec<String> {
    let (mut all, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for c in line.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, '#') if word.is_none() => break,
            (None, '|' | '>' | '<' | '&' | ';' | ')') => break,
            (None, c) if c.is_whitespace() => all.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    all.extend(word);
    all
}

/// What of `line` calls torod, also inside another shell.
fn calls(line: &str) -> Option<Vec<String>> {
    let line = line.split_once("sh -c '").map_or(line, |(_, inner)| inner.trim_end_matches('\''));
    let line = line.split(" #").next()?.rsplit("; ").next()?;
    let line = line.split_once("$(").map_or(line, |(_, inner)| inner);
    let line = line.trim_start_matches("sudo ");
    let rest = line.strip_prefix("torod-service").or_else(|| line.strip_prefix("torod"))?;
    rest.starts_with(' ').then(|| words(&rest.replace('…', "")))
}

fn shown(text: &str) -> Vec<Shown> {
    let blocks = lines(text).into_iter().filter_map(calls).map(|words| Shown { words, is_told: false });
    // `create|list|show` stands for several.
    let sentences = told(text).into_iter().filter(|code| !code.contains("e|") && !code.contains("->"));
    let sentences = sentences.filter_map(calls).map(|words| Shown { words, is_told: true });
    blocks.chain(sentences).filter(|shown| !shown.words.is_empty()).collect()
}

#[test]
fn every_command_that_a_document_shows_is_understood() {
    let (mut wrong, mut blocks, mut sentences) = (Vec::new(), 0, 0);
    for document in documents() {
        let text = fs::read_to_string(&document).unwrap();
        for Shown { words, is_told } in shown(&text) {
            *(if is_told { &mut sentences } else { &mut blocks }) += 1;
            let refused = Cli::try_parse_from(std::iter::once("torod").chain(words.iter().map(String::as_str))).err();
            let is_fine = refused.as_ref().is_none_or(|error| match error.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => true,
                ErrorKind::MissingRequiredArgument
                | ErrorKind::MissingSubcommand
                | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => is_told,
                _ => false,
            });
            if !is_fine {
                let why = refused.map(|error| error.to_string()).unwrap_or_default();
                wrong.push(format!("{}: torod {}: {why}", document.display(), words.join(" ")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(blocks >= 130 && sentences >= 60, "{blocks} in blocks, {sentences} in sentences");
}

#[test]
fn commands_are_found_wherever_they_stand() {
    let text = "Say `torod tls`, or `torod token create|list`:\n\n    sudo torod-service log --search 'a b' > x # why\n\n```sh\n\
        KEY=$(torod token create --name x)\ntorodx no\n# torod no\n    sudo sh -c 'umask 077; torod-service backup - > b.gz'\n```\n";
    let found: Vec<String> = shown(text).iter().map(|shown| shown.words.join("|")).collect();
    assert_eq!(found, ["log|--search|a b", "token|create|--name|x", "backup|-", "tls"]);
}
