//! Reports for the person who pays, over a database of some months: whatever way they are told, the figures agree.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]
#![expect(unreachable_pub, reason = "the modules of one test")]

mod agree;
mod bill;
mod command;
mod seen;
#[path = "../figures/world.rs"]
#[expect(dead_code, reason = "the tests of figures use all of it")]
mod world;

use std::path::Path;
use std::time::Duration;

use tokenrouter_shared::Role;
use torod::clock::Clock;
use torod::store::schema;
use torod::store::tokens::{self, TokenRow};
use torod::usage::{Record, UsageWriter};
use world::{Dice, World};

const DAY_MS: i64 = 86_400_000;

/// Three tokens below one another, the last one made for a run; and one beside them.
fn make_tokens(dir: &Path) {
    let connection = schema::open_writer(dir).unwrap();
    for id in 1..=4_u8 {
        let row = TokenRow {
            id: id.into(),
            digest: [id; 32],
            parent_id: (2..=3).contains(&id).then(|| i64::from(id) - 1),
            run: id == 3,
            ..TokenRow::new(&format!("tok_{id}"), Role::Keymaster)
        };
        tokens::insert(&connection, &row).unwrap();
    }
}

/// Writes records as the daemon does.
fn write(dir: &Path, records: &[Record]) {
    let writer = UsageWriter::start(schema::open_writer(dir).unwrap(), 1 << 20, Clock::system()).unwrap();
    for record in records {
        writer.recorder().push(record.clone());
    }
    assert!(writer.stop(Duration::from_mins(1)));
}

/// So many requests over the last `days` before `now_ms`, evenly.
fn some(seed: u64, requests: i64, now_ms: i64, days: i64) -> Vec<Record> {
    let (world, mut dice) = (World::default(), Dice(seed));
    let start = now_ms - days * DAY_MS;
    (0..requests).flat_map(|n| world.request(&mut dice, start + n * (days * DAY_MS - 60_000) / requests)).collect()
}
