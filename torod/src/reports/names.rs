//! What people call what rows stand for: a token's name for its id, and words for what belongs to none.

use std::collections::HashMap;

use tokenrouter_shared::figures::Dimension;

use crate::store::runs;
use crate::store::{Connection, StoreError};

/// Names that were looked up once, for somebody who sees what lies below a token.
#[derive(Debug, Default)]
pub struct Names {
    root: Option<i64>,
    tokens: HashMap<String, Option<String>>,
}

/// A key, and what people call it.
pub type Named = (Vec<Option<String>>, Vec<String>);

impl Names {
    /// For somebody who sees `root` and what lies below it; without one, everything.
    pub fn below(root: Option<i64>) -> Self {
        Self { root, tokens: HashMap::new() }
    }

    /// A key with its names, in the order of `by`. A run that the tokens lie in is none for whoever does not see it.
    pub fn of(
        &mut self,
        connection: &Connection,
        by: &[Dimension],
        key: Vec<Option<String>>,
    ) -> Result<Named, StoreError> {
        let (mut seen, mut names) = (Vec::with_capacity(key.len()), Vec::with_capacity(key.len()));
        for (dimension, value) in by.iter().zip(key) {
            let (value, name) = self.one(connection, dimension, value)?;
            seen.push(value);
            names.push(name);
        }
        Ok((seen, names))
    }

    /// One value with its name.
    pub fn one(
        &mut self,
        connection: &Connection,
        dimension: &Dimension,
        value: Option<String>,
    ) -> Result<(Option<String>, String), StoreError> {
        let Some(value) = value else { return Ok((None, none(dimension))) };
        if !matches!(dimension, Dimension::Token | Dimension::Subtree | Dimension::Run) {
            return Ok((Some(value.clone()), value));
        }
        if !self.tokens.contains_key(&value) {
            let name = self.token(connection, &value)?;
            self.tokens.insert(value.clone(), name);
        }
        match self.tokens.get(&value) {
            Some(Some(name)) => Ok((Some(value), name.clone())),
            _ => Ok((None, none(dimension))),
        }
    }

    /// What a token is called; nothing where it may not be seen.
    fn token(&self, connection: &Connection, id: &str) -> Result<Option<String>, StoreError> {
        let Some(token) = runs::token_named(connection, id)? else {
            return Ok(self.root.is_none().then(|| id.to_owned()));
        };
        let is_seen = match self.root {
            Some(root) => runs::is_within(connection, token.id, root)?,
            None => true,
        };
        let gone = if token.is_removed { " (removed)" } else { "" };
        Ok(is_seen.then(|| format!("{}{gone}", token.name)))
    }
}

/// What belongs to none.
fn none(dimension: &Dimension) -> String {
    match dimension {
        Dimension::Token | Dimension::Subtree => "(no key)".to_owned(),
        Dimension::ErrorClass => "(none)".to_owned(),
        Dimension::Label(key) => format!("(no {key})"),
        dimension => format!("(no {})", dimension.to_string().replace('_', " ")),
    }
}
