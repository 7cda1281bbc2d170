//! A mark on what goes to providers, by which a request is known that comes back: one of the providers leads here.
//!
//! The mark is a number that only this process can make, another one every ten minutes, so that it says nothing of who
//! asks. Whoever sends a copy of it has its own request refused, and nobody else's: a provider that answers with a loop
//! is not held to have failed (`gateway/judge`). Marks of other gateways are handed on, so that a loop through several
//! is found as well; the last few of them, so that a header which a client makes up stays short.

use std::sync::Arc;

use arc_swap::ArcSwap;
use http::{HeaderMap, HeaderName, HeaderValue};
use sha2::{Digest, Sha256};
use tokenrouter::error::{Kind, Problem};

use crate::clock::Clock;

/// The header that marks stand in.
pub static VIA: HeaderName = HeaderName::from_static("x-tokenrouter-via");
/// The status of the answer to a request that came back: Loop Detected (RFC 5842), which providers do not use.
pub const STATUS: u16 = 508;

/// How long one mark is used; it is known for as long again.
const AGE_MS: u64 = 600_000;
/// Letters of a mark.
const LENGTH: usize = 24;
/// How many other gateways' marks are handed on.
const MOST: usize = 7;

/// Makes marks, and knows them.
#[derive(Debug)]
pub struct Passage {
    secret: u64,
    clock: Clock,
    current: ArcSwap<(u64, HeaderValue)>,
}

impl Passage {
    /// Marks made with `secret`, a random number.
    pub fn new(secret: u64, clock: Clock) -> Arc<Self> {
        let age = clock.uptime_ms() / AGE_MS;
        let current = ArcSwap::from_pointee((age, value(&mark(secret, age))));
        Arc::new(Self { secret, clock, current })
    }

    /// Puts the mark of now on a request.
    pub fn put(&self, to: &mut HeaderMap) {
        let age = self.clock.uptime_ms() / AGE_MS;
        let current = self.current.load();
        let marked = if current.0 == age {
            current.1.clone()
        } else {
            let fresh = value(&mark(self.secret, age));
            self.current.store(Arc::new((age, fresh.clone())));
            fresh
        };
        to.insert(VIA.clone(), marked);
    }

    /// Whether a request with `headers` was here before.
    pub fn was_here(&self, headers: &HeaderMap) -> bool {
        if !headers.contains_key(&VIA) {
            return false;
        }
        let age = self.clock.uptime_ms() / AGE_MS;
        let ours = [mark(self.secret, age), mark(self.secret, age.saturating_sub(1))];
        marks(headers).any(|given| ours.iter().any(|own| own.as_slice() == given))
    }
}

/// Hands the marks of other gateways on to the next; those of a provider that is given none stay here.
pub fn hand_on(from: &HeaderMap, to: &mut HeaderMap) {
    if !from.contains_key(&VIA) || !to.contains_key(&VIA) {
        return;
    }
    let all: Vec<&[u8]> = marks(from).collect();
    let last = all.get(all.len().saturating_sub(MOST)..).unwrap_or_default();
    if let Ok(joined) = HeaderValue::from_bytes(&last.join(&b", "[..]))
        && !last.is_empty()
    {
        to.append(VIA.clone(), joined);
    }
}

/// What is told of a request that was here before.
pub fn came_back() -> Problem {
    Problem::new(
        Kind::UpstreamFailed,
        "loop_detected",
        "this request has been through this gateway before: one of its providers leads back to it",
        "Look in torod.toml for the provider whose URL is this gateway's own, or another gateway's that leads here.",
    )
    .with_status(STATUS)
}

/// What is told of the provider `name` that says so.
pub fn leads_back(name: &str) -> Problem {
    let said = format!("the provider \"{name}\" leads back to this gateway, or goes round in circles itself");
    let advice = "Change its URL in torod.toml: it is this gateway's own, or another gateway's that leads here.";
    Problem::new(Kind::UpstreamFailed, "loop_detected", said, advice).with_status(STATUS)
}

fn marks(headers: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    let lists = headers.get_all(&VIA).iter().flat_map(|list| list.as_bytes().split(|byte| *byte == b','));
    let is_mark = |text: &&[u8]| text.len() == LENGTH && text.iter().all(u8::is_ascii_hexdigit);
    lists.map(<[u8]>::trim_ascii).filter(is_mark)
}

fn mark(secret: u64, age: u64) -> [u8; LENGTH] {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut hash = Sha256::new_with_prefix(b"tokenrouter passage");
    hash.update(secret.to_be_bytes());
    hash.update(age.to_be_bytes());
    let mut text = [b'0'; LENGTH];
    for (letters, byte) in text.chunks_exact_mut(2).zip(hash.finalize()) {
        for (letter, nibble) in letters.iter_mut().zip([byte >> 4, byte & 15]) {
            *letter = HEX.get(usize::from(nibble)).copied().unwrap_or(b'0');
        }
    }
    text
}

fn value(mark: &[u8; LENGTH]) -> HeaderValue {
    HeaderValue::from_maybe_shared(bytes::Bytes::from_owner(*mark)).unwrap_or(HeaderValue::from_static("-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(lists: &[&str]) -> HeaderMap {
        lists.iter().map(|list| (VIA.clone(), list.parse().unwrap())).collect()
    }

    fn sent(passage: &Passage) -> HeaderMap {
        let mut headers = HeaderMap::new();
        passage.put(&mut headers);
        headers
    }

    #[test]
    fn a_mark_is_known_for_ten_minutes_and_by_nobody_else() {
        let clock = Clock::fixed(1_000_000_000);
        let (one, two) = (Passage::new(1, clock.clone()), Passage::new(2, clock.clone()));
        let (of_one, of_two) = (sent(&one), sent(&two));
        assert!(one.was_here(&of_one) && two.was_here(&of_two));
        assert!(!one.was_here(&of_two) && !two.was_here(&of_one) && !one.was_here(&HeaderMap::new()));
        clock.advance(600_000);
        assert!(one.was_here(&of_one), "it may be on its way for long");
        assert_ne!(sent(&one), of_one, "nobody is to be recognised by it for ever");
        clock.advance(600_000);
        assert!(!one.was_here(&of_one) && one.was_here(&sent(&one)));
    }

    #[test]
    fn the_marks_of_others_are_handed_on_and_nothing_else() {
        let clock = Clock::fixed(1_000_000_000);
        let (one, two) = (Passage::new(1, clock.clone()), Passage::new(2, clock));
        let mut onwards = sent(&two);
        hand_on(&sent(&one), &mut onwards);
        assert!(one.was_here(&onwards) && two.was_here(&onwards));
        let long = (0..500).map(|n| format!("{n:024x}")).collect::<Vec<_>>().join(",");
        let mut many = with(&["x, \t,y", &long]);
        hand_on(&many.clone(), &mut onwards);
        let total: usize = onwards.get_all(&VIA).iter().map(HeaderValue::len).sum();
        assert!(total < 500, "{total}");
        // The last gateways count.
        many.append(VIA.clone(), sent(&one).remove(&VIA).unwrap());
        let mut onwards = sent(&two);
        hand_on(&many, &mut onwards);
        assert!(one.was_here(&onwards));
        let mut none = HeaderMap::new();
        hand_on(&many, &mut none);
        assert!(none.is_empty(), "who is told of no mark is told of none");
    }
}
