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
    #[error("the token would outlive its parent by {}", span(*late_ms))]
    OutlivesParent {
        /// By how many milliseconds.
        late_ms: i64,
    },
    /// The lifetime is zero, negative, or beyond every calendar.
    #[error("the lifetime must lie between one millisecond and a hundred years")]
    Lifetime,
    /// The token that asks has ended meanwhile.
    #[error("the token that asks is {}", state.as_str())]
    AskerEnded {
        /// How.
        state: TokenState,
    },
    /// There are too many tokens one above the other.
    #[error("tokens lie at most {MAX_DEPTH} deep")]
    TooDeep,
    /// More than a token above has.
    #[error("{} exceeds {}", field, whose(parent.as_ref()))]
    ExceedsParent {
        /// What was asked for.
        field: String,
        /// The name of the token above and what it has; `None`: whoever asks may not know.
        parent: Option<(String, String)>,
    },
    /// Inferrers change no tokens.
    #[error("a token of role inferrer changes no tokens")]
    Inferrer,
    /// Who may not read what is kept has nothing kept.
    #[error("a token of role {by} has no token inspected")]
    Inspect {
        /// The role that asks.
        by: Role,
    },
    /// A token may not change its own limits, expiry or key, nor those of tokens above it.
    #[error("a token does not change {0} of its own, nor of tokens above it")]
    Own(&'static str),
    /// A token with limits gives only what lies below itself.
    #[error("a token that has limits gives only what lies below itself")]
    NotBelow,
}

/// Tokens that may lie one above the other.
pub const MAX_DEPTH: usize = 64;

/// A time in words, without what does not matter beside it: `90 s`, `59 days`.
pub fn span(ms: i64) -> String {
    match ms.max(0) / 1000 {
        0 if ms > 0 => "less than 1 s".to_owned(),
        s @ 0..=119 => format!("{s} s"),
        s @ 120..=7_199 => format!("{} min", s / 60),
        s @ 7_200..=172_799 => format!("{} h", s / 3_600),
        s => format!("{} days", s / 86_400),
    }
}

fn whose(parent: Option<&(String, String)>) -> String {
    match parent {
        Some((name, most)) => format!("what the token `{name}` above has: {most}"),
        None => "what a token above has".to_owned(),
    }
}

impl Refusal {
    /// Its code, and what to do about it.
    pub const fn advice(&self) -> (&'static str, &'static str) {
        match self {
            Self::Role { .. } => ("role_forbidden", "Ask for a lesser role, or ask an admin."),
            Self::Inspect { .. } => ("role_forbidden", "Ask an admin: only admins read what is kept then."),
            Self::Inferrer => ("role_forbidden", "Ask whoever made the token, or an admin."),
            Self::ParentEnded { .. } => ("parent_ended", "Choose a parent that is live."),
            Self::OutlivesParent { .. } => {
                ("outlives_parent", "Ask for a shorter lifetime, or for none: the token then ends with its parent.")
            }
            Self::Lifetime => ("bad_lifetime", "Ask for a lifetime such as 8h or 30d."),
            Self::AskerEnded { .. } => ("token_ended", "Ask for a new token."),
            Self::TooDeep => ("too_deep", "Make it below a token that is higher up."),
            Self::ExceedsParent { .. } => {
                ("exceeds_parent", "Ask for less, or leave it out: the limits above hold for it anyway.")
            }
            Self::Own(_) => ("own_token", "Ask whoever made the token, or an admin."),
            Self::NotBelow => ("not_below", "Name no parent, or one below the token that asks."),
        }
    }

    /// Whether it is a question of rights, and not of what was asked for.
    pub const fn is_forbidden(&self) -> bool {
        matches!(
            self,
            Self::Role { .. }
                | Self::Inspect { .. }
                | Self::Inferrer
                | Self::AskerEnded { .. }
                | Self::Own(_)
                | Self::NotBelow
        )
    }
}

/// The longest lifetime of a token in milliseconds: a hundred years.
const LONGEST_MS: i64 = 100 * 366 * 86_400_000;

/// Decides whether `by` may have a token of `role` made below `parent`.
pub fn decide(by: Role, role: Role, parent: Option<&TokenRow>, now_ms: i64) -> Result<(), Refusal> {
    if !by.may_create(role) {
        return Err(Refusal::Role { by, role });
    }
    let Some(parent) = parent else { return Ok(()) };
    if !parent.role.may_create(role) {
        return Err(Refusal::Role { by: parent.role, role });
    }
    match state_of(parent, now_ms) {
        TokenState::Live => Ok(()),
        state => Err(Refusal::ParentEnded { state }),
    }
}

/// When a token ends that is to live `ttl_ms`; without a lifetime, with the one above it.
pub fn end_of(ttl_ms: Option<i64>, now_ms: i64) -> Result<Option<i64>, Refusal> {
    if ttl_ms.is_some_and(|ttl| !(1..=LONGEST_MS).contains(&ttl)) {
        return Err(Refusal::Lifetime);
    }
    Ok(ttl_ms.map(|ttl| now_ms.saturating_add(ttl)))
}

/// Refuses an end that lies behind that of `above`.
pub fn within(wanted_ms: Option<i64>, above: &TokenRow) -> Result<(), Refusal> {
    match (wanted_ms, above.ends_ms) {
        (Some(wanted), Some(end)) if wanted > end => Err(Refusal::OutlivesParent { late_ms: wanted - end }),
        _ => Ok(()),
    }
}

/// Whether a stored token opens anything at `now_ms`.
pub fn state_of(token: &TokenRow, now_ms: i64) -> TokenState {
    if token.revoked_ms.is_some() {
        TokenState::Revoked
    } else if token.ends_ms.is_some_and(|end| end <= now_ms) {
        TokenState::Expired
    } else {
        TokenState::Live
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parent(role: Role, ends_ms: Option<i64>, revoked_ms: Option<i64>) -> TokenRow {
        TokenRow { id: 1, ends_ms, revoked_ms, ..TokenRow::new("tok_p", role) }
    }

    #[test]
    fn a_child_never_has_more_than_its_parent_or_its_maker() {
        use Role::{Admin, Inferrer, Keymaster};
        assert_eq!(decide(Inferrer, Inferrer, None, 0), Err(Refusal::Role { by: Inferrer, role: Inferrer }));
        assert_eq!(decide(Keymaster, Admin, None, 0), Err(Refusal::Role { by: Keymaster, role: Admin }));
        let keymaster = parent(Keymaster, None, None);
        assert_eq!(decide(Admin, Admin, Some(&keymaster), 0), Err(Refusal::Role { by: Keymaster, role: Admin }));
        let inferrer = parent(Inferrer, None, None);
        assert!(decide(Admin, Inferrer, Some(&inferrer), 0).is_err());
        assert_eq!(decide(Admin, Keymaster, Some(&keymaster), 0), Ok(()));
    }

    #[test]
    fn how_much_later_is_said_in_words() {
        for (late_ms, said) in [(1, "less than 1 s"), (90_000, "90 s"), (7_200_001, "2 h"), (5_097_601_000, "59 days")]
        {
            let refusal = Refusal::OutlivesParent { late_ms };
            assert_eq!(refusal.to_string(), format!("the token would outlive its parent by {said}"));
        }
    }

    #[test]
    fn a_child_ends_no_later_than_its_parent() {
        let ends = parent(Role::Admin, Some(1_000), None);
        assert_eq!(within(None, &ends), Ok(()));
        assert_eq!(within(Some(1_000), &ends), Ok(()));
        assert_eq!(within(Some(1_001), &ends), Err(Refusal::OutlivesParent { late_ms: 1 }));
        assert_eq!(within(Some(i64::MAX), &parent(Role::Admin, None, None)), Ok(()));
        let late = decide(Role::Admin, Role::Inferrer, Some(&ends), 1_000);
        assert_eq!(late, Err(Refusal::ParentEnded { state: TokenState::Expired }));
    }

    #[test]
    fn impossible_lifetimes_and_revoked_parents_are_refused() {
        for ttl in [0, -1, i64::MIN, i64::MAX] {
            assert_eq!(end_of(Some(ttl), 5), Err(Refusal::Lifetime));
        }
        assert_eq!((end_of(None, 5), end_of(Some(1), i64::MAX)), (Ok(None), Ok(Some(i64::MAX))));
        let revoked = parent(Role::Admin, None, Some(1));
        let refusal = decide(Role::Admin, Role::Inferrer, Some(&revoked), 5);
        assert_eq!(refusal, Err(Refusal::ParentEnded { state: TokenState::Revoked }));
    }

    #[test]
    fn what_a_token_may_not_know_is_not_told() {
        let known = Refusal::ExceedsParent { field: "$6".into(), parent: Some(("team".into(), "$5".into())) };
        assert_eq!(known.to_string(), "$6 exceeds what the token `team` above has: $5");
        let unknown = Refusal::ExceedsParent { field: "$6".into(), parent: None };
        assert_eq!(unknown.to_string(), "$6 exceeds what a token above has");
    }
}
