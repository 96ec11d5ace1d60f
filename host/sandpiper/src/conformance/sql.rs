//! The rules for the capability `sql`.

use std::time::{Duration, Instant};

use sandpiper_engine::entry::Mode;
use sandpiper_runtime::sql::{SqlError, Value};
use sandpiper_runtime::target::Session;

use super::facts::{Calls, attempt, define, run};
use super::{TargetPlace, Words};

/// Does something in a session of each mode, with these tables (a name and what it holds), which are empty.
fn in_each_mode(place: &dyn TargetPlace, tables: &[(&str, &str)], work: impl Fn(&mut Calls<'_>)) {
    let target = place.open();
    for mode in [Mode::Marked, Mode::Direct] {
        let made = tables.iter().map(|(name, columns)| format!("CREATE TABLE {name} ({columns})"));
        define(&*target, &format!("made for {mode}"), made);
        let mut session = attempt(&*target, "one", mode);
        work(&mut Calls(&mut *session));
        run(session.close()).unwrap();
        let dropped = tables.iter().map(|(name, _)| format!("DROP TABLE {name}"));
        define(&*target, &format!("dropped after {mode}"), dropped);
    }
}

/// Each type that the place names, and the absence of a value in each.
pub fn values_survive_the_way_in_and_out(place: &dyn TargetPlace) {
    let words = place.words();
    assert!(!words.types.is_empty());
    let tables: Vec<(String, String)> = words
        .types
        .iter()
        .enumerate()
        .map(|(number, (kind, ..))| (format!("types_{number}"), format!("v {kind}")))
        .collect();
    let tables: Vec<(&str, &str)> =
        tables.iter().map(|(name, columns)| (name.as_str(), columns.as_str())).collect();
    in_each_mode(place, &tables, |calls| {
        for ((table, _), (kind, given, expected)) in tables.iter().zip(&words.types) {
            let insert = format!("INSERT INTO {table} VALUES ({})", words.parameter);
            for value in [given, &Value::Null] {
                let inserted = run(calls.sql().execute(&insert, std::slice::from_ref(value)));
                assert_eq!(inserted.unwrap_or_else(|error| panic!("{kind}: {value:?}: {error}")), 1);
            }
            let rows = calls.all(&format!("SELECT v FROM {table}"), &[]).unwrap();
            assert_eq!(rows, [vec![expected.clone()], vec![Value::Null]], "{kind}");
        }
    });
}

/// Reading affects none.
pub fn statements_say_how_many_rows_they_affected(place: &dyn TargetPlace) {
    in_each_mode(place, &[("t", "n INTEGER")], |calls| {
        assert_eq!(calls.done("INSERT INTO t VALUES (1), (2), (3)"), 3);
        assert_eq!(calls.done("UPDATE t SET n = n + 1 WHERE n > 1"), 2);
        assert_eq!(calls.done("SELECT n FROM t"), 0);
        assert_eq!(calls.done("DELETE FROM t"), 3);
        assert_eq!(calls.done("-- nothing"), 0);
        assert!(calls.denied("SELECT 1; SELECT 2").contains("more than one statement"));
    });
}

/// Many rows in one call, and a bad one among them.
pub fn a_statement_runs_once_for_each_row(place: &dyn TargetPlace) {
    let insert = format!("INSERT INTO t VALUES ({})", place.words().parameter);
    in_each_mode(place, &[("t", "n INTEGER PRIMARY KEY")], |calls| {
        let rows: Vec<Vec<Value>> = (0..2_000).map(|number| vec![Value::Integer(number)]).collect();
        assert_eq!(run(calls.sql().execute_many(&insert, &rows)).unwrap(), 2_000);
        assert_eq!(run(calls.sql().execute_many(&insert, &[])).unwrap(), 0);
        let count = calls.all("SELECT count(*) FROM t", &[]).unwrap();
        assert_eq!(count, [[Value::Integer(2_000)]]);
        let wrong = [vec![Value::Integer(5_000)], vec![Value::Integer(7)]];
        assert!(matches!(run(calls.sql().execute_many(&insert, &wrong)), Err(SqlError::Refused(_))));
    });
}

/// In its order, to the first that is refused; its place is counted from the start of the script.
pub fn a_script_runs_every_statement(place: &dyn TargetPlace) {
    in_each_mode(place, &[("t", "n INTEGER")], |calls| {
        let script = "INSERT INTO t VALUES (0);\n-- two\nINSERT INTO t VALUES (1);INSERT INTO t VALUES (2)";
        run(calls.sql().run_script(script)).unwrap();
        run(calls.sql().run_script(" -- nothing\n")).unwrap();
        assert_eq!(calls.all("SELECT n FROM t ORDER BY n", &[]).unwrap().len(), 3);
        let wrong = "SELECT 1;\nSELECT \u{fc} FROM nowhere; SELECT 3";
        match run(calls.sql().run_script(wrong)) {
            Err(SqlError::Refused(error)) => {
                let at = error.position.expect("a place") as usize;
                assert!(wrong.get(at..).is_some_and(|rest| at >= 10 && !rest.contains("SELECT 1")), "{at}");
            }
            other => panic!("{other:?}"),
        }
    });
}

/// At most as many as asked for, and about as many bytes.
pub fn a_query_gives_its_rows_in_batches(place: &dyn TargetPlace) {
    let words = place.words();
    in_each_mode(place, &[], |calls| {
        run(async {
            let sql = calls.sql();
            let cursor = sql.query(words.numbers, &[]).await.unwrap();
            assert_eq!(cursor.columns.len(), 1);
            let mut expected = 1;
            loop {
                let rows = sql.fetch(cursor.id, 700, 1 << 20).await.unwrap();
                assert!(rows.len() <= 700);
                if rows.is_empty() {
                    break;
                }
                for row in rows {
                    assert_eq!(row, [Value::Integer(expected)]);
                    expected += 1;
                }
            }
            assert_eq!(expected, 10_001);
            assert_eq!(sql.fetch(cursor.id, 700, 1 << 20).await.unwrap(), Vec::<Vec<_>>::new());
            let cursor = sql.query(words.numbers, &[]).await.unwrap();
            let few = sql.fetch(cursor.id, 5_000, 1_000).await.unwrap();
            assert!(!few.is_empty() && few.len() < 500, "about a thousand bytes: {} rows", few.len());
            sql.close_cursor(cursor.id).await;
        });
    });
}

/// Two queries and a statement, row by row.
pub fn queries_and_statements_interleave(place: &dyn TargetPlace) {
    let words = place.words();
    in_each_mode(place, &[("t", "n INTEGER")], |calls| {
        run(async {
            let sql = calls.sql();
            let one = sql.query(words.numbers, &[]).await.unwrap().id;
            let other = sql.query(words.numbers, &[]).await.unwrap().id;
            for expected in 1..=300 {
                for cursor in [one, other] {
                    let rows = sql.fetch(cursor, 1, 1 << 20).await.unwrap();
                    assert_eq!(rows, [[Value::Integer(expected)]]);
                }
                if expected % 100 == 0 {
                    assert_eq!(sql.execute("INSERT INTO t VALUES (1)", &[]).await.unwrap(), 1);
                }
            }
            sql.close_cursor(one).await;
            assert_eq!(sql.fetch(other, 1, 1 << 20).await.unwrap(), [[Value::Integer(301)]]);
            sql.close_cursor(other).await;
        });
        assert_eq!(calls.all("SELECT count(*) FROM t", &[]).unwrap(), [[Value::Integer(3)]]);
    });
}

/// What a person needs to find it.
pub fn an_error_names_its_code_and_place(place: &dyn TargetPlace) {
    let Words { unique, unique_fact, .. } = place.words();
    let target = place.open();
    let fresh = || -> Box<dyn Session> { attempt(&*target, "one", Mode::Marked) };
    let mut session = fresh();
    let statement = "SELECT '\u{fc}', FROM_NOWHERE FROM nothing_there";
    match Calls(&mut *session).execute(statement) {
        Err(SqlError::Refused(error)) => {
            assert!(!error.code.is_empty() && !error.message.is_empty());
            let at = error.position.map(|at| at as usize);
            assert!(at.is_none_or(|at| statement.is_char_boundary(at)), "{at:?}");
        }
        other => panic!("{other:?}"),
    }
    run(session.close()).unwrap();
    define(&*target, "table", ["CREATE TABLE t (n INTEGER PRIMARY KEY)".to_owned()]);
    let mut session = fresh();
    let mut calls = Calls(&mut *session);
    calls.done("INSERT INTO t VALUES (1)");
    match calls.execute("INSERT INTO t VALUES (1)") {
        Err(SqlError::Refused(error)) => {
            assert_eq!(error.code, unique);
            let mut facts = error.extras.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            assert!(facts.any(|fact| fact == unique_fact), "{error:?}");
        }
        other => panic!("{other:?}"),
    }
    run(session.close()).unwrap();
}

/// From another thread, and soon.
pub fn a_running_statement_can_be_interrupted(place: &dyn TargetPlace) {
    let endless = place.words().endless;
    in_each_mode(place, &[], |calls| {
        let interrupter = calls.0.interrupter();
        // Nothing runs: nothing happens.
        interrupter.interrupt();
        let since = Instant::now();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                std::thread::sleep(Duration::from_millis(300));
                interrupter.interrupt();
            });
            let ended = calls.all(endless, &[]);
            assert!(matches!(ended, Err(SqlError::Interrupted | SqlError::TransactionEnded(_))), "{ended:?}");
        });
        assert!(since.elapsed() < Duration::from_secs(30), "it was not ended, it came to its end");
    });
}
