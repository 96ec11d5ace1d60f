//! Processes that are killed while a request is under way: the next run knows which step is in doubt.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use sandpiper::conformance::http::Reply;
use sandpiper_tests::{Api, Project, Running, Things, binary_with_crash_points, environment, words};

use crate::{CREATE, change, project};

/// An API that keeps things, and is silent while it is told to be: after it has done what it was asked.
fn slow() -> (Api, Things, Arc<AtomicBool>) {
    let (things, is_silent) = (Things::new(), Arc::new(AtomicBool::new(true)));
    let (serving, silent) = (things.clone(), is_silent.clone());
    let api = Api::start(move |request, _| {
        let reply = serving.answer(request);
        if silent.load(Ordering::SeqCst) && request.method != "GET" { Reply::Silence } else { reply }
    });
    (api, things, is_silent)
}

fn wait_for(api: &Api, count: usize) {
    let since = Instant::now();
    while api.arrived().len() < count {
        assert!(since.elapsed() < Duration::from_secs(60), "nothing arrived");
        std::thread::sleep(Duration::from_millis(5));
    }
}

const TWO: &str = "\
steps:
  - apply: { method: GET, path: items }
    rollback: { method: GET, path: items }
  - apply: { method: POST, path: items, body: { name: mail }, capture: { id: /data/id } }
    rollback: { method: DELETE, path: \"items/${captured.id}\" }";

#[test]
fn a_kill_during_a_request_leaves_an_issue_that_names_the_step_in_doubt() {
    let (api, things, is_silent) = slow();
    let project = project(&api.url("/base/"), "");
    change(&project, 1, "two", TWO);
    let running = project.start("apply --format json");
    wait_for(&api, 2);
    drop(running.kill());
    assert_eq!(things.count(), 1, "nobody was told");
    is_silent.store(false, Ordering::SeqCst);
    let blocked = project.json("apply").exits(4);
    assert_eq!(blocked.of("two", "outcome"), "blocked");
    assert_eq!(things.count(), 1, "nothing runs without a person");
    let issue = project.json("issue show two").exits(0);
    assert_eq!(
        (issue.at("/issues/0/last_step"), issue.at("/issues/0/doubtful_step")),
        (1.into(), 2.into()),
        "{issue}"
    );
    assert_eq!(issue.at("/issues/0/state"), "started");
    // A person has looked, and removed what was there.
    project.run("issue resolve two --rolled-back --reason looked").exits(0);
    project.applied();
    assert_eq!(things.count(), 2);
    assert_eq!(project.json("audit verify").exits(0).at("/valid"), true);
}

#[test]
fn a_change_goes_on_after_the_step_that_a_person_names() {
    let (api, things, is_silent) = slow();
    let project = project(&api.url("/base/"), "");
    change(&project, 1, "two", TWO);
    let running = project.start("apply");
    wait_for(&api, 2);
    drop(running.kill());
    is_silent.store(false, Ordering::SeqCst);
    project.json("issue resolve two --resume --after 3 --reason looked").exits(2);
    project.json("issue resolve two --resume --after 2 --reason looked").exits(0);
    project.applied();
    assert_eq!((things.count(), api.arrived().len()), (1, 2), "it was done, says the person");
}

#[test]
fn the_requests_of_one_step_are_counted_too() {
    let (api, things, is_silent) = slow();
    is_silent.store(false, Ordering::SeqCst);
    let project = project(&api.url("/base/"), "");
    let list = "apply:\n  - { method: POST, path: items, body: { n: 1 }, capture: { id: /data/id } }\n  - { method: PUT, path: \
                \"items/${captured.id}\", body: { n: 2 }, expect: { status: 299 } }\n";
    change(&project, 1, "list", list);
    project.json("apply").exits(4);
    let issue = project.json("issue show list").exits(0);
    assert_eq!(
        (issue.at("/issues/0/last_step"), issue.at("/issues/0/doubtful_step")),
        (1.into(), 2.into()),
        "{issue}"
    );
    for after in ["3", "1"] {
        let code = if after == "3" { 2 } else { 0 };
        project.json(&format!("issue resolve list --resume --after {after} --reason looked")).exits(code);
    }
    change(&project, 1, "list", &list.replace("299", "200"));
    let edited = project.json("apply").exits(4);
    assert!(edited.stdout.contains("edited"), "{edited}");
    change(&project, 1, "list", list);
    project.json("apply").exits(4);
    assert_eq!(api.lines(), ["POST /base/items", "PUT /base/items/1", "PUT /base/items/1"]);
    assert_eq!(things.count(), 1);
}

#[test]
fn verify_settles_what_a_kill_left_in_doubt() {
    let (api, things, is_silent) = slow();
    let project = project(&api.url("/base/"), "");
    let by_list = CREATE.replace(
        "path: items/${captured.id}\n  expect: { json: { /name: mail } }",
        "path: items\n  expect: { json: { /0/name: mail } }",
    );
    change(&project, 1, "mail", &by_list);
    let running = project.start("apply");
    wait_for(&api, 1);
    drop(running.kill());
    is_silent.store(false, Ordering::SeqCst);
    let recovered = project.json("apply").exits(0);
    assert_eq!(recovered.of("mail", "outcome"), "recovered");
    assert_eq!(things.count(), 1);
}

#[test]
fn a_signal_ends_a_request_that_is_under_way() {
    let (api, _, _) = slow();
    let project = project(&api.url("/base/"), "");
    project.configure("limits: { grace: 200ms }");
    change(&project, 1, "one", "apply: { method: POST, path: items, body: { name: mail } }");
    let running = project.start("apply --format json");
    wait_for(&api, 1);
    let told = Command::new("kill").args(["-TERM", &running.id().to_string()]).status().unwrap();
    assert!(told.success());
    let stopped = running.wait().exits(4);
    assert_eq!(stopped.of("one", "outcome"), "failed", "{stopped}");
    assert_eq!(project.json("issue show one").exits(0).at("/issues/0/doubtful_step"), 1);
    assert_eq!(project.json("lock status").exits(0).at("/locks/0/held"), false);
}

fn with_crash_points(project: &Project, line: &str, variables: &[(&str, &str)]) -> sandpiper_tests::Outcome {
    let mut command = Command::new(binary_with_crash_points());
    command.args(words(line)).current_dir(project.folder()).env_clear().envs(environment());
    command.envs(variables.iter().copied());
    Running::spawn(command).wait()
}

/// Killed at every point of an attempt: what is `applied` is there, what is not known is blocked, and nothing is made
/// twice without a person.
#[test]
fn a_kill_at_any_point_makes_nothing_twice() {
    let begun = || {
        let (api, things, is_silent) = slow();
        is_silent.store(false, Ordering::SeqCst);
        let project = project(&api.url("/base/"), "");
        change(&project, 1, "mail", CREATE);
        (api, things, project)
    };
    let (_api, _things, project) = begun();
    let list = project.path("../points");
    with_crash_points(&project, "apply", &[("SANDPIPER_CRASH_LIST", list.to_str().unwrap())]).exits(0);
    let points = std::fs::read_to_string(&list).unwrap();
    let points: Vec<&str> = points.lines().collect();
    assert!(
        points.iter().any(|point| point.contains("mark"))
            && points.iter().any(|point| point.contains("checkpoint")),
        "{points:?}"
    );
    for point in points {
        let (api, things, project) = begun();
        with_crash_points(
            &project,
            "apply",
            &[("SANDPIPER_CRASH_AT", point), ("SANDPIPER_CRASH_SIGNAL", "KILL")],
        );
        let next = project.json("apply");
        let posts = api.lines().iter().filter(|line| line.starts_with("POST")).count();
        assert!(posts <= 1 && things.count() == posts, "{point}: {:?}", api.lines());
        match next.code {
            0 => assert_eq!(things.count(), 1, "{point}: `applied` means that it is there\n{next}"),
            4 => assert_eq!(next.of("mail", "outcome"), "blocked", "{point}"),
            other => panic!("{point}: {other}\n{next}"),
        }
        if next.code == 0 && next.of("mail", "outcome") != "recovered" {
            project.json("undo mail").exits(0);
            assert_eq!(things.count(), 0, "{point}: what was captured takes it back");
        }
        assert_eq!(project.json("audit verify").exits(0).at("/valid"), true, "{point}");
    }
}
