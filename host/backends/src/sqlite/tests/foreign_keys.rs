//! Foreign keys: off during a change, and checked at its end for what the change itself broke.

use sandpiper_runtime::target::{ProofError, TargetError};

use super::*;

const TABLES: &str = "CREATE TABLE users (id INTEGER PRIMARY KEY, name);
    CREATE TABLE orders (id INTEGER PRIMARY KEY, user_id REFERENCES users (id) ON DELETE CASCADE);
    INSERT INTO users VALUES (1, 'ada'), (2, 'eve');
    INSERT INTO orders VALUES (10, 1), (20, 2)";

/// Runs a script on a file with users and their orders, and asks for the proof.
fn proof(setup: &str, script: &str) -> Result<(), ProofError> {
    let place = Place::new();
    place.plain().execute_batch("PRAGMA foreign_keys = OFF").unwrap();
    let plain = place.plain();
    plain.execute_batch(&format!("PRAGMA foreign_keys = OFF; {TABLES}; {setup}")).unwrap();
    drop(plain);
    let mut session = place.attempt("1", Mode::Marked);
    Calls(&mut *session).script(script).unwrap();
    let proof = run(session.prove());
    if proof.is_ok() {
        run(session.commit(marker())).unwrap();
    }
    proof
}

fn violated(setup: &str, script: &str) -> String {
    match proof(setup, script) {
        Err(ProofError::Violated(text)) => text,
        other => panic!("`{script}`: {other:?}"),
    }
}

const REBUILD: &str = "CREATE TABLE new_users (id INTEGER PRIMARY KEY, name NOT NULL);
    INSERT INTO new_users SELECT id, name FROM users;
    DROP TABLE users;
    ALTER TABLE new_users RENAME TO users";

#[test]
fn a_table_is_rebuilt_without_losing_its_children() {
    let place = Place::new();
    place.plain().execute_batch(TABLES).unwrap();
    let mut session = place.attempt("1", Mode::Marked);
    Calls(&mut *session)
        .script(&format!("PRAGMA foreign_keys = ON; {REBUILD}; PRAGMA foreign_keys = OFF"))
        .unwrap();
    run(session.prove()).unwrap();
    run(session.commit(marker())).unwrap();
    assert_eq!(place.number("SELECT count(*) FROM orders"), 2);
}

#[test]
fn a_row_that_refers_to_nothing_fails_the_attempt() {
    let text = violated("", "INSERT INTO orders VALUES (30, 99)");
    assert!(text.contains("row 30 of `orders`") && text.contains("`users`"), "{text}");
    violated("", "UPDATE orders SET user_id = 99 WHERE id = 10");
}

#[test]
fn a_row_that_others_refer_to_cannot_go() {
    assert!(violated("", "DELETE FROM users WHERE id = 1").contains("`orders`"));
    assert!(violated("", "DELETE FROM users").contains("and 1 more"));
    assert!(violated("", "DROP TABLE users").contains("`orders`"));
    violated("", &format!("{REBUILD}; DELETE FROM users WHERE id = 2"));
}

#[test]
fn what_was_broken_before_is_not_held_against_a_change() {
    let broken = "INSERT INTO orders VALUES (90, 77)";
    proof(broken, "INSERT INTO orders VALUES (30, 1)").unwrap();
    proof(broken, "UPDATE users SET name = 'x'").unwrap();
    proof(broken, REBUILD).unwrap();
    proof(broken, "ALTER TABLE orders RENAME TO purchases").unwrap();
    assert!(violated(broken, "INSERT INTO orders VALUES (30, 99)").contains("row 30"));
    violated(broken, &format!("{REBUILD}; INSERT INTO orders VALUES (30, 99)"));
}

#[test]
fn a_change_may_break_and_mend() {
    proof("", "DELETE FROM users WHERE id = 1; DELETE FROM orders WHERE user_id = 1").unwrap();
    proof("", "INSERT INTO orders VALUES (30, 3); INSERT INTO users VALUES (3, 'new')").unwrap();
}

#[test]
fn tables_that_the_change_makes_are_checked_too() {
    violated("", "CREATE TABLE notes (order_id REFERENCES orders (id)); INSERT INTO notes VALUES (99)");
    proof("", "CREATE TABLE notes (order_id REFERENCES orders (id)); INSERT INTO notes VALUES (10)").unwrap();
    violated("", "ALTER TABLE users ADD COLUMN boss REFERENCES users (id) DEFAULT 99");
}

#[test]
fn a_write_through_a_trigger_counts() {
    let trigger = "CREATE TRIGGER log AFTER UPDATE ON users BEGIN INSERT INTO orders VALUES (NULL, 99); END";
    violated(trigger, "UPDATE users SET name = 'x' WHERE id = 1");
}

#[test]
fn the_next_change_on_the_same_connection_is_checked_as_well() {
    let place = Place::new();
    let target = place.target(Role::Apart);
    for (number, script) in
        ["CREATE TABLE p (id INTEGER PRIMARY KEY)", "CREATE TABLE c (p REFERENCES p (id))"].iter().enumerate()
    {
        let mut session = run(target.open(&opening(&number.to_string(), Mode::Marked, 1))).unwrap();
        Calls(&mut *session).execute(script).unwrap();
        run(session.prove()).unwrap();
        run(session.commit(marker())).unwrap();
    }
    let mut session = run(target.open(&opening("9", Mode::Marked, 1))).unwrap();
    Calls(&mut *session).execute("INSERT INTO c VALUES (5)").unwrap();
    assert!(matches!(run(session.prove()), Err(ProofError::Violated(_))));
    run(session.close()).unwrap();
}

#[test]
fn a_direct_change_is_checked_when_it_is_proven_or_else_closed() {
    let place = Place::new();
    place.plain().execute_batch(TABLES).unwrap();
    let mut session = place.attempt("1", Mode::Direct);
    Calls(&mut *session).execute("INSERT INTO orders VALUES (30, 99)").unwrap();
    assert!(matches!(run(session.prove()), Err(ProofError::Violated(_))));
    run(session.close()).unwrap();
    let mut session = place.attempt("2", Mode::Direct);
    Calls(&mut *session).script("PRAGMA foreign_keys = ON; INSERT INTO orders VALUES (40, 99)").unwrap();
    assert!(matches!(run(session.close()), Err(TargetError::Refused(text)) if text.contains("row 40")));
}

#[test]
fn a_transaction_stands_although_a_rule_is_broken_meanwhile() {
    let place = Place::new();
    place.plain().execute_batch(TABLES).unwrap();
    let mut session = place.attempt("1", Mode::Marked);
    Calls(&mut *session).script("INSERT INTO orders VALUES (30, 3)").unwrap();
    run(session.stands()).unwrap();
    assert!(matches!(run(session.prove()), Err(ProofError::Violated(_))));
    Calls(&mut *session).script("INSERT INTO users VALUES (3, 'kay')").unwrap();
    run(session.prove()).unwrap();
    drop(Calls(&mut *session).script("INSERT OR ROLLBACK INTO users VALUES (3, 'twice')"));
    assert!(matches!(run(session.stands()), Err(ProofError::Ended(_))));
}
