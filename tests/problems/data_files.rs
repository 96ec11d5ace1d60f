//! Bad `.sql` and `.yaml` changes.

use crate::{project, refused, says};
use sandpiper_tests::SHARED;

const YAML: &str = "id: a\nauthor: t\ntarget-system: target\napply: SELECT 1\n";

#[test]
fn an_author_is_required() {
    let project = project();
    project
        .write("changes/_0002__A.sql", "-- a comment\n-- sandpiper: id=a target-system=target\nSELECT 1;\n");
    let problem = refused(&project, "change::syntax", "changes/_0002__A.sql", Some(2));
    says(&problem, "`author`");
    let project = crate::project();
    project.write("changes/_0002__A.yaml", YAML.replace("author: t\n", ""));
    says(&refused(&project, "change::syntax", "changes/_0002__A.yaml", Some(1)), "`author`");
}

#[test]
fn a_header_is_required() {
    let project = project();
    project.write("changes/_0002__A.sql", "CREATE TABLE a (id INTEGER);\n");
    let outcome = project.json("apply").exits(2);
    assert!(outcome.stdout.contains("-- sandpiper: id="), "it shows what is missing\n{outcome}");
}

#[test]
fn an_unknown_key_names_the_nearest() {
    let project = project();
    project.write("changes/_0002__A.yaml", format!("{YAML}rolback: SELECT 2\n"));
    let outcome = project.json("apply").exits(2);
    assert!(outcome.stdout.contains("`rolback`") && outcome.stdout.contains("`rollback`"), "{outcome}");
    assert_eq!(outcome.at("/error/line"), 5, "{outcome}");
    let project = crate::project();
    project.write(
        "changes/_0002__A.sql",
        "-- sandpiper: id=a author=t target-system=target transactionl=true\nSELECT 1;\n",
    );
    let outcome = project.json("apply").exits(2);
    assert!(outcome.stdout.contains("`transactional`"), "{outcome}");
    assert_eq!(outcome.at("/error/line"), 1, "{outcome}");
}

#[test]
fn an_id_is_one_change_in_the_whole_pipeline() {
    let project = project();
    project
        .write("other/_0001__Twice.sql", "-- sandpiper: id=good author=t target-system=target\nSELECT 1;\n");
    project.configure("    - { name: other, location: other }");
    let problem = refused(&project, "change::duplicate-id", "other/_0001__Twice.sql", Some(1));
    says(&problem, "`changes/_0001__Good.sql`");
}

#[test]
fn a_system_that_is_not_configured_names_the_nearest() {
    let project = project();
    project.write("changes/_0002__A.yaml", YAML.replace("target-system: target", "target-system: tarjet"));
    let problem = refused(&project, "change::unknown-target", "changes/_0002__A.yaml", Some(3));
    says(&problem, "`tarjet`");
    says(&problem, "`target`");
}

#[test]
fn an_unknown_template_is_a_problem() {
    let project = project();
    project.write("changes/_0002__A.yaml", format!("{YAML}template: sqll\n"));
    let problem = refused(&project, "change::unknown-template", "changes/_0002__A.yaml", Some(5));
    says(&problem, "`sql`");
}

#[test]
fn a_key_twice_is_a_problem() {
    let project = project();
    project.write("changes/_0002__A.yaml", format!("{YAML}apply: SELECT 2\n"));
    refused(&project, "change::syntax", "changes/_0002__A.yaml", Some(5));
}

#[test]
fn text_that_is_no_utf_8_is_told_with_its_file() {
    for (name, content) in [
        (
            "changes/_0002__A.sql",
            b"-- sandpiper: id=a author=t target-system=target\nSELECT '\xff\xfe';\n".to_vec(),
        ),
        ("changes/_0002__A.yaml", b"id: a\nauthor: \xff\n".to_vec()),
    ] {
        let project = project();
        project.write(name, content);
        let outcome = project.json("apply").exits(2);
        assert_eq!(
            (outcome.error(), outcome.text("/error/file")),
            ("change::syntax".to_owned(), name.to_owned())
        );
        assert!(!project.has("target.db"));
    }
}

#[test]
fn a_url_as_target_system_needs_a_pipeline_without_configuration() {
    let project = project();
    project.write(
        "changes/_0002__A.yaml",
        YAML.replace("target-system: target", "target-system: sqlite:other.db"),
    );
    refused(&project, "change::unknown-target", "changes/_0002__A.yaml", Some(3));
    assert!(!project.has("other.db"));
}

#[test]
fn ids_and_authors_have_their_lengths() {
    let long = "x".repeat(256);
    for (from, to) in [
        ("id: a\n", format!("id: {long}\n")),
        ("author: t\n", format!("author: {long}\n")),
        ("id: a\n", "id: ''\n".to_owned()),
    ] {
        let project = project();
        project.write("changes/_0002__A.yaml", YAML.replace(from, &to));
        let outcome = project.json("apply").exits(2);
        assert_eq!(outcome.text("/error/file"), "changes/_0002__A.yaml", "{outcome}");
    }
    let project = project();
    project.write("changes/_0002__A.yaml", YAML.replace("id: a\n", &format!("id: {}\n", "x".repeat(255))));
    project.json("apply").exits(0);
}

#[test]
fn a_file_without_anything_to_apply_is_a_problem() {
    let project = project();
    project.write("changes/_0002__A.yaml", YAML.replace("apply: SELECT 1\n", ""));
    let outcome = project.json("apply").exits(2);
    assert!(outcome.stdout.contains("`apply`"), "{outcome}");
}

#[test]
fn all_problems_are_told_at_once() {
    let project = project();
    project.write("sandpiper.yaml", SHARED);
    project.write("changes/_0002__A.yaml", YAML.replace("author: t\n", ""));
    project.write("changes/_0003__B.yaml", YAML.replace("id: a", "id: b").replace(": target", ": nowhere"));
    project.write("changes/0004_C.sql", "");
    let outcome = project.json("validate").exits(2);
    let files: Vec<String> =
        ["_0002__A.yaml", "_0003__B.yaml", "0004_C.sql"].iter().map(|it| format!("changes/{it}")).collect();
    let problems = outcome.at("/problems");
    for file in files {
        assert!(
            problems.as_array().unwrap().iter().any(|problem| problem["file"] == file.as_str()),
            "{file}\n{outcome}"
        );
    }
}

#[test]
fn a_retry_that_cannot_be_read_is_told_at_its_place() {
    for (retry, line, text) in [
        ("retry: often\n", 5, "no number from 1 to 100"),
        ("retry: 0\n", 5, "no number from 1 to 100"),
        ("retry:\n  attempts: 3\n  backoff: 5s..1s\n", 7, "end is before its beginning"),
        ("retry:\n  attempts: 3\n  backoff: 5\n", 7, "no unit"),
        ("retry: { attempt: 3 }\n", 5, "`attempts`"),
    ] {
        let project = project();
        project.write("changes/_0002__A.yaml", format!("{YAML}{retry}"));
        says(&refused(&project, "change::syntax", "changes/_0002__A.yaml", Some(line)), text);
    }
    let project = project();
    let header = "-- sandpiper: id=a author=t target-system=target retry=\"3 5s..1s\"\n";
    project.write("changes/_0002__A.sql", format!("{header}SELECT 1;\n"));
    says(&refused(&project, "change::syntax", "changes/_0002__A.sql", Some(1)), "end is before");
}
