//! Which candidate serves a request, by rules alone: the same request and the same candidates give the same answer.
//!
//! | name | simple | standard | hard |
//! |---|---|---|---|
//! | `auto` | the cheapest | the cheapest that is no small one | the strongest |
//! | `auto-coding` | one for code, that calls tools and thinks; the cheapest | the same, no small one | the strongest, effort `xhigh` |
//! | `auto-longtext` | the cheapest with much room | the same, no small one | the strongest with room, effort `high` |
//!
//! Who lacks what the request needs, or has no room for it, is no candidate at all.

use std::cmp::Reverse;

use super::candidate::{Candidate, Strength};
use super::features::Features;
use super::needs::{Need, Needs};
use super::{Difficulty, Task, Virtual, hints};
use crate::catalog::{Effort, Modality};

/// A context window from which on a model is one for long texts, in tokens.
const LONG: u64 = 180_000;
/// What an answer is taken to have where nobody says, in tokens.
const ANSWER: u64 = 800;

/// What the rules make of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judged {
    /// How much it asks of a model.
    pub difficulty: Difficulty,
    /// What kind of work it is.
    pub task: Task,
    /// How sure that is, in thousandths.
    pub confidence_permille: u32,
}

/// How hard a request with these `features` is.
pub fn judge(of: Virtual, features: &Features) -> Judged {
    let points = points(of, features);
    let (difficulty, confidence_permille) = match points {
        ..=-1 => (Difficulty::Simple, 900),
        0 => (Difficulty::Simple, 800),
        1 => (Difficulty::Simple, 550),
        2 | 4 => (Difficulty::Standard, 500),
        3 => (Difficulty::Standard, 600),
        5 => (Difficulty::Hard, 600),
        6 => (Difficulty::Hard, 750),
        _ => (Difficulty::Hard, 900),
    };
    Judged { difficulty, task: task(of, features, difficulty), confidence_permille }
}

fn points(of: Virtual, features: &Features) -> i32 {
    let asked = &features.asked;
    // Where length is what the name is for, it says nothing.
    let is_long = of != Virtual::LongText && asked.len() > 800;
    let (hard, easy) = hints::words(asked);
    let tens = |number: usize, most: usize| i32::try_from(number.min(most)).unwrap_or(0);
    let effort = match features.effort {
        Some(Effort::High | Effort::XHigh | Effort::Max) => 3,
        Some(Effort::Medium) => 1,
        Some(Effort::None | Effort::Minimal | Effort::Low) => -1,
        // Thinking is asked for without a word for how much.
        None => i32::from(features.says_effort),
    };
    // What is long is no harder where length is what the name is for.
    let bounds: [u64; 3] = if of == Virtual::LongText { [60_000, 200_000, 500_000] } else { [6_000, 40_000, 120_000] };
    let size = bounds.iter().filter(|bound| features.input_tokens > **bound).count();
    let is_code = features.code_permille > 300;
    tens(hard, 3) * 2 - tens(easy, 2)
        + effort
        + tens(size, 3)
        + i32::from(is_long)
        + i32::from(hints::points(asked) >= 3)
        + i32::from(is_code)
        + i32::from(features.tools > 0)
        + i32::from(features.is_at_work)
        + i32::from(features.messages > 20)
}

fn task(of: Virtual, features: &Features, difficulty: Difficulty) -> Task {
    let is_hard = difficulty == Difficulty::Hard;
    let is_code = of == Virtual::Coding || features.code_permille > 300;
    let is_long = of == Virtual::LongText || features.input_tokens > 30_000;
    match (is_code, is_long, is_hard) {
        (true, _, true) => Task::HardCoding,
        (true, _, false) => Task::SimpleCoding,
        (false, true, true) => Task::ComplexLongText,
        (false, true, false) => Task::SimpleLongText,
        (false, false, true) => Task::ComplexReasoning,
        (false, false, false) if difficulty == Difficulty::Simple => Task::SimpleChat,
        (false, false, false) => Task::Unknown,
    }
}

/// What is wanted.
#[derive(Clone, Debug)]
pub struct Wish<'f> {
    /// The name that was asked for.
    pub of: Virtual,
    /// How hard it is.
    pub difficulty: Difficulty,
    /// What it cannot do without.
    pub needs: &'f Needs,
    /// The room that it wants, in tokens.
    pub room_tokens: u64,
    /// Estimated tokens of the request.
    pub input_tokens: u64,
    /// The most tokens that it wants to get.
    pub output_tokens: Option<u64>,
}

impl<'f> Wish<'f> {
    /// What a request with these `features` wants.
    pub fn of(of: Virtual, difficulty: Difficulty, features: &'f Features) -> Self {
        Self {
            of,
            difficulty,
            needs: &features.needs,
            room_tokens: features.room_tokens(),
            input_tokens: features.input_tokens,
            output_tokens: features.output_tokens,
        }
    }

    /// The effort that goes with it, where the client says none.
    pub const fn effort(&self) -> Option<Effort> {
        match (self.of, self.difficulty) {
            (Virtual::Coding, Difficulty::Hard) => Some(Effort::XHigh),
            (Virtual::LongText, Difficulty::Hard) => Some(Effort::High),
            _ => None,
        }
    }

    /// Whether `candidate` can serve it at all.
    pub fn takes(&self, candidate: &Candidate) -> bool {
        // Models that speak want to be spoken to, and refuse a conversation without sound.
        let speaks = candidate.facts.gives(Modality::Audio) == Some(true);
        let is_quiet = !speaks || self.needs.has(Need::Speech) || self.needs.has(Need::Audio);
        is_quiet && self.needs.are_met_by(&candidate.facts) && candidate.context() >= self.room_tokens
    }

    /// Whether it writes as much as is wanted, as far as is known.
    fn writes_enough(&self, candidate: &Candidate) -> bool {
        let most = candidate.facts.max_output();
        most.zip(self.output_tokens).is_none_or(|(most, wanted)| wanted <= most)
    }

    /// Why `candidate` cannot, in words; none where it can.
    pub fn why_not(&self, candidate: &Candidate) -> Option<String> {
        let lacking: Vec<&str> =
            self.needs.iter().filter(|need| !need.is_met_by(&candidate.facts)).map(Need::as_str).collect();
        if !lacking.is_empty() {
            return Some(format!("is not known for {}", lacking.join(", ")));
        }
        let (room, wanted) = (candidate.context(), self.room_tokens);
        if room >= wanted && !self.takes(candidate) {
            return Some("is a model for speech".to_owned());
        }
        (room < wanted).then(|| format!("has room for {room} tokens, and {wanted} are wanted"))
    }
}

/// The best of `candidates` for `wish` among those that `may` be chosen; none where none can serve it.
pub fn choose(candidates: &[Candidate], wish: &Wish<'_>, may: &dyn Fn(usize) -> bool) -> Option<usize> {
    let fitting = || candidates.iter().enumerate().filter(|(at, candidate)| wish.takes(candidate) && may(*at));
    // A limit that it would refuse; where all would, they may judge themselves.
    let writing = || fitting().filter(|(_, candidate)| wish.writes_enough(candidate));
    let best = match wish.difficulty {
        Difficulty::Hard => {
            [writing().min_by_key(|c| strongest(wish, c)), fitting().min_by_key(|c| strongest(wish, c))]
        }
        _ => [writing().min_by_key(|c| cheapest(wish, c)), fitting().min_by_key(|c| cheapest(wish, c))],
    };
    best.into_iter().flatten().next().map(|(at, _)| at)
}

/// Smaller is stronger. Of equals the cheapest.
fn strongest<'c>(wish: &Wish<'_>, (_, candidate): &(usize, &'c Candidate)) -> impl Ord + use<'c> {
    let facts = &candidate.facts;
    let first = match wish.of {
        Virtual::Auto => true,
        Virtual::Coding => candidate.calls_tools() && candidate.reasons(),
        Virtual::LongText => candidate.context() >= LONG.max(wish.room_tokens),
    };
    // Newer models take more of it, which orders those of one price.
    let effort = facts.efforts().last();
    (
        (Reverse(first), Reverse(candidate.reasons()), Reverse(candidate.strength), Reverse(effort)),
        (cost(wish, candidate), candidate.priority, candidate.id.as_str()),
    )
}

/// Smaller is cheaper, after what the name is for.
fn cheapest<'c>(wish: &Wish<'_>, (_, candidate): &(usize, &'c Candidate)) -> impl Ord + use<'c> {
    let is_standard = wish.difficulty == Difficulty::Standard;
    let is_small = candidate.strength == Strength::LowCost;
    let is_large_enough = !is_standard || !is_small;
    let first = match wish.of {
        Virtual::Auto => (is_large_enough, true, true),
        Virtual::Coding => {
            let is_able = candidate.calls_tools() && candidate.reasons();
            (is_able, candidate.is_specialist && is_large_enough, is_large_enough)
        }
        Virtual::LongText => (candidate.context() >= LONG, is_large_enough, true),
    };
    (Reverse(first), cost(wish, candidate), candidate.priority, Reverse(candidate.strength), candidate.id.as_str())
}

fn cost(wish: &Wish<'_>, candidate: &Candidate) -> u128 {
    let answer = wish.output_tokens.map_or(ANSWER, |most| most.min(ANSWER));
    candidate.cost(wish.input_tokens, answer)
}

#[cfg(test)]
mod tests;
