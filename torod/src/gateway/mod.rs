//! The hot path and nothing else: from a request on the data plane to its answer and its record.

pub mod answers;
mod compact;
pub mod count;
pub mod entry;
pub mod exchange;
pub mod headers;
pub mod in_path;
pub mod intake;
pub mod lane;
pub mod models;
pub mod reject;
pub mod reply;
pub mod request_id;
pub mod stateful;
pub mod translated;
pub mod unfit;
