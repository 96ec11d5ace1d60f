//! `doctor` on a server: what an account may and may not do, how durable it is, and whether changes could reach the audit.

use sandpiper_tests::{MariaDb, MariaDbDatabase, Outcome, Project};
use serde_json::Value;

use crate::{Place, configuration};

const PASSWORD: &str = "wrong-horse-battery";

#[track_caller]
fn check(outcome: &Outcome, name: &str) -> Value {
    let checks = outcome.at("/checks");
    let found = checks.as_array().unwrap().iter().find(|check| check["name"] == name).cloned();
    found.unwrap_or_else(|| panic!("no check `{name}` in\n{outcome}"))
}

#[track_caller]
fn found(outcome: &Outcome, name: &str, health: &str, message: &str, help: &str) {
    let check = check(outcome, name);
    assert_eq!(check["health"], health, "{outcome}");
    assert_eq!(check["ok"], health == "odd", "{outcome}");
    for (field, words) in [("message", message), ("help", help)] {
        assert!(check[field].as_str().unwrap().contains(words), "`{words}` is not in {field} of {check}");
    }
}

/// An account, and the address of the database for it.
fn account(database: &MariaDbDatabase<'_>) -> (String, String) {
    let name = format!("doctor_{}", database.name);
    database.rows(&format!("CREATE USER {name}@'%' IDENTIFIED BY '{PASSWORD}'"));
    let root = format!("root:{}", database.server.password());
    let url = database.url().replace(&root, &format!("{name}:{PASSWORD}"));
    assert!(url.contains(&name));
    (name, url)
}

#[test]
fn a_sound_place_is_found_sound_and_nothing_is_made() {
    for mode in ["shared", "marked"] {
        let Place { project, database } = Place::new(mode);
        project.sql("changes/_0001__T", "t", "CREATE TABLE t (n INT);");
        let outcome = project.json("doctor").exits(0);
        assert_eq!(database.rows("SHOW TABLES"), [""; 0]);
        for aspect in ["reachable", "version", "rights", "clock", "durability", "tables", "audit"] {
            check(&outcome, &format!("target.target.{aspect}"));
        }
        project.applied();
        let outcome = project.json("doctor").exits(0);
        let version = check(&outcome, "target.target.version");
        assert!(version["message"].as_str().unwrap().contains("MySQL 8.0 or MariaDB 10.6 or newer"));
        assert!(!format!("{outcome}").contains(MariaDb::shared().password()));
        if mode == "shared" {
            for aspect in ["reachable", "version", "rights", "clock", "schema", "chain", "locks"] {
                assert_eq!(check(&outcome, &format!("store.{aspect}"))["health"], "good", "{outcome}");
            }
        }
    }
}

#[test]
fn a_server_that_cannot_be_reached_keeps_the_rest_from_being_looked_at() {
    let project = Project::new(&configuration("store: target\n", "mysql://root:x@127.0.0.1:1/x"));
    let outcome = project.json("doctor").exits(7);
    found(&outcome, "store.reachable", "bad", "127.0.0.1:1/x", "check `store`");
    found(&outcome, "target.target.reachable", "bad", "refused", "check its address");
    for name in ["store.rights", "store.chain", "store.locks", "issues", "target.target.audit"] {
        let check = check(&outcome, name);
        assert_eq!((check["ok"].clone(), check["health"].clone()), (false.into(), "unknown".into()));
    }
}

#[test]
fn an_account_that_may_not_make_the_tables_is_told_what_to_grant() {
    let database = MariaDb::shared().database();
    let (account, url) = account(&database);
    let name = &database.name;
    database.rows(&format!("GRANT SELECT, INSERT ON `{name}`.* TO {account}@'%'"));
    let project = Project::new(&configuration("store: target\n", &url));
    project.sql("changes/_0001__T", "t", "CREATE TABLE t (n INT);");
    let outcome = project.json("doctor").exits(7);
    let grant =
        format!("GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER ON `{name}`.* TO '{account}'@'%'");
    for check in ["store.rights", "target.target.rights"] {
        found(&outcome, check, "bad", "it lacks UPDATE, DELETE, CREATE", &grant);
    }
    assert!(!format!("{outcome}").contains(PASSWORD));
    assert_eq!(database.rows("SHOW TABLES"), [""; 0]);
    // What comes with a role is as good, though a server does not tell it.
    let role = format!("role_{name}");
    database.rows(&format!(
        "CREATE ROLE {role}; {}; GRANT {role} TO {account}@'%'; SET DEFAULT ROLE {role} FOR {account}@'%'",
        grant.replace(&format!("'{account}'@'%'"), &role)
    ));
    project.json("doctor").exits(0);
    database.rows(&format!("DROP ROLE {role}"));
    project.json("doctor").exits(7);
    database.rows(&grant);
    project.json("doctor").exits(0);
    project.applied();
    project.json("doctor").exits(0);
    database.rows(&format!("DROP USER {account}@'%'"));
}

#[test]
fn an_account_of_changes_that_may_write_the_audit_is_found() {
    let (store, other) = (MariaDb::shared().database(), MariaDb::shared().database());
    let (account, url) = account(&store);
    let name = &store.name;
    let audit = format!("store: \"{}\"\n", store.url());
    let project = Project::new(&configuration(&audit, &url));
    project.sql("changes/_0001__T", "t", "CREATE TABLE t (n INT);");
    store.rows(&format!("GRANT ALL ON `{name}`.* TO {account}@'%'"));
    project.applied();
    let outcome = project.json("doctor").exits(7);
    let help = "a database of its own";
    found(&outcome, "target.target.audit", "bad", "may write to the audit", help);
    // Neither rows nor tables.
    store.rows(&format!("REVOKE ALL ON `{name}`.* FROM {account}@'%'"));
    let own =
        |table: &str| format!("GRANT SELECT, INSERT, UPDATE, DELETE ON `{name}`.{table} TO {account}@'%';");
    store.rows(&format!(
        "{}{}GRANT SELECT, CREATE, DROP ON `{name}`.* TO {account}@'%'",
        own("sandpiper_fence"),
        own("sandpiper_marker")
    ));
    found(&project.json("doctor").exits(7), "target.target.audit", "bad", "alter its tables", help);
    store.rows(&format!("REVOKE DROP ON `{name}`.* FROM {account}@'%'"));
    let outcome = project.json("doctor").exits(0);
    let message = check(&outcome, "target.target.audit")["message"].clone();
    assert!(message.as_str().unwrap().contains("may not write to it"), "{outcome}");
    // By a role, for one table, or for one column.
    let role = format!("reach_{name}");
    store.rows(&format!(
        "CREATE ROLE {role}; GRANT {role} TO {account}@'%'; SET DEFAULT ROLE {role} FOR {account}@'%'"
    ));
    for right in ["TRIGGER ON *", "ALTER ON sandpiper_chain", "UPDATE (body) ON sandpiper_entry"] {
        store.rows(&format!("GRANT {right} TO {role}"));
        found(&project.json("doctor").exits(7), "target.target.audit", "bad", "alter its tables", help);
        store.rows(&format!("REVOKE {right} FROM {role}"));
    }
    store.rows(&format!("DROP ROLE {role}"));
    project.json("doctor").exits(0);
    // Nor those in another database of the server.
    let elsewhere = url.replace(&format!("/{name}"), &format!("/{}", other.name));
    project.write("sandpiper.yaml", configuration(&audit, &elsewhere));
    other.rows(&format!("GRANT ALL ON `{}`.* TO {account}@'%'", other.name));
    let outcome = project.json("doctor").exits(0);
    assert_eq!(check(&outcome, "target.target.audit")["health"], "good", "{outcome}");
    store.rows(&format!("GRANT DELETE ON `{name}`.* TO {account}@'%'"));
    let outcome = project.json("doctor").exits(0);
    found(&outcome, "target.target.audit", "odd", &format!("`{name}`"), "its own database only");
    store.rows(&format!("DROP USER {account}@'%'"));
}

#[test]
fn what_a_change_may_reach_by_a_role_that_it_takes_on_is_found() {
    let database = MariaDb::shared().database();
    let (account, url) = account(&database);
    let name = &database.name;
    let project = Project::new(&configuration(&format!("store: \"{}\"\n", database.url()), &url));
    project.sql("changes/_0001__T", "t", "CREATE TABLE t (n INT);");
    database.rows(&format!("GRANT ALL ON `{name}`.* TO {account}@'%'"));
    project.applied();
    let own =
        |table: &str| format!("GRANT SELECT, INSERT, UPDATE, DELETE ON `{name}`.{table} TO {account}@'%';");
    let (inner, outer) = (format!("inner_{name}"), format!("outer_{name}"));
    database.rows(&format!(
        "REVOKE ALL ON `{name}`.* FROM {account}@'%'; {}{}
         CREATE ROLE {inner}; CREATE ROLE {outer}; GRANT {inner} TO {outer}; GRANT {outer} TO {account}@'%'",
        own("sandpiper_fence"),
        own("sandpiper_marker"),
    ));
    project.json("doctor").exits(0);
    let audit = "target.target.audit";
    // It does not see the audit without the role.
    for right in ["DROP ON *", "UPDATE ON sandpiper_entry"] {
        database.rows(&format!("GRANT {right} TO {inner}"));
        let how = format!("may, once it takes on the role `{outer}` (`SET ROLE`), write to the audit");
        found(&project.json("doctor").exits(7), audit, "bad", &how, "a database of its own");
        database.rows(&format!("REVOKE {right} FROM {inner}"));
    }
    // What it has to have for itself it does not have by such a role.
    database.rows(&format!("REVOKE UPDATE ON `{name}`.sandpiper_fence FROM {account}@'%'"));
    database.rows(&format!("GRANT UPDATE ON `{name}`.sandpiper_fence TO {outer}"));
    found(&project.json("doctor").exits(7), "target.target.rights", "bad", "lacks UPDATE", "GRANT SELECT");
    database.rows(&format!("DROP ROLE {inner}; DROP ROLE {outer}; DROP USER {account}@'%'"));
}

#[test]
fn names_in_grants_are_read_however_the_server_writes_them() {
    let server = MariaDb::start(&["--innodb-flush-log-at-trx-commit=0"], |_| ());
    server.rows("mysql", "CREATE DATABASE `odd_b%`");
    server.rows("mysql", &format!("CREATE USER app@'%' IDENTIFIED BY '{PASSWORD}'"));
    let place = format!("127.0.0.1:{}", server.port());
    let store = format!("store: \"mysql://root:{}@{place}/odd_b%25\"\n", server.password());
    let url = format!("mysql://app:{PASSWORD}@{place}/odd_b%25");
    let project = Project::new(&configuration(&store, &url));
    project.sql("changes/_0001__T", "t", "CREATE TABLE t (n INT);");
    // What it is told to grant is for this database alone.
    server.rows("mysql", "GRANT SELECT ON `odd\\_b\\%`.* TO app@'%'");
    let outcome = project.json("doctor").exits(7);
    let grant = "GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER ON `odd\\_b\\%`.* TO 'app'@'%'";
    found(&outcome, "target.target.rights", "bad", "lacks INSERT", grant);
    server.rows("mysql", grant);
    project.json("doctor").exits(0);
    project.applied();
    let outcome = project.json("doctor").exits(7);
    found(&outcome, "target.target.audit", "bad", "write to the audit", "a database of its own");
    server.rows("mysql", "REVOKE ALL PRIVILEGES, GRANT OPTION FROM app@'%'");
    for table in ["sandpiper_fence", "sandpiper_marker"] {
        server.rows("odd_b%", &format!("GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO app@'%'"));
    }
    // A right to a database whose name differs is none to this one.
    server.rows("mysql", "GRANT SELECT ON `odd\\_b\\%`.* TO app@'%'; GRANT DROP ON `ODD_B%`.* TO app@'%'");
    project.json("doctor").exits(0);
    server.rows("mysql", "REVOKE DROP ON `ODD_B%`.* FROM app@'%'");
    server.rows("mysql", "GRANT DROP ON `odd\\_b\\%`.* TO app@'%'");
    for quote in [1, 0] {
        for mode in ["ANSI_QUOTES", "NO_BACKSLASH_ESCAPES", ""] {
            let set = format!("SET GLOBAL sql_quote_show_create = {quote}, GLOBAL sql_mode = '{mode}'");
            server.rows("mysql", &set);
            let outcome = project.json("doctor").exits(7);
            found(&outcome, "target.target.audit", "bad", "alter its tables", "a database of its own");
        }
    }
}

#[test]
fn a_server_that_may_forget_or_that_only_reads_is_found() {
    let server = MariaDb::start(&["--log-bin", "--sync-binlog=1", "--server-id=1"], |_| ());
    server.rows("mysql", "CREATE DATABASE app");
    let url = format!("mysql://root:{}@127.0.0.1:{}/app", server.password(), server.port());
    let project = Project::new(&configuration("store: target\n", &url));
    project.sql("changes/_0001__T", "t", "CREATE TABLE t (n INT);");
    let names = ["store.durability", "target.target.durability"];
    let outcome = project.json("doctor").exits(0);
    for name in names {
        assert_eq!(check(&outcome, name)["health"], "good", "{outcome}");
    }
    server.rows("app", "SET GLOBAL innodb_flush_log_at_trx_commit = 2, GLOBAL sync_binlog = 0");
    let outcome = project.json("doctor").exits(0);
    let are = "`innodb_flush_log_at_trx_commit` is 2, `sync_binlog` is 0";
    let set = "SET GLOBAL innodb_flush_log_at_trx_commit = 1, GLOBAL sync_binlog = 1";
    for name in names {
        found(&outcome, name, "odd", are, set);
    }
    // What it says mends it.
    server.rows("app", set);
    let outcome = project.json("doctor").exits(0);
    assert_eq!(check(&outcome, "store.durability")["health"], "good", "{outcome}");
    server.rows("app", "SET GLOBAL read_only = 1");
    found(&project.json("doctor").exits(7), "store.primary", "bad", "only reads", "takes writes");
}

#[test]
fn tables_that_are_another_ones_and_a_broken_chain_are_found() {
    let Place { project, database } = Place::new("shared");
    database.rows("CREATE TABLE sandpiper_fence (store TEXT)");
    let tables = "target.target.tables";
    let outcome = project.json("doctor").exits(7);
    found(&outcome, tables, "bad", "`sandpiper_fence` has no column `id`", "rename");
    database.rows("DROP TABLE sandpiper_fence");
    project.sql("changes/_0001__T", "t", "INSERT INTO u VALUES (1);");
    database.rows("CREATE TABLE u (n INT)");
    project.applied();
    database.rows("ALTER TABLE sandpiper_marker ENGINE = MyISAM");
    let help = "ALTER TABLE sandpiper_marker ENGINE = InnoDB";
    found(&project.json("doctor").exits(7), tables, "bad", "of the engine MyISAM", help);
    database.rows(help);
    project.json("doctor").exits(0);
    database.rows("UPDATE sandpiper_chain SET sequence = 3");
    found(&project.json("doctor").exits(7), "store.chain", "bad", "broken at entry 3", "audit verify");
    database.rows("DELETE FROM sandpiper_chain");
    found(&project.json("doctor").exits(7), "store.chain", "bad", "recorded end is not there", "backup");
    database.rows("DROP TABLE sandpiper_artifact");
    found(&project.json("doctor").exits(7), "store.schema", "bad", "`sandpiper_artifact`", "backup");
    database.rows("UPDATE sandpiper_store SET value = '99' WHERE name = 'schema'");
    found(&project.json("doctor").exits(7), "store.schema", "bad", "version 99", "as new as the store");
}
