//! Encrypted connections.

use sandpiper_tests::{Certificates, Postgres, Project};

use crate::configuration;

/// A server that takes encrypted connections only, and a client certificate in place of a password for one database.
fn server() -> Postgres {
    let access = "hostnossl all all 127.0.0.1/32 reject\nhostssl certified all 127.0.0.1/32 cert";
    let settings = |folder: &std::path::Path| Certificates::make(folder);
    Postgres::start(
        &[
            "fsync=off",
            "ssl=on",
            "ssl_cert_file=../server.crt",
            "ssl_key_file=../server.key",
            "ssl_ca_file=../root.crt",
        ],
        access,
        settings,
    )
}

#[test]
fn sslmode_decides_what_is_verified() {
    let server = server_with_query();
    let (port, password) = (server.port(), server.password());
    let copied = |project: &Project| {
        for name in ["root.crt", "client.crt", "client.key"] {
            project.write(name, std::fs::read(server.path(name)).unwrap());
        }
    };
    let other = tempfile::tempdir().unwrap();
    Certificates::make(other.path());
    let outcome = |host: &str, database: &str, parameters: &str| {
        let url = format!("postgres://postgres:{password}@{host}:{port}/{database}?{parameters}");
        let project = Project::new(&configuration("", &url));
        copied(&project);
        project.write("other.crt", std::fs::read(other.path().join("root.crt")).unwrap());
        project.sql("changes/_0001__T", "t", "SELECT 1;");
        let outcome = project.json("apply");
        assert!(!outcome.stdout.contains(password) && !outcome.stderr.contains(password), "{outcome}");
        outcome
    };
    for parameters in [
        "",
        "sslmode=prefer",
        "sslmode=require",
        "sslmode=verify-ca&sslrootcert=root.crt",
        "sslmode=verify-full&sslrootcert=root.crt",
    ] {
        outcome("localhost", "postgres", parameters).exits(0);
    }
    for (host, parameters, words) in [
        ("localhost", "sslmode=disable", "sslmode=require"),
        ("localhost", "sslmode=verify-full", "root"),
        ("localhost", "sslmode=verify-full&sslrootcert=other.crt", "certificate"),
        ("localhost", "sslmode=require&sslrootcert=other.crt", "certificate"),
        ("127.0.0.1", "sslmode=verify-full&sslrootcert=root.crt", "not for the host"),
        ("localhost", "sslmode=require&sslrootcert=missing.crt", "missing.crt"),
    ] {
        let refused = outcome(host, "postgres", parameters).exits(7);
        let message = refused.text("/error/message");
        assert!(message.contains(words), "{parameters}: {message}");
    }
    outcome("127.0.0.1", "postgres", "sslmode=verify-ca&sslrootcert=root.crt").exits(0);
    let certified = "sslmode=verify-full&sslrootcert=root.crt&sslcert=client.crt&sslkey=client.key";
    outcome("localhost", "certified", certified).exits(0);
    outcome("localhost", "certified", "sslmode=require").exits(7);
}

fn server_with_query() -> Postgres {
    let server = server();
    server.rows("postgres", "CREATE DATABASE certified");
    server
}
