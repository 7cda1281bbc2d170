//! The fuzz targets on the stable toolchain: every file of the corpus, and some thousands of mutations of them.
//!
//! The mutations follow from a fixed seed, so a failure comes again; its input is kept where the message says.
//! Longer runs: see CONTRIBUTING.md.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test may fail by panicking")]
#![expect(unreachable_pub, reason = "the modules are a library where libFuzzer calls them")]

#[path = "../../fuzz/src/lib.rs"]
mod bodies;
mod mutation;

use std::fs;
use std::path::Path;

use mutation::Mutator;

/// How many mutations each target sees.
const MUTATIONS: usize = 5_000;

fn replay(target: &str, run: fn(&[u8])) {
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let folder = home.join("corpus").join(target);
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    // The order of a directory is not the same everywhere.
    files.sort();
    let corpus: Vec<Vec<u8>> = files.iter().map(|file| fs::read(file).unwrap()).collect();
    assert!(!corpus.is_empty());
    let mut failures = Vec::new();
    for (file, data) in files.iter().zip(&corpus) {
        failures.extend(check(target, file.file_name().unwrap().to_str().unwrap(), run, data));
    }
    let words = mutation::words(&fs::read_to_string(home.join("tokens.dict")).unwrap());
    let mut mutator = Mutator::new(&corpus, &words);
    for number in 0..MUTATIONS {
        let data = mutator.next();
        failures.extend(check(target, &format!("mutation-{number}"), run, &data));
    }
    assert!(failures.is_empty(), "{} inputs failed, kept as {}", failures.len(), failures.join(", "));
}

/// Where an input is kept that fails.
fn check(target: &str, name: &str, run: fn(&[u8]), data: &[u8]) -> Option<String> {
    if std::panic::catch_unwind(|| run(data)).is_ok() {
        return None;
    }
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("fuzz-{target}-{name}"));
    fs::write(&kept, data).unwrap();
    Some(kept.display().to_string())
}

#[test]
fn auto() {
    replay("auto", bodies::auto::run);
}

#[test]
fn peek() {
    replay("peek", bodies::peek::run);
}

#[test]
fn refusal() {
    replay("refusal", bodies::refusal::run);
}

#[test]
fn splice() {
    replay("splice", bodies::splice::run);
}

#[test]
fn sse() {
    replay("sse", bodies::sse::run);
}

#[test]
fn request() {
    replay("request", bodies::request::run);
}

#[test]
fn answer() {
    replay("answer", bodies::answer::run);
}

#[test]
fn stream() {
    replay("stream", bodies::stream::run);
}

#[test]
fn error() {
    replay("error", bodies::error::run);
}

#[test]
fn envelope() {
    replay("envelope", bodies::envelope::run);
}

#[test]
fn usage() {
    replay("usage", bodies::usage::run);
}

#[test]
fn models() {
    replay("models", bodies::models::run);
}
