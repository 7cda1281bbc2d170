//! The hot path and nothing else: from a request on the data plane to its answer and its record.

mod another_key;
pub mod answers;
pub mod attempt;
mod compact;
pub mod count;
mod ending;
pub mod entry;
pub mod exchange;
pub mod failover;
pub mod headers;
mod home;
pub mod in_path;
mod input;
pub mod intake;
pub mod judge;
pub mod lane;
pub mod model_query;
pub mod models;
pub mod refusal;
pub mod reject;
pub mod reply;
pub mod request_id;
pub mod said;
pub mod shed;
pub mod stateful;
pub mod translated;
pub mod unfit;
