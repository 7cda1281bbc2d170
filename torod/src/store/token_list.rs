//! Pages of tokens: chosen, searched and sorted by the database, every word of the asker's a bound parameter.

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};
use tokenrouter_shared::Role;
use tokenrouter_shared::token::TokenState;

use super::StoreError;
use super::tokens::{COLUMNS, TokenRow, checked, get_row};

/// What a list is sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// The time it was made.
    #[default]
    Created,
    /// Its name.
    Name,
    /// When it was last used.
    Used,
    /// When it ends.
    Expires,
}

impl Sort {
    /// Every order with its word.
    pub const ALL: [(&'static str, Self); 4] =
        [("created", Self::Created), ("name", Self::Name), ("used", Self::Used), ("expires", Self::Expires)];

    const fn column(self) -> &'static str {
        match self {
            Self::Created => "id",
            Self::Name => "name COLLATE NOCASE",
            Self::Used => "coalesce(last_used_ms, 0)",
            Self::Expires => "coalesce(ends_ms, 9223372036854775807)",
        }
    }

    /// Where a token stands in this order.
    pub fn place(self, token: &TokenRow) -> Place {
        match self {
            Self::Created => Place::Number(token.id),
            Self::Name => Place::Text(token.name.clone()),
            Self::Used => Place::Number(token.last_used_ms.unwrap_or(0)),
            Self::Expires => Place::Number(token.ends_ms.unwrap_or(i64::MAX)),
        }
    }
}

/// A token's place in an order, beside its number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A time, or its number.
    Number(i64),
    /// A name.
    Text(String),
}

/// Which tokens.
#[derive(Clone, Debug)]
pub struct TokenQuery {
    /// Only this one and those below it.
    pub root: Option<i64>,
    /// Only those right below this one.
    pub parent: Option<i64>,
    /// Only of this role.
    pub role: Option<Role>,
    /// Only in this state.
    pub state: Option<TokenState>,
    /// Only those with this text in name, id or labels.
    pub text: Option<String>,
    /// In which order.
    pub sort: Sort,
    /// The other way round.
    pub is_descending: bool,
    /// Behind this one.
    pub after: Option<(Place, i64)>,
    /// So many at most.
    pub limit: usize,
    /// The time, in milliseconds since 1970.
    pub now_ms: i64,
}

/// The tokens of a page, and whether there are more.
pub fn page(connection: &Connection, query: &TokenQuery) -> Result<(Vec<TokenRow>, bool), StoreError> {
    let mut values = Vec::new();
    let mut bind = |value: Value| {
        values.push(value);
        format!("?{}", values.len())
    };
    let mut conditions = vec!["TRUE".to_owned()];
    if let Some(root) = query.root {
        let root = bind(root.into());
        conditions.push(format!(
            "id IN (WITH RECURSIVE below (root) AS (
                 VALUES ({root}) UNION SELECT token.id FROM token JOIN below ON token.parent_id = below.root
             ) SELECT root FROM below)"
        ));
    }
    if let Some(parent) = query.parent {
        conditions.push(format!("parent_id = {}", bind(parent.into())));
    }
    if let Some(role) = query.role {
        conditions.push(format!("role = {}", bind(role.as_str().to_owned().into())));
    }
    if let Some(state) = query.state {
        let now = bind(query.now_ms.into());
        conditions.push(match state {
            TokenState::Live => format!("revoked_ms IS NULL AND (ends_ms IS NULL OR ends_ms > {now})"),
            TokenState::Expired => format!("revoked_ms IS NULL AND ends_ms <= {now}"),
            TokenState::Revoked => format!("revoked_ms IS NOT NULL AND {now} IS NOT NULL"),
        });
    }
    if let Some(text) = &query.text {
        let like = bind(format!("%{}%", escaped(text)).into());
        conditions.push(format!(
            r"(name LIKE {like} ESCAPE '\' OR public_id LIKE {like} ESCAPE '\' OR EXISTS (
                 SELECT 1 FROM json_each(labels) WHERE key || '=' || value LIKE {like} ESCAPE '\'))"
        ));
    }
    let column = query.sort.column();
    if let Some((place, id)) = &query.after {
        let place = bind(match place {
            Place::Number(number) => (*number).into(),
            Place::Text(text) => text.clone().into(),
        });
        let (id, sign) = (bind((*id).into()), if query.is_descending { '<' } else { '>' });
        conditions.push(format!("({column}, id) {sign} ({place}, {id})"));
    }
    let way = if query.is_descending { "DESC" } else { "ASC" };
    let more = bind(i64::try_from(query.limit).unwrap_or(i64::MAX).saturating_add(1).into());
    let conditions = conditions.join(" AND ");
    let sql = format!("SELECT {COLUMNS} FROM token WHERE {conditions} ORDER BY {column} {way}, id {way} LIMIT {more}");
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(params_from_iter(values), get_row)?;
    let mut rows = rows.map(|row| checked(row?)).collect::<Result<Vec<_>, _>>()?;
    let has_more = rows.len() > query.limit;
    rows.truncate(query.limit);
    Ok((rows, has_more))
}

/// `text` as LIKE takes it literally, with `\` to escape.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '%' | '_' | '\\') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{schema, tokens};

    fn query() -> TokenQuery {
        TokenQuery {
            root: None,
            parent: None,
            role: None,
            state: None,
            text: None,
            sort: Sort::Created,
            is_descending: false,
            after: None,
            limit: 500,
            now_ms: 100,
        }
    }

    fn filled() -> (tempfile::TempDir, Connection) {
        let temp = tempfile::tempdir().unwrap();
        let connection = schema::open_writer(temp.path()).unwrap();
        for n in 1..=30_i64 {
            let mut row =
                TokenRow::new(&format!("tok_{n:02}"), if n % 3 == 0 { Role::Keymaster } else { Role::Inferrer });
            row.digest = [u8::try_from(n).unwrap(); 32];
            row.name = format!("{} {}", if n % 2 == 0 { "Beta" } else { "alpha" }, n % 5);
            row.parent_id = (n > 10).then_some(n % 10 + 1);
            row.ends_ms = (n % 4 == 0).then_some(n * 10);
            row.labels = [("team".to_owned(), format!("100%_{n}"))].into();
            tokens::insert(&connection, &row).unwrap();
        }
        (temp, connection)
    }

    fn ids(connection: &Connection, query: &TokenQuery) -> Vec<i64> {
        page(connection, query).unwrap().0.iter().map(|row| row.id).collect()
    }

    #[test]
    fn pages_hold_every_token_once_in_every_order() {
        let (_temp, connection) = filled();
        for (_, sort) in Sort::ALL {
            for is_descending in [false, true] {
                let whole = ids(&connection, &TokenQuery { sort, is_descending, ..query() });
                assert_eq!(whole.len(), 30);
                for limit in [1, 7, 29, 30] {
                    let (mut seen, mut after) = (Vec::new(), None);
                    loop {
                        let asked = TokenQuery { sort, is_descending, limit, after: after.clone(), ..query() };
                        let (rows, has_more) = page(&connection, &asked).unwrap();
                        seen.extend(rows.iter().map(|row| row.id));
                        after = rows.last().map(|row| (sort.place(row), row.id));
                        if !has_more {
                            break;
                        }
                    }
                    assert_eq!(seen, whole, "{sort:?} {is_descending} {limit}");
                }
            }
        }
        let by_name = page(&connection, &TokenQuery { sort: Sort::Name, limit: 1, ..query() }).unwrap();
        assert_eq!((by_name.0[0].name.as_str(), by_name.1), ("alpha 0", true));
    }

    #[test]
    fn conditions_hold_together() {
        let (_temp, connection) = filled();
        let below: Vec<i64> = ids(&connection, &TokenQuery { root: Some(2), ..query() });
        assert_eq!(below, [2, 11, 21]);
        assert_eq!(ids(&connection, &TokenQuery { parent: Some(2), ..query() }), [11, 21]);
        assert_eq!(ids(&connection, &TokenQuery { root: Some(2), role: Some(Role::Keymaster), ..query() }), [21]);
        let state = |state| ids(&connection, &TokenQuery { state: Some(state), ..query() });
        assert_eq!(state(TokenState::Expired), [4, 8]);
        assert_eq!(state(TokenState::Live).len(), 28);
        tokens::revoke(&connection, 4, 5, tokenrouter_shared::run::RunEnd::Revoked).unwrap();
        assert_eq!((state(TokenState::Expired), state(TokenState::Revoked)), (vec![8], vec![4, 13, 23]));
    }

    #[test]
    fn what_is_searched_for_is_taken_literally() {
        let (_temp, connection) = filled();
        let found = |text: &str| ids(&connection, &TokenQuery { text: Some(text.to_owned()), ..query() });
        assert_eq!(found("BETA").len(), 15);
        assert_eq!(found("tok_07"), [7]);
        assert_eq!(found("team=100%_3"), [3, 30]);
        assert_eq!(found("100%_12"), [12]);
        for nothing in ["tok%07", "100__12", "\\", "' OR 1=1 --", "{\"team\"", "%%", "x' UNION SELECT"] {
            assert_eq!(found(nothing), Vec::<i64>::new(), "{nothing}");
        }
    }
}
