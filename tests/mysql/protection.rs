//! Encrypted connections.

use sandpiper_tests::{Certificates, MariaDb, Project};

use crate::configuration;

/// A server that takes encrypted connections only.
fn server() -> MariaDb {
    let folder = tempfile::tempdir().unwrap().keep();
    Certificates::make(&folder);
    let file = |name: &str| folder.join(name).display().to_string();
    for name in ["server.key", "server.crt", "root.crt"] {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(file(name), std::fs::Permissions::from_mode(0o644)).unwrap();
    }
    std::fs::set_permissions(&folder, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let (certificate, key) =
        (format!("--ssl-cert={}", file("server.crt")), format!("--ssl-key={}", file("server.key")));
    let server = MariaDb::start(
        &[&certificate, &key, &format!("--ssl-ca={}", file("root.crt"))],
        |folder_of_server| {
            for name in ["root.crt", "client.crt", "client.key"] {
                std::fs::copy(folder.join(name), folder_of_server.join(name)).unwrap();
            }
        },
    );
    server.rows("mysql", "CREATE DATABASE app");
    server.rows("mysql", "CREATE USER safe@'%' IDENTIFIED BY 'battery-horse-correct' REQUIRE SSL; GRANT ALL ON app.* TO safe@'%'");
    server
}

#[test]
fn ssl_mode_decides_what_is_verified() {
    let server = server();
    let port = server.port();
    let other = tempfile::tempdir().unwrap();
    Certificates::make(other.path());
    let outcome = |host: &str, parameters: &str| {
        let url = format!("mysql://safe:battery-horse-correct@{host}:{port}/app?{parameters}");
        let project = Project::new(&configuration("", &url));
        for name in ["root.crt", "client.crt", "client.key"] {
            project.write(name, std::fs::read(server.path(name)).unwrap());
        }
        project.write("other.crt", std::fs::read(other.path().join("root.crt")).unwrap());
        project.sql("changes/_0001__T", "t", "SELECT 1;");
        let outcome = project.json("apply");
        assert!(
            !outcome.stdout.contains("battery-horse") && !outcome.stderr.contains("battery-horse"),
            "{outcome}"
        );
        outcome
    };
    for parameters in [
        "",
        "ssl-mode=preferred",
        "ssl-mode=required",
        "ssl-mode=verify-ca&ssl-ca=root.crt",
        "ssl-mode=verify-identity&ssl-ca=root.crt",
    ] {
        outcome("localhost", parameters).exits(0);
    }
    for (host, parameters, words) in [
        ("localhost", "ssl-mode=disabled", "Access denied"),
        ("localhost", "ssl-mode=verify-identity&ssl-ca=other.crt", "certificate"),
        ("127.0.0.1", "ssl-mode=verify-identity&ssl-ca=root.crt", "not for the host"),
        ("localhost", "ssl-mode=required&ssl-ca=missing.crt", "missing.crt"),
    ] {
        let refused = outcome(host, parameters).exits(7);
        let message = refused.text("/error/message");
        assert!(message.contains(words), "{parameters}: {message}");
    }
}
