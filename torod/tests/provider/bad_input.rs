//! Nonsense: clear words, exit status 1 or 2, and a file that stays as it was.

use crate::site::{KEY, Site};

const TEXT: &str = "# mine\n[[providers]]\nname = \"sim\" # mine too\nbase_url = \"http://127.0.0.1:1\"\n";

#[tokio::test(flavor = "multi_thread")]
async fn each_mistake_is_named_and_changes_nothing() {
    let site = Site::new().await;
    site.write(TEXT);
    let long = "x".repeat(100_000);
    let long_url = format!("https://h/{long}");
    for (arguments, words) in [
        (&["add", "opnai"][..], "did you mean `openai`?"),
        (&["add", "qqqqqqq"], "`torod provider presets` lists"),
        (&["add", "replicate"], "cannot be called"),
        (&["add", ""], "no provider is known as"),
        (&["add", &long], "no provider is known as"),
        (&["add", "llm.example.com"], "give its whole URL"),
        (&["add", "https://me:sk-never-shown-4711@h/v1"], "must not hold a user name or password"),
        (&["add", "https://h/v1?key=sk-never-shown-4711"], "must not hold a query"),
        (&["add", "ftp://h"], "must start with `http://` or `https://`"),
        (&["add", &long_url], "longer than 2048 bytes"),
        (&["add", "http://h", "--name", "SIM"], "`--name SIM-2`"),
        (&["add", "http://h", "--name", "a b"], "is no provider name"),
        (&["add", "http://h", "--name", ""], "is no provider name"),
        (&["add", "http://h", "--key-env", "A=B"], "no name of an environment variable"),
        (&["add", "http://h", "--key-file", "/nowhere/key"], "/nowhere/key"),
        (&["add", "http://h", "--key-command", "exit 3"], "the command failed"),
        (&["add", "http://h", "--protocol", "smtp"], "unknown protocol `smtp`"),
        (&["add", "http://h", "--account", "x"], "write NAME=VALUE"),
        (&["add", "http://h", "--account", "x=y"], "a URL needs none"),
        (&["add", "http://h", "--timeout", "0"], "1..=3600"),
        (&["add", "openai", "--protocol", "openai"], "is for URLs"),
        (&["add", "azure", "--key-env", "SIM_KEY"], "--account resource_name=…"),
        (&["add", "azure", "--key-env", "SIM_KEY", "--account", "resource=x"], "it needs resource_name"),
        (&["add", "azure", "--key-env", "SIM_KEY", "--account", "resource_name=a/b"], "letters, digits"),
        (&["set", "sim", "api_key", "sk-literal"], "must not be an argument"),
        (&["set", "sim", "api_keys", "[\"${A}\", \"sk-literal\"]"], "must not be an argument"),
        (&["set", "sim", "api_key", "{ value = \"sk-literal\" }"], "must not be an argument"),
        (&["set", "sim", "models[m].price.input", "-1"], "no price: write US dollars per million tokens, from 0"),
        (&["set", "sim", "models[m].price.input", "cheap"], "`input`"),
        (&["set", "sim", "prioritty", "1"], "did you mean `priority`?"),
        (&["set", "sim", "priority", "high"], "torod: `priority` must be a whole number, such as 10\n"),
        (&["set", "sim", "priority.x", "1"], "must be a whole number"),
        (&["set", "sim", "a b", "1"], "is no key"),
        (&["set", "sim", "name", "x y"], "is no provider name"),
        (&["set", "sim", "base_url", "http://u:p@h"], "must not hold a user name or password"),
        (&["set", "sim", "priority"], "required"),
        (&["set", "simm", "priority", "1"], "did you mean `sim`?"),
        (&["remove", "simm", "--yes"], "did you mean `sim`?"),
        (&["remove", "sim"], "add `--yes`"),
        (&["enable", "qqqqqq"], "`torod provider list` shows all"),
        (&["show", "qqqqqq"], "there is no provider"),
        (&["show", "groq"], "`torod provider add groq` adds it"),
        (&["add", "localhost:7701/v1"], "did you mean http://localhost:7701/v1?"),
        (&["add", "groq", "--api-key", "sk-never-shown-4711"], "a key is never an argument"),
        (&["add", "groq", "--key=sk-never-shown-4711"], "a key is never an argument"),
        (&["test", "qqqqqq"], "there is no provider"),
    ] {
        let mut all = vec!["provider"];
        all.extend(arguments);
        let refused = site.run(&all);
        let shown = arguments.iter().map(|word| word.get(..60).unwrap_or(word)).collect::<Vec<_>>();
        assert!(matches!(refused.code, Some(1 | 2)), "{shown:?}: {:?} {}", refused.code, refused.out);
        assert!(refused.err.contains(words), "{shown:?}: {}", refused.err);
        assert!(!refused.err.contains("panicked") && refused.err.len() < 2_000, "{shown:?}: {}", refused.err);
        assert_eq!(site.text(), TEXT, "{shown:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_in_pieces_is_not_a_key() {
    let site = Site::new().await;
    let url = site.url();
    let add = ["provider", "add", &url, "--name", "a", "--key-stdin", "--protocol", "openai"];
    for (input, words) in [
        (format!("{KEY}\nmore\n"), "holds a line break"),
        (format!("{KEY} more"), "holds a blank"),
        ("\n".to_owned(), "the key is empty"),
        ("ключ\n".to_owned(), "a character that no key has"),
        ("a${B}\n".to_owned(), "must be the whole key"),
        ("x".repeat(70_000), "longer than 64 KiB"),
    ] {
        let refused = site.tell(&add, input.as_bytes());
        assert!(refused.code == Some(1) && refused.err.contains(words), "{words}: {}", refused.err);
    }
    let refused = site.tell(&add, &[0xff, 0xfe]);
    assert!(refused.code == Some(1) && refused.err.contains("is no text"), "{}", refused.err);
    assert!(!site.file().exists());
    site.write(TEXT);
    let refused = site.tell(&["provider", "set", "sim", "api_key", "--stdin"], b"a\nb\n");
    assert!(refused.code == Some(1) && refused.err.contains("line break"), "{}", refused.err);
    assert_eq!(site.text(), TEXT);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_with_a_mistake_in_it_is_not_touched() {
    let site = Site::new().await;
    let broken = format!("{TEXT}zzz = 1\n");
    site.write(&broken);
    for arguments in [&["add", "ollama", "--no-test"][..], &["disable", "sim"], &["remove", "sim", "--yes"], &["list"]]
    {
        let mut all = vec!["provider"];
        all.extend(arguments);
        let refused = site.run(&all);
        assert!(refused.code == Some(1) && refused.err.contains("unknown key `zzz`"), "{arguments:?}: {}", refused.err);
    }
    assert_eq!(site.text(), broken);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_reads_the_reason_as_json_too() {
    let site = Site::new().await;
    let refused = site.run(&["provider", "show", "qqqqqq", "--json"]);
    let message = "there is no provider `qqqqqq`: `torod provider list` shows all";
    assert_eq!((refused.code, refused.json()), (Some(1), serde_json::json!({ "error": { "message": message } })));
    assert_eq!(refused.err, format!("torod: {message}\n"));
    for arguments in [&["config", "check"][..], &["config", "show"]] {
        let refused = site.run(arguments);
        let expected = format!("torod: there is no {}: `torod config` writes it\n", site.file().display());
        assert_eq!((refused.code, refused.err), (Some(1), expected));
    }
    let folder = site.home.path().display().to_string();
    let refused = site.run(&["config", "check", "--config", &folder]);
    assert_eq!(refused.err, format!("torod: {folder}: this is a folder: name the file in it\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pasted_path_is_left_out_or_told() {
    let site = Site::new().await;
    site.write(TEXT);
    let url = "https://llm.example.com/v1/chat/completions";
    let set = site.run(&["provider", "set", "sim", "base_url", url]);
    assert!(set.code == Some(0) && set.err.contains("without /chat/completions"), "{}", set.err);
    assert!(site.text().contains("base_url = \"https://llm.example.com/v1\""), "{}", site.text());
    site.write(&TEXT.replace("http://127.0.0.1:1", url));
    let checked = site.run(&["config", "check"]);
    let advice = "ends in /chat/completions, which torod adds itself: write \"https://llm.example.com/v1\"";
    assert!(checked.code == Some(0) && checked.out.contains(advice), "{}", checked.out);
}
