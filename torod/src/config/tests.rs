//! What the parser says, word for word, and that reference and parser know the same keys.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

fn errors(text: &str) -> Vec<String> {
    match parse(text, "torod.toml") {
        Ok(_) => Vec::new(),
        Err(findings) => findings.iter().filter(|f| f.is_error()).map(Finding::to_string).collect(),
    }
}

#[test]
fn every_mistake_is_told_with_its_place_and_what_to_write() {
    for (text, expected) in [
        (
            "defualt_provider = \"a\"",
            "torod.toml:1:1: unknown key `defualt_provider`: did you mean `default_provider`?",
        ),
        ("[limits]\nconcurent = 5", "torod.toml:2:1: unknown key `concurent`"),
        ("[routing]\norder = []", "torod.toml:1:2: `routing` is not available in this version"),
        ("listen_addr = 8080", "torod.toml:1:15:"),
        ("listen_addr = \"localhost\"", "torod.toml:1:15: `localhost` is no address with a port"),
        ("[shutdown]\ngrace = \"soon\"", "torod.toml:2:9:"),
        ("[limits]\nrequest_body = \"many\"", "torod.toml:2:16:"),
        ("default_provider = \"x\"", "torod.toml:1:20: `default_provider` names no provider: `x`"),
        ("[[providers]]\nname = \"a/b\"\nbase_url = \"http://h\"", "torod.toml:2:8:"),
        ("[[providers]]\nname = \"a\"", "torod.toml:1:1:"),
        ("[[providers]]\nname = \"a\"\nprovider_type = \"opnai\"", "torod.toml:3:17:"),
        ("[[providers]]\nname = \"a\"\nbase_url = \"ftp://h\"", "torod.toml:3:12:"),
        ("[[providers]]\nname = \"a\"\nbase_url = \"http://u:p@h\"", "torod.toml:3:12:"),
        (
            "[[providers]]\nname = \"a\"\nbase_url = \"http://h\"\n[[providers]]\nname = \"A\"\nbase_url = \"http://h\"",
            "torod.toml:5:8:",
        ),
        ("listen_addr = \"127.0.0.1:1", "torod.toml:1:"),
        ("a = [1,", "torod.toml:1:"),
    ] {
        let found = errors(text);
        assert!(found.iter().any(|e| e.starts_with(expected)), "{text}\nwanted {expected}\nfound {found:#?}");
    }
}

#[test]
fn all_mistakes_are_told_at_once() {
    assert_eq!(errors("a = 1\nb = 2\n[limits]\nc = 3").len(), 3);
}

#[test]
fn parser_and_reference_know_the_same_keys() {
    let text = "
        [[providers]]
        name = \"a\"
        api_keys = [{ env = \"A\" }]
        protocols = { openai = \"http://h/v1\" }
        timeouts = {}
        headers = {}
        [[providers.models]]
        id = \"m\"
        price = { input = 1.0, output = 1.0 }
        [limits]
        [shutdown]
        [log]
        [usage]
    ";
    let report = Report::new("t", text);
    drop(read(text, &report));
    let asked = report.asked();
    let listed: BTreeSet<String> = reference::KEYS.iter().map(|key| key.path.to_owned()).collect();
    let missing: Vec<_> = asked.difference(&listed).filter(|k| !unavailable::KEYS.contains(&k.as_str())).collect();
    let invented: Vec<_> = listed.difference(&asked).collect();
    assert!(
        missing.is_empty() && invented.is_empty(),
        "not in the reference: {missing:?}\nnot in the parser: {invented:?}"
    );
}

#[test]
fn the_packaged_file_is_the_default() {
    let packaged = include_str!("../../../packaging/torod.toml");
    assert_eq!(packaged, first_run(&Detected::default()), "write `torod config`'s first file to packaging/torod.toml");
}

proptest! {
    #[test]
    fn nothing_makes_the_parser_panic(text in "(\\PC|\n|\"|=|\\[|\\]|\\{|\\}){0,200}") {
        drop(parse(&text, "t"));
    }

    #[test]
    fn nor_does_a_file_of_known_words(words in proptest::collection::vec(prop_oneof![
        Just("[[providers]]\n"), Just("name = "), Just("\"a\"\n"), Just("api_key = "), Just("\"${X}\"\n"), Just("[limits]\n"),
        Just("request_body = "), Just("\"1MiB\"\n"), Just("timeouts = { idle = "), Just("\"1s\" }\n"), Just("7\n"), Just("{}\n"),
        Just("api_keys = [ {env=\"X\"}, \"y\" ]\n"), Just("headers = { a = \"b\" }\n"), Just("enabled = maybe\n"),
    ], 0..20)) {
        drop(parse(&words.concat(), "t"));
    }
}
