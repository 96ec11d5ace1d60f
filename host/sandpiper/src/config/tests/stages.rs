//! The rules of the file as a whole, and of its stages.

use super::*;

#[test]
fn the_interfaces_example_is_read() {
    let yaml = r#"
version: 1
service: orders
environment: ${env:DEPLOY_ENV:-local}
store: sqlite:.sandpiper/audit.db
target-systems:
  orders-db: { kind: postgres, url: "${env:URL}" }
  crm:       { kind: http, base-url: https://crm.example/api/, auth: { bearer: "${file:crm}" } }
  reports:   { kind: sqlite, path: reports.db }
variables: { region: eu }
pipeline:
  stages:
    - { name: schema, location: changes, description: Tables and indexes }
    - { name: data,   location: more, after: [schema] }
  parallelism: 4
policy: { on-modified: fail, on-missing: warn, on-out-of-order: warn }
limits: { deadline: 10m, memory: 256MiB }
lock:   { lease: 60s, wait: 180s, retry: 1s }
parallel-tenants: 8
keep-artifacts: true
"#;
    let fixture = Fixture::new(yaml);
    std::fs::write(fixture.path().join("crm"), "token-of-crm\n").unwrap();
    let config = fixture.resolve();
    assert_eq!((config.service.as_str(), config.environment.as_str()), ("orders", "local"));
    assert_eq!(config.store, StoreConfig::Sqlite { path: fixture.path().join(".sandpiper/audit.db") });
    let kinds: Vec<_> =
        config.systems.iter().map(|system| (system.name.as_str(), system.kind.name())).collect();
    assert_eq!(kinds, [("orders-db", "postgres"), ("crm", "http"), ("reports", "sqlite")]);
    let SystemKind::Http { auth: Some(Auth::Bearer(token)), .. } = &config.system("crm").unwrap().kind else {
        panic!()
    };
    assert_eq!(token, "token-of-crm");
    assert_eq!(
        config.system("reports").unwrap().kind,
        SystemKind::Sqlite { path: fixture.path().join("reports.db") }
    );
    let [schema, data] = config.stages.as_slice() else { panic!() };
    assert_eq!((schema.name.as_str(), schema.description.as_deref()), ("schema", Some("Tables and indexes")));
    assert_eq!(data.after, ["schema".into()]);
    assert_eq!(data.location, fixture.path().join("more"));
    assert_eq!(data.sources, fixture.path().join("more/src"));
    assert_eq!((config.parallelism, config.parallel_tenants, config.keep_artifacts), (4, 8, true));
    assert_eq!((config.limits, config.lock), (Limits::default(), LockSettings::default()));
}

#[test]
fn everything_but_service_and_stages_has_a_default() {
    let fixture = Fixture::new(BASE);
    let config = fixture.resolve();
    assert_eq!(config.environment, "default");
    assert_eq!(config.store, StoreConfig::Sqlite { path: fixture.path().join(".sandpiper/audit.db") });
    assert_eq!((config.parallelism, config.parallel_tenants, config.keep_artifacts), (1, 8, true));
    assert_eq!(config.policies, Policies::default());
    assert_eq!(config.stages[0].name.as_str(), "changes");
    assert_eq!(config.tenants, Tenants::None);
    assert!(config.has_file);
}

#[test]
fn parallelism_is_the_number_of_stages_by_default() {
    let stages = "service: a\npipeline: { stages: [{ location: changes }, { location: more }] }\n";
    assert_eq!(Fixture::new(stages).resolve().parallelism, 2);
}

#[test]
fn the_form_with_only_a_pipeline_works() {
    let fixture =
        Fixture::new("pipeline:\n  stages:\n    - name: a\n      location: changes\n      description: x\n");
    let config = fixture.resolve();
    assert_eq!(config.service, fixture.path().canonicalize().unwrap().file_name().unwrap().to_string_lossy());
}

#[test]
fn service_is_required_otherwise() {
    let problems = told(Fixture::new("version: 1\npipeline: { stages: [{ location: changes }] }").problems());
    assert_eq!((problems[0].0, problems[0].2.as_str()), ("config::syntax", "`service` is missing"));
    assert!(problems[0].3.starts_with("write `service: "));
}

#[test]
fn a_dotted_location_is_tried_as_a_folder() {
    for root in ["", "src/main/resources", "src/main/java"] {
        let fixture = Fixture::new("pipeline: { stages: [{ location: com.acme.changes }] }");
        let folder = fixture.path().join(root).join("com/acme/changes");
        std::fs::create_dir_all(&folder).unwrap();
        let config = fixture.resolve();
        assert_eq!((&config.stages[0].location, config.stages[0].name.as_str()), (&folder, "changes"));
    }
}

#[test]
fn unknown_keys_name_the_nearest_known_one_at_every_level() {
    let found =
        problems("polcy: {}\nlimits: { memroy: 1MiB }\nlock: { leese: 1s }\npolicy: { on-mising: warn }\n");
    let expected = [
        ("3:1", "did you mean `policy`?"),
        ("6:11", "did you mean `on-missing`?"),
        ("4:11", "did you mean `memory`?"),
        ("5:9", "did you mean `lease`?"),
    ];
    let short: Vec<_> = found.iter().map(|(_, place, _, help)| (place.as_str(), help.as_str())).collect();
    assert_eq!(short, expected);
    assert!(found.iter().all(|(code, ..)| *code == "config::unknown-key"));
}

#[test]
fn a_missing_folder_is_told_with_the_one_that_was_meant() {
    let problems =
        told(Fixture::new("service: a\npipeline: { stages: [{ location: chnages }] }\n").problems());
    let (code, place, message, help) = &problems[0];
    assert_eq!((*code, place.as_str()), ("config::not-found", "2:34"));
    assert_eq!(
        (message.as_str(), help.as_str()),
        ("the folder `chnages` does not exist", "did you mean `changes`?")
    );
}

#[test]
fn stages_have_names_and_folders_of_their_own() {
    let found = stages("  - { name: a, location: changes }\n  - { name: a, location: more }\n");
    assert_eq!(found[0].2, "the stage in line 4 is called `a` already");
    let found = stages("  - { name: a, location: changes }\n  - { name: b, location: ./changes/ }\n");
    assert_eq!(found[0].2, "stages `a` and `b` have the same folder");
}

#[test]
fn after_names_known_stages() {
    let found =
        stages("  - { name: schema, location: changes }\n  - { name: b, location: more, after: [shcema] }\n");
    assert_eq!(
        (found[0].0, found[0].1.as_str(), found[0].3.as_str()),
        ("config::not-found", "5:40", "did you mean `schema`?")
    );
}

#[test]
fn a_cycle_of_stages_is_shown() {
    let found =
        stages("  - { name: a, location: changes, after: b }\n  - { name: b, location: more, after: [a] }\n");
    assert_eq!(
        (found[0].0, found[0].2.as_str()),
        ("plan::cycle", "stages wait for each other: `a` after `b` after `a`")
    );
    let found = stages("  - { name: a, location: changes, after: a }\n");
    assert_eq!(found[0].2, "stages wait for each other: `a` after `a`");
}

#[test]
fn a_stage_has_a_policy_of_its_own() {
    let config = Fixture::new(
        "service: a\npolicy: { on-modified: warn }\npipeline: { stages: [{ location: changes, policy: { on-missing: undo } }] }",
    )
    .resolve();
    let policies = config.stages[0].policies;
    assert_eq!((policies.on_modified, policies.on_missing), (Reaction::Warn, Reaction::Undo));
    assert_eq!(config.policies.on_missing, Reaction::Warn);
}

#[test]
fn only_what_is_missing_can_be_undone() {
    assert!(only("policy: { on-modified: undo }\n").2.contains("`on-modified` is `undo`"));
}

#[test]
fn a_condition_is_a_text_or_a_mapping() {
    let holds = |when: &str| {
        let yaml = format!(
            "service: a\nenvironment: test\nvariables: {{ region: eu }}\npipeline: {{ stages: [{{ location: changes, when: {when} }}] }}"
        );
        let config = Fixture::new(&yaml).resolve();
        config.holds(config.stages[0].when.as_ref().unwrap())
    };
    assert!(holds("environment == test"));
    assert!(!holds("\"environment == production or region == us\""));
    assert!(holds("{ environment: [test, staging], region: eu }"));
    assert!(!holds("{ environment: test, region: us }"));
    assert!(!holds("tenant"));
}

#[test]
fn a_duplicate_key_is_a_syntax_error() {
    let (code, place, ..) = only("service: again\n");
    assert_eq!((code, place.as_str()), ("config::syntax", "3:1"));
}

#[test]
fn only_version_1_is_read() {
    assert!(only("version: 2\n").2.contains("version 1"));
}

#[test]
fn the_file_is_found_here_or_above() {
    let fixture = Fixture::new(BASE);
    let below = fixture.path().join("changes");
    assert_eq!(find_from(None, &below).unwrap(), Some(below.join("..").join(FILE_NAME)));
    assert_eq!(find_from(None, fixture.path()).unwrap(), Some(fixture.path().join(FILE_NAME)));
    assert_eq!(
        find_from(Some(Path::new("nowhere.yaml")), fixture.path()).unwrap_err().code,
        "config::not-found"
    );
    assert!(find_from(Some(Path::new(FILE_NAME)), fixture.path()).unwrap().is_some());
}

#[test]
fn a_folder_without_configuration_is_the_one_stage() {
    let folder = tempfile::tempdir().unwrap();
    let changes = folder.path().join("first");
    std::fs::create_dir(&changes).unwrap();
    let config = ConfigFile::of_folder(&changes, Overrides::default())
        .unwrap()
        .resolve(None, &Secrets::new())
        .unwrap();
    assert_eq!(
        (config.service.as_str(), config.stages[0].name.as_str(), config.has_file),
        ("first", "first", false)
    );
    assert_eq!(config.store, StoreConfig::Sqlite { path: changes.join(".sandpiper/audit.db") });
    assert_eq!(config.stages[0].location, changes);
    assert!(ConfigFile::of_folder(&folder.path().join("none"), Overrides::default()).is_err());
}
