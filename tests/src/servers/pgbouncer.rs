//! PgBouncer in transaction mode, in front of a PostgreSQL.

use std::process::Stdio;

use tempfile::TempDir;

use super::postgres::Postgres;
use super::program::{Server, command, find, free_port, give};

/// A pooler that gives each transaction another connection.
#[derive(Debug)]
pub struct PgBouncer {
    _server: Server,
    _folder: TempDir,
    port: u16,
}

impl PgBouncer {
    /// Starts it in front of a server.
    pub fn start(postgres: &Postgres) -> Self {
        let folder = tempfile::Builder::new().prefix("sandpiper-pgbouncer-").tempdir().unwrap();
        let root = folder.path();
        let port = free_port();
        let users = root.join("users");
        std::fs::write(&users, format!("\"postgres\" \"{}\"\n", postgres.password())).unwrap();
        let configuration = format!(
            "[databases]\n* = host=127.0.0.1 port={}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
             unix_socket_dir =\nauth_type = scram-sha-256\nauth_file = {}\npool_mode = transaction\n\
             default_pool_size = 3\nmax_client_conn = 200\n",
            postgres.port(),
            users.display()
        );
        std::fs::write(root.join("pgbouncer.ini"), configuration).unwrap();
        give(root);
        let mut pgbouncer = command(&find("pgbouncer", &[]));
        pgbouncer.arg("-q").arg(root.join("pgbouncer.ini")).stdin(Stdio::null()).stderr(Stdio::null());
        let server = Server::start(pgbouncer, || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
        Self { _server: server, _folder: folder, port }
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }
}
