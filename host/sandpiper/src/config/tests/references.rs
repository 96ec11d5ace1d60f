//! The rules of references, variables and secrets.

use super::*;

#[test]
fn a_condition_asks_for_names_that_are_set() {
    let found = stages("  - { location: changes, when: enviroment == x }\n");
    assert_eq!((found[0].0, found[0].3.as_str()), ("config::unset-variable", "did you mean `environment`?"));
    assert!(
        stages("  - { location: changes, when: \"a ==\" }\n")[0].2.starts_with("`when`: a value is expected")
    );
}

#[test]
fn references_are_replaced() {
    let config = resolve(
        "environment: ${env:STAGING}-$${x}\nvariables: { a: \"1${var:b}\", b: 2 }\nparallel-tenants: ${env:EIGHT}\n",
    );
    assert_eq!(config.environment, "staging-${x}");
    assert_eq!(config.variables["a"], "12");
    assert_eq!(config.parallel_tenants, 8);
}

#[test]
fn a_default_stands_for_what_is_unset_or_empty() {
    assert_eq!(resolve("environment: ${env:NONE:-a b}\n").environment, "a b");
    assert_eq!(resolve("environment: ${env:EMPTY:-x}\n").environment, "x");
    assert_eq!(resolve("environment: ${env:NONE:-${env:STAGING}}\n").environment, "staging");
    assert_eq!(resolve("environment: ${var:none:-x}\n").environment, "x");
}

#[test]
fn what_is_unset_is_a_problem_with_its_place() {
    let (code, place, message, help) = only("environment: x${env:NONE}\n");
    assert_eq!((code, place.as_str()), ("config::unset-variable", "3:15"));
    assert_eq!(message, "the environment variable `NONE` is not set");
    assert!(help.contains("${env:NONE:-value}"));
    let (code, _, _, help) = only("variables: { region: eu }\nenvironment: ${var:regoin}\n");
    assert_eq!((code, help.as_str()), ("config::unset-variable", "did you mean `${var:region}`?"));
    assert_eq!(only("environment: ${file:nowhere}\n").0, "config::not-found");
}

#[test]
fn every_problem_is_told_at_once() {
    let found = problems(
        "environment: ${env:NONE}\nstore: ${env:NONE}\nlimits: { deadline: soon }\nkeep-artifacts: yes\n",
    );
    let lines: Vec<_> = found.iter().map(|(_, place, ..)| place.split(':').next().unwrap()).collect();
    assert_eq!(lines, ["3", "4", "5", "6"]);
}

#[test]
fn a_reference_without_source_says_how_to_write_it() {
    assert!(only("environment: ${HOME}\n").3.contains("`${env:HOME}`"));
    assert!(only("environment: ${evn:HOME}\n").3.contains("did you mean `${env:HOME}`?"));
    assert!(only("environment: \"${env:HOME\"\n").2.contains("missing"));
}

#[test]
fn a_replaced_value_never_becomes_yaml() {
    let mut fixture = Fixture::new(&format!("{BASE}environment: ${{var:x}}\n"));
    fixture.overrides.variables = vec![("x".to_owned(), "a: [b]\n# c".to_owned())];
    assert_eq!(fixture.resolve().environment, "a: [b]\n# c");
}

#[test]
fn the_command_line_counts_before_the_file() {
    let mut fixture =
        Fixture::new(&format!("{BASE}environment: a\nvariables: {{ x: '1', y: 'y${{var:x}}' }}\n"));
    fixture.overrides.environment = Some("b".to_owned());
    fixture.overrides.variables = vec![("x".to_owned(), "2".to_owned())];
    let config = fixture.resolve();
    assert_eq!((config.environment.as_str(), config.variables["y"].as_str()), ("b", "y2"));
}

#[test]
fn variables_made_of_themselves_are_a_problem() {
    assert!(problems("variables: { a: '${var:b}', b: '${var:a}' }\n")[0].2.contains("made of itself"));
}

#[test]
fn names_that_sandpiper_sets_are_no_variables() {
    assert!(only("variables: { tenant: x }\n").2.contains("set by Sandpiper"));
}

#[test]
fn secrets_are_collected() {
    let yaml = "store: \"${env:URL}\"\nenvironment: ${env:STAGING}\ntarget-systems: { db: { kind: mysql, url: 'mysql://me:pass%20word@h/d' } }\nvariables: { f: '${file:secret}' }\n";
    let fixture = Fixture::new(&format!("{BASE}{yaml}"));
    std::fs::write(fixture.path().join("secret"), "from-a-file\r\n").unwrap();
    fixture.resolve();
    let redacted = |text: &str| fixture.secrets.redact(text).into_owned();
    assert_eq!(redacted("postgres://me:hunter%4022@host/db"), "***");
    assert_eq!(redacted("hunter%4022 hunter@22"), "*** ***");
    assert_eq!(redacted("pass%20word, pass word"), "***, ***");
    assert_eq!(redacted("from-a-file"), "***");
    assert_eq!(redacted("staging"), "staging");
}

#[test]
fn secrets_are_collected_also_when_the_file_has_problems() {
    let fixture = Fixture::new(&format!("{BASE}store: \"x${{env:URL}}\"\n"));
    let problems = fixture.problems();
    assert!(!problems[0].message.contains("hunter"), "{problems:?}");
}
