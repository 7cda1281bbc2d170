//! The wizard and the questions of `provider add` at a terminal: answered to the end, and given up at each.

use std::os::unix::fs::PermissionsExt as _;

use crate::screen::Screen;
use crate::site::{Ended, KEY, Site};

const ENTER: &str = "\r";
const CTRL_C: &str = "\u{3}";

/// What a person waits for, and types then.
fn steps(site: &Site) -> Vec<(&'static str, String)> {
    vec![
        ("Which providers do you want to use?", "another".to_owned()),
        ("Another server, by its URL", format!(" {ENTER}")),
        ("Its URL:", format!("http://u:p@h{ENTER}")),
        ("must not hold a user name", String::new()),
        ("Its URL:", format!("{}/v1{ENTER}", site.url())),
        ("A name for it:", format!("two words{ENTER}")),
        ("is no provider name", String::new()),
        ("A name for it:", format!("sim{ENTER}")),
        ("Key for sim:", format!("two words{ENTER}")),
        ("holds a blank", String::new()),
        ("Key for sim:", format!("sk-wrong{ENTER}")),
        ("the key is refused", String::new()),
        ("What now?", ENTER.to_owned()),
        ("Key for sim:", format!("{KEY}{ENTER}")),
        ("✓ chat", String::new()),
        ("Write this to", format!("y{ENTER}")),
    ]
}

fn wizard(site: &Site) -> Screen {
    Screen::start(site.torod(&["config"]))
}

#[tokio::test(flavor = "multi_thread")]
async fn row_137_a_new_user_comes_to_a_file_that_works() {
    let site = Site::new().await;
    let mut screen = wizard(&site);
    for (words, keys) in steps(&site) {
        screen.wait(words).await;
        screen.press(&keys);
    }
    screen.wait("torod serve").await;
    assert_eq!(screen.ended().await, Some(0), "{}", screen.text());
    let shown = screen.text();
    assert!(shown.contains("api_key = \"[secret]\"") && !shown.contains(KEY), "{shown}");
    let text = site.text();
    assert!(text.contains("name = \"sim\"") && text.contains(&format!("api_key = \"{KEY}\"")), "{text}");
    assert_eq!(std::fs::metadata(site.file()).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(site.run(&["config", "check"]).code, Some(0));
    assert_eq!(site.run(&["provider", "test", "sim"]).code, Some(0));
    // A second time it adds to the file, and offers what is not in it.
    let mut screen = Screen::start({
        let mut command = site.torod(&["config"]);
        command.env("GROQ_API_KEY", "x");
        command
    });
    screen.wait("has 1 provider; this adds to it").await;
    screen.wait("found GROQ_API_KEY").await;
    screen.wait("Which providers").await;
    screen.press(&format!(" {ENTER}"));
    screen.wait("Nothing is ticked").await;
    screen.press(ENTER);
    screen.wait("nothing was written").await;
    assert_eq!((screen.ended().await, site.text()), (Some(0), text));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_is_asked_for_and_no_flag_is_named() {
    let site = Site::new().await;
    site.write("[[providers]]\nname = \"sim\"\nbase_url = \"http://127.0.0.1:1\"\n");
    let mut screen = wizard(&site);
    for (words, keys) in [
        ("Which providers do you want to use?", "another"),
        ("Another server, by its URL", " \r"),
        ("Its URL:", "127.0.0.1:7701/v1\r"),
        ("did you mean http://127.0.0.1:7701/v1?", ""),
        ("Its URL:", &format!("{}/v1/chat/completions\r", site.url())),
        ("A name for it:", "Sim\r"),
        ("There is already a provider `Sim`", ""),
        ("A name for it:", "other\r"),
        // A server without a key is tried without one, and says that it wants one.
        ("Key for other:", ENTER),
        ("(none)", ""),
        ("it wants a key, and none was given", ""),
        ("Key for other:", "sk-wrong\r"),
        ("the key is refused", ""),
        // The last line: leave it out.
        ("What now?", "leave\r"),
        ("`other` is left out", ""),
        ("nothing was written", ""),
    ] {
        screen.wait(words).await;
        screen.press(keys);
    }
    assert_eq!(screen.ended().await, Some(0), "{}", screen.text());
    assert!(!screen.text().contains("--"), "{}", screen.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_narrow_terminal_shows_one_line_for_each_row() {
    let site = Site::new().await;
    assert_eq!(site.add(&["--model", "tool"]).code, Some(0));
    for (arguments, words) in [
        (&["provider", "list"][..], "5 protocols"),
        (&["provider", "presets"], "…"),
        (&["provider", "test", "sim", "--model", "s503"], "does not work"),
    ] {
        let mut screen = Screen::of_width(site.torod(arguments), 60);
        screen.wait(words).await;
        screen.ended().await;
        let text = screen.text();
        // A spinner writes over its line.
        for line in text.lines().flat_map(|line| line.split('\r')) {
            assert!(line.chars().count() <= 60, "{arguments:?}: {line}");
        }
    }
    let listed = site.run(&["provider", "list"]).out;
    assert!(listed.contains("openai, responses, anthropic") && !listed.contains('─'), "{listed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn row_137_whoever_gives_up_has_written_nothing() {
    let site = Site::new().await;
    let asked = steps(&site);
    let questions = asked.iter().enumerate().filter(|(_, (words, keys))| !keys.is_empty() && !words.contains('✓'));
    for (last, (question, _)) in questions {
        let mut screen = wizard(&site);
        for (words, keys) in &asked[..last] {
            screen.wait(words).await;
            screen.press(keys);
        }
        screen.wait(question).await;
        screen.press(CTRL_C);
        screen.wait("given up: nothing was written").await;
        assert_eq!(screen.ended().await, Some(130), "{question}");
        assert!(!site.file().exists(), "{question}");
        assert!(!screen.text().contains(KEY), "{question}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn adding_asks_what_it_must_know() {
    let site = Site::new().await;
    let url = site.url();
    let add = ["provider", "add", &url, "--name", "sim", "--protocol", "openai"];
    let mut screen = Screen::start(site.torod(&add));
    screen.wait("Key for sim:").await;
    screen.press(&format!("sk-wrong{ENTER}"));
    screen.wait("authentication (status 401)").await;
    screen.wait("Write it all the same?").await;
    screen.press(ENTER);
    screen.wait("Nothing was written").await;
    assert_eq!(screen.ended().await, Some(1));
    assert!(!site.file().exists());
    let mut screen = Screen::start(site.torod(&add));
    screen.wait("Key for sim:").await;
    screen.press(&format!("{KEY}{ENTER}"));
    screen.wait("Added `sim`").await;
    assert_eq!(screen.ended().await, Some(0));
    assert!(!screen.text().contains(KEY));
    // A preset: its variable is offered, and what its URL needs is asked for.
    let mut command = site.torod(&["provider", "add", "azure", "--no-test"]);
    command.env("AZURE_API_KEY", KEY);
    let mut screen = Screen::start(command);
    screen.wait("Azure OpenAI resource name:").await;
    screen.press(&format!("work{ENTER}"));
    screen.wait("AZURE_API_KEY is set here").await;
    screen.press(ENTER);
    screen.wait("Added `azure`").await;
    assert_eq!(screen.ended().await, Some(0));
    let text = site.text();
    assert!(text.contains("account = { resource_name = \"work\" }\napi_key = \"${AZURE_API_KEY}\""), "{text}");
    // Removing asks, and does nothing without a yes.
    for (answer, code, is_there) in [(ENTER, Some(1), true), ("y\r", Some(0), false)] {
        let mut screen = Screen::start(site.torod(&["provider", "remove", "azure"]));
        screen.wait("Remove `azure`").await;
        screen.press(answer);
        assert_eq!(screen.ended().await, code);
        assert_eq!(site.text().contains("azure"), is_there);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_terminal_there_is_advice_and_no_question() {
    let site = Site::new().await;
    let told: Ended = site.run(&["config"]);
    assert_eq!((told.code, told.out.as_str()), (Some(2), ""));
    assert!(told.err.contains("needs a terminal") && told.err.contains("provider add PRESET"), "{}", told.err);
    assert!(!site.file().exists());
}
