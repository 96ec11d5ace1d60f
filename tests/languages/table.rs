//! The table: a row is a case, and what is expected of it in every language. Where one cannot do it, its row says what it
//! does instead.

use sandpiper_tests::{LANGUAGES, SOURCES, open};

use crate::{ID, applied, apply, seen};

/// How a case that does not succeed ends.
struct Failure {
    case: &'static str,
    code: &'static str,
    /// A part of the message.
    message: &'static str,
    /// Languages in which it ends otherwise, and how.
    but: &'static [(&'static str, &'static str, &'static str)],
}

const FAILURES: &[Failure] = &[
    Failure {
        case: "precondition",
        code: "change::failed",
        message: "a precondition did not hold: as the case says",
        but: &[],
    },
    Failure { case: "failed", code: "change::failed", message: "as the case says", but: &[] },
    Failure { case: "failed-after-write", code: "change::failed", message: "as the case says", but: &[] },
    Failure { case: "transient", code: "change::failed", message: "as the case says", but: &[] },
    Failure { case: "irreversible", code: "change::failed", message: "as the case says", but: &[] },
    Failure {
        case: "refused",
        code: "change::failed",
        message: "no such table: no_such_table (SQLITE_ERROR)",
        but: &[],
    },
    Failure {
        case: "one-of-many",
        code: "change::failed",
        message: "the query was to find one row and found more",
        but: &[],
    },
    Failure {
        case: "required",
        code: "change::failed",
        message: "a precondition did not hold: variable `no-such-variable` is not set; set it in `variables:` or with --set",
        but: &[],
    },
    Failure { case: "undeclared", code: "change::failed", message: "the host refused this: ", but: &[] },
    Failure { case: "unknown", code: "change::failed", message: "there is no case `unknown`", but: &[] },
    Failure {
        case: "trap",
        code: "change::trap",
        message: "",
        // Nothing in JavaScript ends the engine: what nobody catches is a failure.
        but: &[
            ("javascript", "change::failed", "TypeError: "),
            ("javascript-source", "change::failed", "TypeError: "),
        ],
    },
];

/// Runs the rows of the table for one language.
fn behaves(language: &str) {
    assert!(LANGUAGES.contains(&language) || SOURCES.iter().any(|(source, _)| *source == language));
    creates_inserts_and_reads(language);
    keeps_every_kind_of_value(language);
    reads_with_a_cursor(language);
    fails_in_every_way(language);
    goes_on_after_its_checkpoint(language);
    tells_whether_it_is_applied(language);
    reads_a_second_system(language);
    knows_its_attempt(language);
    logs_and_tells_its_progress(language);
    ends_at_its_limits(language);
}

fn creates_inserts_and_reads(language: &str) {
    let (project, outcome) = applied(language, "case=normal");
    assert_eq!(outcome.exits(0).of(ID, "mode"), "direct");
    assert_eq!(
        project.rows("SELECT id || ' ' || coalesce(note, 'null') FROM case_rows"),
        ["1 first", "2 null"]
    );
    assert_eq!(seen(&project), ["rows: 2"]);
    // It says that nothing was written, but whether that holds for the second system is not known.
    let refused = project.json(&format!("undo {ID} --set rollback=irreversible")).exits(4);
    assert!(refused.to_string().contains("as the case says"), "{refused}");
    project.json(&format!("issue resolve {ID} --applied --reason seen")).exits(0);
    assert_eq!(project.tables(), ["case_rows", "case_seen"]);
    project.json(&format!("undo {ID}")).exits(0);
    assert_eq!(project.tables(), [""; 0]);
}

fn keeps_every_kind_of_value(language: &str) {
    let (project, outcome) = applied(language, "case=values");
    outcome.exits(0);
    let expected = [
        "a: integer 1",
        "b: integer -9223372036854775808",
        "c: double 0.1",
        "d: text 12345678901234567890.0123456789",
        "e: text gr\u{fc}n \u{1f426} 'quoted' \\ ?",
        "f: bytes 00ff80",
        "g: text 0191e6b2-6d3c-7c4e-8f00-0123456789ab",
        "h: text 2026-02-28",
        "i: text 23:59:59",
        "j: text 2026-02-28T23:59:59",
        "k: text {\"a\": [1, null]}",
        "l: text (1,2)",
        "m: null",
    ];
    assert_eq!(seen(&project), expected, "{language}");
}

fn reads_with_a_cursor(language: &str) {
    let (project, outcome) = applied(language, "case=cursor");
    outcome.exits(0);
    assert_eq!(seen(&project), ["cursor: 1200 1200 720600"], "{language}");
}

fn fails_in_every_way(language: &str) {
    for Failure { case, code, message, but } in FAILURES {
        let other = but.iter().find(|(other, ..)| *other == language);
        let (code, message) = other.map_or((*code, *message), |(_, code, message)| (*code, *message));
        let (project, outcome) = applied(language, &format!("case={case}"));
        let outcome = outcome.exits(1);
        let ended = (outcome.error(), outcome.of(ID, "outcome"));
        assert_eq!(ended, (code.to_owned(), "rolled-back".to_owned()), "{language}: {outcome}");
        assert!(outcome.text("/error/message").contains(message), "{language}, {case}: {outcome}");
        assert!(project.tables().is_empty(), "{language}, {case}: {:?}", project.tables());
        // What is transient is tried again, and nothing else.
        let attempts = if *case == "transient" { 2 } else { 1 };
        assert_eq!(outcome.change(ID)["attempts"], attempts, "{language}, {case}: {outcome}");
    }
}

fn goes_on_after_its_checkpoint(language: &str) {
    let (project, outcome) = applied(language, "case=steps stop=yes rollback=failed");
    assert_eq!(outcome.exits(4).of(ID, "outcome"), "rollback-failed");
    project.json(&format!("issue resolve {ID} --resume --reason again")).exits(0);
    apply(&project, "case=steps rollback=failed").exits(0);
    let steps = project.rows("SELECT group_concat(step || '@' || attempt, ' ') FROM case_steps");
    assert_eq!(steps, ["1@1 2@1 3@1 4@2 5@2 6@2"], "{language}");
}

fn tells_whether_it_is_applied(language: &str) {
    let (project, outcome) = applied(language, "case=normal");
    outcome.exits(0);
    assert_eq!(project.json("status --verify").exits(0).at("/drift"), serde_json::json!([]), "{language}");
    for verdict in ["not-applied", "partly-applied", "unknown"] {
        let drift = project.json(&format!("status --verify --set verdict={verdict}")).exits(0);
        assert_eq!(drift.text("/drift/0/verdict"), verdict, "{language}: {drift}");
    }
    let connection = open(&project.path("target.db"));
    connection.execute_batch("DROP TABLE case_rows").unwrap();
    assert_eq!(
        project.json("status --verify").exits(0).text("/drift/0/verdict"),
        "not-applied",
        "{language}"
    );
}

fn reads_a_second_system(language: &str) {
    let project = sandpiper_tests::language_project(language);
    let second = rusqlite::Connection::open(project.path("second.db")).unwrap();
    second.execute_batch("CREATE TABLE there (id INTEGER, note TEXT); INSERT INTO there VALUES (7, 'from there'), (8, NULL)").unwrap();
    drop(second);
    apply(&project, "case=uses").exits(0);
    assert_eq!(
        project.rows("SELECT id || ' ' || coalesce(note, 'null') FROM case_rows"),
        ["7 from there", "8 null"],
        "{language}"
    );
}

fn knows_its_attempt(language: &str) {
    let (project, outcome) = applied(language, "case=context");
    outcome.exits(0);
    let expected = [
        "attempt: 1",
        "cancelled: no",
        "checkpoint: none",
        "dialect: sqlite",
        "key: long",
        "tenant: none",
        "unset: none",
    ];
    assert_eq!(seen(&project), expected, "{language}");
}

fn logs_and_tells_its_progress(language: &str) {
    let project = sandpiper_tests::language_project(language);
    let logged = project.run("apply -v --set case=log").exits(0);
    for line in ["level info", "level warn", "level error", "a line that was printed"] {
        assert!(logged.to_string().contains(line), "{language}: {line} is not in\n{logged}");
    }
    let (_, outcome) = applied(language, "case=progress");
    outcome.exits(0);
}

fn ends_at_its_limits(language: &str) {
    let project = sandpiper_tests::language_project(language);
    let configuration =
        project.read("sandpiper.yaml").replace("deadline: 120s", "deadline: 2s, memory: 128MiB");
    project.write("sandpiper.yaml", configuration);
    let outcome = apply(&project, "case=endless").exits(1);
    assert_eq!(outcome.error(), "change::deadline", "{language}: {outcome}");
    let project = sandpiper_tests::language_project(language);
    let configuration =
        project.read("sandpiper.yaml").replace("deadline: 120s", "deadline: 100s, memory: 128MiB");
    project.write("sandpiper.yaml", configuration);
    let outcome = apply(&project, "case=memory").exits(1);
    assert_eq!(outcome.error(), "change::memory", "{language}: {outcome}");
}

#[test]
fn rust_behaves_as_every_language() {
    behaves("rust");
}

#[test]
fn javascript_behaves_as_every_language() {
    behaves("javascript");
}

#[test]
fn a_source_file_in_javascript_behaves_as_every_language() {
    behaves("javascript-source");
}

#[test]
fn a_source_file_in_python_behaves_as_every_language() {
    // What is the SDK's own is shown by the component; here it is about the plugin.
    creates_inserts_and_reads("python-source");
    keeps_every_kind_of_value("python-source");
    goes_on_after_its_checkpoint("python-source");
    tells_whether_it_is_applied("python-source");
    reads_a_second_system("python-source");
}

#[test]
fn python_behaves_as_every_language() {
    behaves("python");
}

#[test]
fn go_behaves_as_every_language() {
    behaves("go");
}

#[test]
fn c_behaves_as_every_language() {
    behaves("c");
}
