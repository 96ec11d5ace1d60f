//! Statements and values: what goes in, what comes out, what is said when something is wrong.

use sandpiper_runtime::sql::{DatabaseError, Row};

use super::*;

fn refused(result: Result<impl std::fmt::Debug, SqlError>) -> DatabaseError {
    match result {
        Err(SqlError::Refused(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn values_go_in_and_come_out() {
    let place = Place::new();
    let mut session = place.attempt("1", Mode::Marked);
    let mut calls = Calls(&mut *session);
    let given = [
        Value::Null,
        Value::Boolean(true),
        Value::Integer(i64::MIN),
        Value::Double(0.5),
        Value::Text("ü".into()),
        Value::Bytes(vec![0, 255]),
        Value::Decimal("1.10".into()),
        Value::Uuid("u".into()),
        Value::Json("{}".into()),
    ];
    let cursor = run(calls.sql().query("SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?", &given)).unwrap();
    let rows = run(calls.sql().fetch(cursor.id, 10, 1 << 20)).unwrap();
    let expected = vec![
        Value::Null,
        Value::Integer(1),
        Value::Integer(i64::MIN),
        Value::Double(0.5),
        Value::Text("ü".into()),
        Value::Bytes(vec![0, 255]),
        Value::Text("1.10".into()),
        Value::Text("u".into()),
        Value::Text("{}".into()),
    ];
    assert_eq!(rows, [expected]);
    assert_eq!(run(calls.sql().fetch(cursor.id, 10, 1 << 20)).unwrap(), Vec::<Row>::new());
}

#[test]
fn columns_have_names_and_declared_types() {
    let place = Place::new();
    let mut session = place.attempt("1", Mode::Marked);
    let mut calls = Calls(&mut *session);
    calls.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, price DECIMAL(10,2))").unwrap();
    let cursor = run(calls.sql().query("SELECT id, price AS cost, 1 + 1 AS sum FROM t", &[])).unwrap();
    let columns: Vec<_> =
        cursor.columns.iter().map(|column| (column.name.as_str(), column.type_name.as_str())).collect();
    assert_eq!(columns, [("id", "INTEGER"), ("cost", "DECIMAL(10,2)"), ("sum", "")]);
}

#[test]
fn what_has_no_form_on_the_other_side_is_a_conversion() {
    let place = Place::new();
    let mut session = place.attempt("1", Mode::Marked);
    let mut calls = Calls(&mut *session);
    let nan = run(calls.sql().execute("SELECT ?", &[Value::Double(f64::NAN)]));
    assert!(matches!(nan, Err(SqlError::Conversion(_))));
    let count = run(calls.sql().execute("SELECT ?, ?", &[Value::Null]));
    assert!(matches!(count, Err(SqlError::Conversion(text)) if text.contains("2 parameters")));
    let text = run(calls.sql().query("SELECT CAST(x'ff' AS TEXT)", &[]));
    assert!(matches!(text, Err(SqlError::Conversion(text)) if text.contains("UTF-8")));
}

#[test]
fn affected_rows_are_counted() {
    let place = Place::new();
    let mut session = place.attempt("1", Mode::Marked);
    let mut calls = Calls(&mut *session);
    assert_eq!(calls.execute("CREATE TABLE t (a)").unwrap(), 0);
    assert_eq!(calls.execute("INSERT INTO t VALUES (1), (2), (3)").unwrap(), 3);
    assert_eq!(calls.execute("CREATE INDEX i ON t (a)").unwrap(), 0);
    assert_eq!(calls.execute("UPDATE t SET a = 5 WHERE a > 1").unwrap(), 2);
    assert_eq!(calls.execute("DELETE FROM t WHERE a = 77").unwrap(), 0);
    assert_eq!(calls.execute("SELECT * FROM t").unwrap(), 0);
    let rows = [vec![Value::Integer(8)], vec![Value::Integer(9)]];
    assert_eq!(run(calls.sql().execute_many("INSERT INTO t VALUES (?)", &rows)).unwrap(), 2);
    assert_eq!(calls.execute(" -- nothing\n ; ").unwrap(), 0);
    assert_eq!(calls.number("SELECT count(*) FROM t").unwrap(), 5);
}

#[test]
fn one_call_runs_one_statement() {
    let place = Place::new();
    let mut session = place.attempt("1", Mode::Marked);
    let mut calls = Calls(&mut *session);
    calls.execute("CREATE TABLE t (a);  -- the end\n").unwrap();
    assert!(calls.denied("INSERT INTO t VALUES (1); INSERT INTO t VALUES (2)").contains("run-script"));
    assert!(calls.denied("INSERT INTO t VALUES (1); COMMIT").contains("run-script"));
    assert_eq!(calls.number("SELECT count(*) FROM t").unwrap(), 0);
}

#[test]
fn a_script_runs_every_statement_under_the_same_guard() {
    let place = Place::new();
    let mut session = place.attempt("1", Mode::Marked);
    let mut calls = Calls(&mut *session);
    let script = "CREATE TABLE t (a);
        CREATE TRIGGER r AFTER INSERT ON t BEGIN UPDATE t SET a = a + 1; SELECT 1; END;
        INSERT INTO t VALUES (1); -- done\n";
    calls.script(script).unwrap();
    assert_eq!(calls.number("SELECT a FROM t").unwrap(), 2);
    calls.script("").unwrap();
    let denied = calls.script("INSERT INTO t VALUES (5); COMMIT; INSERT INTO t VALUES (6)");
    assert!(matches!(denied, Err(SqlError::Denied(_))));
    assert_eq!(calls.number("SELECT count(*) FROM t").unwrap(), 2);
}

#[test]
fn an_error_says_where_in_the_statement() {
    let place = Place::new();
    let mut session = place.attempt("1", Mode::Marked);
    let mut calls = Calls(&mut *session);
    let statement = "SELECT 1,\n  missing FROM sqlite_schema";
    let error = refused(calls.execute(statement));
    assert_eq!(error.position, Some(u32::try_from(statement.find("missing").unwrap()).unwrap()));
    assert_eq!(error.extras, [("column".to_owned(), "missing".to_owned())]);
    assert_eq!(error.code, "SQLITE_ERROR");
}

#[test]
fn an_error_in_a_script_says_where_in_the_script() {
    let place = Place::new();
    let mut session = place.attempt("1", Mode::Marked);
    let mut calls = Calls(&mut *session);
    let script = "CREATE TABLE t (a UNIQUE);\n\n-- ü\n INSERT INTO t VALUES (1);;\n-- again\nINSERT INTO t VALUES (1);\n";
    let error = refused(calls.script(script));
    assert_eq!(error.position, Some(u32::try_from(script.rfind("INSERT").unwrap()).unwrap()));
    let script = "SELECT 1; SELECT 2;\nSELEC 3;";
    let error = refused(calls.script(script));
    assert_eq!(error.position, Some(u32::try_from(script.find("SELEC 3").unwrap()).unwrap()));
}

#[test]
fn a_broken_constraint_names_its_table_and_columns() {
    let place = Place::new();
    let mut session = place.attempt("1", Mode::Marked);
    let mut calls = Calls(&mut *session);
    calls.script("CREATE TABLE t (a, b, UNIQUE (a, b)); INSERT INTO t VALUES (1, 2)").unwrap();
    let error = refused(calls.execute("INSERT INTO t VALUES (1, 2)"));
    assert_eq!(error.code, "SQLITE_CONSTRAINT_UNIQUE");
    assert!(!error.transient);
    let facts: Vec<_> = error.extras.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(facts, ["table=t", "column=a", "column=b"]);
    // The transaction stands: a statement that fails takes back only itself.
    assert_eq!(calls.number("SELECT count(*) FROM t").unwrap(), 1);
}

#[test]
fn a_statement_that_writes_and_gives_rows_back_does_both() {
    let place = Place::new();
    let mut session = place.attempt("1", Mode::Marked);
    let mut calls = Calls(&mut *session);
    calls.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, a)").unwrap();
    let many =
        "INSERT INTO t (a) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
                SELECT i FROM n RETURNING id";
    let cursor = run(calls.sql().query(many, &[])).unwrap();
    let rows = run(calls.sql().fetch(cursor.id, 5_000, 1 << 20)).unwrap();
    assert_eq!(rows.len(), 1_000);
    assert_eq!(calls.number("SELECT count(*) FROM t").unwrap(), 1_000);
    assert!(session.has_written());
}
