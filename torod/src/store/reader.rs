//! A small set of read-only connections for reports.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;

use super::{StoreError, schema};

/// How many idle connections are kept. Each costs up to 2 MiB of cache.
const KEPT: usize = 4;

/// So many files of the data folder are told; there are some ten.
const MOST_FILES: usize = 100;

/// After so many steps of SQLite's machine it is looked whether anybody still waits: some tens of microseconds.
const STEPS: i32 = 10_000;

/// Lends read connections; blocking, so call it from a blocking task.
#[derive(Debug)]
pub struct Readers {
    dir: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    /// Readers of the database in a data directory. Opens nothing yet.
    pub const fn new(dir: PathBuf) -> Self {
        Self { dir, idle: Mutex::new(Vec::new()) }
    }

    /// The files of the database and what lies beside it, each with its size; those that cannot be looked at are left out.
    pub fn files(&self) -> Vec<(String, u64)> {
        let Ok(entries) = std::fs::read_dir(&self.dir) else { return Vec::new() };
        let sized = entries.filter_map(|entry| {
            let entry = entry.ok()?;
            let about = entry.metadata().ok().filter(std::fs::Metadata::is_file)?;
            Some((entry.file_name().into_string().ok()?, about.len()))
        });
        let mut files: Vec<_> = sized.take(MOST_FILES).collect();
        files.sort_unstable();
        files
    }

    /// Runs `query` on a connection of its own.
    pub fn with<T>(&self, query: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => schema::open_reader(&self.dir)?,
        };
        let answer = query(&connection);
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < KEPT {
            idle.push(connection);
        }
        answer
    }

    /// The same until `stop` is told: then it ends within a moment, with [`StoreError::Interrupted`].
    pub fn with_stop<T>(
        &self,
        stop: &Stop,
        query: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if stop.is_told() {
            return Err(StoreError::Interrupted);
        }
        self.with(|connection| {
            let asked = stop.clone();
            connection.progress_handler(STEPS, Some(move || asked.is_told()))?;
            let answer = query(connection);
            connection.progress_handler(STEPS, None::<fn() -> bool>)?;
            answer
        })
    }
}

/// Ends a question that takes too long, from another thread.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Ends it.
    pub fn stop(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn is_told(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts for hours.
    const ENDLESS: &str = "WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";

    #[test]
    fn a_question_that_nobody_waits_for_ends_and_the_connection_answers_the_next() {
        let temp = tempfile::tempdir().unwrap();
        drop(schema::open_writer(temp.path()).unwrap());
        let readers = Arc::new(Readers::new(temp.path().to_owned()));
        let stop = Stop::default();
        let (asked, stopped) = (Arc::clone(&readers), stop.clone());
        let asking = std::thread::spawn(move || {
            asked.with_stop(&stopped, |connection| Ok(connection.query_row(ENDLESS, [], |row| row.get::<_, i64>(0))?))
        });
        stop.stop();
        assert!(matches!(asking.join().unwrap(), Err(StoreError::Interrupted)));
        let late = readers.with_stop(&stop, |_| Ok(()));
        assert!(matches!(late, Err(StoreError::Interrupted)), "nobody waits any more");
        let count =
            "WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n LIMIT 100000) SELECT count(*) FROM n";
        let next = readers.with(|connection| Ok(connection.query_row(count, [], |row| row.get::<_, i64>(0))?));
        assert_eq!(next.unwrap(), 100_000);
    }
}
