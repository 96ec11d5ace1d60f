//! Several hosts at once, one of which dies, over the schemas of one PostgreSQL database.

use std::thread::sleep;
use std::time::Duration;

use sandpiper_tests::{Postgres, Project};

use crate::each;

/// So many tenants.
const TENANTS: usize = 60;

#[test]
fn two_hosts_share_the_tenants_and_one_does_what_the_other_left_when_it_died() {
    let database = Postgres::shared().database();
    let make = format!(
        "CREATE SCHEMA control; CREATE TABLE control.tenants (name text);\n\
         DO $$ BEGIN FOR i IN 1..{TENANTS} LOOP EXECUTE 'CREATE SCHEMA t' || i;\n\
         INSERT INTO control.tenants VALUES ('t' || i); END LOOP; END $$"
    );
    database.server.rows(&database.name, &make);
    let project = Project::new(&format!(
        "service: tests\nstore: target\n\
         tenants: {{ query: SELECT name FROM control.tenants ORDER BY length(name), target-system: target }}\n\
         target-systems:\n  target:\n    kind: postgres\n    url: \"{}\"\n    \
         settings: {{ search_path: '${{var:tenant}}' }}\n\
         parallel-tenants: 4\nlock: {{ lease: 3s, wait: 60s, retry: 50ms }}\n\
         pipeline: {{ stages: [{{ name: main, location: changes }}] }}\n",
        database.url()
    ));
    let insert =
        "CREATE TABLE names (x text); INSERT INTO names VALUES ('${var:tenant}'); SELECT pg_sleep(0.02);";
    project.sql("changes/_0001__Create", "create", insert);
    let tables = || {
        let count = "SELECT count(*) FROM pg_tables WHERE tablename = 'names'";
        database.server.rows(&database.name, count)[0].parse::<usize>().unwrap()
    };
    let (one, other) = (project.start("apply --format json"), project.start("apply --format json"));
    while tables() < TENANTS / 6 {
        sleep(Duration::from_millis(10));
    }
    one.kill();
    let left = TENANTS - tables();
    assert!(left > 0, "it was killed before the end");
    let applied = other.wait().exits(0);
    assert_eq!(each(&applied, "/outcome").len(), TENANTS);
    let own = applied.at("/counts/applied").as_u64().unwrap();
    assert!(own > 0 && own < TENANTS as u64, "the other one had its share: {own}");
    assert_eq!(tables(), TENANTS);
    // Each tenant's change ran once, for that tenant.
    let rows = (1..=TENANTS).map(|number| format!("SELECT 't{number}' AS name, x FROM t{number}.names"));
    let all = rows.collect::<Vec<_>>().join(" UNION ALL ");
    let query = format!("SELECT count(*), count(DISTINCT x) FROM ({all}) AS it WHERE name = x");
    assert_eq!(database.server.rows(&database.name, &query), [format!("{TENANTS}|{TENANTS}")]);
    assert_eq!(project.json("apply").exits(0).at("/counts/applied"), 0);
    assert_eq!(project.json("audit verify --tenant t7").exits(0).at("/valid"), true);
}
