//! Files in many shapes, and what edits of their providers leave of them.

use super::*;
use crate::config::{Config, parse as read};

fn draft(name: &str) -> Draft {
    Draft {
        name: name.to_owned(),
        preset: Some("groq".to_owned()),
        urls: Urls::Preset,
        account: Vec::new(),
        key: Some(SecretSource::Env("GROQ_API_KEY".to_owned())),
    }
}

const NEW: &str = "[[providers]]\nname = \"new\"\nprovider_type = \"groq\"\napi_key = \"${GROQ_API_KEY}\"\n";

/// One provider with all that can stand around it.
const ODD: &str = "# the file\n\nlossy = 'warn' # why\n\n# about a\n# and more\n[[providers]]\nname = 'a' # first\nbase_url='http://a'\n\
    [[providers.models]]\nid = 'm'\n# price = { input = 1 }\n\n[[providers]] # second\nname = \"b\"\nbase_url = 'http://b'\n\
    timeouts.connect = '5s'\n[providers.headers]\nx-a = \"\"\"\nb\"\"\"\n\n# limits\n[limits]\nconcurrent = 7 # few\n";

fn add_to(text: &str) -> String {
    added(text, &[draft("new")], "t").unwrap()
}

fn names(text: &str) -> Vec<String> {
    let config: Config = read(text, "t").unwrap();
    config.providers.into_iter().map(|provider| provider.name).collect()
}

#[test]
fn a_new_provider_stands_behind_the_last_and_nothing_else_moves() {
    let before_limits = ODD.find("\n# limits").unwrap();
    let (before, after) = ODD.split_at(before_limits);
    assert_eq!(add_to(ODD), format!("{before}\n{NEW}{after}"));
    let crlf = ODD.replace('\n', "\r\n");
    assert_eq!(add_to(&crlf), add_to(ODD).replace('\n', "\r\n"));
    assert_eq!(names(&add_to(&ODD.replace("x-a = \"\"\"\nb\"\"\"", "x-a = 'b'"))), ["a", "b", "new"]);
    // Without a newline at the end, without a table, without anything.
    assert_eq!(add_to("lossy = 'warn'"), format!("lossy = 'warn'\n\n{NEW}"));
    assert_eq!(add_to(""), NEW);
    assert_eq!(add_to("\u{feff}"), format!("\u{feff}{NEW}"));
}

#[test]
fn the_first_provider_of_a_fresh_file_stands_under_its_heading() {
    let fresh = first_run(&Detected::default());
    let with = add_to(&fresh);
    assert!(with.contains(&format!("with which key ----\n\n{NEW}\n# [[providers]]")), "{with}");
    assert_eq!(with.replacen(&format!("\n{NEW}"), "", 1), fresh);
    assert_eq!(names(&with), ["new"]);
    // A heading of that name above keys of the top level is not one.
    let trap = "# ---- Providers\nlossy = 'warn'\n";
    assert_eq!(names(&add_to(trap)), ["new"]);
}

#[test]
fn every_source_of_a_key_and_every_place_is_read_as_it_was_meant() {
    let command = SecretCommand::Argv(vec!["pass".into(), "a \"b\"".into()]);
    for key in [
        SecretSource::Env("K".into()),
        SecretSource::File("/run/a b'\"".into()),
        SecretSource::Command(SecretCommand::Shell("pass 'x' | head -1".into())),
        SecretSource::Command(command),
        SecretSource::Literal("sk-\"\\'#".into()),
    ] {
        let urls =
            vec![(Protocol::Anthropic, "http://h/anthropic".to_owned()), (Protocol::OpenAi, "http://h/v1".to_owned())];
        let draft = Draft { preset: None, urls: Urls::Protocols(urls), key: Some(key.clone()), ..draft("x") };
        let config = read(&draft.text(), "t").unwrap();
        assert_eq!(config.providers[0].credentials[0].secret, key);
        let spoken: Vec<_> = config.providers[0].protocols.iter().map(|(p, url)| (*p, url.to_string())).collect();
        assert_eq!(spoken[0], (Protocol::Anthropic, "http://h/anthropic".to_owned()));
    }
    let azure =
        Draft { preset: Some("azure".into()), account: vec![("resource_name".into(), "work".into())], ..draft("x") };
    assert_eq!(read(&azure.text(), "t").unwrap().providers[0].protocols[0].1.host(), "work.openai.azure.com");
    let base = Draft { preset: None, urls: Urls::Base("http://h:1".into()), key: None, ..draft("x") };
    assert_eq!(read(&base.text(), "t").unwrap().providers[0].protocols[0].1.port(), 1);
}

#[test]
fn a_provider_goes_with_its_comments_and_no_other() {
    let gone = |text: &str, name: &str| removed(text, name, "t").unwrap();
    let a = "# about a\n# and more\n[[providers]]\nname = 'a' # first\nbase_url='http://a'\n\
             [[providers.models]]\nid = 'm'\n# price = { input = 1 }\n\n";
    assert_eq!(gone(ODD, "A"), ODD.replace(a, ""));
    let start = ODD.find("[[providers]] # second").unwrap();
    let end = ODD.find("# limits").unwrap();
    assert_eq!(gone(ODD, "b"), format!("{}{}", &ODD[..start], &ODD[end..]));
    let crlf = ODD.replace('\n', "\r\n");
    assert_eq!(gone(&crlf, "b"), gone(ODD, "b").replace('\n', "\r\n"));
    // What was added goes without a trace.
    for text in [ODD, "lossy = 'warn'\n", &first_run(&Detected::default())] {
        assert_eq!(gone(&add_to(text), "new"), *text);
    }
    // The head of the file is not the first provider's.
    assert_eq!(gone(&format!("# my file\n{NEW}"), "new"), "# my file\n");
    // Comments above what follows stay.
    assert_eq!(gone(&format!("{NEW}# limits\n[limits]\n"), "new"), "# limits\n[limits]\n");
    // Tables of others in between: slower, and as right.
    let mixed =
        "[[providers]]\nname = 'a'\nbase_url = 'http://a'\n[limits]\nconcurrent = 7\n[[providers.models]]\nid = 'm'\n";
    assert_eq!(read(&gone(mixed, "a"), "t").unwrap().limits.concurrent, 7);
    let inline = "providers = [{ name = 'a', base_url = 'http://a' }, { name = 'b', base_url = 'http://b' }] # x\n";
    assert_eq!(names(&gone(inline, "a")), ["b"]);
    assert!(matches!(added(inline, &[draft("new")], "t"), Err(EditError::OneArray)));
}

#[test]
fn an_unknown_name_is_told_with_the_closest() {
    let error = removed("[[providers]]\nname = 'openai'\n", "opnai", "t").unwrap_err();
    assert_eq!(error.to_string(), "there is no provider `opnai`: did you mean `openai`?");
    assert_eq!(removed("", "x", "t").unwrap_err().to_string(), "there is no provider `x`");
}

fn put_into(text: &str, key: &str, value: impl Into<Value>) -> String {
    changed(text, "a", &read_key(key).unwrap(), Some(&value.into()), "t").unwrap()
}

#[test]
fn one_value_changes_and_the_rest_stays_byte_for_byte() {
    let odd = "[[providers]]\r\nname = 'a'#n\r\npriority=7 # low\r\ntimeouts = { connect = '5s' }\r\n\
               [[providers.models]]\r\nid = 'gpt-4.1'\r\nprice = { input = 2.5 } # p\r\n\r\n[limits]\r\n";
    assert_eq!(put_into(odd, "priority", 9), odd.replace("=7 #", "=9 #"));
    assert_eq!(put_into(odd, "timeouts.connect", "9s"), odd.replace("'5s'", "\"9s\""));
    assert_eq!(put_into(odd, "models[gpt-4.1].price.input", 3.0), odd.replace("2.5", "3.0"));
    assert_eq!(put_into(odd, "enabled", false), odd.replace("'5s' }\r\n", "'5s' }\r\nenabled = false\r\n"));
    let with = put_into(odd, "models[new].price.output", 4.5);
    let expected = "# p\r\n\r\n[[providers.models]]\r\nid = \"new\"\r\nprice = { output = 4.5 }\r\n\r\n[limits]";
    assert_eq!(with, odd.replace("# p\r\n\r\n[limits]", expected));
    assert_eq!(
        put_into("[[providers]]\nname = 'a'\n", "timeouts.idle", "9s"),
        "[[providers]]\nname = 'a'\ntimeouts = { idle = \"9s\" }\n"
    );
    let inline = "providers = [{ name = 'a', base_url = 'http://a' }]\n";
    let config = read(&put_into(inline, "models[m].context", 9), "t").unwrap();
    assert_eq!(config.providers[0].models[0].context, Some(9));
}

#[test]
fn a_value_is_removed_and_nonsense_is_refused() {
    let text = "[[providers]]\nname = 'a'\npriority = 7 # low\nenabled = false # off\n";
    let unset = |key: &str| changed(text, "a", &read_key(key).unwrap(), None, "t");
    assert_eq!(unset("priority").unwrap(), text.replace("priority = 7 # low\n", ""));
    for nothing in ["timeouts.connect", "models[x].context", "zzz"] {
        assert_eq!(unset(nothing).unwrap(), text, "{nothing}");
    }
    assert!(matches!(unset("priority.x"), Err(EditError::NoTable(_))));
    for key in ["", "a.", ".a", "a b", "models[x", "models[x]", "a=b", "[x]"] {
        assert_eq!(read_key(key), None, "{key}");
    }
}

#[test]
fn a_file_that_would_be_wrong_is_not_written() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("deep/torod.toml");
    add(&path, &[draft("one"), draft("two")], By::Owner).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(names(&text), ["one", "two"]);
    for refused in [
        add(&path, &[draft("ONE")], By::Owner),
        set(&path, "one", "name", Some(&"two".into()), By::Owner).map(|_| ()),
        set(&path, "one", "models[m].price.input", Some(&(-1).into()), By::Owner).map(|_| ()),
        set(&path, "one", "nothing", Some(&1.into()), By::Owner).map(|_| ()),
    ] {
        assert!(matches!(refused, Err(EditError::Refused(_))), "{refused:?}");
    }
    assert!(preview(&path, &[draft("one")]).is_err() && preview(&path, &[draft("three")]).is_ok());
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    remove(&path, "one", By::Owner).unwrap();
    assert_eq!(names(&std::fs::read_to_string(&path).unwrap()), ["two"]);
}
