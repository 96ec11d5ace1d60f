//! PostgreSQL, from Debian's package.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{LazyLock, Mutex};

use tempfile::TempDir;

use super::program::{self, Server, command, free_port, give, run};

/// The password of the account `postgres`: it must never be shown.
const PASSWORD: &str = "correct-horse-battery";

/// A server.
#[derive(Debug)]
pub struct Postgres {
    folder: TempDir,
    port: u16,
    settings: Vec<String>,
    server: Mutex<Option<Server>>,
    databases: AtomicU32,
}

/// A database on a server.
#[derive(Debug)]
pub struct PostgresDatabase<'a> {
    /// Where it is.
    pub server: &'a Postgres,
    /// What it is called.
    pub name: String,
}

fn program(name: &str) -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = versions.map(|version| version.path().join("bin")).collect();
    folders.sort();
    folders.reverse();
    program::find(name, &folders)
}

impl Postgres {
    /// The server that all tests of this process share.
    pub fn shared() -> &'static Self {
        static SHARED: LazyLock<Postgres> = LazyLock::new(|| Postgres::start(&["fsync=off"], "", |_| ()));
        &SHARED
    }

    /// A server of the test's own, with settings, lines at the head of its `pg_hba.conf`, and further files in its
    /// folder.
    pub fn start(settings: &[&str], access: &str, prepare: impl FnOnce(&Path)) -> Self {
        let folder = tempfile::Builder::new().prefix("sandpiper-postgres-").tempdir().unwrap();
        let root = folder.path();
        std::fs::write(root.join("password"), PASSWORD).unwrap();
        prepare(root);
        give(root);
        let data = root.join("data");
        let mut initdb = command(&program("initdb"));
        initdb.arg("-D").arg(&data).args(["-U", "postgres", "--auth=scram-sha-256", "-E", "UTF8", "-N"]);
        initdb.args(["--locale=C.UTF-8", "--pwfile"]).arg(root.join("password")).env_remove("LANG");
        run(&mut initdb);
        let hba = std::fs::read_to_string(data.join("pg_hba.conf")).unwrap();
        std::fs::write(data.join("pg_hba.conf"), format!("{access}\n{hba}")).unwrap();
        let settings = settings.iter().map(|setting| (*setting).to_owned()).collect();
        let postgres = Self {
            port: free_port(),
            settings,
            server: Mutex::new(None),
            databases: AtomicU32::new(0),
            folder,
        };
        postgres.begin();
        postgres
    }

    /// Starts it again after [`stop`](Self::stop), and waits until it answers.
    pub fn begin(&self) {
        let root = self.folder.path();
        let mut postgres = command(&program("postgres"));
        postgres.arg("-D").arg(root.join("data"));
        let sockets = format!("unix_socket_directories={}", root.display());
        for setting in
            ["listen_addresses=127.0.0.1", "max_connections=200", &format!("port={}", self.port), &sockets]
        {
            postgres.args(["-c", setting]);
        }
        for setting in &self.settings {
            postgres.args(["-c", setting]);
        }
        let log = std::fs::File::create(root.join("log")).unwrap();
        postgres.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let server = Server::start(postgres, || {
            let mut ready = Command::new(program("pg_isready"));
            ready.args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()]);
            ready.status().unwrap().success()
        });
        *self.server.lock().unwrap() = Some(server);
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The password of the account `postgres`.
    pub fn password(&self) -> &'static str {
        PASSWORD
    }

    /// A file or folder beside its data.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What it wrote to its log.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap()
    }

    /// Stops it as a crash would.
    pub fn stop(&self) {
        drop(self.server.lock().unwrap().take());
    }

    /// Stops it as a crash would, and starts it again.
    pub fn crash(&self) {
        self.stop();
        self.begin();
    }

    /// Makes an empty database.
    pub fn database(&self) -> PostgresDatabase<'_> {
        let name = format!("db{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.rows("postgres", &format!("CREATE DATABASE {name}"));
        PostgresDatabase { server: self, name }
    }

    /// The rows of statements in a database, columns joined by `|`.
    #[track_caller]
    pub fn rows(&self, database: &str, statements: &str) -> Vec<String> {
        let mut psql = Command::new(program("psql"));
        let port = self.port.to_string();
        psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", &port]);
        psql.args(["-U", "postgres", "-d", database, "-c", statements]).env("PGPASSWORD", PASSWORD);
        run(&mut psql).lines().map(str::to_owned).collect()
    }
}

impl PostgresDatabase<'_> {
    /// Its address.
    pub fn url(&self) -> String {
        self.url_at(self.server.port)
    }

    /// Its address behind another port.
    pub fn url_at(&self, port: u16) -> String {
        format!("postgres://postgres:{PASSWORD}@127.0.0.1:{port}/{}", self.name)
    }

    /// The rows of statements in it, columns joined by `|`.
    #[track_caller]
    pub fn rows(&self, statements: &str) -> Vec<String> {
        self.server.rows(&self.name, statements)
    }

    /// Ends every connection to it.
    pub fn cut_connections(&self) {
        let cut =
            format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'", self.name);
        self.server.rows("postgres", &cut);
    }
}

impl Drop for PostgresDatabase<'_> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.server.rows("postgres", &format!("DROP DATABASE {} WITH (FORCE)", self.name));
        }
    }
}

/// Certificates for a server on this machine and for a client, signed by an authority of their own.
#[derive(Debug)]
pub struct Certificates;

impl Certificates {
    /// Makes `root.crt`, `server.crt`, `server.key` (for `localhost`), `client.crt` and `client.key` (for the account
    /// `postgres`) in a folder.
    pub fn make(folder: &Path) {
        let openssl = |arguments: &str| {
            let mut openssl = Command::new(program::find("openssl", &[]));
            run(openssl.current_dir(folder).args(arguments.split(' ')));
        };
        let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
        openssl(&format!("req -x509 {key} -keyout root.key -out root.crt -days 2 -subj /CN=root"));
        for (name, subject, extension) in [
            ("server", "localhost", "subjectAltName=DNS:localhost"),
            ("client", "postgres", "subjectAltName=DNS:postgres"),
        ] {
            std::fs::write(folder.join("extension"), extension).unwrap();
            openssl(&format!("req -new {key} -keyout {name}.key -out {name}.csr -subj /CN={subject}"));
            openssl(&format!(
                "x509 -req -in {name}.csr -CA root.crt -CAkey root.key -CAcreateserial -days 2 -out {name}.crt -extfile extension"
            ));
        }
        use std::os::unix::fs::PermissionsExt as _;
        let private = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(folder.join("server.key"), private).unwrap();
    }
}
