//! Who may make which token, see which and end which.

use std::sync::Arc;

use tokenrouter_shared::Role;
use tokenrouter_shared::token::TokenState;

use super::TokenEntry;
use crate::store::tokens::TokenRow;

/// Who asks the admin API.
#[derive(Clone, Debug)]
pub enum Operator {
    /// Whoever may open the data directory's socket or its database: the file system has decided.
    LocalOwner,
    /// A token.
    Token(Arc<TokenEntry>),
}

impl Operator {
    /// What the operator may do.
    pub fn role(&self) -> Role {
        match self {
            Self::LocalOwner => Role::Admin,
            Self::Token(token) => token.role,
        }
    }

    /// How the audit trail calls the operator.
    pub fn actor(&self) -> &str {
        match self {
            Self::LocalOwner => "local owner",
            Self::Token(token) => &token.public_id,
        }
    }

    /// The token below which the operator sees and ends tokens; `None`: all of them.
    pub fn root(&self) -> Option<i64> {
        match self {
            Self::Token(token) if token.role != Role::Admin => Some(token.id),
            _ => None,
        }
    }

    /// The token below which a new one goes when the request names none.
    pub fn own_token(&self) -> Option<i64> {
        match self {
            Self::LocalOwner => None,
            Self::Token(token) => Some(token.id),
        }
    }
}

/// Why a token may not be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The operator's role makes no tokens of that role.
    #[error("a token of role {by} may not make one of role {role}")]
    Role {
        /// The role that asks, or the parent's.
        by: Role,
        /// The role that was asked for.
        role: Role,
    },
    /// The parent has ended.
    #[error("the parent token is {}", state.as_str())]
    ParentEnded {
        /// How.
        state: TokenState,
    },
    /// The token would outlive its parent.
    #[error("the token would outlive its parent by {} s", late_ms.saturating_add(999) / 1000)]
    OutlivesParent {
        /// By how many milliseconds.
        late_ms: i64,
    },
    /// The lifetime is zero, negative, or beyond every calendar.
    #[error("the lifetime must lie between one millisecond and a hundred years")]
    Lifetime,
}

/// The longest lifetime of a token in milliseconds: a hundred years.
const LONGEST_MS: i64 = 100 * 366 * 86_400_000;

/// Decides whether `by` may have a token of `role` made below `parent`, living `ttl_ms`, and returns when that token
/// ends. Without a lifetime it ends with its parent.
pub fn decide(
    by: Role,
    role: Role,
    parent: Option<&TokenRow>,
    ttl_ms: Option<i64>,
    now_ms: i64,
) -> Result<Option<i64>, Refusal> {
    if !by.may_create(role) {
        return Err(Refusal::Role { by, role });
    }
    if ttl_ms.is_some_and(|ttl| !(1..=LONGEST_MS).contains(&ttl)) {
        return Err(Refusal::Lifetime);
    }
    let wanted = ttl_ms.map(|ttl| now_ms.saturating_add(ttl));
    let Some(parent) = parent else { return Ok(wanted) };
    if !parent.role.may_create(role) {
        return Err(Refusal::Role { by: parent.role, role });
    }
    match state_of(parent, now_ms) {
        TokenState::Live => {}
        state => return Err(Refusal::ParentEnded { state }),
    }
    match (wanted, parent.expires_ms) {
        (Some(wanted), Some(end)) if wanted > end => Err(Refusal::OutlivesParent { late_ms: wanted - end }),
        (None, end) => Ok(end),
        (wanted, _) => Ok(wanted),
    }
}

/// Whether a stored token opens anything at `now_ms`.
pub fn state_of(token: &TokenRow, now_ms: i64) -> TokenState {
    if token.revoked_ms.is_some() {
        TokenState::Revoked
    } else if token.expires_ms.is_some_and(|end| end <= now_ms) {
        TokenState::Expired
    } else {
        TokenState::Live
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parent(role: Role, expires_ms: Option<i64>, revoked_ms: Option<i64>) -> TokenRow {
        TokenRow { id: 1, expires_ms, revoked_ms, ..TokenRow::new("tok_p", role) }
    }

    #[test]
    fn a_child_never_has_more_than_its_parent_or_its_maker() {
        use Role::{Admin, Inferrer, Keymaster};
        assert_eq!(decide(Inferrer, Inferrer, None, None, 0), Err(Refusal::Role { by: Inferrer, role: Inferrer }));
        assert_eq!(decide(Keymaster, Admin, None, None, 0), Err(Refusal::Role { by: Keymaster, role: Admin }));
        let keymaster = parent(Keymaster, None, None);
        assert_eq!(decide(Admin, Admin, Some(&keymaster), None, 0), Err(Refusal::Role { by: Keymaster, role: Admin }));
        let inferrer = parent(Inferrer, None, None);
        assert!(decide(Admin, Inferrer, Some(&inferrer), None, 0).is_err());
        assert_eq!(decide(Admin, Keymaster, Some(&keymaster), None, 0), Ok(None));
    }

    #[test]
    fn a_child_ends_no_later_than_its_parent() {
        let ends = parent(Role::Admin, Some(1_000), None);
        let decide = |ttl, now| decide(Role::Admin, Role::Inferrer, Some(&ends), ttl, now);
        assert_eq!(decide(None, 400), Ok(Some(1_000)));
        assert_eq!(decide(Some(600), 400), Ok(Some(1_000)));
        assert_eq!(decide(Some(601), 400), Err(Refusal::OutlivesParent { late_ms: 1 }));
        assert_eq!(decide(None, 1_000), Err(Refusal::ParentEnded { state: TokenState::Expired }));
    }

    #[test]
    fn impossible_lifetimes_and_revoked_parents_are_refused() {
        for ttl in [0, -1, i64::MIN, i64::MAX] {
            assert_eq!(decide(Role::Admin, Role::Inferrer, None, Some(ttl), 5), Err(Refusal::Lifetime));
        }
        let revoked = parent(Role::Admin, None, Some(1));
        let refusal = decide(Role::Admin, Role::Inferrer, Some(&revoked), None, 5);
        assert_eq!(refusal, Err(Refusal::ParentEnded { state: TokenState::Revoked }));
    }
}
