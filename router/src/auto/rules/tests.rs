//! The rules over a shelf of models: who is chosen for what, and that nobody is who cannot serve it.

use super::*;
use crate::Protocol;
use crate::catalog::{Can, Facts};

fn able(context: u64) -> Facts {
    Facts::default().with_context(context).with(Can::Tools, true).with(Can::Schema, true)
}

fn thinking(context: u64, most: Effort) -> Facts {
    able(context).with(Can::Reasoning, true).with_effort(Effort::Low).with_effort(most)
}

const DOLLAR: u64 = 1_000_000_000;

fn shelf() -> Vec<Candidate> {
    let seeing = |facts: Facts| facts.with_input(Modality::Text).with_input(Modality::Image);
    vec![
        Candidate::new("a/mini", able(128_000)).priced(DOLLAR / 10, DOLLAR / 2),
        Candidate::new("a/mid", seeing(thinking(200_000, Effort::High))).priced(DOLLAR, 5 * DOLLAR),
        Candidate::new("a/codex", thinking(400_000, Effort::High)).priced(2 * DOLLAR, 14 * DOLLAR),
        Candidate::new("a/top", seeing(thinking(400_000, Effort::XHigh))).priced(5 * DOLLAR, 30 * DOLLAR),
        Candidate::new("b/top", seeing(thinking(400_000, Effort::XHigh))).priced(6 * DOLLAR, 36 * DOLLAR),
        Candidate::new("b/ancient", able(8_000)).priced(30 * DOLLAR, 60 * DOLLAR),
        Candidate::new("b/long", able(1_000_000)).priced(DOLLAR / 5, DOLLAR),
        Candidate::new("c/unpriced", able(2_000_000)),
    ]
}

fn chosen(of: Virtual, difficulty: Difficulty, features: &Features) -> Option<String> {
    let shelf = shelf();
    choose(&shelf, &Wish::of(of, difficulty, features), &|_| true).map(|at| shelf[at].id.clone())
}

fn said(text: &str) -> Features {
    let body = serde_json::json!({"messages": [{"role": "user", "content": text}]}).to_string();
    Features::read(Protocol::OpenAi, body.as_bytes())
}

#[test]
fn rows_51_to_53_each_name_has_its_choice_for_each_difficulty() {
    let hi = said("hi");
    for (of, choices) in [
        (Virtual::Auto, ["a/mini", "a/mid", "a/top"]),
        (Virtual::Coding, ["a/codex", "a/codex", "a/top"]),
        (Virtual::LongText, ["b/long", "a/mid", "a/top"]),
    ] {
        let got = Difficulty::ALL.map(|difficulty| chosen(of, difficulty, &hi).unwrap());
        assert_eq!(got, choices, "{}", of.as_str());
    }
    assert_eq!(Wish::of(Virtual::Coding, Difficulty::Hard, &hi).effort(), Some(Effort::XHigh));
    assert_eq!(Wish::of(Virtual::LongText, Difficulty::Hard, &hi).effort(), Some(Effort::High));
    assert_eq!(Wish::of(Virtual::Auto, Difficulty::Hard, &hi).effort(), None);
}

#[test]
fn row_57_who_lacks_something_is_no_candidate() {
    let mut features = said("hi");
    features.needs = [Need::Vision, Need::ToolCalls].into_iter().collect();
    for of in Virtual::ALL {
        for difficulty in Difficulty::ALL {
            let id = chosen(of, difficulty, &features).unwrap();
            assert!(["a/mid", "a/top", "b/top"].contains(&id.as_str()), "{id}");
        }
    }
    features.needs.insert(Need::Audio);
    assert_eq!(chosen(Virtual::Auto, Difficulty::Simple, &features), None);
    let wish = Wish::of(Virtual::Auto, Difficulty::Simple, &features);
    assert_eq!(wish.why_not(&shelf()[0]).unwrap(), "is not known for vision, audio");
}

#[test]
fn row_53_the_text_fits_into_whoever_is_chosen() {
    let mut features = said("hi");
    for (tokens, simple, hard) in [
        (100_000, "b/long", "a/top"),
        (300_000, "b/long", "a/top"),
        (500_000, "b/long", "b/long"),
        (1_500_000, "c/unpriced", "c/unpriced"),
    ] {
        features.input_tokens = tokens;
        assert_eq!(chosen(Virtual::LongText, Difficulty::Simple, &features).as_deref(), Some(simple), "{tokens}");
        assert_eq!(chosen(Virtual::LongText, Difficulty::Hard, &features).as_deref(), Some(hard), "{tokens}");
    }
    features.input_tokens = u64::MAX;
    assert_eq!(chosen(Virtual::LongText, Difficulty::Hard, &features), None);
}

#[test]
fn who_was_excluded_is_not_chosen_again() {
    let shelf = shelf();
    let features = said("hi");
    let wish = Wish::of(Virtual::Auto, Difficulty::Hard, &features);
    let next = choose(&shelf, &wish, &|at| shelf[at].id != "a/top").unwrap();
    assert_eq!(shelf[next].id, "b/top", "the same at another provider, though it costs more");
    assert_eq!(choose(&shelf, &wish, &|_| false), None);
    assert_eq!(choose(&[], &wish, &|_| true), None);
}

#[test]
fn who_would_refuse_the_limit_comes_last() {
    let facts = able(100_000).with_max_output(4_000);
    let shelf = [
        Candidate::new("a/short", facts).priced(1, 1),
        Candidate::new("a/enough", facts.with_max_output(64_000)).priced(2, 2),
    ];
    let mut features = said("hi");
    features.output_tokens = Some(32_000);
    let wish = Wish::of(Virtual::Auto, Difficulty::Simple, &features);
    assert_eq!(choose(&shelf, &wish, &|_| true), Some(1));
    assert_eq!(choose(&shelf, &wish, &|at| at == 0), Some(0));
}

#[test]
fn models_for_speech_are_for_speech() {
    let speaking = able(100_000).with_output(Modality::Text).with_output(Modality::Audio).with_input(Modality::Audio);
    let shelf =
        [Candidate::new("a/speech", speaking).priced(1, 1), Candidate::new("a/plain", able(100_000)).priced(9, 9)];
    let mut features = said("hi");
    assert_eq!(choose(&shelf, &Wish::of(Virtual::Auto, Difficulty::Simple, &features), &|_| true), Some(1));
    features.needs.insert(Need::Speech);
    let wish = Wish::of(Virtual::Auto, Difficulty::Simple, &features);
    assert_eq!((choose(&shelf, &wish, &|_| true), wish.why_not(&shelf[0])), (Some(0), None));
}

#[test]
fn easy_is_told_from_hard() {
    for (text, difficulty) in [
        ("hi", Difficulty::Simple),
        ("What is the capital of France?", Difficulty::Simple),
        ("Translate into German: good morning, and thank you", Difficulty::Simple),
        ("Prove that there are infinitely many primes, step by step", Difficulty::Standard),
        (
            "Refactor this service: find the root cause of the deadlock, prove the fix, and analyse the security.",
            Difficulty::Hard,
        ),
        ("请证明这个定理，推导公式，并优化算法的架构", Difficulty::Hard),
    ] {
        assert_eq!(judge(Virtual::Auto, &said(text)).difficulty, difficulty, "{text}");
    }
    let mut features = said("hi");
    (features.effort, features.says_effort) = (Some(Effort::XHigh), true);
    assert_eq!(judge(Virtual::Auto, &features).difficulty, Difficulty::Standard);
    features.input_tokens = 50_000;
    assert_eq!(judge(Virtual::Auto, &features).difficulty, Difficulty::Hard);
    assert_eq!(judge(Virtual::LongText, &features).difficulty, Difficulty::Standard, "long is what it is for");
    assert_eq!(judge(Virtual::Coding, &said("hi")).task, Task::SimpleCoding);
}

#[test]
fn the_order_of_the_candidates_changes_nothing() {
    let mut shelf = shelf();
    let features = said("hi");
    for of in Virtual::ALL {
        for difficulty in Difficulty::ALL {
            let wish = Wish::of(of, difficulty, &features);
            let first = choose(&shelf, &wish, &|_| true).map(|at| shelf[at].id.clone());
            shelf.reverse();
            assert_eq!(choose(&shelf, &wish, &|_| true).map(|at| shelf[at].id.clone()), first);
        }
    }
}
