//! A change that is moved to another stage while a host is at it is not applied by a second one.

use sandpiper_tests::{Project, open};

fn configuration(stage: &str, store: &str) -> String {
    format!(
        "service: tests\nstore: {store}\ntarget-systems: {{ target: {{ kind: sqlite, path: target.db }} }}\n\
         pipeline:\n  stages:\n    - {{ name: {stage}, location: changes }}\n"
    )
}

#[test]
fn a_change_that_moves_to_another_stage_during_its_attempt_is_applied_once() {
    for store in ["sqlite:audit.db", "target"] {
        let project = Project::new(&configuration("a", store));
        project.sql("changes/_0001__Make", "make", "CREATE TABLE t (id INTEGER);");
        project.applied();
        project.sql("changes/_0002__Fill", "fill", "INSERT INTO t SELECT 1 FROM (WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 4000000) SELECT max(n) FROM c);");
        let first = project.start("apply --format json");
        while project.json("audit list --history").exits(0).at("/entries/2").is_null() {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        project.write("sandpiper.yaml", configuration("b", store));
        let second = project.start("apply --format json");
        first.wait().exits(0);
        second.wait().exits(0);
        let rows = open(&project.path("target.db"))
            .query_row("SELECT count(*) FROM t", [], |row| row.get::<_, i64>(0));
        assert_eq!(rows.unwrap(), 1, "{store}");
        let mut history = project.history("fill");
        // The second one notes that it stands in another stage now: that says nothing of its state.
        history.retain(|state| state != "null");
        assert_eq!(history, ["started", "applied"], "{store}");
    }
}
