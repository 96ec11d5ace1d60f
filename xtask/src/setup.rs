//! Installs what the tests need: the WASM target, from Debian's packages what they compare with, and the toolchains of
//! other languages.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::languages;
use crate::shell::{self, command};

/// What guests are built for.
pub(crate) const GUESTS: &str = "wasm32-wasip2";

/// Programs that tests start, and the Debian package that has each.
const PROGRAMS: &[(&str, &str)] = &[
    ("cc", "build-essential"),
    ("mariadbd", "mariadb-server"),
    ("openssl", "openssl"),
    ("pgbouncer", "pgbouncer"),
    ("postgres", "postgresql"),
    ("python3", "python3"),
    ("sqlite3", "sqlite3"),
];

/// `cargo xtask setup`.
pub(crate) fn run() -> Result<()> {
    target(GUESTS)?;
    programs(PROGRAMS)?;
    languages::setup()
}

/// A target of the compiler.
pub(crate) fn target(triple: &str) -> Result<()> {
    let installed = command("rustup", &["target", "list", "--installed"])
        .output()
        .context("`rustup` could not be started: install Rust with rustup, then run this again")?;
    if String::from_utf8_lossy(&installed.stdout).lines().any(|line| line == triple) {
        return Ok(());
    }
    shell::run(command("rustup", &["target", "add", triple]))
}

/// Programs, and the Debian package that has each.
pub(crate) fn programs(needed: &[(&str, &'static str)]) -> Result<()> {
    let missing: Vec<&str> =
        needed.iter().filter(|(program, _)| !is_there(program)).map(|(_, package)| *package).collect();
    if missing.is_empty() {
        return Ok(());
    }
    if !is_there("apt-get") {
        bail!("these are missing, and this is no Debian machine: install {}", missing.join(", "));
    }
    let is_root = command("id", &["-u"]).output().is_ok_and(|output| output.stdout == b"0\n");
    let apt = |arguments: &[&str]| {
        let mut all = vec!["apt-get"];
        all.extend(arguments);
        let (program, rest) = if is_root { ("env", all.as_slice()) } else { ("sudo", all.as_slice()) };
        shell::run(command(program, rest))
    };
    apt(&["update", "-q"])?;
    let mut install = vec!["install", "-q", "-y", "--no-install-recommends"];
    install.extend(&missing);
    apt(&install)
}

fn is_there(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Where Debian puts servers.
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let servers = versions.map(|version| version.path().join("bin")).chain([PathBuf::from("/usr/sbin")]);
    std::env::split_paths(&path).chain(servers).any(|folder| folder.join(program).is_file())
}
