//! Processes that start at once share the work, and do none of it twice.

use crate::{change, exactly_once, project};
use sandpiper_tests::{Outcome, Project};

fn at_once(project: &Project, count: usize) -> Vec<Outcome> {
    let running: Vec<_> = (0..count).map(|_| project.start("apply --format json")).collect();
    running.into_iter().map(|running| running.wait().exits(0)).collect()
}

#[test]
fn processes_on_an_empty_store_apply_every_change_once() {
    for mode in ["shared", "marked"] {
        for count in [2, 2, 2, 8, 8] {
            let project = project(mode);
            (1..=5).for_each(|number| change(&project, number));
            let outcomes = at_once(&project, count);
            let applied: u64 = outcomes.iter().map(|outcome| outcome.counts()[0]).sum();
            assert_eq!(applied, 6, "each is reported by the one that applied it");
            exactly_once(&project, 5);
            assert_eq!(project.json("lock status").exits(0).at("/locks/0/held"), false);
        }
    }
}

#[test]
fn eight_processes_run_the_statements_of_a_direct_change_once() {
    let project = project("marked");
    project.direct_sql(
        "changes/_0001__C1",
        "c1",
        "INSERT INTO log VALUES ('c1', 1);\nINSERT INTO log VALUES ('c1', 2);",
    );
    at_once(&project, 8);
    exactly_once(&project, 1);
}

#[test]
fn eight_processes_share_the_stages_of_a_pipeline() {
    let mut configuration = "service: tests\ntarget-systems:\n".to_owned();
    let mut stages = String::new();
    for stage in 1..=4 {
        configuration += &format!("  target{stage}: {{ kind: sqlite, path: target{stage}.db }}\n");
        stages += &format!("    - {{ name: s{stage}, location: s{stage} }}\n");
    }
    let project = Project::new(&format!("{configuration}pipeline:\n  stages:\n{stages}{}\n", crate::LOCK));
    for stage in 1..=4 {
        for order in 1..=3 {
            let body = if order == 1 {
                "CREATE TABLE t (id INTEGER)".to_owned()
            } else {
                format!("INSERT INTO t VALUES ({order})")
            };
            let text =
                format!("-- sandpiper: id=s{stage}-{order} author=t target-system=target{stage}\n{body};\n");
            project.write(&format!("s{stage}/_000{order}__C.sql"), text);
        }
    }
    let applied: u64 = at_once(&project, 8).iter().map(|outcome| outcome.counts()[0]).sum();
    assert_eq!(applied, 12);
    for stage in 1..=4 {
        let rows = sandpiper_tests::rows(
            &project.path(&format!("target{stage}.db")),
            "SELECT id FROM t ORDER BY id",
        );
        assert_eq!(rows, ["2", "3"]);
    }
    assert_eq!(project.json("audit verify").exits(0).at("/valid"), true);
}
