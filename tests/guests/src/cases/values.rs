//! Well-behaved changes: tables, values of all kinds, cursors.

use sandpiper_sdk::prelude::*;

const TABLES: [&str; 4] = ["guest_rows", "guest_values", "guest_seen", "guest_steps"];

/// Every kind of value: the column, its type on SQLite and MySQL, and on PostgreSQL.
const COLUMNS: [(&str, &str, &str); 11] = [
    ("flag", "BOOLEAN", "BOOLEAN"),
    ("number", "BIGINT", "BIGINT"),
    ("ratio", "DOUBLE", "DOUBLE PRECISION"),
    ("amount", "DECIMAL(30,10)", "NUMERIC"),
    ("note", "TEXT", "TEXT"),
    ("raw", "BLOB", "BYTEA"),
    ("identifier", "CHAR(36)", "UUID"),
    ("day", "DATE", "DATE"),
    ("clock", "TIME", "TIME"),
    ("moment", "DATETIME", "TIMESTAMP"),
    ("document", "JSON", "JSONB"),
];

/// `first` placeholders and those after it, in the form of the dialect.
pub(crate) fn placeholders(db: &Connection, count: usize) -> String {
    let postgres = db.dialect() == "postgres";
    let one = |number| {
        if postgres { format!("${number}") } else { "?".to_owned() }
    };
    (1..=count).map(one).collect::<Vec<_>>().join(", ")
}

/// Creates `guest_rows`, fills it, reads it back.
pub(crate) fn normal(db: &Connection, ctx: &Context) -> Result {
    create_rows(db)?;
    let insert = format!("INSERT INTO guest_rows (id, note) VALUES ({})", placeholders(db, 2));
    db.execute(&insert, params![1, "first"])?;
    db.execute(&insert, params![2, None::<&str>])?;
    let rows: i64 = db.query_value("SELECT count(*) FROM guest_rows", params![])?;
    ctx.info(format!("guest_rows holds {rows} rows"));
    Ok(())
}

pub(crate) fn create_rows(db: &Connection) -> Result {
    db.execute("CREATE TABLE IF NOT EXISTS guest_rows (id BIGINT PRIMARY KEY, note TEXT)", params![])?;
    Ok(())
}

pub(crate) fn drop_tables(db: &Connection) -> Result {
    for table in TABLES {
        db.execute(&format!("DROP TABLE IF EXISTS {table}"), params![])?;
    }
    Ok(())
}

/// Writes what the guest saw where a test can read it.
pub(crate) fn see(db: &Connection, name: &str, seen: &str) -> Result {
    db.execute("CREATE TABLE IF NOT EXISTS guest_seen (name TEXT, seen TEXT)", params![])?;
    let insert = format!("INSERT INTO guest_seen (name, seen) VALUES ({})", placeholders(db, 2));
    db.execute(&insert, params![name, seen])?;
    Ok(())
}

/// Inserts a row with every kind of value and one of NULLs, and writes into `guest_seen` as what they come
/// back.
pub(crate) fn all_kinds(db: &Connection) -> Result {
    let postgres = db.dialect() == "postgres";
    let columns = COLUMNS
        .map(|(name, other, on_postgres)| format!("{name} {}", if postgres { on_postgres } else { other }));
    db.execute(&format!("CREATE TABLE guest_values ({})", columns.join(", ")), params![])?;
    let insert = format!("INSERT INTO guest_values VALUES ({})", placeholders(db, COLUMNS.len()));
    let values = params![
        true,
        i64::MIN,
        0.1,
        Value::decimal("12345678901234567890.0123456789"),
        "gr\u{fc}n \u{1f426} 'quoted' \\ ?",
        b"\x00\xff\x80",
        Value::uuid("0191e6b2-6d3c-7c4e-8f00-0123456789ab"),
        Value::date("2026-02-28"),
        Value::time("23:59:59"),
        Value::timestamp("2026-02-28T23:59:59"),
        Value::json("{\"a\": [1, null]}"),
    ];
    db.execute(&insert, &values)?;
    db.execute(&insert, values.map(|_| Value::Null))?;
    let mut rows = Vec::new();
    for row in db.query("SELECT * FROM guest_values", params![])? {
        rows.push(row?);
    }
    for (number, row) in rows.iter().enumerate() {
        for (column, value) in row.columns().iter().zip(row.values()) {
            see(db, &format!("{number}.{}", column.name), &format!("{value:?}"))?;
        }
    }
    Ok(())
}

/// Inserts `count` rows in one call of many, and adds them up with a cursor of small batches.
pub(crate) fn cursor(db: &Connection, count: u64) -> Result {
    many(db, count)?;
    let mut sum: u64 = 0;
    let mut rows: u64 = 0;
    for row in db.query("SELECT id, note FROM guest_rows ORDER BY id", params![])?.batch_size(7) {
        let row = row?;
        sum += row.get::<u64>("id")?;
        rows += 1;
    }
    see(db, "rows", &rows.to_string())?;
    see(db, "sum", &sum.to_string())
}

/// Inserts the rows 1 to `count` with `execute-many`.
pub(crate) fn many(db: &Connection, count: u64) -> Result {
    create_rows(db)?;
    let insert = format!("INSERT INTO guest_rows (id, note) VALUES ({})", placeholders(db, 2));
    let affected = db.execute_many(&insert, (1..=count).map(|id| params![id, format!("row {id}")]))?;
    see(db, "affected", &affected.to_string())
}
