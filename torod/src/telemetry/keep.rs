//! Has the database keep the last lines of the log: in batches, after whatever inference wrote, and not at all while there are
//! none.

use std::sync::Arc;
use std::time::Duration;

use super::lines::Lines;
use crate::lifecycle::Lifecycle;
use crate::store::{StoreError, WriterHandle, log};

/// How long lines wait for company.
const GATHER: Duration = Duration::from_millis(200);
/// The same where many come: most of them are overwritten before anybody could read them.
const GATHER_MANY: Duration = Duration::from_secs(2);
/// Lines of one batch.
const BATCH: usize = 512;
/// So many lines are written before more are waited for: it ends where they come sooner than they are written.
const ROUND: usize = 16 * BATCH;
/// The pause after a batch that the database did not take.
const PAUSE: Duration = Duration::from_secs(1);

/// Keeps the last `keep` of `lines` until everything ends.
pub async fn run(lines: Arc<Lines>, writer: WriterHandle, keep: u32, lifecycle: Lifecycle) {
    let (mut batch, mut is_many) = (Vec::new(), false);
    loop {
        let wait = match (batch.is_empty(), is_many) {
            (false, _) => PAUSE,
            (true, true) => GATHER_MANY,
            (true, false) => GATHER,
        };
        let is_over = tokio::select! {
            () = gathered(&lines, batch.is_empty(), wait) => false,
            () = lifecycle.hard_stop() => true,
        };
        let mut taken = 0;
        while taken < ROUND {
            lines.take(&mut batch, BATCH);
            if batch.is_empty() {
                break;
            }
            let these = Arc::new(std::mem::take(&mut batch));
            let written = Arc::clone(&these);
            let done: Result<(), StoreError> =
                writer.call(move |connection| log::add(connection, &written, keep)).await;
            // A line about it would be the next that cannot be written; usage tells of a database that takes nothing.
            if done.is_err() {
                if !is_over {
                    batch = Arc::try_unwrap(these).unwrap_or_else(|shared| shared.to_vec());
                }
                break;
            }
            taken += these.len();
            lines.keep(these.len());
        }
        is_many = taken > BATCH;
        if is_over && lines.is_empty() {
            return;
        }
    }
}

async fn gathered(lines: &Lines, is_new: bool, wait: Duration) {
    if is_new {
        lines.came().await;
    }
    tokio::time::sleep(wait).await;
}
