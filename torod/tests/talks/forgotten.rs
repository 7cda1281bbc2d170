//! What is removed is gone: by people, by age, by number, by size.

use std::fs;
use std::path::Path;

use http::Method;
use serde_json::json;
use torod::clock::Clock;
use torod::store::conversations as store;
use torod::store::conversations::insert::{NewExchange, insert};
use torod::store::conversations::pieces::Piece;
use torod::store::conversations::remove::{self, Bounds};

use crate::rig::{ON, chat, daemon, in_folder};
use crate::support::until;

#[tokio::test]
async fn what_people_delete_is_nowhere_on_the_disk() {
    let daemon = daemon(ON).await;
    for word in ["zebrafinch", "quokkapuma"] {
        daemon.post("/v1/chat/completions", chat(&[("user", &format!("tell me of the {word}"))])).await;
    }
    let talks = daemon.talks("?q=zebrafinch").await;
    assert!(memchr::memmem::find(&daemon.on_disk(), b"zebrafinch").is_some(), "the test looks at the right place");
    let mut request = daemon.request(&format!("/admin/api/conversations/{}", talks[0]["id"]), "");
    *request.method_mut() = Method::DELETE;
    assert_eq!(daemon.send(request).await.json(), json!({ "conversations": 1, "exchanges": 1 }));
    assert!(daemon.talks("?q=zebrafinch").await.is_empty());
    for word in ["zebrafinch", "ebrafinch", "brafinch"] {
        assert!(memchr::memmem::find(&daemon.on_disk(), word.as_bytes()).is_none(), "{word}");
    }
    assert!(!daemon.unpacked().contains("zebrafinch"));
    assert_eq!(daemon.talks("?q=quokkapuma").await.len(), 1);

    let mut request = daemon.request("/admin/api/conversations", "");
    *request.method_mut() = Method::DELETE;
    assert_eq!(daemon.send(request).await.json()["conversations"], 1);
    assert!(memchr::memmem::find(&daemon.on_disk(), b"quokkapuma").is_none());
    let trail = daemon.get("/admin/api/audit?action=conversation.remove").await;
    let entries = trail.json()["entries"].as_array().unwrap().clone();
    assert_eq!(entries.len(), 2);
    assert!(!trail.text().contains("zebrafinch") && !trail.text().contains("tell me"));
    daemon.stop().await;
}

fn exchange(id: i64, at_ms: i64, bytes: usize) -> NewExchange {
    let text = format!("{id} {}", "x".repeat(bytes));
    NewExchange {
        id,
        started_ms: at_ms,
        outcome: "ok",
        asked_words: vec![(0, format!("word{id} shared"))],
        messages: 1,
        request: vec![
            Piece { bytes: text.into_bytes(), is_text: true },
            Piece { bytes: vec![b'y'; 100], is_text: true },
        ],
        ..NewExchange::default()
    }
}

#[test]
fn the_longest_untouched_go_first_in_small_steps_and_take_all_of_theirs_along() {
    let folder = tempfile::tempdir().unwrap();
    let mut connection = store::open_writer(folder.path()).unwrap();
    let all: Vec<NewExchange> = (1..=20).map(|id| exchange(id, id * 1_000, 200)).collect();
    insert(&mut connection, &all, 1 << 20).unwrap();
    let count = |connection: &torod::store::Connection, sql: &str| -> i64 {
        connection.query_row(sql, [], |row| row.get(0)).unwrap()
    };
    // What is counted as it comes and goes is what is there.
    let kept = |connection: &torod::store::Connection| {
        let counted = count(connection, "SELECT exchanges FROM kept");
        assert_eq!(counted, count(connection, "SELECT count(*) FROM exchange"));
        counted
    };
    assert_eq!(kept(&connection), 20);
    let free = Bounds { before_ms: 0, exchanges: 1_000, bytes: 1 << 40, stages_before_ms: 0 };
    assert!(!remove::step(&mut connection, &free).unwrap());
    let by_age = Bounds { before_ms: 5_500, ..free };
    let mut steps = 0;
    while remove::step(&mut connection, &by_age).unwrap() {
        steps += 1;
    }
    assert_eq!((steps, count(&connection, "SELECT min(last_ms) FROM conversation")), (1, 6_000));
    while remove::step(&mut connection, &Bounds { exchanges: 4, ..free }).unwrap() {}
    assert_eq!(kept(&connection), 4);
    // What the others use too is still there, and nothing else.
    assert_eq!(count(&connection, "SELECT count(*) FROM piece"), 5);
    assert_eq!(count(&connection, "SELECT count(*) FROM said WHERE said MATCH 'shared'"), 4);
    assert_eq!(count(&connection, "SELECT count(*) FROM said WHERE said MATCH 'word3'"), 0);
    connection.execute("INSERT INTO said (said, rank) VALUES ('integrity-check', 1)", []).unwrap();
    let before = store::used_bytes(&connection).unwrap();
    let large: Vec<NewExchange> = (21..=24)
        .map(|id| NewExchange {
            request: vec![Piece { bytes: noise(id), is_text: true }],
            ..exchange(id, id * 1_000, 1)
        })
        .collect();
    insert(&mut connection, &large, 1 << 22).unwrap();
    assert!(store::used_bytes(&connection).unwrap() > before + 300_000);
    while remove::step(&mut connection, &Bounds { bytes: before + 150_000, ..free }).unwrap() {}
    assert!(store::used_bytes(&connection).unwrap() <= before + 150_000);
    assert_eq!(count(&connection, "SELECT max(id) FROM exchange"), 24);
    // A file from before there was such a count gets it.
    let there = kept(&connection);
    connection.execute_batch("DROP TABLE kept; PRAGMA user_version = 1").unwrap();
    drop(connection);
    let mut connection = store::open_writer(folder.path()).unwrap();
    assert_eq!(kept(&connection), there);
    remove::all(&mut connection).unwrap();
    assert_eq!(kept(&connection), 0);
}

#[test]
fn a_step_after_each_batch_keeps_within_bounds() {
    let folder = tempfile::tempdir().unwrap();
    let mut connection = store::open_writer(folder.path()).unwrap();
    let bounds = Bounds { before_ms: 0, exchanges: 150, bytes: 1 << 40, stages_before_ms: 0 };
    // Each a conversation of its own, and never a moment without new ones.
    for batch in 0..20 {
        let all: Vec<NewExchange> = (0..96).map(|at| batch * 96 + at + 1).map(|id| exchange(id, id, 100)).collect();
        insert(&mut connection, &all, 1 << 20).unwrap();
        remove::step(&mut connection, &bounds).unwrap();
        let kept: i64 = connection.query_row("SELECT exchanges FROM kept", [], |row| row.get(0)).unwrap();
        assert!(kept <= 150, "{kept} after batch {batch}");
    }
    // A step is small, though: of very many that are too old, few go at once.
    let all: Vec<NewExchange> = (10_000..10_300).map(|id| exchange(id, id, 100)).collect();
    insert(&mut connection, &all, 1 << 20).unwrap();
    assert!(remove::step(&mut connection, &bounds).unwrap());
    let kept: i64 = connection.query_row("SELECT exchanges FROM kept", [], |row| row.get(0)).unwrap();
    assert_eq!(kept, 450 - 160);
}

/// Whether `word`, or an end of it as an index shortens it, stands in any file of `folder`.
fn is_on_disk(folder: &Path, word: &str) -> bool {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    let bytes: Vec<u8> = files.flat_map(|path| fs::read(path).unwrap()).collect();
    (0..3).any(|from| memchr::memmem::find(&bytes, &word.as_bytes()[from..]).is_some())
}

/// Keeps what speaks of a zebrafinch and much else, and removes it for its age.
fn removed_for_its_age(folder: &Path) -> torod::store::Connection {
    let mut connection = store::open_writer(folder).unwrap();
    let begin_ms = Clock::system().now_ms() - 3_600_000;
    for at in 1..=200 {
        let word = if at == 1 { "zebrafinch".to_owned() } else { format!("quokka{at}") };
        let new = NewExchange { asked_words: vec![(0, word)], ..exchange(at, begin_ms + at * 1_000, 10) };
        insert(&mut connection, &[new], 1 << 20).unwrap();
    }
    let bounds = Bounds { before_ms: begin_ms + 100_000, exchanges: 1_000, bytes: 1 << 40, stages_before_ms: 0 };
    while remove::step(&mut connection, &bounds).unwrap() {}
    connection
}

#[test]
fn an_index_forgets_in_small_steps_what_was_removed_for_its_age() {
    let folder = tempfile::tempdir().unwrap();
    let connection = removed_for_its_age(folder.path());
    let found = |word: &str| {
        let count =
            connection.query_row("SELECT count(*) FROM said WHERE said MATCH ?1", [word], |row| row.get::<_, i64>(0));
        count.unwrap()
    };
    assert_eq!((found("zebrafinch"), found("quokka50"), found("quokka150")), (0, 0, 1));
    assert!(remove::is_unforgotten(&connection).unwrap());
    assert!(is_on_disk(folder.path(), "zebrafinch"), "the test looks at the right place");
    let mut is_first = true;
    while remove::forget_words(&connection, is_first).unwrap() {
        is_first = false;
    }
    remove::forgot_words(&connection).unwrap();
    store::settle(&connection).unwrap();
    assert!(!is_on_disk(folder.path(), "zebrafinch"));
    assert_eq!((found("zebrafinch"), found("quokka50"), found("quokka150")), (0, 0, 1));
    connection.execute("INSERT INTO said (said, rank) VALUES ('integrity-check', 1)", []).unwrap();
}

#[tokio::test]
async fn what_was_not_forgotten_when_the_gateway_ended_is_forgotten_by_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    drop(removed_for_its_age(&data));
    let is_unforgotten = || remove::is_unforgotten(&store::open_reader(&data).unwrap().unwrap()).unwrap();
    assert!(is_unforgotten());
    let daemon = in_folder(ON, folder).await;
    until("the words are forgotten", || async { !is_unforgotten() }).await;
    assert!(!is_on_disk(&data, "zebrafinch"));
    assert_eq!(daemon.talks("?q=quokka150").await.len(), 1);
    daemon.stop().await;
}

fn noise(seed: i64) -> Vec<u8> {
    let mut state = seed.cast_unsigned().wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    std::iter::repeat_with(next).take(100_000).collect()
}
