//! Bad configurations.

use crate::{project, refused, says};
use sandpiper_tests::{Project, SHARED};

const FILE: &str = "sandpiper.yaml";

#[test]
fn an_unknown_key_names_the_nearest() {
    let project = project();
    project.configure("polciy: { on-modified: warn }");
    let problem = refused(&project, "config::unknown-key", FILE, Some(8));
    says(&problem, "`polciy`");
    says(&problem, "`policy`");
}

#[test]
fn an_unknown_key_deep_down_has_its_line() {
    let project = project();
    project.write(FILE, SHARED.replace("location: changes }", "location: changes, descripton: x }"));
    let problem = refused(&project, "config::unknown-key", FILE, Some(7));
    says(&problem, "`description`");
}

#[test]
fn what_is_no_yaml_is_told_with_its_line() {
    let project = project();
    project.write(FILE, "service: tests\npipeline: [\n");
    assert_eq!(project.json("apply").exits(2).error(), "config::syntax");
    assert_eq!(project.json("validate").exits(2).text("/problems/0/file"), FILE);
}

#[test]
fn a_key_twice_is_a_problem() {
    let project = project();
    project.configure("service: again");
    let problem = refused(&project, "config::syntax", FILE, Some(8));
    says(&problem, "service");
}

#[test]
fn a_service_is_required() {
    let project = project();
    project.write(FILE, SHARED.replace("service: tests\n", ""));
    assert_eq!(project.json("apply").exits(2).error().split("::").next(), Some("config"));
    assert!(project.json("apply").stdout.contains("service"));
}

#[test]
fn a_folder_of_a_stage_that_is_not_there_is_a_problem() {
    let project = project();
    project.configure("    - { name: other, location: chagnes }");
    let problem = refused(&project, "config::not-found", FILE, Some(8));
    says(&problem, "chagnes");
}

#[test]
fn a_configuration_that_is_not_there_is_a_problem() {
    let project = Project::empty();
    let before = project.tree();
    for line in ["apply", "plan", "status", "validate", "apply -c other.yaml", "lock status", "audit list"] {
        let outcome = project.json(line).exits(2);
        assert_eq!(outcome.error(), "config::not-found", "{outcome}");
        assert!(!outcome.text("/error/help").is_empty(), "{outcome}");
    }
    assert_eq!(before.differences(&project.tree()), [""; 0]);
}

#[test]
fn values_of_another_kind_are_problems_with_their_line() {
    for (lines, line) in [
        ("limits: { deadline: soon }", 8),
        ("limits: { memory: 12 parsecs }", 8),
        ("lock: { lease: -3s }", 8),
        ("keep-artifacts: perhaps", 8),
        ("policy: { on-missing: sometimes }", 8),
        ("version: 2", 8),
    ] {
        let project = project();
        project.configure(lines);
        let outcome = project.json("apply").exits(2);
        assert_eq!(outcome.at("/error/line"), line, "{lines}\n{outcome}");
        assert_eq!(outcome.text("/error/file"), FILE, "{lines}\n{outcome}");
    }
}

#[test]
fn a_kind_of_system_that_is_none_names_the_nearest() {
    let project = project();
    project.write(FILE, SHARED.replace("kind: sqlite", "kind: sqlit"));
    let outcome = project.json("apply").exits(2);
    assert!(outcome.stdout.contains("`sqlite`"), "{outcome}");
}

#[test]
fn two_stages_of_one_name_or_one_folder_are_problems() {
    for stage in ["{ name: main, location: other }", "{ name: other, location: changes }"] {
        let project = project();
        project.write("other/README.md", "");
        project.configure(&format!("    - {stage}"));
        project.json("apply").exits(2);
        assert!(!project.has("target.db"));
    }
}

#[test]
fn anchors_that_explode_are_refused_quickly() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let before = level - 1;
        text += &format!("a{level}: &a{level} [{}]\n", vec![format!("*a{before}"); 10].join(", "));
    }
    let project = project();
    project.write(FILE, format!("{text}{SHARED}"));
    let outcome = project.json("apply").exits(2);
    assert!(outcome.stdout.len() < 100_000, "{} bytes were printed", outcome.stdout.len());
    let project = crate::project();
    let change = format!("{text}id: bomb\nauthor: t\ntarget-system: target\napply: SELECT 1\n");
    project.write("changes/_0002__Bomb.yaml", change);
    let outcome = project.json("apply").exits(2);
    assert!(outcome.stdout.contains("_0002__Bomb.yaml") && outcome.stdout.len() < 100_000, "{outcome}");
    assert!(!project.has("target.db"));
}

#[test]
fn yaml_that_nests_without_end_is_refused() {
    let project = project();
    project.write(FILE, format!("service: {}", "[".repeat(200_000)));
    project.json("apply").exits(2);
    let project = crate::project();
    project.write("changes/_0002__Deep.yaml", format!("id: deep\napply: {}", "{a: ".repeat(200_000)));
    project.json("apply").exits(2);
}

#[test]
fn text_that_is_no_utf_8_is_refused() {
    let project = project();
    project.write(FILE, b"service: caf\xe9\n");
    assert_eq!(project.json("apply").exits(2).error(), "config::syntax");
}
