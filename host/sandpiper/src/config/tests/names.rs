//! Names that an audit in MySQL or MariaDB cannot hold.

use super::*;

const MYSQL: &str = "store: mysql://me@host/audit\n";

/// A name of 190 characters, each of four bytes, and one of 191.
fn names() -> (String, String) {
    ("𝄞".repeat(190), "𝄞".repeat(191))
}

/// The line and the message of each problem of a whole file.
fn found(yaml: &str) -> Vec<(String, String)> {
    let problems = told(Fixture::new(yaml).problems());
    assert!(problems.iter().all(|(code, .., help)| *code == "config::syntax" && help.contains("`store: ")));
    problems.into_iter().map(|(_, place, message, _)| (place, message)).collect()
}

fn file(store: &str, service: &str, environment: &str, stage: &str, tenant: &str) -> String {
    format!(
        "service: '{service}'\nenvironment: '{environment}'\n{store}tenants: [acme, {{ name: '{tenant}' }}]\n\
         pipeline: {{ stages: [{{ name: '{stage}', location: changes }}] }}\n"
    )
}

#[test]
fn a_name_that_fits_into_the_store_is_none() {
    let (fits, _) = names();
    Fixture::new(&file(MYSQL, &fits, &fits, &fits, &fits)).resolve();
}

#[test]
fn each_name_that_does_not_fit_is_a_problem_where_it_stands() {
    let (_, long) = names();
    let found = found(&file(MYSQL, &long, &long, &long, &long));
    let places: Vec<&str> = found.iter().map(|(place, _)| place.as_str()).collect();
    assert_eq!(places, ["1:10", "2:14", "5:22", "4:25"]);
    for ((_, message), what) in found.iter().zip(["service", "environment", "stage", "tenant"]) {
        assert!(message.contains(&format!("the {what}, `𝄞")) && message.contains("191"), "{message}");
        assert!(message.len() < 300, "it is not repeated as a whole: {message}");
    }
}

#[test]
fn a_name_that_ends_with_a_blank_is_another_name_elsewhere_only() {
    let found = found(&file(MYSQL, "orders", "test", "main", "acme "));
    assert_eq!(found[0].0, "4:25");
    assert!(found.len() == 1 && found[0].1.contains("ends with a blank"), "{found:?}");
    Fixture::new(&file("", "orders", "test", "main", "acme ")).resolve();
}

#[test]
fn other_stores_hold_longer_names() {
    let (_, long) = names();
    for store in ["", "store: postgres://me@host/audit\n"] {
        Fixture::new(&file(store, &long, &long, &long, &long)).resolve();
    }
}

#[test]
fn a_target_system_that_is_the_store_counts_as_one_and_another_does_not() {
    let (_, long) = names();
    let system = "target-systems: { db: { kind: mariadb, url: 'mysql://me@host/db' } }\n";
    let yaml = |store: &str| format!("{}{system}", file(store, "orders", "test", "main", &long));
    assert_eq!(found(&yaml("store: db\n")).len(), 1);
    Fixture::new(&yaml("")).resolve();
}

#[test]
fn the_environment_of_the_command_line_and_the_tenant_of_a_query_count_too() {
    let (_, long) = names();
    let mut fixture = Fixture::new(&format!("{BASE}{MYSQL}"));
    fixture.overrides.environment = Some(long.clone());
    let problem = &told(fixture.problems())[0];
    assert!(problem.1 == "3:8" && problem.2.contains("the environment"), "{problem:?}");

    let query = "target-systems: { db: { kind: sqlite, path: x } }\n\
                 tenants: { query: SELECT 1, target-system: db }\n";
    let fixture = Fixture::new(&format!("{BASE}{MYSQL}{query}"));
    fixture.resolve();
    let problem = &told(fixture.resolve_for(Some(&long)).unwrap_err())[0];
    assert!(problem.1 == "5:10" && problem.2.contains("the tenant"), "{problem:?}");
}
