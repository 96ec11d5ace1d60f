//! What is said when a database cannot be had, and that no password is ever in it.

use std::io::Write as _;
use std::net::TcpListener;

use sandpiper_tests::scenes::{is_a_problem, is_told};
use sandpiper_tests::{MariaDb, Project};

use crate::configuration;

pub(crate) const WRONG: &str = "wrong-horse-battery";

fn secrets() -> [&'static str; 2] {
    [WRONG, MariaDb::shared().password()]
}

#[track_caller]
pub(crate) fn told(url: &str, is_store: bool, code: &str, words: &[&str]) {
    let project = Project::new(&configuration(if is_store { "store: target\n" } else { "" }, url));
    project.sql("changes/_0001__T", "t", "CREATE TABLE t (n INT);");
    is_told(&project, is_store, code, words, &secrets());
}

#[test]
fn a_wrong_password_is_told_without_it() {
    let database = MariaDb::shared().database();
    let url = database.url().replace(MariaDb::shared().password(), WRONG);
    for is_store in [false, true] {
        told(&url, is_store, "refused", &["Access denied", "1045"]);
    }
}

#[test]
fn an_unknown_host_and_a_port_where_nobody_listens_are_told() {
    let password = MariaDb::shared().password();
    for is_store in [false, true] {
        let url = format!("mysql://root:{password}@no-such-host.invalid/x");
        told(&url, is_store, "unreachable", &["no-such-host.invalid:3306/x"]);
        let url = format!("mysql://root:{password}@127.0.0.1:1/x");
        told(&url, is_store, "unreachable", &["127.0.0.1:1/x", "refused"]);
    }
}

#[test]
fn a_missing_database_is_told() {
    let database = MariaDb::shared().database();
    let url = database.url().replace(&database.name, "not_there");
    for is_store in [false, true] {
        told(&url, is_store, "refused", &["Unknown database 'not_there'"]);
    }
}

#[test]
fn missing_rights_are_told_with_the_grant_that_gives_them() {
    let database = MariaDb::shared().database();
    let account = format!("weak_{}", database.name);
    let name = &database.name;
    database.rows(&format!(
        "CREATE USER {account}@'127.0.0.1' IDENTIFIED BY '{WRONG}'; GRANT SELECT ON {name}.* TO {account}@'127.0.0.1'"
    ));
    let url = database.url().replace("root:correct-horse-battery", &format!("{account}:{WRONG}"));
    assert!(url.contains(&account));
    let to = format!("ON `{name}`.* TO '{account}'@'127.0.0.1'");
    told(&url, false, "rights", &["GRANT SELECT, INSERT", &to]);
    assert_eq!(database.rows("SHOW TABLES"), [""; 0]);
    let all = format!("GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER {to}");
    database.rows(&all);
    let project = Project::new(&configuration("", &url));
    project.sql("changes/_0001__T", "t", "CREATE TABLE t (n INT);");
    project.sql("changes/_0002__U", "u", "INSERT INTO t VALUES (1);");
    project.applied();
    database.rows(&format!("DROP USER {account}@'127.0.0.1'"));
}

#[test]
fn a_server_that_does_not_encrypt_is_told_where_encryption_is_asked_for() {
    let database = MariaDb::shared().database();
    let url = format!("{}?ssl-mode=required", database.url());
    for is_store in [false, true] {
        told(&url, is_store, "refused", &["does not encrypt"]);
    }
}

/// The greeting of a server of a release, which does not encrypt and checks passwords in a way.
pub(crate) fn greeting(version: &str, way: &str) -> Vec<u8> {
    let mut packet = vec![10];
    packet.extend(version.as_bytes());
    packet.extend([0, 1, 0, 0, 0]);
    packet.extend(b"12345678\0");
    packet.extend([0xFF, 0xF7, 45, 2, 0, 0xFF, 0x81, 21]);
    packet.extend([0; 10]);
    packet.extend(b"123456789012\0");
    packet.extend(way.as_bytes());
    packet.push(0);
    [&[u8::try_from(packet.len()).unwrap(), 0, 0, 0], packet.as_slice()].concat()
}

/// Something that greets and hangs up.
fn greeter(version: &str) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let sent = greeting(version, "mysql_native_password");
    std::thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            drop(client.write_all(&sent));
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
    });
    port
}

#[test]
fn a_server_that_is_too_old_is_told_with_the_release_that_is_needed() {
    for (version, words) in
        [("5.5.5-10.3.39-MariaDB", ["10.3.39", "MariaDB 10.6"]), ("5.7.44", ["5.7.44", "MySQL 8.0"])]
    {
        let url = format!("mysql://root:{WRONG}@127.0.0.1:{}/x", greeter(version));
        for is_store in [false, true] {
            told(&url, is_store, "version", &words);
        }
    }
}

#[test]
fn a_wrong_address_is_a_problem_at_its_line() {
    for (url, word) in [
        ("mysql://a:correct-horse-battery@h:port/x", "port"),
        ("mysql://a:correct-horse-battery@h/x?ssl-mode=maybe", "ssl-mode"),
        ("mysql://a:correct-horse-battery@h/x?pool=3", "`pool`"),
        ("mysql://a:correct-horse-battery@h", "no database"),
    ] {
        let project = Project::new(&configuration("", url));
        is_a_problem(&project, word, &secrets());
    }
}
