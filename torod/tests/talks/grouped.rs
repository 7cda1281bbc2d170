//! Which requests are one conversation: by ids, by what they repeat, and never two agents at once.

use proptest::prelude::*;
use serde_json::json;
use tokenrouter::Protocol;
use tokenrouter::chat::Part;
use tokenrouter::convert::{Asked, asked};
use torod::conversations::chain;
use torod::store::conversations as store;
use torod::store::conversations::group::Signs;
use torod::store::conversations::insert::{NewExchange, insert};

use crate::rig::{ON, chat, daemon, said};

#[tokio::test]
async fn sessions_keep_agents_apart_and_what_they_ask_for_themselves_is_marked() {
    let daemon = daemon(ON).await;
    let body = chat(&[("user", "Fix the bug")]);
    for session in ["a", "b", "a"] {
        let headers = [("x-claude-code-session-id", session), ("user-agent", "claude-cli/2.1")];
        daemon.post_with("/v1/chat/completions", &headers, body.clone()).await;
    }
    let title = chat(&[("system", "Generate a concise title for this"), ("user", "Fix the bug")]);
    let headers = [("x-claude-code-session-id", "a"), ("user-agent", "claude-cli/2.1")];
    daemon.post_with("/v1/chat/completions", &headers, title).await;
    let talks = daemon.talks("").await;
    let counts: Vec<_> = talks
        .iter()
        .map(|one| {
            (one["session"].as_str().unwrap(), one["exchanges"].as_u64().unwrap(), one["internal"].as_u64().unwrap())
        })
        .collect();
    assert_eq!(counts, [("a", 3, 1), ("b", 1, 0)]);
    assert_eq!(talks[0]["agent"], "claude-code");
    assert_eq!(daemon.talks("?session=b").await.len(), 1);
    assert_eq!(daemon.talks("?agent=codex").await.len(), 0);
    daemon.stop().await;
}

#[tokio::test]
async fn a_fork_is_a_branch_and_an_answer_that_is_named_is_followed() {
    let daemon = daemon(ON).await;
    let one = said(&daemon.post("/v1/chat/completions", chat(&[("user", "first")])).await);
    for next in ["this way", "that way"] {
        let body = chat(&[("user", "first"), ("assistant", &one), ("user", next)]);
        daemon.post("/v1/chat/completions", body).await;
    }
    let talk = daemon.only_talk().await;
    let list = talk["list"].as_array().unwrap();
    assert!(list[1]["continues"] == list[0]["request_id"] && list[2]["continues"] == list[0]["request_id"], "{talk}");
    assert_eq!((&list[1]["is_branch"], &list[2]["is_branch"]), (&json!(true), &json!(true)));

    let first = daemon.post("/v1/responses", r#"{"model":"all/ok","input":"named"}"#).await.json();
    let next = json!({ "model": "all/ok", "input": "and on", "previous_response_id": first["id"] });
    assert_eq!(daemon.post("/v1/responses", next.to_string()).await.status, 200);
    let talks = daemon.talks("").await;
    assert_eq!((&talks[0]["exchanges"], &talks[0]["title"]), (&json!(2), &json!("named")), "{talks:?}");
    daemon.stop().await;
}

/// Several agents with one key, which say much the same: each one's turns are one conversation.
fn play(moves: &[(usize, u8)], agents: usize) -> Vec<Vec<i64>> {
    let folder = tempfile::tempdir().unwrap();
    let mut connection = store::open_writer(folder.path()).unwrap();
    let mut transcripts = vec![Vec::<(String, String)>::new(); agents];
    let mut turns = vec![Vec::new(); agents];
    let seed = chain::seed(1, None);
    for (id, (agent, answer)) in moves.iter().enumerate() {
        let agent = agent % agents;
        let transcript = &mut transcripts[agent];
        // All begin alike and differ by their answers alone.
        transcript.push(("user".into(), format!("go on {}", transcript.len())));
        let messages: Vec<_> = transcript.iter().map(|(role, text)| json!({ "role": role, "content": text })).collect();
        let body = json!({ "model": "m", "messages": messages }).to_string();
        let request = asked(Asked::new(Protocol::OpenAi, body.as_bytes())).unwrap();
        let marks = chain::marks(seed, &request.messages);
        let answer = format!("agent {agent} says {answer}");
        let chained = marks.last().unwrap().chain;
        let new = NewExchange {
            id: i64::try_from(id).unwrap() + 1,
            messages: request.messages.len() as u32,
            chain: Some(chained),
            answer_chain: Some(chain::with_answer(chained, &[Part::text(answer.clone())])),
            signs: Signs { token_id: 1, session: None, previous: None, marks },
            outcome: "ok",
            ..NewExchange::default()
        };
        insert(&mut connection, &[new], 1 << 20).unwrap();
        transcript.push(("assistant".into(), answer));
        let conversation: i64 = connection
            .query_row("SELECT conversation_id FROM exchange WHERE id = ?1", [i64::try_from(id).unwrap() + 1], |row| {
                row.get(0)
            })
            .unwrap();
        turns[agent].push(conversation);
    }
    turns
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn agents_with_one_key_never_merge_and_never_split(moves in proptest::collection::vec((0..4_usize, 0..3_u8), 1..30)) {
        let turns = play(&moves, 4);
        let mut seen = Vec::new();
        for conversations in turns.into_iter().filter(|turns| !turns.is_empty()) {
            prop_assert!(conversations.iter().all(|one| *one == conversations[0]), "{conversations:?}");
            prop_assert!(!seen.contains(&conversations[0]));
            seen.push(conversations[0]);
        }
    }
}
