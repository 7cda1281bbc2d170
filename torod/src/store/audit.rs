//! The audit trail: who changed what. Entries are written in the transaction of the change they tell of, and nothing
//! takes them back: triggers in the database refuse it.

use rusqlite::types::Value as Bound;
use rusqlite::{Connection, params_from_iter};
use serde_json::{Map, Value};
use tokenrouter_shared::audit::AuditView;

use super::StoreError;
use super::token_list::escaped;

/// One entry. Nothing secret belongs in any field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// Who: `local owner`, `torod` or a token's id.
    pub actor: &'a str,
    /// What was done, such as `token.create`.
    pub action: &'static str,
    /// To what: an id.
    pub subject: &'a str,
    /// More, for people.
    pub detail: &'a str,
}

/// The fields of a thing, by name.
pub type Fields = Map<String, Value>;

/// Adds an entry; call it inside the transaction of the change.
pub fn add(connection: &Connection, entry: &Entry<'_>) -> Result<(), StoreError> {
    add_change(connection, entry, None, None)
}

/// Adds an entry with the fields that differ, as they were and as they are. What may be a secret is masked.
pub fn add_change(
    connection: &Connection,
    entry: &Entry<'_>,
    before: Option<Fields>,
    after: Option<Fields>,
) -> Result<(), StoreError> {
    let (before, after) = match (before, after) {
        (Some(mut before), Some(mut after)) => {
            before.retain(|key, value| match after.get(key) {
                Some(same) if same == value => {
                    after.remove(key);
                    false
                }
                _ => true,
            });
            (Some(before), Some(after))
        }
        other => other,
    };
    let text = |fields: Option<Fields>| {
        fields.map(|fields| {
            let mut value = Value::Object(fields);
            mask(&mut value);
            value.to_string()
        })
    };
    connection
        .prepare_cached(
            // A token that is removed keeps its name where it is remembered.
            "INSERT INTO audit (at_ms, actor, action, subject, detail, before, after, actor_name, subject_name)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, (SELECT name FROM token WHERE public_id = ?2),
                 coalesce((SELECT name FROM token WHERE public_id = ?4),
                     (SELECT name FROM token_removed WHERE public_id = ?4)))",
        )?
        .execute((entry.at_ms, entry.actor, entry.action, entry.subject, entry.detail, text(before), text(after)))?;
    Ok(())
}

/// What stands for a secret.
const MASK: &str = "[secret]";

/// Takes out what may be a secret: fields that are named like one, and texts that look like a key of this gateway.
fn mask(value: &mut Value) {
    match value {
        Value::String(text) if is_key(text) => MASK.clone_into(text),
        Value::Array(values) => values.iter_mut().for_each(mask),
        Value::Object(fields) => {
            for (name, value) in fields {
                if names_a_secret(name) && !value.is_null() {
                    *value = MASK.into();
                } else {
                    mask(value);
                }
            }
        }
        _ => {}
    }
}

fn is_key(text: &str) -> bool {
    let mut words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.any(|word| word.strip_prefix("tr_").is_some_and(|rest| rest.len() >= 40))
}

fn names_a_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let ends = ["key", "keys", "secret", "secrets", "password", "passphrase", "cookie", "authorization", "digest"];
    ends.iter().any(|end| name.ends_with(end))
}

/// Which entries.
#[derive(Clone, Debug, Default)]
pub struct AuditQuery {
    /// Only by this one.
    pub actor: Option<String>,
    /// Only of this action, or of all that begin so where it ends in a dot.
    pub action: Option<String>,
    /// Only to this.
    pub subject: Option<String>,
    /// Only those with this text in one of these, or in the detail.
    pub text: Option<String>,
    /// Only from this time on, in milliseconds since 1970.
    pub since_ms: Option<i64>,
    /// Only before this time, in milliseconds since 1970.
    pub until_ms: Option<i64>,
    /// Only those older than the entry with this number.
    pub before: Option<i64>,
    /// So many at most.
    pub limit: usize,
}

/// Entries, the newest first, and whether there are more.
pub fn page(connection: &Connection, query: &AuditQuery) -> Result<(Vec<AuditView>, bool), StoreError> {
    let mut values: Vec<Bound> = Vec::new();
    let mut conditions = vec!["TRUE".to_owned()];
    let mut given = |condition: &str, value: Option<Bound>| {
        if let Some(value) = value {
            values.push(value);
            conditions.push(condition.replace('?', &format!("?{}", values.len())));
        }
    };
    given("(actor = ? OR actor_name = ?)", query.actor.clone().map(Into::into));
    given("(subject = ? OR subject_name = ?)", query.subject.clone().map(Into::into));
    let like = query.text.as_ref().map(|text| format!("%{}%", escaped(text)));
    given(
        r"(actor LIKE ? ESCAPE '\' OR actor_name LIKE ? ESCAPE '\' OR action LIKE ? ESCAPE '\'
            OR subject LIKE ? ESCAPE '\' OR subject_name LIKE ? ESCAPE '\' OR detail LIKE ? ESCAPE '\')",
        like.map(Into::into),
    );
    given("at_ms >= ?", query.since_ms.map(Into::into));
    given("at_ms < ?", query.until_ms.map(Into::into));
    given("id < ?", query.before.map(Into::into));
    // A word that ends in a dot stands for every action that begins so.
    let begins = query.action.as_ref().is_some_and(|action| action.ends_with('.'));
    given(if begins { "instr(action, ?) = 1" } else { "action = ?" }, query.action.clone().map(Into::into));
    values.push(i64::try_from(query.limit).unwrap_or(i64::MAX).saturating_add(1).into());
    let sql = format!(
        "SELECT id, at_ms, actor, action, subject, detail, before, after,
             coalesce(actor_name, (SELECT name FROM token WHERE public_id = actor),
                 (SELECT name FROM token_removed WHERE public_id = actor)),
             coalesce(subject_name, (SELECT name FROM token WHERE public_id = subject),
                 (SELECT name FROM token_removed WHERE public_id = subject))
         FROM audit WHERE {} ORDER BY id DESC LIMIT ?{}",
        conditions.join(" AND "),
        values.len()
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let json = |text: Option<String>| text.and_then(|text| serde_json::from_str(&text).ok());
    let rows = statement.query_map(params_from_iter(values), |row| {
        Ok(AuditView {
            id: row.get(0)?,
            at_ms: row.get(1)?,
            actor: row.get(2)?,
            action: row.get(3)?,
            subject: row.get(4)?,
            detail: row.get(5)?,
            before: json(row.get(6)?),
            after: json(row.get(7)?),
            actor_name: row.get(8)?,
            subject_name: row.get(9)?,
        })
    })?;
    let mut entries = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    let has_more = entries.len() > query.limit;
    entries.truncate(query.limit);
    Ok((entries, has_more))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::schema;

    fn entry(at_ms: i64, actor: &str, action: &'static str) -> (i64, String, &'static str) {
        (at_ms, actor.to_owned(), action)
    }

    fn fields(value: &Value) -> Option<Fields> {
        value.as_object().cloned()
    }

    fn filled() -> (tempfile::TempDir, Connection) {
        let temp = tempfile::tempdir().unwrap();
        let connection = schema::open_writer(temp.path()).unwrap();
        for (at_ms, actor, action) in [
            entry(10, "local owner", "token.create"),
            entry(20, "tok_a", "token.edit"),
            entry(30, "tok_a", "config.reload"),
            entry(40, "tok_b", "token.edit"),
        ] {
            let entry = Entry { at_ms, actor: &actor, action, subject: "s", detail: "" };
            add(&connection, &entry).unwrap();
        }
        (temp, connection)
    }

    #[test]
    fn entries_cannot_be_changed_or_taken_back() {
        let (_temp, connection) = filled();
        for sql in ["UPDATE audit SET actor = 'x'", "DELETE FROM audit", "DELETE FROM audit WHERE id = 1"] {
            let refused = connection.execute(sql, []).unwrap_err().to_string();
            assert!(refused.contains("only ever added to"), "{refused}");
        }
        // Nor by putting another in its place.
        let sql =
            "INSERT OR REPLACE INTO audit (id, at_ms, actor, action, subject, detail) VALUES (1, 0, '', '', '', '')";
        assert!(connection.execute(sql, []).is_err());
        assert_eq!(page(&connection, &AuditQuery { limit: 9, ..AuditQuery::default() }).unwrap().0.len(), 4);
    }

    #[test]
    fn entries_are_found_by_who_what_and_when() {
        let (_temp, connection) = filled();
        let found = |query: AuditQuery| {
            let (entries, has_more) = page(&connection, &query).unwrap();
            (entries.iter().map(|entry| entry.id).collect::<Vec<_>>(), has_more)
        };
        let query = || AuditQuery { limit: 10, ..AuditQuery::default() };
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(found(query()), (vec![4, 3, 2, 1], false));
        assert_eq!(found(AuditQuery { limit: 2, ..query() }), (vec![4, 3], true));
        assert_eq!(found(AuditQuery { before: Some(3), ..query() }), (vec![2, 1], false));
        assert_eq!(found(AuditQuery { actor: text("tok_a"), ..query() }).0, [3, 2]);
        assert_eq!(found(AuditQuery { action: text("token."), ..query() }).0, [4, 2, 1]);
        assert_eq!(found(AuditQuery { action: text("token.edit"), since_ms: Some(20), ..query() }).0, [4, 2]);
        assert_eq!(found(AuditQuery { since_ms: Some(20), until_ms: Some(40), ..query() }).0, [3, 2]);
        assert_eq!(found(AuditQuery { subject: text("' OR 1=1 --"), ..query() }).0, Vec::<i64>::new());
    }

    #[test]
    fn only_what_changed_is_told_and_no_secret() {
        let (_temp, connection) = filled();
        let key = format!("tr_{}", "a".repeat(49));
        let before =
            fields(&serde_json::json!({ "name": "a", "same": 1, "api_key": "sk-1", "note": format!("is {key}!") }));
        let after =
            fields(&serde_json::json!({ "name": "b", "same": 1, "api_key": "sk-2", "note": "tr_short", "new": [key] }));
        let entry = Entry { at_ms: 50, actor: "a", action: "x.y", subject: "s", detail: "" };
        add_change(&connection, &entry, before, after).unwrap();
        let (entries, _) = page(&connection, &AuditQuery { limit: 1, ..AuditQuery::default() }).unwrap();
        let told = |value: &Option<Value>| value.as_ref().map(Value::to_string).unwrap_or_default();
        assert_eq!(told(&entries[0].before), r#"{"api_key":"[secret]","name":"a","note":"[secret]"}"#);
        assert_eq!(
            told(&entries[0].after),
            r#"{"api_key":"[secret]","name":"b","new":["[secret]"],"note":"tr_short"}"#
        );
    }
}
