//! Who the tenants are, where the configuration says it, and what each has of its own.

use sandpiper_tests::Project;

use crate::{each, names, of, with_a_change};

#[test]
fn each_tenant_has_its_own_database_variables_states_and_chain() {
    let project = of("[acme, { name: globex, variables: { kind: big } }]");
    project.sql(
        "changes/_0001__Create",
        "create",
        "CREATE TABLE names (x); INSERT INTO names VALUES ('${var:tenant} ${var:kind}');",
    );
    let applied = project.applied();
    assert_eq!(
        (names(&project, "acme"), names(&project, "globex")),
        (vec!["acme small".into()], vec!["globex big".into()])
    );
    assert_eq!(each(&applied, "/counts/applied"), ["acme 1", "globex 1"]);
    assert_eq!(each(&applied, "/stages/0/changes/0/outcome"), ["acme applied", "globex applied"]);
    assert_eq!((applied.at("/stages"), applied.at("/counts/applied")), (serde_json::Value::Null, 2.into()));
    let again = project.applied();
    assert_eq!(each(&again, "/counts/applied"), ["acme 0", "globex 0"]);
    for tenant in ["acme", "globex"] {
        let entries = project.json(&format!("audit list --tenant {tenant}")).exits(0);
        assert_eq!(
            (entries.text("/entries/0/tenant"), entries.at("/entries/1").is_null()),
            (tenant.into(), true)
        );
        assert_eq!(project.json(&format!("audit verify --tenant {tenant}")).exits(0).at("/valid"), true);
        let locks = project.json(&format!("lock status --tenant {tenant}")).exits(0);
        assert_eq!(locks.text("/locks/0/tenant"), tenant);
    }
}

#[test]
fn one_store_keeps_the_tenants_apart() {
    let project = with_a_change("[acme, globex, initech]");
    let text = project.read("sandpiper.yaml").replace("store: target\n", "store: sqlite:audit.db\n");
    project.write("sandpiper.yaml", text);
    project.json("apply --tenant globex").exits(0);
    assert_eq!(each(&project.json("status").exits(0), "/pending"), ["acme 1", "globex 0", "initech 1"]);
    let applied = project.applied();
    assert_eq!(each(&applied, "/counts/skipped"), ["acme 0", "globex 1", "initech 0"]);
    assert_eq!(
        each(&applied, "/stages/0/changes/0/mode"),
        ["acme marked", "globex marked", "initech marked"]
    );
}

#[test]
fn a_file_names_a_tenant_in_each_line() {
    let project = with_a_change("{ file: tenants.txt }");
    project.write("tenants.txt", "# ours\nacme\n\n  globex\r\n");
    assert_eq!(each(&project.applied(), "/outcome"), ["acme complete", "globex complete"]);
    project.write("tenants.txt", "acme\n../x\nacme\n");
    let refused = project.json("apply").exits(2);
    let problems = refused.at("/error/problems").to_string();
    assert!(problems.contains("line 2") && problems.contains("holds `/`"), "{refused}");
    assert!(problems.contains("line 3") && problems.contains("stands there twice"), "{refused}");
    project.remove("tenants.txt");
    assert_eq!(project.json("apply").exits(2).error(), "config::not-found");
}

#[test]
fn one_tenant_may_be_chosen_and_an_unknown_one_names_the_nearest() {
    let project = with_a_change("[acme, globex]");
    let applied = project.json("apply --tenant globex").exits(0);
    assert_eq!(applied.of("create", "outcome"), "applied");
    assert_eq!(each(&applied, "/counts/applied"), ["globex 1"]);
    assert!(names(&project, "acme").is_empty());
    let refused = project.json("apply --tenant globx").exits(2);
    assert!(refused.text("/error/help").contains("`globex`"), "{refused}");
    let text = project
        .read("sandpiper.yaml")
        .replace("tenants: [acme, globex]\n", "")
        .replace("${var:tenant}", "one");
    project.write("sandpiper.yaml", text);
    assert_eq!(project.json("apply --tenant globex").exits(2).error(), "usage");
}

#[test]
fn a_condition_may_name_tenants() {
    let project = of("[acme, globex]");
    let header = "-- sandpiper: id=one author=tests target-system=target when=\"tenant == acme\"\n";
    project.write("changes/_0001__One.sql", format!("{header}CREATE TABLE one (x);"));
    assert_eq!(each(&project.applied(), "/stages/0/changes/0/outcome"), ["acme applied", "globex skipped"]);
}

#[test]
fn what_is_about_one_tenant_says_how_to_choose_it() {
    let project = with_a_change("[acme, globex]");
    project.applied();
    for line in [
        "audit show create",
        "audit prune --older-than 1d",
        "lock release --reason x",
        "issue resolve create --applied --reason x",
    ] {
        let refused = project.json(line).exits(2);
        assert!(refused.text("/error/help").contains("--tenant NAME"), "{refused}");
    }
}

#[test]
fn a_variable_that_only_some_tenants_have_stops_everything_before_it_begins() {
    let project = with_a_change("[{ name: acme, variables: { size: 1 } }, globex]");
    project.sql("changes/_0002__Size", "size", "INSERT INTO names VALUES ('${var:size}');");
    let refused = project.json("apply").exits(2);
    assert!(refused.stdout.contains("size"), "{refused}");
    assert!(names(&project, "acme").is_empty() || project.json("status").exits(0).at("/pending") == 2);
}

#[test]
fn validate_looks_at_the_configuration_of_each() {
    let project = with_a_change("[acme, { name: globex, variables: { kind: '${env:NOT_SET}' } }]");
    let refused = project.json("validate").exits(2);
    assert!(refused.text("/problems/0/message").contains("NOT_SET"), "{refused}");
}

#[test]
fn the_files_of_every_tenant_are_looked_at_before_anything_is_applied() {
    let project = Project::new(
        "service: tests\nstore: target\ntenants: [acme, globex, initech]\nparallel-tenants: 1\n\
         target-systems:\n  target: { kind: sqlite, path: 'db/${var:tenant}.db' }\n\
         pipeline: { stages: [{ name: main, location: 'of/${var:tenant}' }] }\n",
    );
    project.write("db/README", "");
    for tenant in ["acme", "globex", "initech"] {
        project.sql(&format!("of/{tenant}/_0001__A"), "a", "CREATE TABLE a (x);");
    }
    let wrong = "-- sandpiper: id=b author=tests target-system=nowhere\nCREATE TABLE b (x);\n";
    project.write("of/globex/_0002__B.sql", wrong);
    project.write("of/initech/_0002__B.sql", wrong);
    for line in ["validate", "apply"] {
        let refused = project.json(line).exits(2);
        for tenant in ["globex", "initech"] {
            assert!(refused.stdout.contains(&format!("of/{tenant}/_0002__B.sql")), "{refused}");
        }
    }
    assert!(!project.has("db/acme.db"));
    project.remove("of/globex/_0002__B.sql").remove("of/initech/_0002__B.sql");
    assert_eq!(project.json("validate").exits(0).at("/changes"), 1);
    assert_eq!(project.applied().at("/counts/applied"), 3);
}
