//! The page for users of the library shows nothing that is not tested.

use std::fs;
use std::path::Path;

#[test]
fn the_page_about_the_library_names_this_crate_and_its_code_is_tested() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let page = fs::read_to_string(root.join("docs/library.md")).unwrap();
    let blocks: Vec<(&str, &str)> = page.split("```").skip(1).step_by(2).map(|b| b.split_once('\n').unwrap()).collect();
    let (rust, other): (Vec<_>, Vec<_>) = blocks.into_iter().partition(|(language, _)| language.starts_with("rust"));
    // These are documentation tests of the crate, see `lib.rs`; one that only compiles says why by needing a network.
    assert!(rust.len() >= 4 && rust.iter().all(|(language, _)| ["rust", "rust,no_run"].contains(language)), "{rust:?}");
    let [("toml", dependency)] = other.as_slice() else { panic!("{other:?}") };
    let (name, repository) = (env!("CARGO_PKG_NAME"), env!("CARGO_PKG_REPOSITORY"));
    assert_eq!(*dependency, format!("[dependencies]\n{name} = {{ git = \"{repository}\" }}\n"));
    for linked in page.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
        assert!(root.join("docs").join(linked).exists(), "{linked}");
    }
}
