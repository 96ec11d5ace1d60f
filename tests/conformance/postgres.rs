//! PostgreSQL: a server that all rules share, one for those that restart it, and the store also through a pooler that
//! gives each transaction another connection.

use std::path::Path;
use std::sync::{Arc, LazyLock};

use sandpiper::conformance::{StorePlace, TargetPlace, Words};
use sandpiper_backends::Role;
use sandpiper_backends::postgres::{Address, Databases, PostgresStore, PostgresTarget, Times};
use sandpiper_engine::store::Store;
use sandpiper_runtime::sql::Value;
use sandpiper_runtime::target::Target;
use sandpiper_tests::{Loss, PgBouncer, Postgres, PostgresDatabase, Proxy};

struct Place {
    database: PostgresDatabase<'static>,
    url: String,
}

fn place() -> Place {
    let database = Postgres::shared().database();
    Place { url: database.url(), database }
}

fn pooled_place() -> Place {
    static POOLER: LazyLock<PgBouncer> = LazyLock::new(|| PgBouncer::start(Postgres::shared()));
    let database = Postgres::shared().database();
    Place { url: database.url_at(POOLER.port()), database }
}

fn target_at(url: &str) -> Arc<dyn Target> {
    let address = Address::parse(url, Path::new("/")).unwrap();
    let database = Databases::new().database(address, Times::default());
    Arc::new(PostgresTarget::new("db".into(), database, Vec::new(), Role::Apart))
}

fn store_at(url: &str) -> Arc<dyn Store> {
    let address = Address::parse(url, Path::new("/")).unwrap();
    Arc::new(PostgresStore::new(Databases::new().database(address, Times::default())))
}

impl StorePlace for Place {
    fn open(&self) -> Arc<dyn Store> {
        store_at(&self.url)
    }

    fn cut_connections(&self) -> bool {
        self.database.cut_connections();
        true
    }

    fn losing_commits(&self, arrives: bool) -> Option<Arc<dyn Store>> {
        let loss = if arrives { Loss::Answer } else { Loss::Request };
        let proxy = Proxy::start(self.database.server.port(), loss);
        // A commit takes a while, so that whoever lost its answer looks for it before it is over.
        self.database.rows(
            "CREATE FUNCTION waits() RETURNS trigger LANGUAGE plpgsql
                 AS $$ BEGIN PERFORM pg_sleep(0.2); RETURN NULL; END $$;
             CREATE CONSTRAINT TRIGGER waits AFTER INSERT ON sandpiper.sandpiper_entry
                 DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION waits()",
        );
        Some(store_at(&self.database.url_at(proxy.port())))
    }

    fn refuse_entries(&self, refuse: bool) -> bool {
        let rule = r#"ALTER TABLE sandpiper.sandpiper_entry ADD CONSTRAINT refuses
            CHECK (body NOT LIKE '%"change_id":"b"%') NOT VALID"#;
        let end = "ALTER TABLE sandpiper.sandpiper_entry DROP CONSTRAINT refuses";
        self.database.rows(if refuse { rule } else { end });
        true
    }
}

impl TargetPlace for Place {
    fn open(&self) -> Arc<dyn Target> {
        target_at(&self.url)
    }

    fn rows(&self, query: &str) -> Vec<String> {
        self.database.rows(query)
    }

    fn words(&self) -> Words {
        words()
    }

    fn cut_connections(&self) -> bool {
        self.database.cut_connections();
        true
    }

    fn losing_commits(&self, arrives: bool) -> Option<Arc<dyn Target>> {
        let loss = if arrives { Loss::Answer } else { Loss::Request };
        let proxy = Proxy::start(self.database.server.port(), loss);
        Some(target_at(&self.database.url_at(proxy.port())))
    }
}

/// A server of its own, which may be restarted.
struct Restarted(Postgres);

fn restarted() -> Restarted {
    Restarted(Postgres::start(&[], "", |_| ()))
}

impl TargetPlace for Restarted {
    fn open(&self) -> Arc<dyn Target> {
        let (port, password) = (self.0.port(), self.0.password());
        target_at(&format!("postgres://postgres:{password}@127.0.0.1:{port}/postgres"))
    }

    fn rows(&self, query: &str) -> Vec<String> {
        self.0.rows("postgres", query)
    }

    fn words(&self) -> Words {
        words()
    }

    fn restart(&self) -> bool {
        self.0.crash();
        true
    }
}

fn words() -> Words {
    let same = |kind, value: Value| (kind, value.clone(), value);
    let other = |kind: &'static str, text: &str| same(kind, Value::Other(kind.into(), text.into()));
    let text = |text: &str| Value::Text(text.into());
    Words {
        endless: "SELECT pg_sleep(600)",
        numbers: "SELECT n FROM generate_series(1, 10000) AS n",
        parameter: "$1",
        outside: "VACUUM",
        unique: "23505",
        unique_fact: ("table", "t"),
        types: vec![
            same("boolean", Value::Boolean(true)),
            same("boolean", Value::Boolean(false)),
            same("smallint", Value::Integer(-32_768)),
            same("integer", Value::Integer(i32::MAX.into())),
            same("bigint", Value::Integer(i64::MIN)),
            same("double precision", Value::Double(0.1)),
            same("double precision", Value::Double(f64::NEG_INFINITY)),
            same("real", Value::Double(0.5)),
            same("numeric", Value::Decimal("12345678901234567890.0123456789".into())),
            same("numeric(10,2)", Value::Decimal("-0.10".into())),
            same("text", Value::Text("it's \"quoted\" \\ \u{1f600}\n".into())),
            same("text", text("")),
            same("varchar(9)", text("nine")),
            ("char(5)", text("ab"), text("ab   ")),
            same("bytea", Value::Bytes((0..=255).collect())),
            same("bytea", Value::Bytes(Vec::new())),
            same("uuid", Value::Uuid("0193f2aa-0000-7000-8000-000000000001".into())),
            same("date", Value::Date("2026-02-03".into())),
            same("time", Value::Time("04:05:06.789".into())),
            ("timetz", Value::Time("04:05:06+02".into()), Value::Time("04:05:06+02:00".into())),
            same("timestamp", Value::Timestamp("2026-02-03T04:05:06.789".into())),
            (
                "timestamptz",
                Value::Timestamp("0099-02-03T04:05:06+02:00".into()),
                Value::Timestamp("0099-02-03T02:05:06+00:00".into()),
            ),
            same("json", Value::Json("{\"a\": [1, null]}".into())),
            ("jsonb", Value::Json("{\"b\":1,\"a\":2}".into()), Value::Json("{\"a\": 2, \"b\": 1}".into())),
            other("integer[]", "{1,NULL,3}"),
            other("text[]", "{\"a b\",\"c\\\"d\"}"),
            other("interval", "1 year 2 mons 03:00:00"),
            other("inet", "10.0.0.1/8"),
            other("int4range", "[1,5)"),
            other("point", "(1,2)"),
            other("xml", "<a/>"),
            other("money", "$1.50"),
            (
                "timestamp",
                Value::Timestamp("infinity".into()),
                Value::Other("timestamp without time zone".into(), "infinity".into()),
            ),
        ],
    }
}

mod store {
    sandpiper::store_conformance!(super::place);
}

mod store_faults {
    sandpiper::store_faults_conformance!(super::place);
}

mod pooled_store {
    sandpiper::store_conformance!(super::pooled_place);
}

mod target {
    sandpiper::target_conformance!(super::place);
}

mod sql {
    sandpiper::sql_conformance!(super::place);
}

#[test]
fn a_server_that_restarts_takes_its_transactions_back() {
    sandpiper::conformance::target::a_server_that_restarts_takes_its_transactions_back(&restarted());
}
