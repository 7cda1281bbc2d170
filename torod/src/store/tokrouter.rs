//! The usage database of the program tokrouter: one table, of which every version had more or fewer columns.

use std::path::Path;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};

use super::StoreError;

/// The columns that there may be, in the order of [`Call`]'s fields; the first five must be.
const COLUMNS: [&str; 9] =
    ["timestamp", "provider", "model", "input_tokens", "output_tokens", "success", "stream", "latency_ms", "cost"];

/// A row as it stands there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Call {
    /// When: a number, or a text of the form that its library writes.
    pub at: At,
    /// A name, or the URL of the provider.
    pub provider: String,
    /// The model.
    pub model: String,
    /// Tokens in.
    pub input: u64,
    /// Tokens out.
    pub output: u64,
    /// Whether it went well.
    pub is_ok: bool,
    /// Whether it was streamed.
    pub stream: bool,
    /// How long it took.
    pub latency_ms: u64,
    /// Whether there was a cost, which that program reckoned wrongly.
    pub has_cost: bool,
}

/// A time as SQLite has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum At {
    /// There is none.
    #[default]
    None,
    /// Seconds, milliseconds, micro- or nanoseconds since 1970.
    Number(i64),
    /// A date and time.
    Text(String),
}

/// Whether the file at `path` is a database at all.
pub fn is_database(path: &Path) -> bool {
    use std::io::Read as _;
    let mut head = [0; 16];
    let read = std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut head));
    read.is_ok() && &head == b"SQLite format 3\0"
}

/// Opens a copy of nothing: the file itself, for reading alone. None where it has no such table.
pub fn open(path: &Path) -> Result<Option<Connection>, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    // What the file's schema says is somebody else's: no function is called by it.
    connection.execute_batch("PRAGMA trusted_schema = OFF; PRAGMA query_only = ON; PRAGMA cell_size_check = ON")?;
    let known = columns(&connection)?;
    let has = COLUMNS.iter().take(5).all(|column| known.iter().any(|known| known == column));
    Ok(has.then_some(connection))
}

fn columns(connection: &Connection) -> Result<Vec<String>, StoreError> {
    let mut statement = connection.prepare("SELECT name FROM pragma_table_info('usage_records')")?;
    let names = statement.query_map([], |row| row.get(0))?;
    Ok(names.collect::<Result<_, _>>()?)
}

/// Hands over every row, the oldest first.
pub fn each<E: From<StoreError>>(
    connection: &Connection,
    mut each: impl FnMut(Call) -> Result<(), E>,
) -> Result<(), E> {
    let known = columns(connection)?;
    let list: Vec<&str> =
        COLUMNS.iter().map(|column| if known.iter().any(|known| known == column) { *column } else { "NULL" }).collect();
    let sql = format!("SELECT {} FROM usage_records ORDER BY timestamp, rowid", list.join(", "));
    let mut statement = connection.prepare(&sql).map_err(StoreError::from)?;
    let mut rows = statement.query([]).map_err(StoreError::from)?;
    while let Some(row) = rows.next().map_err(StoreError::from)? {
        let at = |column: usize| row.get_ref(column).unwrap_or(ValueRef::Null);
        let text = |column| match at(column) {
            ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
            _ => String::new(),
        };
        let number = |column| match at(column) {
            ValueRef::Integer(number) => Some(number),
            // It saturates, and nobody counts so far.
            ValueRef::Real(number) => Some(number as i64),
            _ => None,
        };
        let count = |column| number(column).and_then(|number| u64::try_from(number).ok()).unwrap_or(0);
        let when = match at(0) {
            ValueRef::Integer(number) => At::Number(number),
            ValueRef::Text(text) => At::Text(String::from_utf8_lossy(text).into_owned()),
            _ => At::None,
        };
        each(Call {
            at: when,
            provider: text(1),
            model: text(2),
            input: count(3),
            output: count(4),
            is_ok: number(5).is_none_or(|number| number != 0),
            stream: count(6) != 0,
            latency_ms: count(7),
            has_cost: number(8).is_some_and(|number| number != 0),
        })?;
    }
    Ok(())
}
