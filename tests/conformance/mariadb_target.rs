//! MariaDB as a target system: a server that all rules share, and one that is restarted.

use std::path::Path;
use std::sync::Arc;

use sandpiper::conformance::{TargetPlace, Words};
use sandpiper_backends::Role;
use sandpiper_backends::mysql::{Address, Databases, MysqlTarget, Times};
use sandpiper_runtime::sql::Value;
use sandpiper_runtime::target::Target;
use sandpiper_tests::{Loss, MariaDb, MariaDbDatabase, Proxy};

struct Place {
    database: MariaDbDatabase<'static>,
}

fn place() -> Place {
    Place { database: MariaDb::shared().database() }
}

fn target_at(url: &str) -> Arc<dyn Target> {
    let address = Address::parse(url, Path::new("/")).unwrap();
    let database = Databases::new().database(address, Times::default());
    let settings = vec![("time_zone".to_owned(), "+00:00".to_owned())];
    Arc::new(MysqlTarget::new("db".into(), database, settings, Role::Apart))
}

impl TargetPlace for Place {
    fn open(&self) -> Arc<dyn Target> {
        target_at(&self.database.url())
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
        // What is encrypted cannot be read on its way.
        Some(target_at(&format!("{}?ssl-mode=disabled", self.database.url_at(proxy.port()))))
    }
}

/// A server of its own, which may be restarted.
struct Restarted(MariaDb);

impl TargetPlace for Restarted {
    fn open(&self) -> Arc<dyn Target> {
        let (port, password) = (self.0.port(), self.0.password());
        target_at(&format!("mysql://root:{password}@127.0.0.1:{port}/restarted"))
    }

    fn rows(&self, query: &str) -> Vec<String> {
        self.0.rows("restarted", query)
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
    let text = |text: &str| Value::Text(text.into());
    let other = |name: &str, text: &str| Value::Other(name.into(), text.into());
    let decimal = |text: &str| Value::Decimal(text.into());
    let at = |text: &str| Value::Timestamp(text.into());
    Words {
        endless: "SELECT SLEEP(600)",
        numbers: "SELECT seq FROM seq_1_to_10000",
        parameter: "?",
        outside: "ANALYZE TABLE t",
        unique: "23000",
        unique_fact: ("constraint", "PRIMARY"),
        types: vec![
            ("boolean", Value::Boolean(true), Value::Integer(1)),
            same("tinyint", Value::Integer(-128)),
            same("tinyint unsigned", Value::Integer(255)),
            same("smallint", Value::Integer(-32_768)),
            same("mediumint", Value::Integer(-8_388_608)),
            same("int", Value::Integer(i32::MAX.into())),
            same("int unsigned", Value::Integer(u32::MAX.into())),
            same("bigint", Value::Integer(i64::MIN)),
            same("bigint unsigned", Value::Integer(7)),
            same("bigint unsigned", decimal("18446744073709551615")),
            same("double", Value::Double(0.1)),
            same("double", Value::Double(-1e300)),
            same("float", Value::Double(0.5)),
            same("decimal(40,10)", decimal("12345678901234567890.0123456789")),
            same("decimal(10,2)", decimal("-0.10")),
            same("varchar(100) character set utf8mb4", text("it's \"quoted\" \\ \u{1f600}\n")),
            same("text", text("")),
            same("longtext character set utf8mb4", text("\u{fc}")),
            same("varchar(9) character set latin1", text("\u{fc}")),
            ("char(5)", text("ab"), text("ab")),
            same("blob", Value::Bytes((0..=255).collect())),
            same("varbinary(9)", Value::Bytes(Vec::new())),
            ("binary(4)", Value::Bytes(vec![1]), Value::Bytes(vec![1, 0, 0, 0])),
            same("bit(8)", Value::Integer(5)),
            same("bit(64)", decimal("18446744073709551615")),
            same("year", Value::Integer(2026)),
            same("date", Value::Date("2026-02-03".into())),
            same("time(3)", Value::Time("04:05:06.789".into())),
            ("time", Value::Other("time".into(), "-838:59:59".into()), other("time", "-838:59:59")),
            same("datetime(3)", at("2026-02-03T04:05:06.789")),
            same("timestamp null", at("2026-02-03T04:05:06")),
            ("timestamp null", at("2026-02-03T04:05:06+02:00"), at("2026-02-03T02:05:06")),
            ("datetime", at("2026-02-03T04:05:06Z"), at("2026-02-03T04:05:06")),
            same("json", Value::Json("{\"a\": [1, null]}".into())),
            same("uuid", Value::Uuid("0193f2aa-0000-7000-8000-000000000001".into())),
            same("enum('a','b')", other("enum", "b")),
            same("set('a','b','c')", other("set", "a,c")),
            same("inet6", other("inet6", "::1")),
        ],
    }
}

mod target {
    sandpiper::target_conformance!(super::place);
}

mod sql {
    sandpiper::sql_conformance!(super::place);
}

#[test]
fn a_server_that_restarts_takes_its_transactions_back() {
    let server = MariaDb::start(&[], |_| ());
    server.rows("mysql", "CREATE DATABASE restarted");
    sandpiper::conformance::target::a_server_that_restarts_takes_its_transactions_back(&Restarted(server));
}
