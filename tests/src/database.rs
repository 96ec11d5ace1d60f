//! Looks into SQLite files without the product.

use std::path::Path;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};

/// Opens a SQLite file that is there.
#[track_caller]
pub fn open(file: &Path) -> Connection {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags)
        .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    connection.busy_timeout(std::time::Duration::from_secs(20)).unwrap();
    connection
}

/// The rows of a query, columns joined by `|`; a NULL is `NULL`.
#[track_caller]
pub fn rows(file: &Path, query: &str) -> Vec<String> {
    let connection = open(file);
    let mut statement = connection.prepare(query).unwrap_or_else(|error| panic!("{query}: {error}"));
    let columns = statement.column_count();
    let mut rows = statement.query([]).unwrap();
    let mut found = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        let cells: Vec<String> = (0..columns).map(|column| cell(row.get_ref(column).unwrap())).collect();
        found.push(cells.join("|"));
    }
    found
}

fn cell(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => "NULL".to_owned(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
        ValueRef::Blob(bytes) => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
    }
}

/// All that a file's schema holds, without our own tables and SQLite's.
#[track_caller]
pub fn schema(file: &Path) -> Vec<String> {
    let ours = "tbl_name NOT LIKE 'sandpiper\\_%' ESCAPE '\\' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'";
    rows(
        file,
        &format!("SELECT type, name, tbl_name, sql FROM sqlite_master WHERE {ours} ORDER BY type, name"),
    )
}
