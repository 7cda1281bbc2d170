//! What budgets of every window know after a start, against plain sums of the rows; and that it leaves when it should.

use std::time::Duration;

use proptest::prelude::*;
use tokenrouter_shared::Role;
use tokenrouter_shared::limits::{Budget, BudgetUnit, Limits};
use tokenrouter_shared::window::{Period, Window};
use torod::access::wall::{Moment, Wall};
use torod::access::{TokenIndex, founding};
use torod::clock::Clock;
use torod::store::schema;
use torod::store::tokens::{self, TokenRow};
use torod::usage::{Sequence, UsageWriter};

use crate::rig::record;

const NOW_MS: i64 = 1_796_000_000_000;
const DAY_MS: i64 = 86_400_000;
const QUARTER_MS: i64 = 900_000;

fn windows() -> Vec<Window> {
    let calendar = |period, zone: &str| Window::Calendar { period, time_zone: zone.to_owned() };
    let mut windows = vec![
        Window::Lifetime,
        calendar(Period::Month, "Europe/Berlin"),
        calendar(Period::Week, "America/New_York"),
        calendar(Period::Day, "Asia/Kathmandu"),
        calendar(Period::Hour, "Asia/Kathmandu"),
    ];
    windows.extend([60, 3_600, 86_400, 604_800, 2_592_000].map(|seconds| Window::Rolling { seconds }));
    windows
}

/// Of a rolling window of `seconds`, how much later than it should an amount of before the start may leave.
fn late_ms(seconds: u32) -> i64 {
    let part_ms = i64::from(seconds) * 1_000 / 60 + 1;
    let piece_ms = if part_ms >= 6 * QUARTER_MS { 12 * QUARTER_MS } else { QUARTER_MS };
    2 * part_ms + piece_ms
}

fn check(wall: &Wall, rows: &[(i64, u64)], now: Moment) -> Result<(), TestCaseError> {
    let since = |from_ms: i64| rows.iter().filter(|(at, _)| *at >= from_ms).map(|(_, amount)| amount).sum::<u64>();
    let Window::Rolling { seconds } = wall.window else {
        prop_assert_eq!(wall.counter.used(now), since(wall.counter.since_ms(&wall.window, now)), "{:?}", wall.window);
        return Ok(());
    };
    let long_ms = i64::from(seconds) * 1_000;
    // Ascending, for a counter does not look back.
    for later in [0, long_ms / 7, long_ms / 2, long_ms - 1, long_ms + late_ms(seconds)] {
        let then = Moment { now_ms: now.now_ms + later, uptime_ms: now.uptime_ms + later.unsigned_abs() };
        let (least, most) = (since(then.now_ms - long_ms + 1), since(then.now_ms - long_ms - late_ms(seconds)));
        let used = wall.counter.used(then);
        prop_assert!(least <= used && used <= most, "{seconds} s, {later} ms later: {least} {used} {most}");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 200, ..ProptestConfig::default() })]
    #[test]
    fn a_start_knows_what_was_used_in_every_window(
        late_ms in 0..31 * DAY_MS,
        ages in prop::collection::vec((prop_oneof![0..120_000_i64, 0..DAY_MS, 0..70 * DAY_MS], 1_u64..1_000), 1..80),
        is_real in any::<bool>(),
    ) {
        let folder = tempfile::tempdir().unwrap();
        // Also where the clock that never goes back began a moment ago, as it does in every program.
        let clock = if is_real { Clock::system() } else { Clock::fixed(NOW_MS + late_ms) };
        let now = Moment::of(&clock);
        let connection = schema::open_writer(folder.path()).unwrap();
        let budgets = windows().into_iter().map(|window| Budget { unit: BudgetUnit::Tokens, limit: 1, window }).collect();
        let limits = Limits { budgets, ..Limits::default() };
        let parent = TokenRow { limits, digest: [1; 32], ..TokenRow::new("tok_1", Role::Keymaster) };
        tokens::insert(&connection, &parent).unwrap();
        let child = TokenRow { parent_id: Some(1), digest: [2; 32], ..TokenRow::new("tok_2", Role::Inferrer) };
        tokens::insert(&connection, &child).unwrap();
        let mut rows: Vec<(i64, u64)> = ages.into_iter().map(|(age, amount)| (now.now_ms - age, amount)).collect();
        rows.sort_unstable();
        let (writer, ids) = (UsageWriter::start(connection, 10_000, clock).unwrap(), Sequence::after(0));
        for (at_ms, amount) in &rows {
            let ids = (ids.attempt(*at_ms), ids.exchange(*at_ms));
            writer.recorder().push(record(ids, 2, *at_ms, *amount));
        }
        prop_assert!(writer.stop(Duration::from_secs(20)));
        let connection = schema::open_writer(folder.path()).unwrap();
        let index = TokenIndex::new(&tokens::all(&connection).unwrap());
        founding::found_all(&connection, &index, now).unwrap();
        let entry = index.by_id(1).unwrap();
        for wall in &entry.meter.walls().as_ref().unwrap().walls {
            check(wall, &rows, now)?;
        }
    }
}
