//! What is done with usage when there is time: rows from before are summed up, and what is too old goes. Both in steps of a few
//! milliseconds on the writer's thread, with pauses, so that no batch waits behind them.

use std::time::Duration;

use rusqlite::Connection;

use crate::clock::Clock;
use crate::config::Usage;
use crate::lifecycle::Lifecycle;
use crate::store::history::{Cutoffs, Pruned, prune_step, sum_up_old};
use crate::store::{StoreError, WriterHandle};

/// The pause between two rounds.
const ROUND: Duration = Duration::from_mins(10);
/// The pause between two steps: they take a tenth of one core at most.
const PAUSE: Duration = Duration::from_millis(20);
/// A day in milliseconds.
const DAY_MS: i64 = 86_400_000;

/// What is older than `config` says, at `now_ms`, in milliseconds since 1970. Sums are kept at least as long as what they
/// are made from.
pub fn cutoffs(config: &Usage, now_ms: i64) -> Cutoffs {
    let before = |days: u32| match days {
        0 => 0,
        days => now_ms.saturating_sub(i64::from(days).saturating_mul(DAY_MS)).max(0),
    };
    let rows_ms = before(config.retention_days);
    let hours_ms = before(config.hourly_retention_days).min(rows_ms);
    Cutoffs { rows_ms, hours_ms, days_ms: before(config.daily_retention_days).min(hours_ms) }
}

/// Looks after usage until the end. `config` tells what is in force.
pub async fn run(writer: WriterHandle, config: impl Fn() -> Usage + Send, clock: Clock, lifecycle: Lifecycle) {
    let mut rounds = tokio::time::interval(ROUND);
    loop {
        tokio::select! {
            _ = rounds.tick() => {}
            () = lifecycle.hard_stop() => return,
        }
        let work = async {
            sum_up(&writer).await?;
            prune(&writer, cutoffs(&config(), clock.now_ms())).await
        };
        let done = tokio::select! {
            done = work => done,
            () = lifecycle.hard_stop() => return,
        };
        match done {
            Ok(gone) if !gone.is_nothing() => {
                tracing::info!(rows = gone.rows, chunks = gone.chunks, "usage that was kept long enough is removed");
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "old usage stays as it is until the next round"),
        }
    }
}

/// Sums up all rows from before.
pub async fn sum_up(writer: &WriterHandle) -> Result<(), StoreError> {
    while writer.call(sum_up_old).await? {
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

/// Removes everything from before `cutoffs`. Says what that was.
pub async fn prune(writer: &WriterHandle, cutoffs: Cutoffs) -> Result<Pruned, StoreError> {
    let mut gone = Pruned::default();
    loop {
        let step = writer.call(move |connection: &mut Connection| prune_step(connection, &cutoffs)).await?;
        if step.is_nothing() {
            return Ok(gone);
        }
        gone.rows += step.rows;
        gone.chunks += step.chunks;
        tokio::time::sleep(PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_kept_as_long_as_rows_at_least_and_zero_keeps_for_good() {
        let of = |rows, hours, days| {
            let config = Usage {
                retention_days: rows,
                hourly_retention_days: hours,
                daily_retention_days: days,
                ..Usage::default()
            };
            let cutoffs = cutoffs(&config, 1_000 * DAY_MS);
            [cutoffs.rows_ms, cutoffs.hours_ms, cutoffs.days_ms].map(|ms| ms / DAY_MS)
        };
        assert_eq!(of(0, 5, 5), [0, 0, 0]);
        assert_eq!(of(10, 5, 20), [990, 990, 980]);
        assert_eq!(of(400, 0, 7), [600, 0, 0]);
        assert_eq!(of(2_000, 2_000, 2_000), [0, 0, 0]);
    }
}
