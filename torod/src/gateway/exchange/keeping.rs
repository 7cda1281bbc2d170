//! What outlives an exchange besides its record: whose it is, and where a conversation goes on.

use std::sync::Arc;

use super::{Exchange, Home, Remember};
use crate::memory::{Memory, Origin};

impl Exchange {
    /// Whose what is kept of it would be.
    pub fn origin(&self) -> Origin {
        let attempt = &self.attempt;
        let upstream = attempt.remember.as_ref().is_some_and(|remember| remember.upstream);
        Origin { token_id: self.caller.token_id(), provider: Arc::clone(&attempt.provider.name), upstream }
    }

    /// Where it would be kept.
    pub fn memory(&self) -> &Arc<Memory> {
        &self.app.memory
    }

    /// Takes out what is to be kept of the answer, for whoever makes it.
    pub const fn take_remember(&mut self) -> Option<Box<Remember>> {
        self.attempt.remember.take()
    }

    /// Where the answer is made, for whoever continues it.
    pub fn home(&self) -> Home {
        let (home, chosen, now_ms) = (self.attempt.home, self.attempt.chosen, self.app.clock.uptime_ms());
        Home { live: Arc::clone(&self.live), salt: self.salt, home, chosen, now_ms }
    }
}
