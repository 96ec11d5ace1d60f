//! Handles: kept too long, made up, and opened with and without a right to.

use sandpiper_runtime::guest::CallError;

use crate::support::{Attempt, guest};

#[test]
fn a_cursor_that_a_guest_keeps_is_closed_after_it() {
    // `run` looks whether a cursor is left.
    Attempt::case("leaked-cursor").run().done();
}

#[test]
fn cursors_are_read_in_turn_and_stay_at_their_end() {
    let attempt = Attempt::case("two-cursors");
    attempt.run().done();
    assert_eq!(attempt.database.seen("sum"), "14");
    let attempt = Attempt::case("cursor-past-end");
    attempt.run().done();
    assert_eq!(attempt.database.seen("sizes"), "[3, 0, 0]");
}

#[test]
fn a_handle_that_was_not_given_ends_the_guest() {
    for case in ["forged-handle", "confused-handle", "dropped-lent-handle"] {
        Attempt::case(case).run().trap();
    }
}

fn opening(uses: &[&str], system: &str) -> Attempt {
    let mut attempt = Attempt::case("open").variable("system", system);
    attempt.context.uses = uses.iter().map(ToString::to_string).collect();
    attempt
}

#[test]
fn a_declared_system_can_be_opened_and_is_closed_again() {
    let attempt = opening(&["second"], "second").variable("sql", "INSERT INTO x VALUES (1)");
    let error = attempt.run().error();
    let CallError::Failed { message, .. } = error else { panic!("{error:?}") };
    assert!(message.contains("the connection was given back already"), "{message}");
    assert_eq!(attempt.database.seen("dialect"), "sqlite");
    assert_eq!(attempt.host.second.statements()[0], "INSERT INTO x VALUES (1)");
    assert_eq!((attempt.host.second.open_sessions(), attempt.host.second.open_cursors()), (0, 0));
}

#[test]
fn a_system_that_was_not_declared_is_not_opened() {
    for (uses, system, why) in [
        (&[][..], "second", "the change does not declare it in `uses`"),
        (&["third"], "third", "there is no such system"),
        (&["api"], "api", "it lends no `sandpiper:sql/client`"),
        (&["second"], "\u{1b}[2J", "`\\u{1b}[2J` cannot be opened"),
    ] {
        let error = opening(uses, system).run().error();
        let CallError::Failed { message, .. } = error else { panic!("{error:?}") };
        assert!(message.contains(why), "{message}");
    }
}

#[test]
fn a_transaction_left_open_on_a_further_system_fails_the_change() {
    let mut attempt = Attempt::new(guest("uses"));
    attempt.context.uses.push("second".to_owned());
    attempt.run().done();
    let attempt = Attempt { database: std::sync::Arc::default(), ..attempt }.variable("case", "open");
    let attempt = attempt.variable("system", "second").variable("sql", "BEGIN");
    let CallError::Failed { message, .. } = attempt.run().error() else { panic!("it did not fail") };
    assert!(
        message.contains("left a transaction open") || message.contains("given back already"),
        "{message}"
    );
}

#[test]
fn a_transaction_that_ended_outweighs_what_the_guest_answers() {
    let attempt = Attempt::case("swallow").variable("sql", "COMMIT");
    assert_eq!(attempt.run().error(), CallError::TransactionEnded("by `COMMIT`".to_owned()));
    let after = attempt.database.statements();
    assert_eq!(after.last().map(String::as_str), Some("COMMIT"), "nothing is sent after it");
    assert!(
        attempt.host.lines().iter().any(|line| line.contains("after it: Err")),
        "{:?}",
        attempt.host.lines()
    );
}
