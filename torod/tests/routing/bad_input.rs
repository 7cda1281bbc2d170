//! Files that are wrong, files that change while the daemon runs, and its end by a signal.

use http_body_util::BodyExt;

use crate::act::Act;
use crate::rig::{HEAD, alias, provider};
use crate::site::{Site, check};
use crate::support::{chat_body, events, until};
use crate::upstream::Upstream;

/// Wrong files: what stands below the head, the line that is at fault counted from there, and words of the message.
fn wrong(url: &str) -> Vec<(&'static str, String, &'static str, &'static [&'static str])> {
    let good = provider("p0", url, "");
    let named = |targets: &str| format!("{good}[[model_aliases]]\nname = \"chat\"\ntargets = [{targets}]\n");
    vec![
        (
            "a loop of aliases",
            format!(
                "{good}[[model_aliases]]\nname = \"one\"\ntargets = [{{ model = \"two\" }}]\n\
                 [[model_aliases]]\nname = \"two\"\ntargets = [{{ model = \"one\" }}]\n"
            ),
            "model = \"",
            &["one", "two"],
        ),
        ("an alias of itself", named("{ model = \"chat\" }"), "targets", &["chat"]),
        ("an unknown provider", named("{ provider = \"p9\", model = \"m\" }"), "targets", &["p9", "p0"]),
        (
            "a profile that does not exist",
            format!("active_model_profile = \"nowhere\"\n{}", alias("chat", &["local p0 m"]) + &good),
            "active_model_profile",
            &["nowhere", "local"],
        ),
        ("two providers of one name", format!("{good}{good}"), "name = \"p0\"", &["p0"]),
        ("a URL without scheme", provider("p1", "127.0.0.1:9", ""), "protocols", &["http"]),
        (
            "a URL with credentials",
            provider("p1", "http://user:secret-in-url@127.0.0.1:9", ""),
            "protocols",
            &["api_key"],
        ),
        ("a weight of zero", named("{ provider = \"p0\", model = \"m\", weight = 0 }"), "targets", &["weight"]),
        (
            "a key's weight of zero",
            provider("p1", url, "api_keys = [{ env = \"A\", weight = 0 }]"),
            "api_keys",
            &["weight"],
        ),
        (
            "an alias without targets",
            format!("{good}[[model_aliases]]\nname = \"chat\"\n"),
            "name = \"chat\"",
            &["target"],
        ),
        (
            "two aliases of one name",
            good.clone() + &alias("chat", &["- p0 m"]) + &alias("chat", &["- p0 m2"]),
            "name = \"chat\"",
            &["chat"],
        ),
        ("an empty order", format!("{good}[routing]\norder = []\n"), "order", &["order"]),
        ("an unknown criterion", format!("{good}[routing]\norder = [\"latancy\"]\n"), "order", &["latancy", "latency"]),
        ("a criterion twice", format!("{good}[routing]\norder = [\"price\", \"price\"]\n"), "order", &["price"]),
    ]
}

#[test]
fn every_wrong_file_is_told_with_its_place() {
    for (what, text, at, words) in wrong("http://127.0.0.1:9") {
        let text = format!("{HEAD}{text}");
        let output = check(&text);
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        assert!(!output.status.success(), "{what} is accepted: {said}");
        for word in words {
            assert!(said.contains(word), "{what}: {word:?} is not in {said}");
        }
        assert!(!said.contains("secret-in-url"), "{what}: {said}");
        // `file:line:column`, and the line is one with what is at fault in it.
        let lines: Vec<&str> = text.lines().collect();
        let places = said.split("torod.toml:").skip(1).filter_map(|rest| rest.split(':').next()?.parse::<usize>().ok());
        let told: Vec<&str> = places.filter_map(|line| lines.get(line - 1).copied()).collect();
        assert!(told.iter().any(|line| line.contains(at)), "{what}: {told:?} in {said}");
    }
}

#[tokio::test]
async fn row_82_a_wrong_file_changes_nothing_in_a_running_daemon() {
    let up = Upstream::start("p0", &["m"]);
    let good = provider("p0", &up.url(), "");
    let site = Site::start(&good).await;
    until("it serves", || async { site.chat("m", "").await.status == 200 }).await;
    let mut all = wrong(&up.url());
    all.push(("no TOML", "[[providers\nname = ".to_owned(), "", &[]));
    for (what, text, _, _) in all {
        let before = site.log().len();
        site.write(&text);
        site.signal("-HUP");
        until(&format!("{what} is told in the log"), || async { site.log()[before..].contains("ERROR") }).await;
        assert_eq!(site.chat("m", "").await.status, 200, "{what}");
        assert_eq!(site.chat("p0/m", "").await.header("x-tokenrouter-provider"), "p0", "{what}");
    }
    site.write(&good.replace("\"p0\"", "\"renamed\""));
    site.signal("-HUP");
    until("a good file holds again", || async {
        site.chat("m", "").await.header("x-tokenrouter-provider") == "renamed"
    })
    .await;
}

#[tokio::test]
async fn row_81_a_signal_takes_the_edited_file_over_and_streams_go_on() {
    let (first, second) = (Upstream::start("p0", &["m"]), Upstream::start("p1", &["m2"]));
    let named = |up: &Upstream, model: &str| provider("p", &up.url(), "") + &alias("chat", &[&format!("- p {model}")]);
    let site = Site::start(&named(&first, "m")).await;
    until("it serves", || async { site.chat("chat", "").await.status == 200 }).await;
    first.always(Act::Long(40, 25));
    let body = chat_body("chat", r#","stream":true"#);
    let mut stream = site.head("POST", "/v1/chat/completions", &body).await.into_body();
    let begun = stream.frame().await.unwrap().unwrap().into_data().unwrap();
    // Model and base URL at once.
    site.write(&named(&second, "m2"));
    site.signal("-HUP");
    until("the next request uses it", || async {
        let answer = site.chat("chat", "").await;
        answer.status == 200 && answer.text().contains("[p1|") && answer.header("x-tokenrouter-model") == "m2"
    })
    .await;
    let rest = stream.collect().await.unwrap().to_bytes();
    let all = [begun.as_ref(), rest.as_ref()].concat();
    assert_eq!(events(&all).last().unwrap(), "[DONE]");
    assert_eq!(String::from_utf8_lossy(&all).matches("[p0|").count(), 40);
}

#[tokio::test]
async fn row_78_a_signal_lets_streams_end_and_their_rows_be_written() {
    let up = Upstream::start("p0", &["m"]);
    let mut site = Site::start(&provider("p0", &up.url(), "")).await;
    until("it serves", || async { site.chat("m", "").await.status == 200 }).await;
    up.always(Act::Long(40, 25));
    let body = chat_body("m", r#","stream":true"#);
    let mut stream = site.head("POST", "/v1/chat/completions", &body).await.into_body();
    let begun = stream.frame().await.unwrap().unwrap().into_data().unwrap();
    site.signal("-TERM");
    let rest = stream.collect().await.unwrap().to_bytes();
    let all = [begun.as_ref(), rest.as_ref()].concat();
    assert_eq!(events(&all).last().unwrap(), "[DONE]");
    let child = std::sync::Mutex::new(&mut site.child);
    until("it has ended", || async { child.lock().unwrap().try_wait().unwrap().is_some() }).await;
    let rows = crate::support::rows(site.folder.path(), "outcome, stream");
    assert_eq!(rows.last().unwrap(), &["0", "1"], "{rows:?}");
}
