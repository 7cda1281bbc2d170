//! `/admin/api/conversations`: what was said, for admins alone.

pub mod export;
pub mod image;
pub mod list;
pub mod remove;
pub mod replay;
pub mod show;
pub mod wire;

use super::answer::Failure;

/// There is none of that number.
fn gone(id: &str) -> Failure {
    let shown: String = id.chars().take(40).filter(|c| !c.is_control()).collect();
    let said = format!("There is no conversation `{shown}`, or it was removed.");
    Failure::not_found("conversation_not_found", said, "GET /admin/api/conversations lists those there are.")
}

/// The number of a conversation.
fn number(id: &str) -> Result<i64, Failure> {
    id.parse().map_err(|_| gone(id))
}
