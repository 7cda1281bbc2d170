//! What the numbers in entries stand for: from the words of a question to numbers, and from numbers back to words.

use std::collections::{HashMap, HashSet};

use rusqlite::{Connection, OptionalExtension, params_from_iter};
use tokenrouter_shared::Labels;
use tokenrouter_shared::figures::{Dimension, ERROR_CLASSES, OUTCOMES, PROTOCOLS};

use super::block::{Block, Dim};
use super::fast::{FastMap, FastSet};
use crate::store::StoreError;
use crate::store::names::kept;
use crate::store::usage_of::BELOW;

/// How the numbers of one dimension are found in entries, and what they stand for.
pub(super) struct Key {
    dimension: Dimension,
    column: Dim,
    /// From the column's numbers to the dimension's; none where they are the same.
    map: Option<FastMap<u32, u32>>,
    /// What the dimension's numbers stand for, from 1 on, where no table says so.
    words: Vec<String>,
}

/// The words of a dimension that has few, by their numbers.
const fn few(dimension: &Dimension) -> Option<&'static [&'static str]> {
    match dimension {
        Dimension::ClientProtocol => Some(&PROTOCOLS),
        Dimension::Outcome => Some(&OUTCOMES),
        Dimension::ErrorClass => Some(&ERROR_CLASSES),
        Dimension::Stream => Some(&["no", "yes"]),
        _ => None,
    }
}

impl Key {
    /// How `dimension` is found.
    pub(super) fn new(connection: &Connection, dimension: &Dimension) -> Result<Self, StoreError> {
        let mut words = Vec::new();
        let (column, map) = match dimension {
            Dimension::Provider => (Dim::Provider, None),
            Dimension::Model => (Dim::Model, None),
            Dimension::ModelAsked => (Dim::Asked, None),
            Dimension::Token => (Dim::Token, None),
            Dimension::Subtree => (Dim::Token, Some(tops(connection)?)),
            Dimension::Run => (Dim::Token, Some(runs(connection)?)),
            Dimension::Session => (Dim::Session, None),
            Dimension::Agent => (Dim::Agent, None),
            Dimension::Label(name) => (Dim::Origin, Some(labels(connection, name, &mut words)?)),
            Dimension::Address => (Dim::Origin, Some(pairs(connection, "SELECT id, address FROM origin")?)),
            Dimension::UserAgent => (Dim::Origin, Some(pairs(connection, "SELECT id, user_agent FROM origin")?)),
            Dimension::Credential => (Dim::Credential, None),
            Dimension::Surface => (Dim::Surface, None),
            Dimension::ClientProtocol => (Dim::ClientProtocol, None),
            Dimension::Status => (Dim::Status, None),
            Dimension::Outcome => (Dim::Outcome, None),
            Dimension::ErrorClass => (Dim::ErrorClass, None),
            Dimension::Stream => (Dim::Stream, None),
        };
        Ok(Self { dimension: dimension.clone(), column, map, words })
    }

    /// How `dimension` is found where it is filtered by.
    pub(super) fn filter(connection: &Connection, dimension: &Dimension) -> Result<Self, StoreError> {
        if *dimension == Dimension::Subtree {
            // Subtrees lie within others: what passes is said token by token.
            let (dimension, words) = (dimension.clone(), Vec::new());
            return Ok(Self { dimension, column: Dim::Token, map: None, words });
        }
        Self::new(connection, dimension)
    }

    /// Which column of entries it needs.
    pub(super) const fn column(&self) -> Dim {
        self.column
    }

    /// The dimension's numbers of the entries of a block.
    pub(super) fn numbers(&self, block: &Block, to: &mut Vec<u32>) {
        to.clear();
        let column = block.dim(self.column);
        match &self.map {
            None => to.extend_from_slice(column),
            Some(map) => to.extend(column.iter().map(|number| map.get(number).copied().unwrap_or(0))),
        }
    }

    /// The numbers of `values`; the empty one stands for what belongs to none.
    pub(super) fn picked(&self, connection: &Connection, values: &[String]) -> Result<FastSet<u32>, StoreError> {
        let mut picked = FastSet::default();
        for value in values {
            self.pick(connection, value, &mut picked)?;
        }
        Ok(picked)
    }

    fn pick(&self, connection: &Connection, value: &str, picked: &mut FastSet<u32>) -> Result<(), StoreError> {
        if let Some(words) = few(&self.dimension) {
            let Some(at) = words.iter().position(|word| *word == value) else {
                let known: Vec<_> = words.iter().filter(|word| !word.is_empty()).copied().collect();
                let what = &self.dimension;
                return Err(StoreError::Refused(format!("`{value}` is no {what}; known: {}", known.join(", "))));
            };
            picked.insert(u32::try_from(at).unwrap_or(u32::MAX));
            return Ok(());
        }
        if self.dimension == Dimension::Status {
            let status = value.parse::<u16>().ok();
            let status = status.ok_or_else(|| StoreError::Refused(format!("`{value}` is no HTTP status")))?;
            picked.insert(status.into());
            return Ok(());
        }
        if value.is_empty() {
            picked.insert(0);
            return Ok(());
        }
        let sql = match &self.dimension {
            Dimension::Label(_) => {
                let at = self.words.iter().position(|word| word == value);
                picked.extend(at.and_then(|at| u32::try_from(at + 1).ok()));
                return Ok(());
            }
            Dimension::Token | Dimension::Subtree | Dimension::Run => {
                "SELECT id FROM token WHERE public_id = ?1 OR name = ?1
                 UNION SELECT id FROM token_removed WHERE public_id = ?1 OR name = ?1"
            }
            Dimension::Session => "SELECT id FROM agent_session WHERE text = ?1",
            _ => "SELECT id FROM name WHERE text = ?1",
        };
        let mut statement = connection.prepare_cached(sql)?;
        for number in statement.query_map([kept(value)], |row| row.get(0))? {
            let number: u32 = number?;
            if self.dimension == Dimension::Subtree {
                picked.extend(below(connection, number.into())?);
            } else {
                picked.insert(number);
            }
        }
        Ok(())
    }

    /// What a number stands for; none: what belongs to none.
    pub(super) fn text(&self, connection: &Connection, number: u32) -> Result<Option<String>, StoreError> {
        if let Some(words) = few(&self.dimension) {
            let word = usize::try_from(number).ok().and_then(|at| words.get(at));
            return Ok(word.filter(|word| !word.is_empty()).map(ToString::to_string));
        }
        if self.dimension == Dimension::Status {
            return Ok(Some(number.to_string()));
        }
        let Some(before) = number.checked_sub(1) else { return Ok(None) };
        let sql = match &self.dimension {
            Dimension::Label(_) => return Ok(usize::try_from(before).ok().and_then(|at| self.words.get(at)).cloned()),
            Dimension::Token | Dimension::Subtree | Dimension::Run => {
                "SELECT public_id FROM token WHERE id = ?1 UNION ALL SELECT public_id FROM token_removed WHERE id = ?1"
            }
            Dimension::Session => "SELECT text FROM agent_session WHERE id = ?1",
            _ => "SELECT text FROM name WHERE id = ?1",
        };
        let text = connection.prepare_cached(sql)?.query_row([number], |row| row.get(0)).optional()?;
        // One that the tables no longer have is still not the same as another.
        Ok(Some(text.unwrap_or_else(|| format!("#{number}"))))
    }
}

fn pairs(connection: &Connection, sql: &str) -> Result<FastMap<u32, u32>, StoreError> {
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The value of a label by the numbers of origins; 0 where it has none.
fn labels(connection: &Connection, name: &str, words: &mut Vec<String>) -> Result<FastMap<u32, u32>, StoreError> {
    let mut numbers: HashMap<String, u32> = HashMap::new();
    let mut sets = FastMap::default();
    let mut statement = connection.prepare_cached("SELECT id, text FROM label_set")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (set, text): (u32, String) = (row.get(0)?, row.get(1)?);
        let labels: Labels = serde_json::from_str(&text)
            .map_err(|error| StoreError::Damaged(format!("labels of usage rows, number {set}: {error}")))?;
        let Some(value) = labels.get(name) else { continue };
        let number = *numbers.entry(value.clone()).or_insert_with(|| {
            words.push(value.clone());
            u32::try_from(words.len()).unwrap_or(u32::MAX)
        });
        sets.insert(set, number);
    }
    let mut origins = pairs(connection, "SELECT id, labels FROM origin WHERE labels <> 0")?;
    origins.retain(|_, set| sets.get(set).map(|number| *set = *number).is_some());
    Ok(origins)
}

/// The run of every token that was made for one, or lies below one that was.
fn runs(connection: &Connection) -> Result<FastMap<u32, u32>, StoreError> {
    inherited(connection, |id, above, is_run| if is_run { Some(id) } else { above })
}

/// The token at the top of every token.
fn tops(connection: &Connection) -> Result<FastMap<u32, u32>, StoreError> {
    inherited(connection, |id, above, _| above.or(Some(id)))
}

/// What `own` says of every token, by its number, what was said of the one above it, and whether it was made for a run.
fn inherited(
    connection: &Connection,
    own: impl Fn(u32, Option<u32>, bool) -> Option<u32>,
) -> Result<FastMap<u32, u32>, StoreError> {
    let mut found = FastMap::default();
    // A token is younger than the one above it, so that one is known already.
    let mut statement = connection.prepare_cached(
        "SELECT id, parent_id, run FROM token UNION ALL SELECT id, parent_id, run FROM token_removed ORDER BY id",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (id, parent, is_run): (u32, Option<u32>, bool) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let above = parent.and_then(|parent| found.get(&parent).copied());
        if let Some(said) = own(id, above, is_run) {
            found.insert(id, said);
        }
    }
    Ok(found)
}

/// The numbers of a token and of those below it.
pub(super) fn below(connection: &Connection, root: i64) -> Result<FastSet<u32>, StoreError> {
    let mut statement = connection.prepare_cached(BELOW)?;
    let rows = statement.query_map(params_from_iter([root]), |row| row.get(0))?;
    let found: HashSet<u32> = rows.collect::<Result<_, _>>()?;
    Ok(found.into_iter().collect())
}
