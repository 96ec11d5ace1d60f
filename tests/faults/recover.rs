//! What must hold after a run was disturbed: the next one puts it right, with a person only where the table of recovery
//! asks for one, and nothing is untrue at the end.

use std::collections::BTreeMap;

use sandpiper_tests::Project;
use serde_json::Value;

use crate::scene::Scene;
use crate::stories::{Person, Story};

/// Lets others go on where a run was disturbed, and sees that all of it ends well.
pub(crate) fn recover(story: &Story, project: &Scene) {
    // Each round is a run, and a person where one is needed.
    for round in 0.. {
        assert!(round < 4, "it never ends well");
        let before = story.parts_of(project);
        let outcome = project.run(story.line);
        match outcome.code {
            0 => break,
            // On a busy machine a lease of a second may be over before it is renewed; the next run goes on.
            5 if has_short_lease(project) => {}
            1 if story.code == 1 => story.mend.expect("what fails can be mended")(project),
            4 => {
                assert_eq!(story.parts_of(project), before, "what is blocked was run:\n{outcome}");
                let doubtful = in_doubt(project);
                assert!(!doubtful.is_empty(), "a person is asked for nothing:\n{outcome}");
                doubtful.iter().for_each(|id| resolve(story, project, id));
                if let Some(mend) = story.mend {
                    mend(project);
                }
            }
            _ => panic!("the next run ends otherwise:\n{outcome}"),
        }
    }
    ends_well(story, project);
}

fn has_short_lease(project: &Project) -> bool {
    std::fs::read_to_string(project.path("sandpiper.yaml")).unwrap().contains("lease: 1s")
}

/// The changes that need a person.
fn in_doubt(project: &Project) -> Vec<String> {
    let listed = project.json("audit list").exits(0).at("/entries");
    let entries = listed.as_array().into_iter().flatten();
    let doubtful = entries.filter(|entry| needs_person(project, entry));
    doubtful.map(|entry| entry["change_id"].as_str().unwrap().to_owned()).collect()
}

/// Whether a change with this newest entry needs a person, by the table of recovery.
fn needs_person(project: &Project, entry: &Value) -> bool {
    let state = entry["state"].as_str().unwrap_or_default();
    let is_open = match entry["mode"].as_str() {
        Some("direct") => ["started", "failed", "rollback-failed"].contains(&state),
        _ => state == "rollback-failed",
    };
    is_open && entry["recovery"] == "manual-intervention" && !has_verify(project, entry)
}

/// Whether the change can tell by itself.
fn has_verify(project: &Project, entry: &Value) -> bool {
    let file = format!("changes/_{}__A.sql", entry["order"].as_str().unwrap_or_default());
    entry["state"] == "started" && project.has(&file) && project.read(&file).contains("-- verify")
}

/// What a person does about an issue.
fn resolve(story: &Story, project: &Scene, id: &str) {
    let shown = project.json(&format!("issue show {id}")).exits(0);
    let parts = story.parts_of(project);
    let there = parts.keys().filter(|(change, _)| change == id).count();
    let whole = story.parts.iter().find(|(change, _)| *change == id).map(|(_, count)| *count as usize);
    let word = match story.person {
        Person::Never => panic!("a person is needed for `{id}`:\n{shown}"),
        Person::Resumes(statements) => {
            // At most one statement is in doubt, and the issue names it.
            let there = statements[there];
            let number = |name: &str| shown.at(&format!("/issues/0/{name}")).as_u64();
            let last = number("last_step").unwrap_or(0);
            let most = number("doubtful_step").unwrap_or(last);
            assert!(last <= there && there <= most.max(last), "statement {there} is the last:\n{shown}");
            format!("--resume --after {there}")
        }
        Person::CleansUp if Some(there) == whole && story.mend.is_none() => "--applied".to_owned(),
        Person::CleansUp => {
            story.clean_up(project, id);
            "--rolled-back".to_owned()
        }
    };
    project.json(&format!("issue resolve {id} {word} --reason seen")).exits(0);
}

/// What must hold when nothing is left to do.
pub(crate) fn ends_well(story: &Story, project: &Scene) {
    let expected: BTreeMap<(String, u32), u32> = story
        .parts
        .iter()
        .flat_map(|(id, count)| (1..=*count).map(|part| (((*id).to_owned(), part), 1)))
        .collect();
    let mut parts = story.parts_of(project);
    if story.may_double {
        // Of what has to bear being applied again, one statement may have been in doubt at each crash.
        parts.values_mut().for_each(|count| *count = (*count).min(1));
    }
    assert_eq!(parts, expected, "every part is there exactly once");
    let audit = project.json("audit list --history").exits(0).at("/entries");
    let entries = audit.as_array().unwrap();
    let mut newest: BTreeMap<&str, &Value> = BTreeMap::new();
    let mut applied: Vec<&str> = Vec::new();
    for entry in entries.iter().filter(|entry| !entry["state"].is_null()) {
        let id = entry["change_id"].as_str().unwrap();
        match entry["state"].as_str().unwrap() {
            "applied" | "marked-applied" => applied.push(id),
            "started" => {
                assert!(!applied.contains(&id), "`{id}` began again though it is applied");
                let blocked = newest.get(id).is_some_and(|newest| needs_person(project, newest));
                assert!(!blocked, "`{id}` began again without a person: {audit:#}");
                for earlier in entries.iter().filter(|it| is_before(it, entry)) {
                    let earlier = earlier["change_id"].as_str().unwrap();
                    // The changes of an atomic stage begin together.
                    let together =
                        story.atomic && newest.get(earlier).is_some_and(|it| it["state"] == "started");
                    assert!(
                        together || applied.contains(&earlier),
                        "`{id}` began before `{earlier}` was applied"
                    );
                }
            }
            _ => {}
        }
        newest.insert(id, entry);
    }
    let count = applied.len();
    applied.sort_unstable();
    applied.dedup();
    assert_eq!(applied.len(), count, "one `applied` entry each");
    assert!(story.parts.iter().all(|(id, _)| applied.contains(id)), "all are applied: {applied:?}");
    assert_eq!(project.json("audit verify").exits(0).at("/valid"), true);
    let before = project.tree();
    assert_eq!(project.run(story.line).exits(0).counts()[0], 0);
    let differences = before.differences(&project.tree());
    let unwanted = |path: &&String| !path.ends_with("-shm") && !path.ends_with("-wal");
    assert_eq!(differences.iter().filter(unwanted).count(), 0, "nothing to do, and written: {differences:?}");
}

/// Whether an entry is about a change that is ordered before that of another in its stage.
fn is_before(one: &Value, other: &Value) -> bool {
    one["stage"] == other["stage"] && one["order"].as_str() < other["order"].as_str()
}

/// Sees that no lock is held.
#[track_caller]
pub(crate) fn assert_free(project: &Project) {
    let locks = project.json("lock status").exits(0);
    for lock in locks.at("/locks").as_array().into_iter().flatten() {
        assert_eq!(lock["held"], false, "a lock is held:\n{locks}");
    }
}
