//! `toro setup`: an agent's own file, edited where it must be and nowhere else, and put back to the last byte.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::site::Site;
use super::support::Ended;

fn write(site: &Site, name: &str, text: &str, mode: u32) -> PathBuf {
    let file = site.home.folder.path().join(name);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, text).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
    file
}

fn mode(file: &PathBuf) -> u32 {
    fs::metadata(file).unwrap().permissions().mode() & 0o777
}

/// The names of the live tokens below the stored one.
fn tokens(site: &Site) -> Vec<String> {
    let told = site.json(&["token", "list", "--json"]);
    let list = told.as_array().unwrap_or_else(|| panic!("{told}"));
    let live = list.iter().filter(|token| token["state"] == "live");
    live.map(|token| token["name"].as_str().unwrap().to_owned()).collect()
}

const CODEX: &str =
    "# mine\nmodel = \"old\" # chosen\n\n[profiles.fast]\nmodel = \"tiny\"\n\n[mcp_servers.x]\ncommand = \"y\"";

#[test]
fn codex_is_pointed_at_the_gateway_and_back_to_the_last_byte() {
    let site = Site::new();
    let file = write(&site, ".codex/config.toml", CODEX, 0o644);
    let shown = site.said(&["setup", "codex", "--use", "sim/ok", "--dry-run"]);
    assert!(shown.contains("-model = \"old\" # chosen") && shown.contains("+model = \"sim/ok\" # chosen"), "{shown}");
    assert_eq!(fs::read_to_string(&file).unwrap(), CODEX, "a dry run writes nothing");
    let before = tokens(&site).len();

    site.said(&["setup", "codex", "--use", "sim/ok", "--yes"]);
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains("[profiles.fast]\nmodel = \"tiny\"") && text.contains(&site.gateway.url()), "{text}");
    assert!(!text.contains("tr_"), "the key stands in a file of its own: {text}");
    assert_eq!((mode(&file), tokens(&site).len()), (0o644, before + 1));
    let key_file = site.home.config().parent().unwrap().join("setup/codex.key");
    assert_eq!(mode(&key_file), 0o600);
    // It is good, and no run's.
    let key = fs::read_to_string(&key_file).unwrap();
    let me = site.gateway.client(key.trim());
    let status: Value = toro::client::block_on(me.get("/v1/status")).unwrap().unwrap();
    assert_eq!((&status["caller"]["role"], &status["caller"]["expires_ms"]), (&json!("inferrer"), &Value::Null));
    assert!(site.said(&["setup"]).lines().any(|line| line.starts_with("codex") && line.contains("set up")));

    // Once more, for another model: the first state is what is kept.
    site.said(&["setup", "codex", "--use", "sim/tool", "--yes"]);
    assert_eq!(tokens(&site).len(), before + 1);
    site.said(&["setup", "codex", "--undo", "--yes"]);
    assert_eq!(fs::read_to_string(&file).unwrap(), CODEX);
    assert_eq!((mode(&file), tokens(&site).len()), (0o644, before));
    assert!(!key_file.exists());
    let again = site.home.run(&["setup", "codex", "--undo", "--yes"]);
    assert!(again.ended == Ended::Code(1) && again.err.contains("was not set up"), "{}", again.err);
}

#[test]
fn what_others_wrote_in_json_stays_with_its_comments() {
    let site = Site::new();
    let text =
        "{\n  // theme of the year\n  \"theme\": \"dark\",\n  \"provider\": { \"other\": { \"name\": \"o\" }, },\n}\n";
    let opencode = write(&site, ".config/opencode/opencode.jsonc", text, 0o600);
    site.said(&["setup", "opencode", "--use", "sim/ok", "--yes"]);
    let edited = fs::read_to_string(&opencode).unwrap();
    for kept in ["// theme of the year", "\"theme\": \"dark\"", "\"other\": { \"name\": \"o\" }"] {
        assert!(edited.contains(kept), "{kept}: {edited}");
    }
    assert!(
        edited.contains("\"tokenrouter/sim/ok\"") && edited.contains("{file:") && !edited.contains("tr_"),
        "{edited}"
    );
    site.said(&["setup", "opencode", "--undo", "--yes"]);
    assert_eq!(fs::read_to_string(&opencode).unwrap(), text);
}

#[test]
fn a_file_that_was_not_there_is_made_for_its_owner_alone_and_removed_again() {
    let site = Site::new();
    for (agent, name) in [
        ("claude", ".claude/settings.json"),
        ("gemini", ".gemini/.env"),
        ("qwen", ".qwen/settings.json"),
        ("crush", ".config/crush/crush.json"),
    ] {
        let file = site.home.folder.path().join(name);
        let said = site.home.run(&["setup", agent, "--yes"]);
        assert_eq!(said.ended, Ended::Code(0), "{agent} {}{}", said.out, said.err);
        assert!(!said.out.contains("tr_") && !said.err.contains("tr_"), "the key is shown: {}{}", said.out, said.err);
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.contains(&site.gateway.url()) && mode(&file) == 0o600, "{agent} {text}");
        let undone = site.home.run(&["setup", agent, "--undo", "--yes"]);
        assert_eq!(undone.ended, Ended::Code(0), "{}", undone.err);
        assert!(!undone.out.contains("tr_") && !file.exists(), "{}", undone.out);
    }
    assert!(site.json(&["setup", "--json"]).as_array().unwrap().iter().all(|one| one["server"].is_null()));
}

#[test]
fn nothing_is_written_where_it_cannot_be_done_right() {
    let site = Site::new();
    let before = tokens(&site).len();
    for (name, text) in [(".claude/settings.json", "{ \"env\": [] }"), (".qwen/settings.json", "{ broken")] {
        let file = write(&site, name, text, 0o600);
        let agent = if name.contains("claude") { "claude" } else { "qwen" };
        let said = site.home.run(&["setup", agent, "--yes"]);
        assert!(said.ended == Ended::Code(1) && said.err.contains("can be edited"), "{}", said.err);
        assert_eq!(fs::read_to_string(&file).unwrap(), text);
    }
    let unasked = site.home.run(&["setup", "codex"]);
    assert!(unasked.ended == Ended::Code(2) && unasked.err.contains("--yes"), "{}", unasked.err);
    let other = site.home.run(&["setup", "goose", "--yes"]);
    assert!(other.ended == Ended::Code(2) && other.err.contains("toro goose"), "{}", other.err);
    assert_eq!(tokens(&site).len(), before, "no token is left over");
}

#[test]
fn keys_of_others_are_not_shown_and_come_back() {
    let site = Site::new();
    let text = "{\r\n  \"env\": { \"ANTHROPIC_AUTH_TOKEN\": \"sk-others-4711\" } // mine\r\n}\r\n";
    let file = write(&site, ".claude/settings.json", text, 0o644);
    let said = site.home.run(&["setup", "claude", "--yes"]);
    assert_eq!(said.ended, Ended::Code(0), "{}", said.err);
    assert!(!said.out.contains("4711") && said.out.contains("ANTHROPIC_AUTH_TOKEN"), "{}", said.out);
    let edited = fs::read_to_string(&file).unwrap();
    assert!(edited.contains("// mine") && !edited.contains("4711"), "{edited}");
    assert!(!edited.replace("\r\n", "").contains('\n'), "line ends are mixed: {edited:?}");
    // With a key in it, it is its owner's alone as long as that is there.
    assert_eq!(mode(&file), 0o600);
    let undone = site.home.run(&["setup", "claude", "--undo", "--yes"]);
    assert!(undone.ended == Ended::Code(0) && !undone.out.contains("4711"), "{}{}", undone.out, undone.err);
    assert_eq!((fs::read_to_string(&file).unwrap().as_str(), mode(&file)), (text, 0o644));
}

#[test]
fn what_was_changed_since_is_told_before_it_goes() {
    let site = Site::new();
    let file = write(&site, ".codex/config.toml", CODEX, 0o600);
    site.said(&["setup", "codex", "--yes"]);
    let mut text = fs::read_to_string(&file).unwrap();
    text += "\n[tools]\nweb_search = true\n";
    fs::write(&file, &text).unwrap();
    let shown = site.home.run(&["setup", "codex", "--undo", "--dry-run"]);
    assert!(
        shown.err.contains("changed since") && shown.out.contains("-web_search = true"),
        "{}{}",
        shown.out,
        shown.err
    );
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
    // Set up again in between: it is still somebody's own, and kept when it goes.
    site.said(&["setup", "codex", "--use", "sim/tool", "--yes"]);
    let again = fs::read_to_string(&file).unwrap();
    let shown = site.home.run(&["setup", "codex", "--undo", "--yes"]);
    assert!(shown.ended == Ended::Code(0) && shown.err.contains("changed since"), "{}", shown.err);
    assert_eq!(fs::read_to_string(&file).unwrap(), CODEX);
    let undone = site.home.config().parent().unwrap().join("setup/codex.undone");
    assert_eq!((fs::read_to_string(&undone).unwrap(), mode(&undone)), (again, 0o600));
}
