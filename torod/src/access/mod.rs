//! May this caller do this now? Keys, the snapshot they are looked up in, and who may make which token.

pub mod bounds;
pub mod budget;
pub mod caller;
pub mod edit;
pub mod fixed;
pub mod forwarded;
pub mod founding;
pub mod grant;
pub mod index;
pub mod issue;
pub mod key;
pub mod last_use;
pub mod lease;
pub mod meter;
pub mod proxy;
pub mod rate;
pub mod reach;
pub mod refusal;
pub mod remaining;
pub mod rights;
pub mod runs;
pub mod secrets;
pub mod session;
pub mod setup;
pub mod shards;
pub mod site;
pub mod spending;
pub mod sweep;
#[cfg(test)]
mod tests;
pub mod throttle;
pub mod used_up;
pub mod views;
pub mod wall;

pub use grant::Operator;
pub use index::{TokenEntry, TokenIndex};
pub use key::{Digest, Key, KeyError};
pub use session::{Session, Sessions};
pub use setup::Setup;

/// Fills a buffer with random bytes from the operating system, or says that there are none.
pub type Random = fn(&mut [u8]) -> Result<(), NoRandomness>;

/// The operating system gave no random bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the operating system gave no random bytes")]
pub struct NoRandomness;

/// The operating system's random bytes.
pub fn system_random(buffer: &mut [u8]) -> Result<(), NoRandomness> {
    getrandom::fill(buffer).map_err(|_| NoRandomness)
}
