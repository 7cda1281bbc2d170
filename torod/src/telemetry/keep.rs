//! Has the database keep the last lines of the log: in batches, after whatever inference wrote, and not at all while there are
//! none.

use std::sync::Arc;
use std::time::Duration;

use super::lines::Lines;
use crate::lifecycle::Lifecycle;
use crate::store::{StoreError, WriterHandle, log};

/// How long lines wait for company.
const GATHER: Duration = Duration::from_millis(200);
/// Lines of one batch.
const BATCH: usize = 512;
/// The pause after a batch that the database did not take.
const PAUSE: Duration = Duration::from_secs(1);

/// Keeps the last `keep` of `lines` until everything ends.
pub async fn run(lines: Arc<Lines>, writer: WriterHandle, keep: u32, lifecycle: Lifecycle) {
    let mut batch = Vec::new();
    loop {
        let is_over = tokio::select! {
            () = gathered(&lines, !batch.is_empty()) => false,
            () = lifecycle.hard_stop() => true,
        };
        lines.take(&mut batch, BATCH);
        if !batch.is_empty() {
            let taken = Arc::new(std::mem::take(&mut batch));
            let written = Arc::clone(&taken);
            let done: Result<(), StoreError> =
                writer.call(move |connection| log::add(connection, &written, keep)).await;
            // A line about it would be the next that cannot be written; usage tells of a database that takes nothing.
            if done.is_ok() {
                lines.keep(taken.len());
            } else if !is_over {
                batch = Arc::try_unwrap(taken).unwrap_or_else(|shared| shared.to_vec());
            }
        }
        if is_over && lines.is_empty() {
            return;
        }
    }
}

async fn gathered(lines: &Lines, is_repeated: bool) {
    if is_repeated {
        return tokio::time::sleep(PAUSE).await;
    }
    lines.came().await;
    if !lines.is_many(BATCH) {
        tokio::time::sleep(GATHER).await;
    }
}
