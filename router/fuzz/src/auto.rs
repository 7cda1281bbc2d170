//! Requests and answers of routers, as far as virtual models read them: nothing panics, what is asked is JSON of bounded
//! size, nobody is chosen who was not offered, and a request that says how much to think is still the JSON that it was.

use bytes::Bytes;
use tokenrouter::auto::features::Features;
use tokenrouter::auto::rules::{self, Wish};
use tokenrouter::auto::{Candidate, Difficulty, Virtual, decision, document, effort};
use tokenrouter::catalog::{Can, Effort, Facts, Modality};
use tokenrouter::splice;

use super::case;

fn shelf() -> Vec<Candidate> {
    let facts = Facts::default().with_context(100_000).with(Can::Tools, true).with(Can::Schema, true);
    let able = facts.with(Can::Reasoning, true).with_effort(Effort::High);
    let able = able.with_input(Modality::Text).with_input(Modality::Image).with_context(2_000_000);
    vec![
        Candidate::new("a/b", facts).priced(1, 2),
        Candidate::new("a/c-codex", able).priced(3_000_000_000, 9_000_000_000),
        Candidate::new("d/e", able),
    ]
}

/// Reads a request, chooses for it, asks a router about it, and judges the same bytes as its answer.
pub fn run(data: &[u8]) {
    let Some((protocol, body)) = case::protocol(data) else { return };
    let is_json = serde_json::from_slice::<serde_json::Value>(body).is_ok_and(|value| value.is_object());
    let shelf = shelf();
    let features = Features::read(protocol, body);
    assert!(features.asked.len() < 32 << 10 && features.code_permille <= 1_000);
    for of in Virtual::ALL {
        assert!(rules::judge(of, &features).confidence_permille <= 1_000);
        for difficulty in Difficulty::ALL {
            let wish = Wish::of(of, difficulty, &features);
            let chosen = rules::choose(&shelf, &wish, &|_| true);
            assert_eq!(chosen.is_none(), shelf.iter().all(|candidate| !wish.takes(candidate)));
            assert!(chosen.is_none_or(|at| wish.takes(&shelf[at]) && wish.why_not(&shelf[at]).is_none()));
        }
        let offered = document::offered(&shelf, of, &features, &|_| true);
        let candidates: Vec<&Candidate> = offered.iter().map(|at| &shelf[*at]).collect();
        let text = document::write(of, &features, body, &candidates, &["x/y"]);
        assert!(text.len() <= document::MAX_BYTES);
        assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok());
    }
    let ids = ["a/b", "d/e"];
    if let Ok(decision) = decision::read(body, &ids) {
        assert!(decision.at < ids.len() && decision.confidence_permille <= 1_000);
    }
    let quoted = serde_json::Value::String(String::from_utf8_lossy(body).into_owned());
    let answer = format!(r#"{{"choices":[{{"message":{{"content":{quoted}}}}}]}}"#);
    if let Ok(decision) = decision::read(answer.as_bytes(), &ids) {
        assert!(decision.at < ids.len() && decision.reason.chars().count() <= 200);
    }
    let whole = Bytes::copy_from_slice(body);
    if let Some(edit) = effort::ask(protocol, &whole, Effort::High).filter(|_| is_json) {
        let after = splice::apply(&whole, vec![edit]).concat();
        assert!(serde_json::from_slice::<serde_json::Value>(&after).is_ok_and(|value| value.is_object()));
    }
}
