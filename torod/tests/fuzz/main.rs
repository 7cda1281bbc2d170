//! The daemon's fuzz targets on the stable toolchain: every file of the corpus, and some thousands of mutations of them.
//!
//! The mutations follow from a fixed seed, so a failure comes again; its input is kept where the message says.
//! Longer runs: see CONTRIBUTING.md.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test may fail by panicking")]
#![expect(unreachable_pub, reason = "the modules are a library where libFuzzer calls them")]

#[path = "../../fuzz/src/lib.rs"]
mod bodies;
#[path = "../../../router/tests/fuzz/mutation.rs"]
mod mutation;

use std::fs;
use std::path::Path;

/// How many mutations each target sees.
const MUTATIONS: usize = 3_000;

fn replay(target: &str, run: fn(&[u8])) {
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let mut files: Vec<_> =
        fs::read_dir(home.join("corpus").join(target)).unwrap().map(|f| f.unwrap().path()).collect();
    // The order of a directory is not the same everywhere.
    files.sort();
    let corpus: Vec<Vec<u8>> = files.iter().map(|file| fs::read(file).unwrap()).collect();
    assert!(!corpus.is_empty());
    let words = mutation::words(&fs::read_to_string(home.join("tokens.dict")).unwrap());
    let mut mutator = mutation::Mutator::new(&corpus, &words);
    let mut failed = Vec::new();
    for number in 0..MUTATIONS + corpus.len() {
        let data = corpus.get(number).cloned().unwrap_or_else(|| mutator.next());
        if std::panic::catch_unwind(|| run(&data)).is_err() {
            let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("fuzz-{target}-{number}"));
            fs::write(&kept, data).unwrap();
            failed.push(kept.display().to_string());
        }
    }
    assert!(failed.is_empty(), "{} inputs failed, kept as {}", failed.len(), failed.join(", "));
}

#[test]
fn token() {
    replay("token", bodies::token::run);
}

#[test]
fn config() {
    replay("config", bodies::config::run);
}

#[test]
fn headers() {
    replay("headers", bodies::headers::run);
}

#[test]
fn query() {
    replay("query", bodies::query::run);
}
