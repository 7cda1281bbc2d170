//! Where an answer was made, for whoever continues it.

use std::sync::Arc;

use tokenrouter::pick::affinity;
use tokenrouter::pick::session::EndpointId;

use crate::upstreams::snapshot::Snapshot;

/// Where an answer was made.
pub struct Home {
    pub(super) live: Arc<Snapshot>,
    pub(super) salt: u64,
    pub(super) home: EndpointId,
    pub(super) chosen: Option<u32>,
    pub(super) now_ms: u64,
}

impl Home {
    /// Whoever continues the answer `id` finds the endpoint that made it.
    pub fn settle(&self, id: Option<&str>) {
        // Without a choice between endpoints there is no salt, and nothing to remember.
        if let Some(id) = id.filter(|_| self.salt != 0) {
            let session = affinity::continuing(self.salt, id);
            self.live.sessions.settle(session, self.home, self.now_ms);
            if let Some(chosen) = self.chosen {
                let life = self.live.config.routing.session_ttl;
                self.live.auto.settle(session, chosen, life, self.now_ms);
            }
        }
    }
}
