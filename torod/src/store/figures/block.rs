//! Some attempts side by side: one list of numbers for each thing that is known of them.

use std::ops::Range;

use rusqlite::Row;
use tokenrouter_shared::figures::{SHORTEST_SPEED_US, Totals};
use tokenrouter_shared::ids::ms_of;
use tokenrouter_shared::usage_of::Buckets;

use super::spread;
use crate::store::StoreError;
use crate::store::history::column::pick;

/// What attempts are told apart by, as numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum Dim {
    /// The token's number; 0: no key.
    Token,
    /// In `name`.
    Provider,
    /// In `name`.
    Model,
    /// In `name`: as the client wrote it, also where that is the same.
    Asked,
    /// In `name`; 0: none.
    Credential,
    /// In `name`.
    Surface,
    /// As `PROTOCOLS` has them.
    ClientProtocol,
    /// HTTP status.
    Status,
    /// As `OUTCOMES` has them.
    Outcome,
    /// As `ERROR_CLASSES` has them.
    ErrorClass,
    /// 1: yes.
    Stream,
    /// In `name`; 0: none.
    Agent,
    /// In `agent_session`; 0: none.
    Session,
    /// In `origin`; 0: not known.
    Origin,
}

/// How many there are.
pub(in crate::store) const DIMS: usize = 14;

impl Dim {
    /// Its number among those of an entry.
    pub(in crate::store) fn of(self, dims: &[u32; DIMS]) -> u32 {
        dims.get(self as usize).copied().unwrap_or(0)
    }
}

/// What is summed up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum Sum {
    Exchanges,
    Requests,
    Attempts,
    Failures,
    Degraded,
    Uncached,
    CacheRead,
    CacheWrite5m,
    CacheWrite1h,
    Output,
    Reasoning,
    Estimated,
    Cost,
    Unpriced,
    UnpricedAttempts,
    Savings,
    TotalUs,
    FirstByteUs,
    FirstBytes,
    Generated,
    GenerationUs,
    Prompted,
    PromptUs,
}

/// How many there are.
pub(in crate::store) const SUMS: usize = 23;

impl Sum {
    /// Its part of the sums of something.
    pub(in crate::store) fn of(self, sums: &Sums) -> i64 {
        sums.get(self as usize).copied().unwrap_or(0)
    }
}

/// The sums of something, in the order of [`Sum`].
pub(in crate::store) type Sums = [i64; SUMS];

/// [`SHORTEST_SPEED_US`] as columns have it.
const SHORTEST_US: i64 = SHORTEST_SPEED_US.cast_signed();

/// One attempt, or several that differ in nothing but their sums.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::store) struct Entry {
    /// Its time by its id, in milliseconds since 1970.
    pub(in crate::store) at_ms: i64,
    pub(in crate::store) dims: [u32; DIMS],
    pub(in crate::store) sums: Sums,
}

/// What [`Entry::read`] reads, in its order.
pub(in crate::store) const COLUMNS: &str = "id, token_id, provider, model, coalesce(model_asked, model),
    coalesce(credential, 0), surface, client_protocol, status, outcome, error_class, stream, coalesce(agent, 0),
    coalesce(session, 0), coalesce(origin, 0),
    coalesce(is_first, counted), counted, degraded, input_uncached, cache_read, cache_write_5m, cache_write_1h, output,
    reasoning, estimated, cost_nanos, price IS NULL, savings_nanos, total_us, first_byte_us, generation_us, prompt_us";

/// What a row says of an attempt, beside its dimensions.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::store) struct Facts {
    pub(in crate::store) is_first: bool,
    pub(in crate::store) counted: bool,
    pub(in crate::store) degraded: i64,
    /// Input uncached, cache read, cache write 5 min, cache write 1 h, output, reasoning.
    pub(in crate::store) counts: [i64; 6],
    pub(in crate::store) estimated: bool,
    pub(in crate::store) cost_nanos: i64,
    pub(in crate::store) unpriced: bool,
    pub(in crate::store) savings_nanos: i64,
    pub(in crate::store) total_us: i64,
    pub(in crate::store) first_byte_us: i64,
    pub(in crate::store) generation_us: i64,
    pub(in crate::store) prompt_us: i64,
}

impl Facts {
    /// The sums of an attempt by itself.
    pub(in crate::store) fn sums(&self, went_well: bool, is_stream: bool) -> Sums {
        let [uncached, read, short, long, output, reasoning] = self.counts;
        let input = uncached + read + short + long;
        let writing_us = self.total_us.saturating_sub(self.first_byte_us);
        let (generated, generation_us) = if self.generation_us > 0 {
            (output, self.generation_us)
        } else if is_stream && went_well && self.first_byte_us > 0 && output > 0 && writing_us >= SHORTEST_US {
            (output, writing_us)
        } else {
            (0, 0)
        };
        let (prompted, prompt_us) = if self.prompt_us > 0 {
            (input, self.prompt_us)
        } else if is_stream && went_well && input > 0 && self.first_byte_us >= SHORTEST_US {
            (input, self.first_byte_us)
        } else {
            (0, 0)
        };
        let unpriced = self.unpriced && (self.cost_nanos > 0 || input + output > 0);
        [
            self.is_first.into(),
            self.counted.into(),
            1,
            (!went_well).into(),
            (self.degraded > 0).into(),
            uncached,
            read,
            short,
            long,
            output,
            reasoning,
            if self.estimated { input + output } else { 0 },
            self.cost_nanos,
            if unpriced { self.cost_nanos } else { 0 },
            unpriced.into(),
            self.savings_nanos,
            self.total_us,
            self.first_byte_us,
            (self.first_byte_us > 0).into(),
            generated,
            generation_us,
            prompted,
            prompt_us,
        ]
    }
}

/// A number in the database as it stands in a dimension.
fn number(value: i64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

impl Entry {
    /// The entry of one attempt.
    pub(in crate::store) fn of(at_ms: i64, dims: [i64; DIMS], facts: &Facts) -> Self {
        let dims = dims.map(number);
        let sums = facts.sums(Dim::Outcome.of(&dims) == 0, Dim::Stream.of(&dims) == 1);
        Self { at_ms, dims, sums }
    }

    /// The entry of a row of `usage`, of which [`COLUMNS`] were asked.
    pub(in crate::store) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let id: i64 = row.get(0)?;
        let mut dims = [0; DIMS];
        for (at, dim) in (1..).zip(&mut dims) {
            *dim = row.get(at)?;
        }
        let mut counts = [0; 6];
        for (at, count) in (DIMS + 4..).zip(&mut counts) {
            *count = row.get(at)?;
        }
        let facts = Facts {
            is_first: row.get(DIMS + 1)?,
            counted: row.get(DIMS + 2)?,
            degraded: row.get(DIMS + 3)?,
            counts,
            estimated: row.get(DIMS + 10)?,
            cost_nanos: row.get(DIMS + 11)?,
            unpriced: row.get(DIMS + 12)?,
            savings_nanos: row.get(DIMS + 13)?,
            total_us: row.get(DIMS + 14)?,
            first_byte_us: row.get(DIMS + 15)?,
            generation_us: row.get(DIMS + 16)?,
            prompt_us: row.get(DIMS + 17)?,
        };
        Ok(Self::of(ms_of(id), dims, &facts))
    }
}

/// How the times of the entries of a block are spread, apart for each entry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::store) struct Times {
    /// How many bins each entry has.
    pub(in crate::store) each: Vec<u32>,
    /// Which ones of [`spread`], those of an entry behind those of the entry before it.
    pub(in crate::store) bins: Vec<u8>,
    /// And how often each of these was met.
    pub(in crate::store) counts: Vec<u32>,
}

impl Times {
    fn clear(&mut self) {
        self.each.clear();
        self.bins.clear();
        self.counts.clear();
    }

    /// The bins of the next entry, and how often each was met.
    pub(in crate::store) fn push(&mut self, met: &[(u8, u32)]) {
        self.each.push(u32::try_from(met.len()).unwrap_or(u32::MAX));
        self.bins.extend(met.iter().map(|(bin, _)| *bin));
        self.counts.extend(met.iter().map(|(_, count)| *count));
    }

    /// The bins of each entry in their order, and how often each was met.
    pub(in crate::store) fn entries(&self) -> impl Iterator<Item = (&[u8], &[u32])> {
        let mut from = 0;
        self.each.iter().map(move |bins| {
            let these = from..from + *bins as usize;
            from = these.end;
            (self.bins.get(these.clone()).unwrap_or_default(), self.counts.get(these).unwrap_or_default())
        })
    }
}

/// Columns of sums as a chunk has them. One of zeros is empty, as is one that nobody asked for.
#[derive(Clone, Debug, Default)]
pub(in crate::store) struct Packed {
    /// Of all columns.
    pub(in crate::store) bytes: Vec<u8>,
    /// Which of them are whose.
    pub(in crate::store) columns: [Range<usize>; SUMS],
}

/// Entries side by side. Lists that nobody asked for are empty.
#[derive(Clone, Debug, Default)]
pub(in crate::store) struct Block {
    /// Their times, or when the stretch begins that they are summed up over, in milliseconds since 1970.
    pub(in crate::store) at_ms: Vec<i64>,
    pub(in crate::store) dims: [Vec<u32>; DIMS],
    pub(in crate::store) sums: [Vec<i64>; SUMS],
    /// In place of `sums`, where these were to stay as they are written.
    pub(in crate::store) packed: Packed,
    /// From start to end, and to the first byte; empty where nobody asked.
    pub(in crate::store) times: [Times; 2],
}

impl Block {
    /// How many entries there are.
    pub(in crate::store) fn len(&self) -> usize {
        self.at_ms.len()
    }

    /// Forgets the entries and keeps their place.
    pub(in crate::store) fn clear(&mut self) {
        self.at_ms.clear();
        self.dims.iter_mut().for_each(Vec::clear);
        self.sums.iter_mut().for_each(Vec::clear);
        self.packed.bytes.clear();
        self.packed.columns.fill(0..0);
        self.times.iter_mut().for_each(Times::clear);
    }

    /// Adds an entry of one attempt.
    pub(in crate::store) fn push(&mut self, entry: &Entry) {
        self.at_ms.push(entry.at_ms);
        for (list, dim) in self.dims.iter_mut().zip(entry.dims) {
            list.push(dim);
        }
        for (list, sum) in self.sums.iter_mut().zip(entry.sums) {
            list.push(sum);
        }
        let [total, first] = &mut self.times;
        total.push(&[(spread::bin(Sum::TotalUs.of(&entry.sums)), 1)]);
        let first_byte = (spread::bin(Sum::FirstByteUs.of(&entry.sums)), 1);
        first.push(if Sum::FirstBytes.of(&entry.sums) > 0 { std::slice::from_ref(&first_byte) } else { &[] });
    }

    /// The sums in `column` of those entries that `of` names, which ascend: `each` is told which of `of` it is, and the sum.
    /// It is told of none where all are zero.
    pub(in crate::store) fn each(
        &self,
        column: usize,
        of: &[u32],
        mut each: impl FnMut(usize, i64),
    ) -> Result<(), StoreError> {
        if let Some(list) = self.sums.get(column).filter(|list| !list.is_empty()) {
            for (place, at) in of.iter().enumerate() {
                each(place, list.get(*at as usize).copied().unwrap_or(0));
            }
            return Ok(());
        }
        let packed = self.packed.columns.get(column).and_then(|range| self.packed.bytes.get(range.clone()));
        match packed.filter(|packed| !packed.is_empty()) {
            Some(packed) => pick(packed, self.len(), of, each),
            None => Ok(()),
        }
    }

    /// The numbers of a dimension.
    pub(in crate::store) fn dim(&self, dim: Dim) -> &[u32] {
        self.dims.get(dim as usize).map_or(&[], Vec::as_slice)
    }
}

/// Sums as reports tell them. Those of our own rows are never negative, but for savings.
pub(in crate::store) fn totals(sums: &Sums) -> Totals {
    let at = |sum: Sum| u64::try_from(sum.of(sums)).unwrap_or(0);
    Totals {
        exchanges: at(Sum::Exchanges),
        requests: at(Sum::Requests),
        attempts: at(Sum::Attempts),
        failures: at(Sum::Failures),
        degraded: at(Sum::Degraded),
        counts: Buckets {
            input_uncached: at(Sum::Uncached),
            cache_read: at(Sum::CacheRead),
            cache_write_5m: at(Sum::CacheWrite5m),
            cache_write_1h: at(Sum::CacheWrite1h),
            output: at(Sum::Output),
            reasoning: at(Sum::Reasoning),
        },
        estimated: at(Sum::Estimated),
        cost_nanos: at(Sum::Cost),
        unpriced_nanos: at(Sum::Unpriced),
        unpriced_attempts: at(Sum::UnpricedAttempts),
        savings_nanos: Sum::Savings.of(sums),
        total_us: at(Sum::TotalUs),
        first_byte_us: at(Sum::FirstByteUs),
        first_bytes: at(Sum::FirstBytes),
        generated: at(Sum::Generated),
        generation_us: at(Sum::GenerationUs),
        prompted: at(Sum::Prompted),
        prompt_us: at(Sum::PromptUs),
    }
}
