//! What a row's price depended on beside its counts: kept only for rows that have it.

use rusqlite::{Connection, Row};
use tokenrouter::count::{Counts, Media, Report, ServiceTier};

use super::StoreError;
use super::usage::clamped;

/// The columns of a [`Report`] beside its counts, in the order that [`read`] takes them.
pub const COLUMNS: &str = "d.tier, d.audio_in, d.audio_cached, d.audio_out, d.image_in, d.image_cached, d.image_out, d.images, \
     d.seconds_in, d.seconds_out, d.characters, d.web_searches, d.queries, d.billed_in, d.billed_out, d.told_nanos";

/// Keeps what `report` says beside the counts of the row `id`.
pub fn keep(connection: &Connection, id: i64, report: &Report) -> Result<(), StoreError> {
    let Report { media, tier, billed, told_nanos, .. } = report;
    let sums = [
        media.audio_in,
        media.audio_cached,
        media.audio_out,
        media.image_in,
        media.image_cached,
        media.image_out,
        media.images,
        media.seconds_in,
        media.seconds_out,
        media.characters,
        media.web_searches,
        media.queries,
    ];
    let mut statement = connection.prepare_cached(
        "INSERT OR IGNORE INTO usage_detail VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17)",
    )?;
    statement.raw_bind_parameter(1, id)?;
    statement.raw_bind_parameter(2, tier.number())?;
    for (at, sum) in (3..).zip(sums) {
        statement.raw_bind_parameter(at, clamped(sum))?;
    }
    let [billed_in, billed_out] = billed.map_or([None; 2], |billed| billed.map(|tokens| Some(clamped(tokens))));
    statement.raw_bind_parameter(15, billed_in)?;
    statement.raw_bind_parameter(16, billed_out)?;
    statement.raw_bind_parameter(17, told_nanos.map(|nanos| nanos.min(super::usage::MAX_NANOS).cast_signed()))?;
    statement.raw_execute()?;
    Ok(())
}

/// The report of a row with these `counts`, whose [`COLUMNS`] begin at `from`; all of them are NULL where there is none.
pub fn read(row: &Row<'_>, from: usize, counts: Counts) -> rusqlite::Result<Report> {
    let at = |column: usize| -> rusqlite::Result<Option<u64>> {
        // A negative one cannot come from our own rows.
        Ok(row.get::<_, Option<i64>>(from + column)?.map(|value| u64::try_from(value).unwrap_or(0)))
    };
    let sum = |column| Ok::<_, rusqlite::Error>(at(column)?.unwrap_or(0));
    let media = Media {
        audio_in: sum(1)?,
        audio_cached: sum(2)?,
        audio_out: sum(3)?,
        image_in: sum(4)?,
        image_cached: sum(5)?,
        image_out: sum(6)?,
        images: sum(7)?,
        seconds_in: sum(8)?,
        seconds_out: sum(9)?,
        characters: sum(10)?,
        web_searches: sum(11)?,
        queries: sum(12)?,
    };
    let tier = at(0)?.and_then(|number| u8::try_from(number).ok()).map(ServiceTier::numbered).unwrap_or_default();
    let billed = at(13)?.zip(at(14)?).map(<[u64; 2]>::from);
    Ok(Report { media, tier, billed, told_nanos: at(15)?, ..Report::of(counts) })
}
