//! Guests that take more than they may: each limit has its name.

use sandpiper_runtime::{Limits, Runtime, Settings};

use crate::support::{Attempt, guest, limits};

#[test]
fn memory_is_limited_also_for_a_guest_that_would_go_on_without() {
    for case in ["memory", "memory-grow"] {
        let limit = Attempt::case(case).run().limit();
        assert_eq!(
            limit,
            ("change::memory", "it needs more than 256 MiB of memory (`limits.memory`)".to_owned())
        );
    }
    assert_eq!(Attempt::new(guest("huge_memory")).run().limit().0, "change::memory");
}

#[test]
fn the_arguments_of_a_call_are_limited_before_they_are_copied() {
    let expected = ("change::limit", "one call passes more than 16 MiB (`limits.arguments`)".to_owned());
    assert_eq!(Attempt::case("huge-argument").run().limit(), expected);
    assert_eq!(Attempt::case("checkpoint-huge").run().limit(), expected);
    let attempt = Attempt::case("huge-argument").variable("bytes", 15 << 20);
    attempt.run().done();
    assert_eq!(attempt.database.seen("length"), (15 << 20).to_string());
}

#[test]
fn handles_are_limited() {
    let expected = ("change::limit", "it holds more than 1024 handles at once (`limits.handles`)".to_owned());
    assert_eq!(Attempt::case("cursors").run().limit(), expected);
    let attempt = Attempt::case("cursors").variable("count", 900);
    attempt.run().done();

    let mut attempt = Attempt::case("connections").variable("system", "second");
    attempt.context.uses.push("second".to_owned());
    assert_eq!(attempt.run().limit(), expected);
    assert_eq!(attempt.host.second.open_sessions(), 0, "sessions were left open");
}

#[test]
fn a_batch_of_rows_is_cut_to_its_limit() {
    let attempt = Attempt::case("huge-batch");
    attempt.run().done();
    let rows: usize = attempt.database.seen("batch").parse().unwrap();
    assert!((1_000..100_000).contains(&rows), "{rows} rows");
    assert!(attempt.database.largest_batch() < (4 << 20) + 1000);
}

#[test]
fn a_limit_of_the_session_ends_the_attempt_also_when_the_guest_hides_it() {
    let (code, message) = Attempt::case("swallow").variable("sql", "TOO MUCH").run().limit();
    assert_eq!((code, message.as_str()), ("change::limit", "a row has more than 4 MiB (`limits.batch`)"));
}

#[test]
fn a_log_beyond_its_limit_is_counted_only() {
    for (case, counts) in [("log-flood", 1), ("log-line", 1), ("stdout-flood", 1)] {
        let attempt = Attempt::case(case);
        attempt.run().done();
        let lines = attempt.host.lines();
        let notes = lines
            .iter()
            .filter(|line| line.ends_with("further bytes of log were dropped (`limits.log`)"))
            .count();
        assert_eq!(notes, counts, "{case}");
        assert!(lines.last().unwrap().ends_with("(`limits.log`)"), "{case}");
        let bytes: usize = lines.iter().map(String::len).sum();
        assert!(bytes > 1 << 20 && bytes < 8 << 20, "{case}: {bytes}");
    }
}

#[test]
fn a_limit_is_told_as_it_is_set() {
    let limits = Limits { memory: 2 << 20, handles: 20, ..limits() };
    let runtime: &'static Runtime = Box::leak(Box::new(Runtime::new(Settings { cache_dir: None, limits })));
    let lib = guest("lib");
    let component = runtime.load(lib.bytes().clone(), lib.digest()).unwrap();
    let run = |case: &str| {
        let mut attempt = Attempt::new(component.clone()).variable("case", case);
        attempt.runtime = runtime;
        attempt.run()
    };
    run("normal").done();
    assert!(run("memory").limit().1.contains("2 MiB"));
    assert!(run("cursors").limit().1.contains("20 handles"));
}
