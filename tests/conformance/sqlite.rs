//! SQLite.

use std::sync::Arc;
use std::time::Duration;

use sandpiper::conformance::{StorePlace, TargetPlace, Words};
use sandpiper_backends::Role;
use sandpiper_backends::sqlite::{Databases, Options, SqliteStore, SqliteTarget};
use sandpiper_engine::store::Store;
use sandpiper_runtime::sql::Value;
use sandpiper_runtime::target::Target;
use tempfile::TempDir;

struct Place(TempDir);

fn place() -> Place {
    Place(tempfile::tempdir().unwrap())
}

impl Place {
    fn databases() -> Databases {
        Databases::new(Options { busy: Duration::from_secs(20), renewal: Duration::from_secs(5) })
    }

    fn path(&self) -> std::path::PathBuf {
        self.0.path().join("a.db")
    }
}

impl StorePlace for Place {
    fn open(&self) -> Arc<dyn Store> {
        Arc::new(SqliteStore::new(Self::databases().database(&self.path())))
    }
}

impl TargetPlace for Place {
    fn open(&self) -> Arc<dyn Target> {
        let database = Self::databases().database(&self.path());
        Arc::new(SqliteTarget::new("db".into(), database, Vec::new(), Role::Apart))
    }

    fn rows(&self, query: &str) -> Vec<String> {
        sandpiper_tests::rows(&self.path(), query)
    }

    fn words(&self) -> Words {
        let same = |kind, value: Value| (kind, value.clone(), value);
        Words {
            endless: "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n",
            numbers: "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000) SELECT i FROM n",
            parameter: "?",
            outside: "VACUUM",
            unique: "SQLITE_CONSTRAINT_PRIMARYKEY",
            unique_fact: ("table", "t"),
            types: vec![
                same("INTEGER", Value::Integer(i64::MIN)),
                same("REAL", Value::Double(0.1)),
                same("TEXT", Value::Text("it's \u{1f600}".into())),
                same("BLOB", Value::Bytes((0..=255).collect())),
                ("INTEGER", Value::Boolean(true), Value::Integer(1)),
                (
                    "TEXT",
                    Value::Timestamp("2026-02-03T04:05:06Z".into()),
                    Value::Text("2026-02-03T04:05:06Z".into()),
                ),
                ("TEXT", Value::Json("{}".into()), Value::Text("{}".into())),
            ],
        }
    }
}

mod store {
    sandpiper::store_conformance!(super::place);
}

mod target {
    sandpiper::target_conformance!(super::place);
}

mod sql {
    sandpiper::sql_conformance!(super::place);
}
