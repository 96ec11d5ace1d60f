//! `--wait`: what is not up yet is waited for, and nothing else.

use std::process::Command;
use std::time::Duration;

use sandpiper_tests::{MARKED, Project};

/// A project whose target system lies in a folder that is not there.
fn project() -> Project {
    let project = Project::new(&MARKED.replace("path: target.db", "path: volume/target.db"));
    project.sql("changes/_0001__A", "a", "CREATE TABLE a (id INTEGER);");
    project
}

#[test]
fn a_target_system_that_comes_up_in_time_is_used() {
    let project = project();
    let mut running = project.start("apply --wait 60s");
    std::thread::sleep(Duration::from_millis(700));
    assert!(!running.has_ended() && !project.has(".sandpiper"), "nothing is done meanwhile");
    std::fs::create_dir(project.path("volume")).unwrap();
    let outcome = running.wait().exits(0);
    for words in ["more for `target`: the folder of", "`target` is up after"] {
        assert!(outcome.stderr.contains(words), "`{words}` is not in\n{outcome}");
    }
    assert_eq!(project.state("a"), "applied");
}

#[test]
fn one_that_does_not_is_named_with_its_last_answer() {
    let project = project();
    for line in ["apply --wait 300ms", "plan --wait 300ms", "apply --dry-run --wait 300ms"] {
        let outcome = project.json(line).exits(7);
        assert_eq!(outcome.error(), "target::unreachable");
        let message = outcome.text("/error/message");
        assert!(
            message.contains("`target` did not come up within 300 ms: ")
                && message.contains("does not exist"),
            "{message}"
        );
        assert!(!project.has(".sandpiper"));
    }
    // Where nothing is pending, no target system is needed.
    project.remove("changes/_0001__A.sql");
    project.json("apply --wait 300ms").exits(0);
    project.json("status --wait 300ms").exits(0);
}

#[test]
fn a_signal_ends_it() {
    for (name, code) in [("TERM", 143), ("INT", 130)] {
        let project = project();
        let running = project.start("apply --wait 100s --format json");
        std::thread::sleep(Duration::from_millis(700));
        let status = Command::new("kill").args(["-s", name, &running.id().to_string()]).status().unwrap();
        assert!(status.success());
        let outcome = running.wait().exits(code);
        assert_eq!(outcome.error(), "interrupted");
        assert!(!project.has(".sandpiper"));
    }
}

#[test]
fn what_is_wrong_for_good_is_not_waited_for() {
    let project = project();
    project.write("changes/_1__Short.sql", "SELECT 1;");
    project.json("apply --wait 20s").exits(2);
    let project = Project::marked();
    project.sql("changes/_0001__A", "a", "CREATE TABLE a (id INTEGER);").write("target.db", "x".repeat(4096));
    let outcome = project.json("apply --wait 20s").exits(7);
    assert!(!outcome.text("/error/message").contains("did not come up"), "{outcome}");
}

#[test]
fn a_duration_is_written_as_everywhere() {
    let project = project();
    for (line, code) in
        [("apply --wait 5", 2), ("apply --wait soon", 2), ("undo a --wait 5s", 2), ("apply --wait 0s", 7)]
    {
        assert_eq!(project.json(line).code, code, "{line}");
    }
}
