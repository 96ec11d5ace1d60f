//! Guests that take more than they may: each ends with an error that names the limit and its setting.

use std::process::Command;

use crate::{ID, apply, case, with};
use sandpiper_tests::{Project, Running, binary, environment};

#[track_caller]
fn limited(project: &Project, settings: &str, code: &str, setting: &str) {
    let outcome = apply(project, settings).exits(1);
    assert_eq!(
        (outcome.error(), outcome.of(ID, "outcome")),
        (code.into(), "rolled-back".into()),
        "{outcome}"
    );
    let told = format!("{} {}", outcome.text("/error/message"), outcome.text("/error/help"));
    assert!(told.contains(setting), "`{setting}` is not named\n{outcome}");
    assert!(project.tables().is_empty(), "something is left: {:?}", project.tables());
}

#[test]
fn an_endless_guest_ends_at_its_deadline() {
    let project = with(Project::shared(), "cases");
    project.write("sandpiper.yaml", project.read("sandpiper.yaml").replace("20s", "1s"));
    limited(&project, "case=endless", "change::deadline", "limits.deadline");
    limited(&project, "case=slow-statement", "change::deadline", "limits.deadline");
    limited(&project, "case=sleep milliseconds=3600000", "change::deadline", "limits.deadline");
}

#[test]
fn memory_is_limited() {
    for name in ["memory", "memory-grow"] {
        limited(
            &with(Project::shared(), "cases"),
            &format!("case={name}"),
            "change::memory",
            "limits.memory",
        );
    }
}

#[test]
fn handles_and_arguments_are_limited() {
    let project = with(Project::shared(), "cases");
    limited(&project, "case=cursors", "change::limit", "limits.handles");
    limited(&project, "case=huge-argument", "change::limit", "limits.arguments");
}

#[test]
fn a_large_result_comes_in_batches() {
    let (project, outcome) = case("huge-batch count=200000");
    outcome.exits(0);
    let rows: u64 = project.rows("SELECT seen FROM guest_seen WHERE name = 'batch'")[0].parse().unwrap();
    assert!(rows > 1_000 && rows < 200_000, "{rows}");
}

#[test]
fn a_flood_of_lines_is_counted_and_steers_no_terminal() {
    for name in ["log-flood", "log-line", "stdout-flood", "stdout"] {
        let project = with(Project::shared(), "cases");
        let outcome = project.run(&format!("apply -vv --set case={name}")).exits(0);
        let printed = outcome.stdout.len() + outcome.stderr.len();
        assert!(printed < 16 << 20, "{printed} bytes were printed");
        let steers = |c: char| c.is_control() && !['\n', '\t'].contains(&c);
        assert!(
            !outcome.stderr.contains(steers) && !outcome.stdout.contains(steers),
            "{name}: a control character was printed"
        );
    }
}

#[test]
fn a_huge_message_is_cut_and_steers_no_terminal() {
    let (project, outcome) = case("huge-message");
    let outcome = outcome.exits(1);
    assert!(outcome.stdout.len() < 1 << 20, "{} bytes were printed", outcome.stdout.len());
    let shown = project.run("apply --set case=huge-message").exits(1);
    assert!(!shown.stdout.contains('\u{1b}') && !shown.stderr.contains('\u{1b}'));
    let audit = project.json("audit list --history").exits(0);
    assert!(audit.stdout.len() < 1 << 20, "{} bytes were kept", audit.stdout.len());
}

#[test]
fn many_calls_are_counted() {
    let (project, outcome) = case("calls count=500");
    outcome.exits(0);
    let calls = project.json(&format!("audit show {ID}")).exits(0).at("/entry/calls");
    assert!(calls.as_u64().is_some_and(|calls| (500..520).contains(&calls)), "{calls}");
}

#[test]
fn values_of_every_kind_go_and_come_back() {
    for settings in
        ["values", "cursor", "many", "two-cursors", "cursor-past-end", "leaked-cursor", "write-while-reading"]
    {
        case(settings).1.exits(0);
    }
}

#[test]
fn a_guest_finds_no_way_out_of_its_sandbox() {
    let project = with(Project::shared(), "sandbox");
    project.write("changes/beside.txt", "not for guests");
    let outcome = project.json("apply").exits(0);
    let allowed: Vec<String> = project
        .rows("SELECT name FROM guest_seen WHERE seen = 'allowed'")
        .into_iter()
        .filter(|name| !name.starts_with("clock") && !name.starts_with("random"))
        .collect();
    assert!(allowed.is_empty(), "{allowed:?}\n{outcome}");
}

/// Guests have their memory from a pool, which takes many addresses; where those are bounded, it is mapped for each.
#[test]
fn a_bound_on_addresses_stops_no_guest() {
    let project = with(Project::shared(), "cases");
    let mut command = Command::new("sh");
    // 48 GiB, less than the pool takes.
    command.args(["-c", "ulimit -v 50331648; exec \"$0\" apply --set case=nothing"]).arg(binary());
    command.current_dir(project.folder()).env_clear().envs(environment());
    Running::spawn(command).wait().exits(0);
}
