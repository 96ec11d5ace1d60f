//! Cursors: long results in batches, with other calls in between.

use sandpiper_runtime::sql::{CursorId, Row};

use super::*;

const MANY: &str =
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) SELECT i FROM n";

fn fetch(calls: &mut Calls<'_>, cursor: CursorId, rows: u32) -> Vec<Row> {
    run(calls.sql().fetch(cursor, rows, 1 << 20)).unwrap()
}

fn open(calls: &mut Calls<'_>, query: &str) -> CursorId {
    run(calls.sql().query(query, &[])).unwrap().id
}

#[test]
fn a_long_result_comes_in_batches_while_rows_are_written() {
    let place = Place::new();
    let mut session = place.attempt("1", Mode::Marked);
    let mut calls = Calls(&mut *session);
    calls.execute("CREATE TABLE seen (batch, rows)").unwrap();
    let cursor = open(&mut calls, MANY);
    let (mut rows, mut sum) = (0, 0);
    loop {
        let batch = fetch(&mut calls, cursor, 1_000);
        if batch.is_empty() {
            break;
        }
        assert!(batch.len() <= 1_000);
        rows += batch.len();
        sum += batch.iter().map(|row| if let Value::Integer(i) = row[0] { i } else { panic!() }).sum::<i64>();
        run(calls.sql().execute("INSERT INTO seen VALUES (1, ?)", &[Value::Integer(batch.len() as i64)]))
            .unwrap();
    }
    assert_eq!((rows, sum), (100_000, 5_000_050_000));
    assert_eq!(calls.number("SELECT sum(rows) FROM seen").unwrap(), 100_000);
    run(session.prove()).unwrap();
    run(session.commit(marker())).unwrap();
    assert_eq!(place.number("SELECT sum(rows) FROM seen"), 100_000);
}

#[test]
fn a_batch_is_bounded_in_bytes_but_has_a_row() {
    let place = Place::new();
    let mut session = place.attempt("1", Mode::Marked);
    let mut calls = Calls(&mut *session);
    let wide = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 600) SELECT zeroblob(10000) FROM n";
    for query in [wide, "SELECT zeroblob(10000) UNION ALL SELECT zeroblob(10000)"] {
        let cursor = open(&mut calls, query);
        assert_eq!(run(calls.sql().fetch(cursor, 100, 1)).unwrap().len(), 1, "{query}");
        run(calls.sql().close_cursor(cursor));
    }
    let cursor = open(&mut calls, wide);
    let batch = run(calls.sql().fetch(cursor, 1_000, 100_000)).unwrap();
    assert!((2..=11).contains(&batch.len()), "{}", batch.len());
}

#[test]
fn long_cursors_are_open_side_by_side_and_closed_in_any_order() {
    let place = Place::new();
    let mut session = place.attempt("1", Mode::Marked);
    let mut calls = Calls(&mut *session);
    let first = |row: &[Row]| row[0][0].clone();
    let (a, b, c) = (open(&mut calls, MANY), open(&mut calls, MANY), open(&mut calls, MANY));
    assert_eq!(first(&fetch(&mut calls, a, 10)), Value::Integer(1));
    assert_eq!(first(&fetch(&mut calls, b, 5)), Value::Integer(1));
    assert_eq!(first(&fetch(&mut calls, a, 10)), Value::Integer(11));
    run(calls.sql().close_cursor(a));
    assert!(fetch(&mut calls, a, 10).is_empty());
    assert_eq!(first(&fetch(&mut calls, b, 5)), Value::Integer(6));
    run(calls.sql().close_cursor(c));
    assert_eq!(calls.number("SELECT 7").unwrap(), 7);
    assert_eq!(first(&fetch(&mut calls, b, 5)), Value::Integer(11));
    run(calls.sql().close_cursor(b));
    calls.execute("CREATE TABLE t (a)").unwrap();
    run(session.commit(marker())).unwrap();
}

#[test]
fn the_guard_holds_while_a_cursor_is_open() {
    let place = Place::new();
    place.plain().execute_batch("CREATE TABLE t (a UNIQUE); INSERT INTO t VALUES (1)").unwrap();
    let mut session = place.attempt("1", Mode::Marked);
    let mut calls = Calls(&mut *session);
    let cursor = open(&mut calls, MANY);
    assert!(calls.denied("COMMIT").contains("transaction"));
    assert!(calls.denied("SELECT * FROM sandpiper_fence").contains("host's own"));
    fetch(&mut calls, cursor, 10);
    let ended = calls.execute("INSERT OR ROLLBACK INTO t VALUES (1)");
    assert!(matches!(ended, Err(SqlError::TransactionEnded(_))), "{ended:?}");
    let after = run(calls.sql().fetch(cursor, 10, 1 << 20));
    assert!(matches!(after, Err(SqlError::TransactionEnded(_))), "{after:?}");
    assert!(run(session.prove()).is_err());
    run(session.close()).unwrap();
}

#[test]
fn too_many_long_cursors_are_refused_and_those_that_are_open_go_on() {
    let place = Place::new();
    let mut session = place.attempt("1", Mode::Marked);
    let mut calls = Calls(&mut *session);
    let cursors: Vec<CursorId> = (0..64).map(|_| open(&mut calls, MANY)).collect();
    let more = run(calls.sql().query(MANY, &[]));
    assert!(matches!(more, Err(SqlError::LimitExceeded(_))), "{more:?}");
    for cursor in cursors {
        assert_eq!(fetch(&mut calls, cursor, 3).len(), 3);
    }
    run(session.close()).unwrap();
}

#[test]
fn a_session_is_dropped_with_its_cursors() {
    let place = Place::new();
    let target = place.target(Role::Apart);
    let mut session = run(target.open(&opening("1", Mode::Marked, 1))).unwrap();
    open(&mut Calls(&mut *session), MANY);
    drop(session);
    run(run(target.open(&opening("2", Mode::Marked, 1))).unwrap().commit(marker())).unwrap();
}
