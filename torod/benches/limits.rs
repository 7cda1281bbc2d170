//! What a request pays for its token: identified, let in, reserved for, settled. 100,000 tokens three levels deep, with a
//! limit of every kind at each level.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use tokenrouter_shared::Role;
use tokenrouter_shared::limits::Limits;
use torod::access::budget::{Counted, Reservation};
use torod::access::remaining::Remaining;
use torod::access::wall::{Amounts, Moment};
use torod::access::{Key, TokenEntry, TokenIndex, rate};
use torod::clock::Clock;
use torod::store::tokens::TokenRow;

/// Teams, people in each, runs of each.
const TREE: [u64; 3] = [10, 100, 100];

fn key(n: u64) -> Key {
    let mut seed = n;
    Key::generate(&mut |bytes| {
        for byte in bytes {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            *byte = u8::try_from(seed >> 56).unwrap_or(0);
        }
    })
}

fn limits(text: &str) -> Limits {
    serde_json::from_str(text).unwrap_or_default()
}

/// A limit of every kind, high enough that nobody is refused.
fn every_kind() -> Limits {
    limits(
        r#"{"budgets":[{"unit":"usd_nanos","limit":1000000000000000000},
            {"unit":"usd_nanos","limit":1000000000000000000,"window":{"calendar":"month","time_zone":"Europe/Berlin"}},
            {"unit":"tokens","limit":1000000000000000000,"window":{"calendar":"day","time_zone":"UTC"}}],
          "requests_per_minute":1000000,"tokens_per_minute":1000000000000,"concurrent":1000,
          "models":{"allow":["openai/*","anthropic/*"],"deny":["*-pro"]}}"#,
    )
}

fn rows(limits: &Limits) -> Vec<TokenRow> {
    let row = |id: i64, parent_id: Option<i64>| {
        let digest = key(id.cast_unsigned()).digest().0;
        let limits = limits.clone();
        TokenRow { id, digest, parent_id, limits, ..TokenRow::new(&format!("tok_{id}"), Role::Keymaster) }
    };
    let mut rows = Vec::new();
    let mut id = 0;
    for _ in 0..TREE[0] {
        id += 1;
        let team = id;
        rows.push(row(team, None));
        for _ in 0..TREE[1] {
            id += 1;
            let person = id;
            rows.push(row(person, Some(team)));
            for _ in 0..TREE[2] {
                id += 1;
                rows.push(row(id, Some(person)));
            }
        }
    }
    rows
}

/// All that is done for a token between the request's head and its record.
fn admit(index: &TokenIndex, presented: &str, clock: &Clock) -> Option<Arc<TokenEntry>> {
    let digest = Key::parse(presented).ok()?;
    let token = index.find_at(&digest, clock.now_ms())?;
    let now = Moment::of(clock);
    let places = rate::enter(&token, now).ok()?;
    let counted = Counted::of(&token);
    let wanted = Amounts { requests: 1, tokens: 5_000, nanos: 80_000_000 };
    if counted.anything {
        let mut reservation = Reservation::take(&token, wanted, now).ok()?;
        reservation.spend(Amounts { requests: 1, tokens: 1_300, nanos: 20_000_000 }, now);
        drop(reservation);
    } else {
        let mut reservation = Reservation::nothing(&token);
        reservation.spend(wanted, now);
    }
    drop(places);
    Some(token)
}

fn requests(c: &mut Criterion) {
    let clock = Clock::system();
    // A run far inside of the tree, whose way up is in nobody's cache.
    let wanted = key(54_321);
    for (name, limits) in [("no limits", Limits::default()), ("every limit at three levels", every_kind())] {
        let index = TokenIndex::new(&rows(&limits));
        let found = index.find(&wanted.digest()).map_or(0, |token| token.chain().count());
        assert_eq!(found, 3, "the token is three levels deep");
        c.bench_function(&format!("one request, {name}, 101,010 tokens"), |b| {
            b.iter(|| admit(&index, black_box(wanted.reveal()), &clock).is_some());
        });
        let Some(token) = index.find(&wanted.digest()) else { return };
        c.bench_function(&format!("what is left, {name}"), |b| {
            b.iter(|| Remaining::of(black_box(&token), Moment::of(&clock)));
        });
    }
}

criterion_group!(limits_of_tokens, requests);
criterion_main!(limits_of_tokens);
