//! Statements that a test chooses, and those that try to get out of the host's transaction.

use super::values::{create_rows, see};
use sandpiper_sdk::prelude::*;

/// Runs the variable `sql` as one statement.
pub(crate) fn execute(db: &Connection, ctx: &Context) -> Result {
    db.execute(&ctx.required_variable("sql")?, params![])?;
    Ok(())
}

/// Runs the variable `sql` as a script.
pub(crate) fn script(db: &Connection, ctx: &Context) -> Result {
    db.run_script(&ctx.required_variable("sql")?)?;
    Ok(())
}

/// Runs the variable `sql` as one statement, ignores how it ends, and goes on to write.
pub(crate) fn swallow(db: &Connection, ctx: &Context) -> Result {
    create_rows(db)?;
    db.execute("INSERT INTO guest_rows (id, note) VALUES (1, 'before')", params![])?;
    let outcome = db.execute(&ctx.required_variable("sql")?, params![]);
    ctx.info(format!("swallowed: {outcome:?}"));
    let outcome = db.execute("INSERT INTO guest_rows (id, note) VALUES (2, 'after')", params![]);
    ctx.info(format!("after it: {outcome:?}"));
    Ok(())
}

/// Makes many small calls.
pub(crate) fn calls(db: &Connection, count: u64) -> Result {
    create_rows(db)?;
    for id in 0..count {
        db.execute(&format!("INSERT INTO guest_rows (id, note) VALUES ({id}, 'call')"), params![])?;
    }
    Ok(())
}

/// SQLite ends the transaction of the host at the second insert; the guest hides the error and says that all
/// is well.
pub(crate) fn conflict_rollback(db: &Connection) -> Result {
    db.execute(
        "CREATE TABLE guest_rows (id INTEGER PRIMARY KEY ON CONFLICT ROLLBACK, note TEXT)",
        params![],
    )?;
    db.execute("INSERT INTO guest_rows VALUES (1, 'first')", params![])?;
    let _ = db.execute("INSERT INTO guest_rows VALUES (1, 'again')", params![]);
    let _ = db.execute("CREATE TABLE IF NOT EXISTS guest_seen (name TEXT, seen TEXT)", params![]);
    let _ = db.execute("INSERT INTO guest_seen VALUES ('escaped', 'yes')", params![]);
    Ok(())
}

/// One statement that counts to `count` inside the database.
pub(crate) fn slow(db: &Connection, count: u64) -> Result {
    let statement = format!(
        "WITH RECURSIVE counter(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counter WHERE n < {count}) \
         SELECT count(*) FROM counter"
    );
    let counted: i64 = db.query_value(&statement, params![])?;
    see(db, "counted", &counted.to_string())
}
