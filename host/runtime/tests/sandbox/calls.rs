//! Calls as changes make them: values, cursors, failures, verdicts, what the context says.

use sandpiper_runtime::guest::{Action, Answer, Call, CallError, Level, Step, Verdict};
use sandpiper_runtime::{Runtime, Settings};

use crate::support::{Attempt, guest, limits};

#[test]
fn a_change_runs_and_its_calls_are_counted() {
    let attempt = Attempt::case("normal");
    let ended = attempt.run();
    assert_eq!((ended.answer, ended.calls), (Ok(Answer::Done), 5), "{:?}", attempt.database.statements());
    assert_eq!(attempt.database.statements().len(), 4);
    assert_eq!(attempt.host.lines(), ["guest_rows holds 2 rows"]);
}

#[test]
fn every_kind_of_value_crosses_the_border_both_ways() {
    let attempt = Attempt::case("values");
    attempt.run().done();
    for (column, seen) in [
        ("0.c0", "true"),
        ("0.c1", "-9223372036854775808"),
        ("0.c2", "0.1"),
        ("0.c3", "12345678901234567890.0123456789"),
        ("0.c4", "🐦"),
        ("0.c5", "[0, 255, 128]"),
        ("0.c6", "0191e6b2-6d3c-7c4e-8f00-0123456789ab"),
        ("0.c7", "2026-02-28"),
        ("0.c8", "23:59:59"),
        ("0.c9", "2026-02-28T23:59:59"),
        ("0.c10", "{\\\"a\\\": [1, null]}"),
        ("1.c0", "Null"),
    ] {
        let name = if column == "0.c0" || column == "1.c0" {
            column.replace("c0", "one")
        } else {
            column.to_owned()
        };
        let value = attempt.database.seen(&name);
        assert!(value.contains(seen), "{column}: {value} does not hold {seen}");
    }
}

#[test]
fn many_rows_go_in_with_one_call_and_come_out_in_batches() {
    let attempt = Attempt::case("cursor").variable("count", 100);
    attempt.run().done();
    let seen = ["affected", "rows", "sum"].map(|name| attempt.database.seen(name));
    assert_eq!(seen, ["100", "100", "5050"]);
}

#[test]
fn a_failure_is_transient_when_the_guest_says_so_or_a_system_gave_up() {
    let execute = |sql: &str| Attempt::case("execute").variable("sql", sql).run();
    assert!(Attempt::case("transient").run().transient);
    let gave_up = execute("INSERT INTO locked VALUES (1)");
    assert!(
        gave_up.transient && matches!(gave_up.answer, Err(CallError::Failed { .. })),
        "{:?}",
        gave_up.answer
    );
    assert!(!execute("INSERT INTO no_such_table VALUES (1)").transient);
    assert!(!Attempt::case("failed").run().transient);
    assert!(!Attempt::case("normal").run().transient);
}

#[test]
fn a_guests_failure_is_what_it_says() {
    let error = |case: &str| Attempt::case(case).run().error();
    assert_eq!(error("precondition"), CallError::Precondition("the guest wants another database".to_owned()));
    assert_eq!(error("failed"), CallError::Failed { message: "the guest gave up".to_owned(), place: None });
    assert_eq!(error("transient"), CallError::Transient("the guest hopes for better times".to_owned()));
    assert_eq!(error("irreversible"), CallError::Irreversible("the old values are gone".to_owned()));
    let CallError::Failed { message, .. } = error("refused") else { panic!("it did not fail") };
    assert!(message.contains("no such table: no_such_table (1)"), "{message}");
    let CallError::Failed { place: Some(place), .. } = Attempt::new(guest("failed_at")).run().error() else {
        panic!("it did not fail at a place")
    };
    assert!(place.pointer.starts_with('/'), "{place:?}");
}

#[test]
fn a_guests_failure_is_bounded_and_made_safe() {
    let CallError::Failed { message, .. } = Attempt::case("huge-message").run().error() else {
        panic!("it did not fail")
    };
    assert!(message.starts_with(r"\u{1b}[31mred") && message.ends_with("further bytes were cut]"));
    assert!(!message.chars().any(|character| character.is_control() && character != '\n'));
    assert!(message.len() < 256 << 10);
}

#[test]
fn a_trap_tells_the_last_words_of_the_guest() {
    let why = Attempt::case("trap-after-write").run().trap();
    assert!(why.contains("it last wrote: ") && why.ends_with("the guest panics as the case says"), "{why}");
    assert_eq!(Attempt::case("exit").run().trap(), "it called exit, with status 1");
    assert_eq!(Attempt::case("exit-success").run().trap(), "it called exit, with status 0");
    // Rust's own stack, in the guest's memory, ends before that of wasm does.
    assert_eq!(Attempt::case("recursion").run().trap(), "out of bounds memory access");
}

#[test]
fn every_call_has_a_guest_of_its_own() {
    // Its own, so that each guest gets the memory of the one before.
    let settings = Settings { cache_dir: None, limits: limits() };
    let runtime: &'static Runtime = Box::leak(Box::new(Runtime::new(settings)));
    let lib = guest("lib");
    let component = runtime.load(lib.bytes().clone(), lib.digest()).unwrap();
    let calls = || {
        for _ in 0..30 {
            let mut attempt = Attempt::case("remember");
            (attempt.runtime, attempt.component) = (runtime, component.clone());
            attempt.run().done();
            assert_eq!(attempt.host.lines(), ["this guest was called 0 times before"]);
        }
    };
    calls();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(calls);
        }
    });
}

#[test]
fn a_rollback_is_another_call() {
    let mut attempt = Attempt::case("failed");
    attempt.call = Call::Rollback;
    attempt.run().done();
    assert!(attempt.database.statements()[0].starts_with("DROP TABLE"));
}

#[test]
fn verify_gives_a_verdict() {
    let verify = |verdict: &str| {
        let mut attempt = Attempt::new(guest("verify")).variable("verdict", verdict);
        attempt.call = Call::Verify;
        attempt.run()
    };
    for (name, verdict) in [
        ("applied", Verdict::Applied),
        ("not-applied", Verdict::NotApplied),
        ("partly-applied", Verdict::PartlyApplied),
        ("unknown", Verdict::Unknown),
    ] {
        assert_eq!(verify(name).answer, Ok(Answer::Verdict(verdict)));
    }
    assert!(matches!(verify("failed").error(), CallError::Failed { .. }));
    verify("trap").trap();
}

#[test]
fn a_template_runs_a_step_on_the_target() {
    let mut attempt = Attempt::new(guest("plugin-sql"));
    attempt.call = Call::Step(Step {
        action: Action::Apply,
        index: 0,
        target_kind: "sqlite".to_owned(),
        configuration: "null".to_owned(),
        payload: "\"CREATE TABLE x (id INTEGER)\"".to_owned(),
        finished_statements: 0,
    });
    attempt.run().done();
    assert!(
        attempt.database.statements()[0].starts_with("CREATE TABLE x"),
        "{:?}",
        attempt.database.statements()
    );
}

#[test]
fn the_context_tells_the_facts_of_the_attempt() {
    let mut attempt = Attempt::case("context");
    attempt.context.tenant = Some("acme".to_owned());
    attempt.context.attempt = 3;
    *attempt.host.checkpoint.lock().unwrap() = Some(b"saved".to_vec());
    attempt.run().done();
    let seen = |name: &str| attempt.database.seen(name);
    assert_eq!((seen("idempotency-key"), seen("attempt")), ("key-1".to_owned(), "3".to_owned()));
    assert_eq!((seen("tenant"), seen("case")), ("Some(\"acme\")".to_owned(), "Some(\"context\")".to_owned()));
    assert_eq!((seen("unset"), seen("cancelled")), ("None".to_owned(), "false".to_owned()));
    assert_eq!((seen("checkpoint"), seen("dialect")), (format!("{:?}", Some(b"saved")), "sqlite".to_owned()));
}

#[test]
fn a_guest_goes_on_after_its_checkpoint() {
    let mut attempt = Attempt::case("steps").variable("fail-at", 4);
    assert!(matches!(attempt.run().error(), CallError::Failed { .. }));
    assert_eq!(attempt.host.checkpoint.lock().unwrap().as_deref(), Some(b"4".as_slice()));
    attempt.context.attempt = 2;
    attempt.run().done();
    assert_eq!(attempt.host.progress.lock().unwrap().first(), Some(&(1, 10)));
    assert_eq!(attempt.host.progress.lock().unwrap().last(), Some(&(10, 10)));
    let inserts =
        attempt.database.statements().iter().filter(|sql| sql.starts_with("INSERT INTO guest_steps")).count();
    assert_eq!(inserts, 10, "no step ran twice");
}

#[test]
fn log_lines_have_their_level() {
    let attempt = Attempt::case("levels");
    attempt.run().done();
    let levels: Vec<Level> = attempt.host.lines.lock().unwrap().iter().map(|(level, _)| *level).collect();
    assert_eq!(levels, [Level::Trace, Level::Debug, Level::Info, Level::Warn, Level::Error]);
}

#[test]
fn a_lost_connection_is_the_guests_to_tell() {
    let error = Attempt::case("execute").variable("sql", "LOST").run().error();
    assert_eq!(error, CallError::Transient("the connection was lost: the server went away".to_owned()));
}
