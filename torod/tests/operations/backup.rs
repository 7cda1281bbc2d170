//! Backups: taken while a gateway writes, looked at, put back, and refused where they are not whole.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::Value;
use torod::store::{Connection, schema};

use crate::site::{Ended, KEY, Site};

fn tokens(site: &Site) -> Vec<String> {
    let listed = site.torod(&["token", "list", "--json"]).well().json();
    let list = listed.as_array().unwrap_or_else(|| panic!("{listed}"));
    let mut names: Vec<String> = list.iter().map(|token| token["name"].as_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

fn token(site: &Site, name: &str) {
    site.torod(&["token", "create", "--name", name]).well();
}

fn backup(site: &Site, words: &[&str]) -> (String, Value) {
    let mut all = vec!["backup", "--json"];
    all.extend(words);
    let told = site.torod(&all).well().json();
    (site.path(told["file"].as_str().unwrap()).to_str().unwrap().to_owned(), told)
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn told(ended: &Ended) -> String {
    format!("{}{}", ended.out, ended.err)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_backed_up_while_it_served_comes_back() {
    let site = Site::new().await;
    let running = site.serve(&[]).await;
    token(&site, "before");
    let secret = site.path("secret");
    fs::write(&secret, KEY).unwrap();
    let stored = site.fed(&["secrets", "set", "work", "--for", "https://llm.example.com"], &secret);
    assert_eq!(stored.code, Some(0), "{stored:?}");
    let (file, made) = backup(&site, &[site.path("b.tar.gz").to_str().unwrap()]);
    assert_eq!(made["has_secrets"], true);
    assert_eq!(made["databases"]["torod.db"], schema::known());
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    token(&site, "after");

    let checked = site.torod(&["restore", "--check", &file, "--json"]).well().json();
    assert_eq!((&checked["restored"], &checked["closed_secrets"]), (&false.into(), &0.into()));
    let refused = site.torod(&["restore", "--yes", &file]);
    assert!(refused.code == Some(1) && refused.err.contains("stop it before"), "{refused:?}");
    assert_eq!(tokens(&site), ["after", "before"]);
    drop(running);

    // Nobody is there to be asked.
    let unasked = site.torod(&["restore", &file]);
    assert!(unasked.code == Some(2) && unasked.err.contains("--yes"), "{unasked:?}");
    assert_eq!(tokens(&site), ["after", "before"]);
    let done = site.torod(&["restore", "--yes", &file, "--json"]).well().json();
    assert_eq!(tokens(&site), ["before"]);
    let kept = Path::new(done["kept"].as_str().unwrap());
    assert!(kept.join("torod.db").exists() && kept.starts_with(site.path("data")), "{done}");
    assert!(
        names(&site.path("data")).iter().all(|name| !name.starts_with(".torod-")),
        "{:?}",
        names(&site.path("data"))
    );
    let trail = site.torod(&["audit", "--json"]).well().out;
    assert!(trail.contains("backup.restore"), "{trail}");
    // It serves, and opens what was sealed.
    let _running = site.serve(&[]).await;
    let again = site.torod(&["secrets", "list"]).well();
    assert!(again.out.contains("work"), "{again:?}");
    assert!(site.torod(&["secrets", "rotate"]).well().out.contains("Sealed 1 secret"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_writes_all_the_time_is_copied_at_one_moment() {
    let site = Site::new().await;
    let _running = site.serve(&[]).await;
    std::thread::scope(|scope| {
        let writing = scope.spawn(|| (0..20).for_each(|n| token(&site, &format!("t{n}"))));
        for n in 0..5 {
            let (file, _) = backup(&site, &[site.path(&format!("{n}.tar.gz")).to_str().unwrap()]);
            site.torod(&["restore", "--check", &file]).well();
        }
        writing.join().unwrap();
    });
    assert_eq!(tokens(&site).len(), 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_can_be_piped_and_put_into_an_empty_folder() {
    let site = Site::new().await;
    token(&site, "mine");
    let file = site.path("piped");
    fs::write(&file, site.piped(&["backup", "-"])).unwrap();
    fs::remove_dir_all(site.path("data")).unwrap();
    fs::remove_file(site.path("torod.toml")).unwrap();
    let done = site.fed(&["restore", "-", "--json"], &file).well().json();
    assert_eq!(done["kept"], Value::Null);
    assert_eq!(tokens(&site), ["mine"]);
    let text = fs::read_to_string(site.path("torod.toml")).unwrap();
    assert!(text.contains("${SIM_KEY}"), "{text}");
    assert_eq!(fs::metadata(site.path("torod.toml")).unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_that_is_there_is_left_alone_unless_it_is_asked_for() {
    let site = Site::new().await;
    token(&site, "mine");
    let (file, _) = backup(&site, &[]);
    let theirs = fs::read_to_string(site.path("torod.toml")).unwrap();
    site.write("lossy = \"reject\"\n");
    let left = site.torod(&["restore", "--yes", &file]).well();
    assert!(left.out.contains("--with-config"), "{left:?}");
    assert_eq!(fs::read_to_string(site.path("torod.toml")).unwrap(), "lossy = \"reject\"\n");
    let done = site.torod(&["restore", "--yes", "--with-config", "--json", &file]).well().json();
    assert_eq!(fs::read_to_string(site.path("torod.toml")).unwrap(), theirs);
    let former = fs::read_to_string(done["former_config"].as_str().unwrap()).unwrap();
    assert_eq!(former, "lossy = \"reject\"\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_secrets_nothing_opens_what_is_sealed() {
    let site = Site::new().await;
    let secret = site.path("secret");
    fs::write(&secret, KEY).unwrap();
    assert_eq!(site.fed(&["secrets", "set", "work", "--for", "https://llm.example.com"], &secret).code, Some(0));
    site.write(&format!("[[providers]]\nname = \"a\"\nbase_url = \"http://127.0.0.1:9\"\napi_key = \"{KEY}\"\n"));
    let (file, made) = backup(&site, &["--without-secrets"]);
    let left = made["left_out"].to_string();
    assert!(left.contains("secrets.key") && left.contains("torod.toml"), "{left}");
    let checked = site.torod(&["restore", "--check", &file]).well();
    assert!(checked.out.contains("1 stored secret cannot be opened"), "{checked:?}");
    let mut bytes = Vec::new();
    let archive = fs::File::open(&file).unwrap();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(archive), &mut bytes).unwrap();
    assert!(!bytes.windows(KEY.len()).any(|window| window == KEY.as_bytes()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_whole_changes_nothing() {
    let site = Site::new().await;
    token(&site, "mine");
    let (file, _) = backup(&site, &[]);
    let whole = fs::read(&file).unwrap();
    let broken = site.path("broken.tar.gz");
    let mut changed = whole.clone();
    let middle = changed.len() / 2;
    changed[middle] ^= 0xff;
    for bytes in [&whole[..whole.len() / 2], &changed, b"hello".as_slice(), b"".as_slice()] {
        fs::write(&broken, bytes).unwrap();
        for words in [["restore", "--check"], ["restore", "--yes"]] {
            let refused = site.torod(&[words[0], words[1], broken.to_str().unwrap()]);
            assert_eq!(refused.code, Some(1), "{refused:?}");
            assert!(told(&refused).contains("no whole backup"), "{refused:?}");
        }
    }
    assert_eq!(tokens(&site), ["mine"]);
    assert!(names(&site.path("data")).iter().all(|name| !name.starts_with("before-restore")));
    let missing = site.torod(&["restore", "--check", "nowhere.tar.gz"]);
    assert!(missing.err.contains("cannot read the backup nowhere.tar.gz"), "{missing:?}");
    let there = site.torod(&["backup", &file]);
    assert!(there.code == Some(1) && there.err.contains("there already"), "{there:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_that_broke_off_is_brought_to_its_end() {
    let site = Site::new().await;
    token(&site, "mine");
    let (file, _) = backup(&site, &[]);
    fs::write(site.path("data/restore.unfinished"), "").unwrap();
    let refused = site.torod(&["token", "list"]);
    assert!(refused.code == Some(1) && refused.err.contains("restore was broken off"), "{refused:?}");
    site.torod(&["restore", "--yes", &file]).well();
    assert_eq!(tokens(&site), ["mine"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_a_newer_torod_is_refused() {
    let site = Site::new().await;
    token(&site, "mine");
    let database = site.path("data/torod.db");
    Connection::open(&database).unwrap().execute_batch("PRAGMA user_version = 999").unwrap();
    let (file, _) = backup(&site, &[]);
    let refused = site.torod(&["restore", "--check", &file]);
    assert!(refused.code == Some(1) && refused.err.contains("schema version 999"), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_schema_is_told_of_and_left_alone() {
    let site = Site::new().await;
    token(&site, "mine");
    let database = site.path("data/torod.db");
    Connection::open(&database).unwrap().execute_batch("PRAGMA user_version = 999").unwrap();
    let before = fs::read(&database).unwrap();
    for words in [["serve"].as_slice(), &["token", "list"], &["token", "create"]] {
        let refused = site.torod(words);
        assert!(refused.code == Some(1) && refused.err.contains("newer torod"), "{words:?} {refused:?}");
        assert_eq!(fs::read(&database).unwrap(), before, "{words:?}");
    }
}
