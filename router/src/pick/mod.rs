//! Who gets a request, and why: names, endpoints with their health, the order of criteria, the homes of conversations.
//!
//! Nothing here waits, locks, asks the time or throws dice: the caller passes both in.

pub mod affinity;
pub mod breaker;
mod choice;
pub mod course;
mod criterion;
pub mod endpoint;
pub mod explain;
mod hope;
pub mod latency;
mod limits;
mod lots;
pub mod name;
pub mod order;
pub mod registry;
pub mod session;
pub mod table;
mod ticket;
pub mod verdict;
mod weights;

/// Spreads every bit of `x` over all of the result (the last step of `SplitMix64`): dice from a number that only grows.
pub const fn mix(x: u64) -> u64 {
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}
