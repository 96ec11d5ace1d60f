//! Stages that cannot be one transaction.

use crate::{refused, says};
use sandpiper_tests::Project;

const CONFIGURATION: &str = "\
service: tests
store: target
target-systems:
  target: { kind: sqlite, path: target.db }
  other: { kind: sqlite, path: other.db }
pipeline:
  stages:
    - { name: main, location: changes, atomic: true }
";

fn project() -> Project {
    let project = Project::new(CONFIGURATION);
    project.sql("changes/_0001__Good", "good", "CREATE TABLE good (x);");
    project
}

#[test]
fn a_change_outside_of_a_transaction_is_refused() {
    let project = project();
    project.write(
        "changes/_0002__A.yaml",
        "id: a\nauthor: t\ntarget-system: target\ntransactional: false\napply: SELECT 1\n",
    );
    let problem = refused(&project, "change::syntax", "changes/_0002__A.yaml", Some(4));
    says(&problem, "the atomic stage `main`: it says `transactional: false`");
    let project = self::project();
    project.write("changes/_0002__A.yaml", "author: t\nid: a\ntarget-system: target\napply: VACUUM\n");
    let problem = refused(&project, "change::syntax", "changes/_0002__A.yaml", Some(2));
    says(&problem, "it cannot run inside a transaction");
}

#[test]
fn a_change_of_another_system_is_refused() {
    let project = project();
    project.write("changes/_0002__A.yaml", "id: a\nauthor: t\ntarget-system: other\napply: SELECT 1\n");
    let problem = refused(&project, "change::syntax", "changes/_0002__A.yaml", Some(3));
    says(&problem, "`a` is applied to `other`, but `good` of the same atomic stage `main` to `target`");
}

#[test]
fn what_was_applied_before_the_stage_became_atomic_is_no_problem() {
    let project = Project::new(&CONFIGURATION.replace(", atomic: true", ""));
    project.direct_sql("changes/_0001__A", "a", "VACUUM;");
    project.applied();
    project.write("sandpiper.yaml", CONFIGURATION);
    project.sql("changes/_0002__B", "b", "CREATE TABLE b (x);");
    project.applied();
}
