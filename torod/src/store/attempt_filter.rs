//! Filters of attempts as conditions on rows: every value is bound, and what nobody knows matches nothing.

use rusqlite::Connection;
use rusqlite::types::Value;
use tokenrouter_shared::figures::{Dimension, ERROR_CLASSES, OUTCOMES, PROTOCOLS};

use super::StoreError;
use super::figures::Filter;
use super::runs;

/// A token and everything below it, what is gone included; `?` is the token's number.
const BELOW: &str = "
    WITH RECURSIVE below (id) AS (
        VALUES (?)
        UNION SELECT token.id FROM token JOIN below ON token.parent_id = below.id
        UNION SELECT token_removed.id FROM token_removed JOIN below ON token_removed.parent_id = below.id
    ) SELECT id FROM below";

/// A run's token and what lies below it, but for other runs; `?` is the token's number.
const OF_RUN: &str = "
    WITH RECURSIVE below (id) AS (
        VALUES (?)
        UNION SELECT token.id FROM token JOIN below ON token.parent_id = below.id WHERE token.run = 0
        UNION SELECT token_removed.id FROM token_removed JOIN below ON token_removed.parent_id = below.id
            WHERE token_removed.run = 0
    ) SELECT id FROM below";

/// Everything that belongs to a run.
const OF_ANY_RUN: &str = "
    WITH RECURSIVE below (id) AS (
        SELECT id FROM token WHERE run = 1 UNION SELECT id FROM token_removed WHERE run = 1
        UNION SELECT token.id FROM token JOIN below ON token.parent_id = below.id
        UNION SELECT token_removed.id FROM token_removed JOIN below ON token_removed.parent_id = below.id
    ) SELECT id FROM below";

/// What rows have to fulfil, with what is bound in it.
#[derive(Clone, Debug, Default)]
pub(super) struct Conditions {
    parts: Vec<String>,
    values: Vec<Value>,
}

impl Conditions {
    /// Those of a subtree and of filters.
    pub(super) fn of(connection: &Connection, root: Option<i64>, filters: &[Filter]) -> Result<Self, StoreError> {
        let mut all = Self::default();
        if let Some(root) = root {
            all.parts.push(format!("token_id IN ({BELOW})"));
            all.values.push(root.into());
        }
        for filter in filters {
            all.add(connection, filter)?;
        }
        Ok(all)
    }

    /// One expression.
    pub(super) fn sql(&self) -> String {
        if self.parts.is_empty() { "1".to_owned() } else { self.parts.join(" AND ") }
    }

    /// What is bound in it, in its order.
    pub(super) fn values(&self) -> impl Iterator<Item = &Value> {
        self.values.iter()
    }

    fn add(&mut self, connection: &Connection, filter: &Filter) -> Result<(), StoreError> {
        let texts = || filter.values.iter().map(|text| Value::from(text.clone())).collect::<Vec<_>>();
        // The empty text stands for what belongs to none, whose number is 0 or missing.
        let or_none = |column: &str| {
            if filter.values.iter().any(String::is_empty) {
                format!(" OR coalesce({column}, 0) = 0")
            } else {
                String::new()
            }
        };
        let names = |column: &str, values: &[Value]| {
            let none = or_none(column);
            format!("coalesce({column}, 0) IN (SELECT id FROM name WHERE text IN ({})){none}", marks(values.len()))
        };
        let of_words = |words: &[&str]| {
            let numbers = filter.values.iter().filter_map(|text| words.iter().position(|word| word == text));
            numbers.map(|at| Value::from(i64::try_from(at).unwrap_or(-1))).collect::<Vec<_>>()
        };
        let is_one_of = |column: &str, values: &[Value]| format!("{column} IN ({})", marks(values.len()));
        let mut values = texts();
        let part = match &filter.dimension {
            Dimension::Provider => names("provider", &values),
            Dimension::Model => names("model", &values),
            Dimension::ModelAsked => names("coalesce(model_asked, model)", &values),
            Dimension::Agent => names("agent", &values),
            Dimension::Credential => names("credential", &values),
            Dimension::Surface => names("surface", &values),
            Dimension::Address | Dimension::UserAgent => {
                let column = if filter.dimension == Dimension::Address { "address" } else { "user_agent" };
                let none = or_none("origin");
                format!("coalesce(origin, 0) IN (SELECT id FROM origin WHERE {}){none}", names(column, &values))
            }
            Dimension::Label(key) => {
                let with = |condition: &str| {
                    format!(
                        "coalesce(origin, 0) IN (SELECT origin.id FROM origin JOIN label_set ON label_set.id = origin.labels
                         WHERE EXISTS (SELECT 1 FROM json_each(label_set.text) WHERE key = ?{condition}))"
                    )
                };
                let mut part = with(&format!(" AND value IN ({})", marks(values.len())));
                values.insert(0, key.clone().into());
                if filter.values.iter().any(String::is_empty) {
                    part = format!("{part} OR NOT {}", with(""));
                    values.push(key.clone().into());
                }
                part
            }
            Dimension::Session => format!(
                "coalesce(session, 0) IN (SELECT id FROM agent_session WHERE text IN ({})){}",
                marks(values.len()),
                or_none("session")
            ),
            Dimension::Token | Dimension::Subtree | Dimension::Run => {
                values = Vec::new();
                let mut parts = Vec::new();
                for which in &filter.values {
                    if which.is_empty() {
                        let is_run = filter.dimension == Dimension::Run;
                        parts.push(if is_run {
                            format!("token_id NOT IN ({OF_ANY_RUN})")
                        } else {
                            "token_id = 0".into()
                        });
                        continue;
                    }
                    let Some(token) = runs::token_named(connection, which)? else { continue };
                    values.push(token.id.into());
                    parts.push(match filter.dimension {
                        Dimension::Token => "token_id = ?".to_owned(),
                        Dimension::Run => format!("token_id IN ({OF_RUN})"),
                        _ => format!("token_id IN ({BELOW})"),
                    });
                }
                if parts.is_empty() { "0".to_owned() } else { parts.join(" OR ") }
            }
            Dimension::ClientProtocol => {
                values = of_words(&PROTOCOLS);
                is_one_of("client_protocol", &values)
            }
            Dimension::Outcome => {
                values = of_words(&OUTCOMES);
                is_one_of("outcome", &values)
            }
            Dimension::ErrorClass => {
                values = of_words(&ERROR_CLASSES);
                is_one_of("error_class", &values)
            }
            Dimension::Status => {
                values = filter.values.iter().filter_map(|text| text.parse::<u16>().ok()).map(Value::from).collect();
                is_one_of("status", &values)
            }
            Dimension::Stream => {
                values = of_words(&["no", "yes"]);
                is_one_of("stream", &values)
            }
        };
        self.parts.push(format!("{}({part})", if filter.not { "NOT " } else { "" }));
        self.values.extend(values);
        Ok(())
    }
}

/// So many places for values.
fn marks(count: usize) -> String {
    vec!["?"; count].join(", ")
}
