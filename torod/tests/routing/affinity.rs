//! Conversations stay at the credential that holds their prompt cache; only who has to moves.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::act::{Act, Speech};
use crate::rig::Rig;

const KEYS: [&str; 4] = ["key-a-0123456789", "key-b-0123456789", "key-c-0123456789", "key-d-0123456789"];

/// A conversation that grows with each turn.
struct Talk {
    number: usize,
    turns: Vec<Value>,
}

impl Talk {
    fn new(number: usize) -> Self {
        Self { number, turns: Vec::new() }
    }

    /// Asks the next question; the key that answered.
    async fn turn(&mut self, rig: &Rig) -> String {
        let number = self.number;
        let size = if (number / 4).is_multiple_of(2) { 1 } else { 400 };
        let question = format!("conversation {number}, turn {}: {}", self.turns.len() / 2, "words ".repeat(size));
        self.turns.push(json!({"role": "user", "content": question}));
        let said = Value::Array(self.turns.clone());
        let mut body = json!({"model": "m", "messages": said, "stream": number.is_multiple_of(3)});
        let session = format!("session-{number}");
        let (speech, path, headers) = match number % 4 {
            0 => (Speech::OpenAi, "/v1/chat/completions", vec![("x-session-id", session.as_str())]),
            1 => {
                body["prompt_cache_key"] = json!(session);
                (Speech::OpenAi, "/v1/chat/completions", Vec::new())
            }
            2 => {
                body["max_tokens"] = json!(64);
                body["system"] = json!("You are a test.");
                body["metadata"] = json!({"user_id": session});
                (Speech::Anthropic, "/v1/messages", Vec::new())
            }
            _ => (Speech::OpenAi, "/v1/chat/completions", Vec::new()),
        };
        let outcome = rig.send(speech, path, body.to_string(), &headers).await;
        assert!(outcome.is_good(), "conversation {number}: {outcome:?}");
        self.turns.push(json!({"role": "assistant", "content": format!("answer {}", self.turns.len())}));
        outcome.who().1
    }
}

/// One turn of each, several at a time; who answered each.
async fn round(rig: &Arc<Rig>, talks: Vec<Talk>) -> (Vec<Talk>, Vec<String>) {
    let mut all = BTreeMap::new();
    let mut lanes: Vec<Vec<Talk>> = (0..8).map(|_| Vec::new()).collect();
    for (at, talk) in talks.into_iter().enumerate() {
        lanes[at % 8].push(talk);
    }
    let mut running = tokio::task::JoinSet::new();
    for lane in lanes {
        let rig = Arc::clone(rig);
        running.spawn(async move {
            let mut done = Vec::new();
            for mut talk in lane {
                let key = talk.turn(&rig).await;
                done.push((talk, key));
            }
            done
        });
    }
    while let Some(done) = running.join_next().await {
        all.extend(done.unwrap().into_iter().map(|(talk, key)| (talk.number, (talk, key))));
    }
    all.into_values().unzip()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conversations_stay_at_their_credential() {
    // How fast each key seems depends on what else this machine does: all that is sure is that each gets some.
    stay("", [1, 1]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conversations_stay_at_their_credential_and_are_spread_evenly() {
    stay("order = [\"affinity\", \"weighted\"]\n", [25, 10]).await;
}

/// `least`: how many of 200 conversations each key has at least, and of 100 one that is healed.
async fn stay(order: &str, least: [usize; 2]) {
    let keys = format!("api_keys = [{}]", KEYS.map(|key| format!("\"{key}\"")).join(", "));
    let rig = Arc::new(Rig::new("", &[&keys], &format!("[routing]\nprobe = false\n{order}")).await);
    let mut talks: Vec<Talk> = (0..200).map(Talk::new).collect();
    let mut answered = Vec::new();
    for _ in 0..10 {
        let who;
        (talks, who) = round(&rig, talks).await;
        answered.push(who);
        rig.clock.advance(20_000);
    }
    let homes = answered[0].clone();
    let strayed: Vec<_> = (0..200)
        .filter(|talk| answered.iter().any(|who| who[*talk] != homes[*talk]))
        .map(|talk| (talk, answered.iter().map(|who| who[talk].as_bytes()[4] as char).collect::<String>()))
        .collect();
    assert!(strayed.is_empty(), "{} of 200 did not stay: {strayed:?}", strayed.len());
    for key in KEYS {
        let share = homes.iter().filter(|home| *home == key).count();
        assert!(share >= least[0], "{key} got {share} of 200");
    }

    // One key is refused: only its conversations move, and each to one place.
    rig.up[0].does(|ask| if ask.key == KEYS[0] { Act::status(401) } else { Act::Ok });
    rig.seen();
    let (talks, moved) = round(&rig, talks).await;
    let (talks, again) = round(&rig, talks).await;
    for talk in 0..200 {
        assert_eq!(moved[talk], again[talk], "conversation {talk} wanders");
        assert_eq!(moved[talk] == homes[talk], homes[talk] != KEYS[0], "conversation {talk}");
    }
    let refused = rig.up[0].by_key().get(KEYS[0]).copied().unwrap_or(0);
    // Several may have found out at the same time.
    assert!((1..=8).contains(&refused), "{refused} calls with the refused key");

    // Healed, it gets new conversations only.
    rig.up[0].always(Act::Ok);
    rig.clock.advance(6 * 60_000);
    let (talks, later) = round(&rig, talks).await;
    assert_eq!(later, moved, "nobody moves back");
    let new: Vec<Talk> = (200..300).map(Talk::new).collect();
    let (new, first) = round(&rig, new).await;
    assert!(first.iter().filter(|key| *key == KEYS[0]).count() >= least[1], "new ones find the healed key");
    let (_, second) = round(&rig, new).await;
    assert_eq!(first, second);
    let (_, last) = round(&rig, talks).await;
    assert_eq!(last, moved);
    Arc::into_inner(rig).unwrap().stop().await;
}

#[tokio::test]
async fn a_conversation_stays_at_its_provider_when_another_becomes_faster() {
    let rig = Rig::equal(3, "[routing]\nprobe = false\n").await;
    let mut talk = Talk::new(4);
    talk.turn(&rig).await;
    let home = (0..3).find(|at| rig.up[*at].calls() == 1).unwrap();
    rig.up[home].always(Act::slow(80));
    rig.seen();
    for _ in 0..5 {
        talk.turn(&rig).await;
    }
    assert_eq!(rig.seen()[home], 5);
    rig.up[home].always(Act::status(503));
    for _ in 0..3 {
        talk.turn(&rig).await;
    }
    rig.up[home].always(Act::Ok);
    rig.seen();
    talk.turn(&rig).await;
    assert_eq!(rig.seen()[home], 0, "the cache is elsewhere by now");
    rig.stop().await;
}

#[tokio::test]
async fn sessions_of_two_callers_are_two() {
    let rig = Rig::equal(4, "[routing]\nprobe = false\n").await;
    let other = rig.daemon.other_key().await;
    let mut seen = BTreeMap::<(String, String), u32>::new();
    for n in 0..40 {
        let session = format!("shared-{n}");
        let mut who = Vec::new();
        for key in [&rig.daemon.key, &other] {
            let bearer = format!("Bearer {key}");
            let headers = [("x-session-id", session.as_str()), ("authorization", bearer.as_str())];
            who.push(rig.ask(Speech::OpenAi, "m", false, "hi", &headers).await.who().0);
        }
        *seen.entry((who[0].clone(), who[1].clone())).or_default() += 1;
    }
    assert!(seen.keys().any(|(a, b)| a != b), "the name of a session does not tie two callers together: {seen:?}");
    rig.stop().await;
}
