//! The database of one-api or new-api: its channels, read and never written.

use std::path::Path;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};
use serde_json::{Map, Value};

use super::StoreError;

/// More channels than these nobody has.
const MOST: usize = 2_000;

/// Every channel by the names of its columns, and whether it is new-api's; none where it is no such database.
pub fn channels(path: &Path) -> Result<Option<(Vec<Value>, bool)>, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    // What the file's schema says is somebody else's: no function is called by it.
    connection.execute_batch("PRAGMA trusted_schema = OFF; PRAGMA query_only = ON; PRAGMA cell_size_check = ON")?;
    let sql = "SELECT count(*) FROM pragma_table_info('channels') WHERE name IN ('type', 'models', 'status', 'name')";
    if connection.query_row(sql, [], |row| row.get::<_, i64>(0))? != 4 {
        return Ok(None);
    }
    let mut statement = connection.prepare("SELECT * FROM channels ORDER BY id LIMIT ?1")?;
    let names: Vec<String> = statement.column_names().into_iter().map(str::to_owned).collect();
    let mut rows = statement.query([i64::try_from(MOST).unwrap_or(i64::MAX)])?;
    let mut channels = Vec::new();
    while let Some(row) = rows.next()? {
        let value = |at: usize| match row.get_ref(at) {
            Ok(ValueRef::Integer(number)) => Value::from(number),
            Ok(ValueRef::Real(number)) => Value::from(number),
            Ok(ValueRef::Text(text)) => String::from_utf8_lossy(text).into_owned().into(),
            _ => Value::Null,
        };
        let channel: Map<String, Value> =
            names.iter().enumerate().map(|(at, name)| (name.clone(), value(at))).collect();
        channels.push(Value::Object(channel));
    }
    let is_new = names.iter().any(|name| name == "auto_ban" || name == "tag");
    Ok(Some((channels, is_new)))
}
