//! The roles of access tokens and which may make which.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What a token may do; ordered from least to most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Inference and a look at its own usage.
    #[default]
    Inferrer,
    /// Also tokens below itself.
    Keymaster,
    /// Everything.
    Admin,
}

impl Role {
    /// Every role, most powerful first.
    pub const ALL: [Self; 3] = [Self::Admin, Self::Keymaster, Self::Inferrer];

    /// The text form in configuration, storage and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Keymaster => "keymaster",
            Self::Inferrer => "inferrer",
        }
    }

    /// Whether a token of this role may have a token of role `child` below it.
    pub fn may_create(self, child: Self) -> bool {
        self != Self::Inferrer && child <= self
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A role that does not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownRole(pub String);

impl fmt::Display for UnknownRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown role `{}`; known: admin, keymaster, inferrer", self.0)
    }
}

impl std::error::Error for UnknownRole {}

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(s: &str) -> Result<Self, UnknownRole> {
        Self::ALL.into_iter().find(|role| role.as_str() == s).ok_or_else(|| UnknownRole(s.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_make_whom() {
        use Role::{Admin, Inferrer, Keymaster};
        let may: Vec<_> = Role::ALL
            .into_iter()
            .flat_map(|by| {
                Role::ALL.into_iter().filter(move |&child| by.may_create(child)).map(move |child| (by, child))
            })
            .collect();
        let expected =
            [(Admin, Admin), (Admin, Keymaster), (Admin, Inferrer), (Keymaster, Keymaster), (Keymaster, Inferrer)];
        assert_eq!(may, expected);
    }

    #[test]
    fn text_forms_match_json() {
        for role in Role::ALL {
            assert_eq!(role.as_str().parse(), Ok(role));
            assert_eq!(serde_json::to_string(&role).unwrap(), format!("\"{role}\""));
        }
        assert!("root".parse::<Role>().is_err());
    }
}
