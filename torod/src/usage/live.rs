//! Who wants to know what was written: told on the writer's thread, after the commit, of just those records whose rows it
//! made. So figures that are fed from here equal the rows, and no request knows of them.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::Record;

/// Somebody who wants to know what was written.
pub trait Committed: Send {
    /// These records have rows now. Called on the writer's thread, batch by batch: whoever needs long hands them on.
    fn committed(&mut self, records: &[Record]);
}

/// Where those who want to listen wait until the writer takes them.
#[derive(Default)]
pub(super) struct Door {
    waits: AtomicBool,
    waiting: Mutex<Vec<Box<dyn Committed>>>,
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Door")
    }
}

impl Door {
    /// From the next batch on, `listener` is told.
    pub(super) fn add(&self, listener: Box<dyn Committed>) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push(listener);
        self.waits.store(true, Ordering::Release);
    }
}

/// Those who listen, in the order in which they came.
pub(super) struct Listeners {
    door: Arc<Door>,
    inside: Vec<Box<dyn Committed>>,
}

impl Listeners {
    pub(super) const fn new(door: Arc<Door>) -> Self {
        Self { door, inside: Vec::new() }
    }

    /// Takes those in who wait. Called before a batch is written, so that who came before a record is told of it.
    pub(super) fn let_in(&mut self) {
        if self.door.waits.swap(false, Ordering::Acquire) {
            self.inside.append(&mut self.door.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }

    /// Tells everybody of `records`. One that panics is told of nothing any more; the others never notice.
    pub(super) fn tell(&mut self, records: &[Record]) {
        if records.is_empty() {
            return;
        }
        let mut at = 0;
        while let Some(listener) = self.inside.get_mut(at) {
            // Nobody looks at it again but to drop it.
            if catch_unwind(AssertUnwindSafe(|| listener.committed(records))).is_ok() {
                at += 1;
                continue;
            }
            let broken = self.inside.remove(at);
            _ = catch_unwind(AssertUnwindSafe(move || drop(broken)));
            tracing::error!(
                "a listener to usage records met a defect of torod and is told of nothing any more until the next \
                 start; what it shows stands still"
            );
        }
    }
}

/// Which records of a batch had rows before their commit, and so were told of before.
///
/// A commit may fail and have taken effect all the same; then the next one finds rows that nobody was told of.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Places in the batch, in rising order.
    before: Vec<usize>,
    /// So many records, from the first on, were part of a commit of which nobody knows whether it took effect.
    in_doubt: usize,
    /// `before`, as it was then.
    before_doubt: Vec<usize>,
}

impl Told {
    /// Another try at the batch begins.
    pub(super) fn begin(&mut self) {
        self.before.clear();
    }

    /// The record at `at` has a row already.
    pub(super) fn has_row(&mut self, at: usize) {
        if at >= self.in_doubt || self.before_doubt.binary_search(&at).is_ok() {
            self.before.push(at);
        }
    }

    /// The commit of the first `len` records failed, maybe after it took effect.
    pub(super) fn doubt(&mut self, len: usize) {
        self.in_doubt = len;
        self.before_doubt.clone_from(&self.before);
    }

    /// The batch is written: leaves those in it of which nobody was told, and forgets.
    pub(super) fn settle(&mut self, batch: &mut Vec<Record>) {
        if !self.before.is_empty() {
            let mut at = 0;
            batch.retain(|_| {
                at += 1;
                self.before.binary_search(&(at - 1)).is_err()
            });
        }
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is left of a batch of five of which the places in `before` have rows.
    fn left(told: &mut Told, before: &[usize]) -> Vec<usize> {
        told.begin();
        before.iter().for_each(|&at| told.has_row(at));
        (0..5).filter(|at| told.before.binary_search(at).is_err()).collect()
    }

    #[test]
    fn a_row_that_was_there_is_told_once_and_one_of_a_doubtful_commit_all_the_same() {
        let mut told = Told::default();
        assert_eq!(left(&mut told, &[1, 3]), [0, 2, 4]);
        // The commit of the first four failed, and had taken effect.
        told.doubt(4);
        assert_eq!(left(&mut told, &[0, 1, 2, 3]), [0, 2, 4]);
        // The same once more, with the fifth in it.
        told.doubt(5);
        assert_eq!(left(&mut told, &[0, 1, 2, 3, 4]), [0, 2, 4]);
        told.settle(&mut Vec::new());
        assert_eq!(left(&mut told, &[0, 1]), [2, 3, 4], "the next batch knows nothing of it");
    }
}
