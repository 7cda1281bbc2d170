//! What one provider lists, as far as is known.

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::{ArcSwapOption, Guard};
use http::HeaderValue;
use tokenrouter::catalog::listed::Listed;

use super::looks::Looks;

/// So soon after a look at a provider's list nobody has it looked again.
const AGAIN_MS: u64 = 30_000;

/// A provider's list.
#[derive(Debug)]
pub struct ModelList {
    /// How it is kept current.
    pub looks: Looks,
    models: ArcSwapOption<Vec<Listed>>,
    /// What the provider calls this state of its list.
    etag: Mutex<Option<HeaderValue>>,
}

impl ModelList {
    /// A list that is known without asking; not known where there is none.
    pub fn declared(models: &[String]) -> Self {
        let models = Some(models).filter(|models| !models.is_empty());
        let models = models.map(|models| models.iter().map(|id| Listed::named(id)).collect());
        Self { looks: Looks::new(AGAIN_MS), models: ArcSwapOption::from_pointee(models), etag: Mutex::default() }
    }

    /// The models; none while unknown.
    pub fn load(&self) -> Guard<Option<Arc<Vec<Listed>>>> {
        self.models.load()
    }

    /// Puts another list in its place. Says whether it is another.
    pub fn store(&self, models: Vec<Listed>, etag: Option<HeaderValue>) -> bool {
        *self.etag.lock().unwrap_or_else(PoisonError::into_inner) = etag;
        let is_other = self.models.load().as_ref().is_none_or(|before| **before != models);
        if is_other {
            self.models.store(Some(Arc::new(models)));
        }
        is_other
    }

    /// What the provider calls the state of the list that is known.
    pub fn etag(&self) -> Option<HeaderValue> {
        self.etag.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes over what was known before.
    pub fn inherit(&self, before: &Self) {
        self.models.store(before.models.load_full());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_another_list_is_news() {
        let list = ModelList::declared(&[]);
        assert!(list.load().is_none() && list.etag().is_none());
        let one = || vec![Listed::named("a")];
        assert!(list.store(one(), Some(HeaderValue::from_static("\"1\""))));
        assert!(!list.store(one(), Some(HeaderValue::from_static("\"2\""))));
        assert_eq!(list.etag().unwrap(), "\"2\"");
        assert!(list.store(Vec::new(), None), "nothing is not the same as not known");
        assert_eq!(ModelList::declared(&["b".into()]).load().as_ref().unwrap()[0].id, "b");
    }
}
