//! What a request pays in the daemon beside the network: the token's lookup and the usage row.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tokenrouter::Protocol;
use tokenrouter::count::{Counts, Source};
use tokenrouter_shared::Role;
use torod::access::{Key, TokenIndex};
use torod::clock::Clock;
use torod::store::schema;
use torod::store::tokens::TokenRow;
use torod::usage::{Charge, Outcome, Record, Sequence, UsageWriter};

const ROWS: usize = 50_000;

fn key(n: u64) -> Key {
    let mut seed = n;
    Key::generate(&mut |bytes| {
        for byte in bytes {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            *byte = u8::try_from(seed >> 56).unwrap_or(0);
        }
    })
}

fn lookup(c: &mut Criterion) {
    let keys: Vec<Key> = (0..10_000).map(key).collect();
    let rows = keys.iter().zip(1_i64..).map(|(key, id)| TokenRow {
        id,
        digest: key.digest().0,
        ..TokenRow::new(&format!("tok_{id}"), Role::Inferrer)
    });
    let index = TokenIndex::new(&rows.collect::<Vec<_>>());
    let Some(wanted) = keys.get(5_000) else { return };
    let digest = wanted.digest();
    c.bench_function("token: check and digest", |b| b.iter(|| Key::parse(black_box(wanted.reveal())).is_ok()));
    c.bench_function("token: lookup among 10,000", |b| b.iter(|| index.find(black_box(&digest)).is_some()));
}

/// What a change costs with so many tokens, three levels deep.
const TOKENS: i64 = 100_000;

fn publish(c: &mut Criterion) {
    let row = |id: i64| TokenRow {
        id,
        digest: key(id.cast_unsigned()).digest().0,
        parent_id: match id {
            1..=10 => None,
            11..=1_000 => Some(id % 10 + 1),
            _ => Some(id % 990 + 11),
        },
        ..TokenRow::new(&format!("tok_{id}"), Role::Keymaster)
    };
    let rows: Vec<TokenRow> = (1..=TOKENS).map(row).collect();
    let index = TokenIndex::new(&rows);
    let Some(changed) = rows.last().cloned() else { return };
    c.bench_function("token: publish one change among 100,000", |b| {
        b.iter(|| index.publish(black_box(std::slice::from_ref(&changed)), &[]));
    });
    let digest = key(50_000).digest();
    c.bench_function("token: lookup among 100,000", |b| b.iter(|| index.find(black_box(&digest)).is_some()));
}

fn record(ids: &Sequence, now_ms: i64, names: &(Arc<str>, Arc<str>)) -> Record {
    Record {
        total_us: 1_234,
        first_byte_us: 900,
        token_id: 1,
        provider: Arc::clone(&names.0),
        model: Arc::clone(&names.1),
        stream: true,
        counts: Counts { input_uncached: 1_000, cache_read: 9_000, output: 300, ..Counts::default() },
        ..Record::new(ids.attempt(now_ms), ids.exchange(now_ms), now_ms)
    }
}

/// From the hot path's push to the committed row.
fn rows(c: &mut Criterion) {
    let mut group = c.benchmark_group("usage");
    group.throughput(Throughput::Elements(ROWS as u64)).sample_size(10).measurement_time(Duration::from_secs(5));
    group.bench_function("row, queue to disk", |b| {
        b.iter_custom(|rounds| {
            let Ok(folder) = tempfile::tempdir() else { return Duration::ZERO };
            let clock = Clock::system();
            let Ok(connection) = schema::open_writer(folder.path()) else { return Duration::ZERO };
            let Ok(writer) = UsageWriter::start(connection, 1 << 20, clock.clone()) else { return Duration::ZERO };
            let (recorder, ids) = (writer.recorder(), Sequence::after(0));
            let names = (Arc::from("provider"), Arc::from("model"));
            let began = clock.instant();
            for _ in 0..rounds {
                for _ in 0..ROWS {
                    recorder.push(record(&ids, clock.now_ms(), &names));
                }
                while writer.status().queued > 0 {
                    std::thread::yield_now();
                }
            }
            let took = clock.instant().duration_since(began);
            writer.stop(Duration::from_secs(10));
            took
        });
    });
    group.finish();
}

criterion_group!(daemon, lookup, publish, rows);
criterion_main!(daemon);
