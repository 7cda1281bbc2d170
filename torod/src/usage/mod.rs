//! What is kept of every attempt, and how it gets to the disk without anybody waiting for the disk.

pub mod charge;
pub mod live;
pub mod picked;
pub mod record;
pub mod recorder;
pub mod reprice;
pub mod sequence;
pub mod trace;
pub mod upkeep;
pub mod writer;

pub use crate::store::agent_sessions::AgentSession;
pub use charge::Charge;
pub use live::Committed;
pub use picked::Picked;
pub use record::{Outcome, Record};
pub use recorder::Recorder;
pub use sequence::Sequence;
pub use writer::{Status, UsageWriter};
