//! Chunks at rest: which there are, what each sums up, and the bytes of its sums.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row, Transaction};

use super::codec::{Wanted, decode, encode};
use super::fold::Fold;
use crate::store::StoreError;
use crate::store::figures::block::Block;

/// Chunks of rows as they were written, and of those from before there were chunks: each has a tree of its own, so that old
/// and new rows are in no chunk together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum Lane {
    /// Rows as they come.
    Live = 0,
    /// Rows from before.
    Old = 4,
}

impl Lane {
    /// Both.
    pub(in crate::store) const ALL: [Self; 2] = [Self::Old, Self::Live];
}

/// How long the stretches of a chunk are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::store) enum Tier {
    /// Five minutes.
    Minutes = 0,
    /// An hour.
    Hours = 1,
    /// A day by UTC.
    Days = 2,
}

impl Tier {
    /// The length of its stretches, in milliseconds.
    pub(in crate::store) const fn stretch_ms(self) -> i64 {
        match self {
            Self::Minutes => 300_000,
            Self::Hours => 3_600_000,
            Self::Days => 86_400_000,
        }
    }

    /// The next higher one, and how many chunks of this one make one of it.
    const fn above(self) -> Option<(Self, usize)> {
        match self {
            Self::Minutes => Some((Self::Hours, 8)),
            Self::Hours => Some((Self::Days, 4)),
            Self::Days => None,
        }
    }

    /// The next lower one.
    pub(in crate::store) const fn below(self) -> Option<Self> {
        match self {
            Self::Minutes => None,
            Self::Hours => Some(Self::Minutes),
            Self::Days => Some(Self::Hours),
        }
    }
}

/// Bits of a number within its lane and tier.
const NUMBER_BITS: i64 = 40;

const fn id(lane: Lane, tier: Tier, number: i64) -> i64 {
    ((lane as i64 + tier as i64) << NUMBER_BITS) + number
}

/// A chunk without its sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) struct Node {
    pub(in crate::store) id: i64,
    pub(in crate::store) lane: Lane,
    pub(in crate::store) tier: Tier,
    /// When its first stretch begins, in milliseconds since 1970.
    pub(in crate::store) first_ms: i64,
    /// When its last one begins.
    pub(in crate::store) last_ms: i64,
    from_child: i64,
    until_child: i64,
}

/// The chunks of a tier with numbers in a range.
fn nodes(connection: &Connection, lane: Lane, tier: Tier, from: i64, until: i64) -> Result<Vec<Node>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT id, first_ms, last_ms, from_child, until_child FROM usage_sum WHERE id >= ?1 AND id < ?2 ORDER BY id",
    )?;
    let node = |row: &Row<'_>| {
        Ok(Node {
            id: row.get(0)?,
            lane,
            tier,
            first_ms: row.get(1)?,
            last_ms: row.get(2)?,
            from_child: row.get(3)?,
            until_child: row.get(4)?,
        })
    };
    let rows = statement.query_map((id(lane, tier, from), id(lane, tier, until)), node)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The number after the last of a tier, and the number up to which the tier below is summed up in it.
fn ends(connection: &Connection, lane: Lane, tier: Tier) -> Result<(i64, i64), StoreError> {
    let mut statement = connection
        .prepare_cached("SELECT id, until_child FROM usage_sum WHERE id >= ?1 AND id < ?2 ORDER BY id DESC LIMIT 1")?;
    let whole = (id(lane, tier, 0), id(lane, tier, 1 << NUMBER_BITS));
    let last = statement.query_row(whole, |row| Ok((row.get::<_, i64>(0)?, row.get(1)?))).optional()?;
    Ok(last.map_or((0, 0), |(last, until_child)| (last - id(lane, tier, 0) + 1, until_child)))
}

/// The number of the next chunk of a tier. Numbers are not given again when chunks are gone.
fn next(connection: &Connection, lane: Lane, tier: Tier) -> Result<i64, StoreError> {
    let (end, _) = ends(connection, lane, tier)?;
    let Some((above, _)) = tier.above() else { return Ok(end) };
    Ok(end.max(ends(connection, lane, above)?.1))
}

/// The highest chunks of a lane: together they sum up everything once.
pub(in crate::store) fn roots(connection: &Connection, lane: Lane) -> Result<Vec<Node>, StoreError> {
    let (days, hours_from) = ends(connection, lane, Tier::Days)?;
    let (hours, minutes_from) = ends(connection, lane, Tier::Hours)?;
    let mut found = nodes(connection, lane, Tier::Days, 0, days)?;
    found.extend(nodes(connection, lane, Tier::Hours, hours_from, hours)?);
    found.extend(nodes(connection, lane, Tier::Minutes, minutes_from, 1 << NUMBER_BITS)?);
    Ok(found)
}

/// The chunks that a chunk sums up, as far as they are still there, and whether that is all of them.
pub(in crate::store) fn children(connection: &Connection, node: &Node) -> Result<(Vec<Node>, bool), StoreError> {
    let Some(below) = node.tier.below() else { return Ok((Vec::new(), false)) };
    let found = nodes(connection, node.lane, below, node.from_child, node.until_child)?;
    let wanted = usize::try_from(node.until_child - node.from_child).unwrap_or(0);
    let is_whole = found.len() == wanted;
    Ok((found, is_whole))
}

/// Every chunk of the lowest tier with the hashes that clients' ids of requests have there, the newest first: when its first
/// and its last stretch begin, and the hashes, of four bytes each.
pub(in crate::store) fn named(
    connection: &Connection,
    lane: Lane,
    mut each: impl FnMut(i64, i64, &[u8]),
) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT first_ms, last_ms, named FROM usage_sum WHERE id >= ?1 AND id < ?2 AND named IS NOT NULL ORDER BY id DESC",
    )?;
    let mut rows = statement.query((id(lane, Tier::Minutes, 0), id(lane, Tier::Hours, 0)))?;
    while let Some(row) = rows.next()? {
        if let ValueRef::Blob(bytes) = row.get_ref(2)? {
            each(row.get(0)?, row.get(1)?, bytes);
        }
    }
    Ok(())
}

fn read(connection: &Connection, sql: &str, id: i64, wanted: &Wanted, to: &mut Block) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([id])?;
    let row = rows.next()?.ok_or_else(|| StoreError::Damaged("sums of usage that are gone".to_owned()))?;
    match row.get_ref(0)? {
        ValueRef::Blob(bytes) => decode(bytes, wanted, to),
        _ => Err(StoreError::Damaged("sums of usage that are none".to_owned())),
    }
}

/// The entries of a chunk.
pub(in crate::store) fn data(
    connection: &Connection,
    node: &Node,
    wanted: &Wanted,
    to: &mut Block,
) -> Result<(), StoreError> {
    read(connection, "SELECT data FROM usage_sum WHERE id = ?1", node.id, wanted, to)
}

/// The sums of everything in a chunk, by stretch.
pub(in crate::store) fn totals(
    connection: &Connection,
    node: &Node,
    wanted: &Wanted,
    to: &mut Block,
) -> Result<(), StoreError> {
    read(connection, "SELECT totals FROM usage_sum WHERE id = ?1", node.id, wanted, to)
}

/// Writes a chunk of a lane's lowest tier. `named` are the hashes of clients' ids.
pub(super) fn add(
    transaction: &Transaction<'_>,
    lane: Lane,
    block: &Block,
    attempts: u64,
    named: &mut [u32],
) -> Result<(), StoreError> {
    named.sort_unstable();
    let named: Vec<u8> = named.iter().flat_map(|hash| hash.to_le_bytes()).collect();
    let named = (!named.is_empty()).then_some(named);
    let number = next(transaction, lane, Tier::Minutes)?;
    write(transaction, id(lane, Tier::Minutes, number), block, (0, 0), attempts, named.as_deref())
}

fn write(
    transaction: &Transaction<'_>,
    id: i64,
    block: &Block,
    children: (i64, i64),
    attempts: u64,
    named: Option<&[u8]>,
) -> Result<(), StoreError> {
    let mut whole = Fold::default();
    whole.take(block, 1, false);
    let (first, last) = (block.at_ms.first().copied().unwrap_or(0), block.at_ms.last().copied().unwrap_or(0));
    transaction.prepare_cached("INSERT INTO usage_sum VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")?.execute((
        id,
        first,
        last,
        children.0,
        children.1,
        i64::try_from(attempts).unwrap_or(i64::MAX),
        encode(&whole.block()),
        named,
        encode(block),
    ))?;
    Ok(())
}

/// Makes one chunk of a higher tier, if there are enough below it. Says whether it did.
pub(super) fn merge(connection: &mut Connection, lane: Lane) -> Result<bool, StoreError> {
    for tier in [Tier::Hours, Tier::Minutes] {
        let Some((above, enough)) = tier.above() else { continue };
        let (end, _) = ends(connection, lane, tier)?;
        let (_, from) = ends(connection, lane, above)?;
        let number = next(connection, lane, above)?;
        let until = from + i64::try_from(enough).unwrap_or(i64::MAX);
        if until > end {
            continue;
        }
        let transaction = connection.transaction()?;
        let (mut fold, mut block) = (Fold::default(), Block::default());
        for node in nodes(&transaction, lane, tier, from, until)? {
            data(&transaction, &node, &Wanted::ALL, &mut block)?;
            fold.take(&block, above.stretch_ms(), true);
        }
        let folded = fold.block();
        let attempts = "SELECT coalesce(sum(attempts), 0) FROM usage_sum WHERE id >= ?1 AND id < ?2";
        let below = (id(lane, tier, from), id(lane, tier, until));
        let attempts: i64 = transaction.query_row(attempts, below, |row| row.get(0))?;
        let attempts = u64::try_from(attempts).unwrap_or(0);
        write(&transaction, id(lane, above, number), &folded, (from, until), attempts, None)?;
        transaction.commit()?;
        return Ok(true);
    }
    Ok(false)
}

/// Removes the first chunk of a tier of which everything is from before `until_ms`, if a chunk above has its sums too, or none
/// could; the last one of a tier stays. Says whether there was one.
pub(super) fn remove_one(
    transaction: &Transaction<'_>,
    lane: Lane,
    tier: Tier,
    until_ms: i64,
) -> Result<bool, StoreError> {
    let (end, _) = ends(transaction, lane, tier)?;
    let summed_up = match tier.above() {
        Some((above, _)) => ends(transaction, lane, above)?.1,
        None => end,
    };
    let until = id(lane, tier, summed_up.min(end - 1));
    let removed = transaction
        .prepare_cached(
            "DELETE FROM usage_sum WHERE id = (
                 SELECT id FROM usage_sum WHERE id >= ?1 AND id < ?2 AND last_ms <= ?3 ORDER BY id LIMIT 1)",
        )?
        .execute((id(lane, tier, 0), until, until_ms.saturating_sub(tier.stretch_ms())))?;
    Ok(removed > 0)
}
