//! A provider's bill is held against rows, and against sums where the rows are gone.

use std::collections::BTreeMap;

use torod::import::bill::{Bill, Theirs};
use torod::import::drift::compare;
use torod::store::history::{Cutoffs, prune_step};
use torod::store::schema;

use super::{DAY_MS, make_tokens, some, write};

/// A Thursday, 2026-11-19 15:00 UTC.
const NOW_MS: i64 = 1_795_100_400_000;
const PROVIDER: &str = "name-1";

#[test]
fn what_rows_said_is_still_said_when_they_are_gone() {
    let temp = tempfile::tempdir().unwrap();
    make_tokens(temp.path());
    let records = some(11, 900, NOW_MS, 60);
    write(temp.path(), &records);
    let mut lines: BTreeMap<(i64, String), Theirs> = BTreeMap::new();
    for record in records.iter().filter(|record| &*record.provider == PROVIDER) {
        let (counts, nanos) = record.figures();
        let tokens: u64 = counts[..5].iter().sum();
        if tokens > 0 || nanos > 0 {
            let line = lines.entry((record.started_ms / DAY_MS, record.model.to_string())).or_default();
            line.tokens = Some(line.tokens.unwrap_or(0) + tokens);
            line.nanos = Some(line.nanos.unwrap_or(0) + nanos.cast_signed());
        }
    }
    let bill = Bill { lines, ..Bill::default() };
    let told = compare(&schema::open_reader(temp.path()).unwrap(), PROVIDER, &bill).unwrap();
    assert!(told.lines.len() > 50, "{}", told.lines.len());
    assert_eq!(told.drift_millionths, 0);

    // In the middle of a day.
    let cut_ms = NOW_MS - 20 * DAY_MS;
    let mut connection = schema::open_writer(temp.path()).unwrap();
    while !prune_step(&mut connection, &Cutoffs { rows_ms: cut_ms, hours_ms: 0, days_ms: 0 }).unwrap().is_nothing() {}
    let left: i64 = connection.query_row("SELECT count(*) FROM usage", [], |row| row.get(0)).unwrap();
    assert!(left > 0 && left < i64::try_from(records.len()).unwrap());
    let again = compare(&connection, PROVIDER, &bill).unwrap();
    for (before, after) in told.lines.iter().zip(&again.lines) {
        assert_eq!((&before.day, before.our_tokens, before.our_nanos), (&after.day, after.our_tokens, after.our_nanos));
    }
    assert_eq!((again.lines.len(), again.drift_millionths), (told.lines.len(), 0));

    // What came before all that is known, and what they ask for beside it.
    let first = records.iter().map(|record| record.started_ms / DAY_MS).min().unwrap();
    let beside = |day: i64| {
        let theirs = Theirs { nanos: Some(1), ..Theirs::default() };
        let bill = Bill { lines: BTreeMap::from([((day, "another".to_owned()), theirs)]), ..Bill::default() };
        let told = compare(&connection, PROVIDER, &bill).unwrap();
        told.lines.iter().find(|line| line.model == "another").unwrap().reasons[0].clone()
    };
    assert!(beside(first - 1).contains("nothing was written down here yet"));
    assert!(beside(first + 1).contains("calls beside this gateway"), "{}", beside(first + 1));
}
