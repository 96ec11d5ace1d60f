//! MariaDB, from Debian's package.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{LazyLock, Mutex};

use tempfile::TempDir;

use super::program::{self, Server, command, free_port, give, run};

/// The password of the account `root`: it must never be shown.
const PASSWORD: &str = "correct-horse-battery";

/// A server.
#[derive(Debug)]
pub struct MariaDb {
    folder: TempDir,
    port: u16,
    settings: Vec<String>,
    server: Mutex<Option<Server>>,
    databases: AtomicU32,
}

/// A database on a server.
#[derive(Debug)]
pub struct MariaDbDatabase<'a> {
    /// Where it is.
    pub server: &'a MariaDb,
    /// What it is called.
    pub name: String,
}

fn program(name: &str) -> PathBuf {
    program::find(name, &[])
}

impl MariaDb {
    /// The server that all tests of this process share.
    pub fn shared() -> &'static Self {
        static SHARED: LazyLock<MariaDb> =
            LazyLock::new(|| MariaDb::start(&["--innodb-flush-log-at-trx-commit=0"], |_| ()));
        &SHARED
    }

    /// A server of the test's own, with settings, and further files in its folder.
    pub fn start(settings: &[&str], prepare: impl FnOnce(&Path)) -> Self {
        let folder = tempfile::Builder::new().prefix("sandpiper-mariadb-").tempdir().unwrap();
        let root = folder.path();
        let accounts = format!(
            "DROP USER IF EXISTS root@'127.0.0.1', root@'::1';\n\
             CREATE USER IF NOT EXISTS root@'%' IDENTIFIED BY '{PASSWORD}';\n\
             GRANT ALL ON *.* TO root@'%' WITH GRANT OPTION;\n\
             ALTER USER root@localhost IDENTIFIED BY '{PASSWORD}';\n"
        );
        std::fs::write(root.join("accounts.sql"), accounts).unwrap();
        // A server that starts removes every temporary table in its folder for them, also those of another one.
        std::fs::create_dir(root.join("tmp")).unwrap();
        prepare(root);
        give(root);
        let mut install = command(&program("mariadb-install-db"));
        install.args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"]);
        install.args(["--skip-name-resolve", "--innodb-flush-method=nosync", "--innodb-log-file-size=16M"]);
        for folder in ["data", "tmp"] {
            install.arg(format!("--{folder}dir={}", root.join(folder).display()));
        }
        run(&mut install);
        let settings = settings.iter().map(|setting| (*setting).to_owned()).collect();
        let mariadb = Self {
            port: free_port(),
            settings,
            server: Mutex::new(None),
            databases: AtomicU32::new(0),
            folder,
        };
        mariadb.begin();
        mariadb
    }

    fn begin(&self) {
        let root = self.folder.path();
        let mut mariadbd = command(&program("mariadbd"));
        let file = |option: &str, name: &str| format!("--{option}={}", root.join(name).display());
        mariadbd.args([
            "--no-defaults",
            "--bind-address=127.0.0.1",
            "--skip-name-resolve",
            "--max-connections=300",
            "--innodb-buffer-pool-size=64M",
            "--innodb-log-file-size=16M",
            &format!("--port={}", self.port),
            &file("datadir", "data"),
            &file("tmpdir", "tmp"),
            &file("socket", "socket"),
            &file("pid-file", "pid"),
            &file("init-file", "accounts.sql"),
        ]);
        mariadbd.args(&self.settings);
        let log = std::fs::OpenOptions::new().create(true).append(true).open(root.join("log")).unwrap();
        mariadbd.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let server = Server::start(mariadbd, || {
            self.client("mysql", "SELECT 1").output().is_ok_and(|output| output.status.success())
        });
        *self.server.lock().unwrap() = Some(server);
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The password of the account `root`.
    pub fn password(&self) -> &'static str {
        PASSWORD
    }

    /// A file or folder beside its data: `socket` is where it listens too.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Stops it as a crash would, and starts it again.
    pub fn crash(&self) {
        if let Some(server) = self.server.lock().unwrap().take() {
            server.end("KILL");
        }
        self.begin();
    }

    /// Makes an empty database.
    pub fn database(&self) -> MariaDbDatabase<'_> {
        let name = format!("db{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.rows("mysql", &format!("CREATE DATABASE {name}"));
        MariaDbDatabase { server: self, name }
    }

    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(program(name));
        command.args(["--no-defaults", "--host=127.0.0.1", "--user=root", "--skip-ssl"]);
        command.arg("--default-character-set=utf8mb4");
        command.arg(format!("--port={}", self.port)).env("MYSQL_PWD", PASSWORD);
        command
    }

    fn client(&self, database: &str, statements: &str) -> Command {
        let mut client = self.program("mariadb");
        client.args(["--batch", "--raw", "--skip-column-names", database, "-e", statements]);
        client
    }

    /// Lets the client run a script, with its comments.
    #[track_caller]
    pub fn run_script(&self, database: &str, script: &[u8]) {
        let file = self.path("script.sql");
        std::fs::write(&file, script).unwrap();
        let mut client = self.program("mariadb");
        // Without this it takes comments out of stored programs.
        client.arg("--comments");
        run(client.arg(database).stdin(Stdio::from(std::fs::File::open(file).unwrap())));
    }

    /// Everything in a database that is not ours, as statements that make it.
    #[track_caller]
    pub fn dump(&self, database: &str) -> Vec<String> {
        let ours = self.rows(database, "SHOW TABLES LIKE 'sandpiper\\_%'");
        let mut dump = self.program("mariadb-dump");
        dump.args(["--routines", "--triggers", "--events", "--skip-dump-date", "--skip-comments"]);
        dump.args(ours.iter().map(|table| format!("--ignore-table={database}.{table}")));
        run(dump.arg(database)).lines().map(str::to_owned).collect()
    }

    /// The rows of statements in a database, columns joined by `|`.
    #[track_caller]
    pub fn rows(&self, database: &str, statements: &str) -> Vec<String> {
        let said = run(&mut self.client(database, statements));
        said.lines().map(|line| line.replace('\t', "|")).collect()
    }
}

impl MariaDbDatabase<'_> {
    /// Its address.
    pub fn url(&self) -> String {
        self.url_at(self.server.port)
    }

    /// Its address behind another port.
    pub fn url_at(&self, port: u16) -> String {
        format!("mysql://root:{PASSWORD}@127.0.0.1:{port}/{}", self.name)
    }

    /// The rows of statements in it, columns joined by `|`.
    #[track_caller]
    pub fn rows(&self, statements: &str) -> Vec<String> {
        self.server.rows(&self.name, statements)
    }

    /// Ends every connection to it.
    pub fn cut_connections(&self) {
        let asked = format!("SELECT id FROM information_schema.processlist WHERE db = '{}'", self.name);
        for id in self.server.rows("mysql", &asked) {
            // One that has ended by itself meanwhile is gone too.
            let _ = self.server.client("mysql", &format!("KILL CONNECTION {id}")).output();
        }
    }
}

impl Drop for MariaDbDatabase<'_> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.cut_connections();
            self.server.rows("mysql", &format!("DROP DATABASE {}", self.name));
        }
    }
}
