//! Stories: a project in each mode, what an undisturbed run makes of it, and how what is left in doubt is settled.

use std::collections::BTreeMap;

use sandpiper_tests::{MARKED, Project, SHARED, component};

use crate::scene::Scene;

/// A project, and the run that is disturbed.
pub(crate) struct Story {
    /// What it is called when it fails.
    pub(crate) name: &'static str,
    /// Makes the project.
    pub(crate) project: fn() -> Scene,
    /// The command that is disturbed.
    pub(crate) line: &'static str,
    /// Its exit code when nothing disturbs it.
    pub(crate) code: i32,
    /// For each change how many parts of it there are to be.
    pub(crate) parts: &'static [(&'static str, u32)],
    /// Rows of `change|part`, as they are there.
    pub(crate) rows: &'static str,
    /// How a person settles what is in doubt.
    pub(crate) person: Person,
    /// Whether applying a part twice leaves it there twice, which an `always-retry` change has to bear.
    pub(crate) may_double: bool,
    /// Whether all of its changes are one transaction.
    pub(crate) atomic: bool,
    /// What makes a run possible that fails otherwise.
    pub(crate) mend: Option<fn(&Project)>,
}

/// How a person settles an issue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Person {
    /// None is ever needed.
    Never,
    /// Lets it go on after the parts that are there; of so many parts the last one is this statement.
    Resumes(&'static [u64]),
    /// Takes back by hand what is there, unless all of it is.
    CleansUp,
}

const LOG_ROWS: &str = "SELECT change, part FROM log";
const ABC: &[(&str, u32)] = &[("a", 2), ("b", 2)];
const DIRECT: &str = "test-guest-cases-direct-000000000000000001";
const RETRY: &str = "test-guest-cases-always-retry-0000000001";
const PLAIN: &str = "test-guest-cases-transactional-0000000001";
const GUEST_ROWS: &str = "SELECT 'test-guest-cases-transactional-0000000001', id FROM guest_rows";

/// All of the stage in one transaction.
fn atomic(configuration: &str) -> String {
    configuration.replace("location: changes }", "location: changes, atomic: true }")
}

/// What inserts the parts `1..=count` of a change.
pub(crate) fn inserts(id: &str, count: u32) -> String {
    (1..=count).map(|part| format!("INSERT INTO log VALUES ('{id}', {part});\n")).collect()
}

fn with_log(configuration: &str) -> Project {
    let project = Project::new(configuration);
    project.sql("changes/_0000__Log", "log", "CREATE TABLE log (change TEXT, part INTEGER);");
    project
}

fn sql(configuration: &str) -> Scene {
    let project = with_log(configuration);
    project.sql("changes/_0001__A", "a", &inserts("a", 2));
    project.sql("changes/_0002__B", "b", &inserts("b", 2));
    project.into()
}

/// A `direct` change between two that have a transaction.
fn direct(keys: &str, body: &str) -> Scene {
    let project = with_log(MARKED);
    let header = format!("-- sandpiper: id=a author=tests target-system=target transactional=false {keys}\n");
    project.write("changes/_0001__A.sql", format!("{header}{body}"));
    project.sql("changes/_0002__B", "b", &inserts("b", 2));
    project.into()
}

fn steps(configuration: &str, keys: &str) -> Scene {
    let project = with_log(configuration);
    let steps: String = (1..=3)
        .map(|part| {
            format!(
                "  - apply: INSERT INTO log VALUES ('a', {part})\n    rollback: DELETE FROM log WHERE change = 'a' AND part = {part}\n"
            )
        })
        .collect();
    let text = format!("id: a\nauthor: tests\ntarget-system: target\ntemplate: sql\n{keys}steps:\n{steps}");
    project.write("changes/_0001__A.yaml", text);
    project.sql("changes/_0002__B", "b", &inserts("b", 2));
    project.into()
}

fn guest(configuration: &str, name: &str) -> Scene {
    let project = Project::new(configuration);
    project.write("changes/_0001__Guest.wasm", component(name));
    project.into()
}

fn failing(configuration: &str) -> Scene {
    let project = with_log(configuration);
    project.sql("changes/_0001__A", "a", &format!("{}INSERT INTO nowhere VALUES (1);", inserts("a", 2)));
    project.sql("changes/_0002__B", "b", &inserts("b", 2));
    project.into()
}

fn mended(project: &Project) {
    project.sql("changes/_0001__A", "a", &inserts("a", 2));
}

const FAILING_DIRECT: &str = "-- apply\nINSERT INTO log VALUES ('a', 1);\nINSERT INTO log VALUES ('a', 2);\nINSERT INTO nowhere VALUES (1);\n-- rollback\nDELETE FROM log WHERE part = 1;\nDELETE FROM log WHERE change = 'a';\n";

fn mended_direct(project: &Project) {
    project.direct_sql("changes/_0001__A", "a", &inserts("a", 2));
}

/// Two stages at once, each on a file of its own, and one after them on the file of the first.
fn stages() -> Scene {
    let project = Project::new(
        "service: tests\ntarget-systems:\n  target: { kind: sqlite, path: target.db }\n  other: { kind: sqlite, path: other.db }\n\
         pipeline:\n  stages:\n    - { name: log, location: log }\n    - { name: a, location: a, after: [log] }\n    - { name: c, location: c }\n    - { name: b, location: b, after: [a, c] }\n",
    );
    project.sql("log/_0000__Log", "log", "CREATE TABLE log (change TEXT, part INTEGER);");
    project.sql("a/_0001__A", "a", &inserts("a", 2));
    project.sql("b/_0001__B", "b", &inserts("b", 2));
    project.write(
        "c/_0001__C.sql",
        "-- sandpiper: id=c author=tests target-system=other\nCREATE TABLE other (id INTEGER);\n",
    );
    project.into()
}

pub(crate) const SQL: Story = Story {
    name: "",
    project: || sql(SHARED),
    line: "apply --format json",
    code: 0,
    parts: ABC,
    rows: LOG_ROWS,
    person: Person::Never,
    may_double: false,
    atomic: false,
    mend: None,
};

/// Changes written as SQL and YAML that have a transaction.
pub(crate) const TRANSACTIONAL: &[Story] = &[
    Story { name: "sql, shared", ..SQL },
    Story { name: "sql, marked", project: || sql(MARKED), ..SQL },
    Story { name: "steps, marked", project: || steps(MARKED, ""), parts: &[("a", 3), ("b", 2)], ..SQL },
    Story { name: "stages at once, marked", project: stages, ..SQL },
    Story { name: "atomic stage, shared", project: || sql(&atomic(SHARED)), atomic: true, ..SQL },
    Story { name: "atomic stage, marked", project: || sql(&atomic(MARKED)), atomic: true, ..SQL },
];

/// Changes written as SQL and YAML that have none.
pub(crate) const WITHOUT_TRANSACTION: &[Story] = &[
    Story {
        name: "sql, direct",
        project: || direct("", &inserts("a", 2)),
        person: Person::Resumes(&[0, 1, 2]),
        ..SQL
    },
    Story {
        name: "sql, direct, with a transaction of its own",
        project: || {
            direct("", &format!("BEGIN;\n{}COMMIT;\nINSERT INTO log VALUES ('a', 3);\n", inserts("a", 2)))
        },
        parts: &[("a", 3), ("b", 2)],
        person: Person::Resumes(&[0, 0, 4, 5]),
        ..SQL
    },
    Story {
        name: "sql, direct, always-retry",
        project: || direct("recovery=always-retry", &inserts("a", 2)),
        may_double: true,
        ..SQL
    },
    Story {
        name: "sql, direct, with verify",
        project: || {
            direct(
                "",
                "-- apply\nINSERT INTO log SELECT 'a', 1 WHERE NOT EXISTS (SELECT 1 FROM log WHERE change = 'a');\n-- verify\nSELECT count(*) = 1 FROM log WHERE change = 'a';\n",
            )
        },
        parts: &[("a", 1), ("b", 2)],
        ..SQL
    },
    Story {
        name: "steps, direct",
        project: || steps(MARKED, "transactional: false\n"),
        parts: &[("a", 3), ("b", 2)],
        person: Person::Resumes(&[0, 1, 2, 3]),
        ..SQL
    },
];

/// Changes that are components.
pub(crate) const COMPONENTS: &[Story] = &[
    Story {
        name: "component, shared",
        project: || guest(SHARED, "cases"),
        parts: &[(PLAIN, 2)],
        rows: GUEST_ROWS,
        ..SQL
    },
    Story {
        name: "component, marked",
        project: || guest(MARKED, "cases"),
        parts: &[(PLAIN, 2)],
        rows: GUEST_ROWS,
        ..SQL
    },
    Story {
        name: "component, direct",
        project: || guest(MARKED, "direct"),
        line: "apply --format json --set case=steps --set count=2",
        parts: &[(DIRECT, 2)],
        rows: "SELECT 'test-guest-cases-direct-000000000000000001', step + 1 FROM guest_steps",
        person: Person::CleansUp,
        ..SQL
    },
    Story {
        name: "component, direct, always-retry",
        project: || guest(MARKED, "always_retry"),
        line: "apply --format json --set case=steps --set count=2",
        parts: &[(RETRY, 2)],
        rows: "SELECT 'test-guest-cases-always-retry-0000000001', step + 1 FROM guest_steps",
        may_double: true,
        ..SQL
    },
];

/// Changes that fail.
pub(crate) const FAILING: &[Story] = &[
    Story { name: "failing sql, shared", project: || failing(SHARED), code: 1, mend: Some(mended), ..SQL },
    Story { name: "failing sql, marked", project: || failing(MARKED), code: 1, mend: Some(mended), ..SQL },
    Story {
        name: "failing sql, direct, with rollback",
        project: || direct("", FAILING_DIRECT),
        code: 1,
        person: Person::CleansUp,
        mend: Some(mended_direct),
        ..SQL
    },
];

const SMALLEST: Story = Story {
    parts: &[("a", 2)],
    rows: "SELECT 'a', CASE name WHEN 'one' THEN 1 ELSE 2 END FROM sqlite_master WHERE name IN ('one', 'two')",
    ..SQL
};

/// The smallest of each mode, for what is tried in pairs.
pub(crate) const SMALL: &[Story] = &[
    Story { name: "small, shared", project: || small(SHARED, ""), ..SMALLEST },
    Story { name: "small, marked", project: || small(MARKED, ""), ..SMALLEST },
    Story {
        name: "small, direct",
        project: || small(MARKED, "transactional=false"),
        person: Person::Resumes(&[0, 1, 2]),
        ..SMALLEST
    },
    Story {
        name: "small, direct, always-retry",
        project: || small(MARKED, "transactional=false recovery=always-retry"),
        ..SMALLEST
    },
];

fn small(configuration: &str, keys: &str) -> Scene {
    let project = Project::new(configuration);
    let header = format!("-- sandpiper: id=a author=tests target-system=target {keys}\n");
    // Making a table twice is an error; only what promises to bear it does.
    let make = if keys.contains("always-retry") { "CREATE TABLE IF NOT EXISTS" } else { "CREATE TABLE" };
    project.write(
        "changes/_0001__A.sql",
        format!("{header}{make} one (id INTEGER);\n{make} two (id INTEGER);\n"),
    );
    project.into()
}

/// How often each part of each change is there.
pub(crate) type Parts = BTreeMap<(String, u32), u32>;

impl Story {
    /// What is there of it. A table that is not there holds nothing.
    pub(crate) fn parts_of(&self, scene: &Scene) -> Parts {
        let mut parts = Parts::new();
        for row in scene.look(self.rows) {
            let (id, part) = row.split_once('|').unwrap();
            *parts.entry((id.to_owned(), part.parse().unwrap())).or_default() += 1;
        }
        parts
    }

    /// Takes back what is there of a change.
    pub(crate) fn clean_up(&self, scene: &Scene, id: &str) {
        let table = self.rows.rsplit(' ').next().unwrap();
        if table == "log" {
            scene.execute(&format!("DELETE FROM log WHERE change = '{id}'"));
        } else {
            scene.execute(&format!("DROP TABLE IF EXISTS {table}"));
        }
    }
}
