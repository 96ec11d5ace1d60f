//! `exec`: applies, then becomes a command.

use std::process::Command;
use std::time::{Duration, Instant};

use sandpiper_tests::{Project, component};

#[test]
fn the_command_takes_the_place_of_the_process_once_all_is_applied() {
    let project = Project::shared();
    project.sql("changes/_0001__A", "a", "CREATE TABLE a (id INTEGER);");
    let running = project.start("exec -- sh -c 'echo $$; test -f target.db && exit 9'");
    let id = running.id();
    let outcome = running.wait().exits(9);
    assert_eq!(outcome.stdout, format!("{id}\n"), "standard output is the command's\n{outcome}");
    assert!(outcome.stderr.contains("1 applied"), "{outcome}");
    assert_eq!(project.state("a"), "applied");
    assert_eq!(project.json("lock status").exits(0).at("/locks/0/held"), false);
}

#[test]
fn a_signal_that_ends_the_command_ends_the_process() {
    let project = Project::shared();
    project.run("exec -- sh -c 'kill -TERM $$'").exits(-15);
}

#[test]
fn the_command_inherits_no_file_no_handler_and_the_environment_as_it_was() {
    let mut project = Project::marked();
    project.set_variable("GREETING", "hello");
    project.sql("changes/_0001__A", "a", "CREATE TABLE a (id INTEGER);");
    let files = project.run("exec -- ls -l /proc/self/fd").exits(0);
    for file in ["target.db", ".sandpiper", "socket:", "anon_inode"] {
        assert!(!files.stdout.contains(file), "{file} is open in\n{files}");
    }
    assert_eq!(project.run("exec -- printenv GREETING").exits(0).stdout, "hello\n");
    let signals = |status: &str| -> Vec<u64> {
        let masks = status.lines().filter(|line| {
            line.starts_with("SigBlk") || line.starts_with("SigIgn") || line.starts_with("SigCgt")
        });
        let masks = masks.map(|line| u64::from_str_radix(line[7..].trim(), 16).unwrap());
        // Above are those that the C library keeps to itself.
        masks.map(|mask| mask & 0x7fff_ffff).collect()
    };
    let seen = project.run("exec -- cat /proc/self/status").exits(0);
    let plain = Command::new("cat").arg("/proc/self/status").output().unwrap();
    let plain = String::from_utf8(plain.stdout).unwrap();
    assert_eq!((signals(&seen.stdout), 3), (signals(&plain), signals(&plain).len()), "{seen}");
}

#[test]
fn when_a_change_fails_the_command_does_not_start() {
    let project = Project::shared();
    project.sql("changes/_0001__A", "a", "INSERT INTO nowhere VALUES (1);");
    let outcome = project.run("exec -- echo started").exits(1);
    assert_eq!(outcome.stdout, "", "{outcome}");
    assert!(outcome.stderr.contains("no such table"), "{outcome}");
    let outcome = project.run("exec --start-anyway -- echo started").exits(0);
    assert_eq!(outcome.stdout, "started\n");
    assert!(outcome.stderr.contains("the command starts anyway"), "{outcome}");
    project.write("sandpiper.yaml", "nonsense: true\n");
    assert_eq!(project.run("exec -- echo started").exits(2).stdout, "");
}

#[test]
fn for_a_command_that_cannot_start_nothing_is_applied() {
    let project = Project::shared();
    project.sql("changes/_0001__A", "a", "CREATE TABLE a (id INTEGER);");
    project.write("text", "no program");
    for (line, code) in
        [("no-such-command", 127), ("./no/such/command", 127), ("./text", 126), ("./changes", 126)]
    {
        let outcome = project.run(&format!("exec -- {line} --an-argument")).exits(code);
        assert!(outcome.stdout.is_empty() && outcome.stderr.contains("nothing was applied"), "{outcome}");
    }
    assert!(!project.has("target.db"));
    project.run("exec").exits(2);
}

#[test]
fn what_is_told_to_stop_does_not_become_the_command() {
    let project = Project::shared();
    project.write("changes/_0001__Guest.wasm", component("cases"));
    let running = project.start("exec --start-anyway --set case=wait-for-cancel -- echo started");
    let since = Instant::now();
    while project.json("status").at("/stages/0/changes/0/state") != "started" {
        assert!(since.elapsed() < Duration::from_secs(60), "it does not start");
    }
    let told = Command::new("kill").args(["-s", "TERM", &running.id().to_string()]).status().unwrap();
    assert!(told.success());
    let outcome = running.wait().exits(143);
    assert_eq!(outcome.stdout, "", "{outcome}");
    assert_eq!(project.json("lock status").exits(0).at("/locks/0/held"), false);
}
