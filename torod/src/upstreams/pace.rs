//! How much one provider is sent a minute, by what the file allows.

use std::sync::Arc;

use crate::rolling::Rolling;

/// A minute in seconds.
const MINUTE_S: u32 = 60;

/// What a provider was sent in the last minute.
#[derive(Debug)]
struct Sent {
    requests: Rolling,
    tokens: Rolling,
}

/// What a provider may be sent a minute, and what it was.
#[derive(Debug)]
pub struct ProviderPace {
    /// Requests; 0: as many as come.
    requests: u64,
    /// LLM tokens; 0: as many as come.
    tokens: u64,
    sent: Arc<Sent>,
}

/// A call's part of its provider's minute. What it had reserved of LLM tokens and did not spend is given back at its end.
#[derive(Debug)]
pub struct PacePlace {
    sent: Arc<Sent>,
    part: u64,
    reserved: u64,
    spent: u64,
}

impl ProviderPace {
    /// So many requests and LLM tokens a minute; 0: no limit.
    pub fn new(requests: u32, tokens: u64) -> Self {
        let sent = Sent { requests: Rolling::new(MINUTE_S), tokens: Rolling::new(MINUTE_S) };
        Self { requests: requests.into(), tokens, sent: Arc::new(sent) }
    }

    /// Goes on with what was counted of `before`, the same provider with other settings.
    pub fn inherit(&mut self, before: &Self) {
        self.sent = Arc::clone(&before.sent);
    }

    /// Whether anybody must know how many LLM tokens a call has.
    pub const fn counts_tokens(&self) -> bool {
        self.tokens > 0
    }

    /// One call of `tokens` more, now. Else in how many milliseconds there is room for it.
    pub fn take(&self, tokens: u64, uptime_ms: u64) -> Result<Option<PacePlace>, u64> {
        if self.requests == 0 && self.tokens == 0 {
            return Ok(None);
        }
        let sent = &self.sent;
        let wait = |window: &Rolling, excess: u64| {
            window.frees_in_ms(excess.max(1), uptime_ms).unwrap_or(u64::from(MINUTE_S) * 1_000)
        };
        // Counted without a limit too, so that one that is set has something to go by.
        let most = |limit: u64| if limit == 0 { u64::MAX } else { limit };
        let request = sent.requests.reserve(1, most(self.requests), uptime_ms).map_err(|_| wait(&sent.requests, 1))?;
        // A call that is larger than the minute may go when nothing else does.
        let reserved = if self.tokens == 0 { 0 } else { tokens.min(self.tokens) };
        match sent.tokens.reserve(reserved, most(self.tokens), uptime_ms) {
            Ok(part) => Ok(Some(PacePlace { sent: Arc::clone(sent), part, reserved, spent: 0 })),
            Err(used) => {
                sent.requests.settle(request, 1, 0);
                Err(wait(&sent.tokens, used.saturating_add(reserved).saturating_sub(self.tokens)))
            }
        }
    }
}

impl PacePlace {
    /// The call came to so many LLM tokens.
    pub const fn spend(&mut self, tokens: u64) {
        self.spent = tokens;
    }
}

impl Drop for PacePlace {
    fn drop(&mut self) {
        self.sent.tokens.settle(self.part, self.reserved, self.spent);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 100_000_000;

    #[test]
    fn a_minute_has_room_for_so_much_and_what_is_not_spent_comes_back() {
        let pace = ProviderPace::new(3, 1_000);
        let mut first = pace.take(900, NOW).unwrap().unwrap();
        assert_eq!(pace.take(200, NOW + 500).unwrap_err(), 60_500);
        first.spend(100);
        drop(first);
        let second = pace.take(200, NOW + 500).unwrap();
        assert!(pace.take(5_000, NOW + 500).is_err(), "larger than the minute, and others are under way");
        drop(second);
        let mut other = ProviderPace::new(3, 5_000);
        other.inherit(&pace);
        drop(other.take(1_000, NOW + 900).unwrap());
        assert_eq!(pace.take(0, NOW + 1_000).unwrap_err(), 60_000, "three requests");
        assert!(pace.take(5_000, NOW + 61_000).unwrap().is_some());
        assert!(ProviderPace::new(0, 0).take(u64::MAX, NOW).unwrap().is_none());
    }
}
