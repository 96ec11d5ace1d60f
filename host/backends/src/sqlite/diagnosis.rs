//! What can be wrong with a file, looked at without touching it.

use std::path::Path;

use rusqlite::Connection;
use rustix::fs::{Access, access, statfs, statvfs};
use sandpiper_engine::diagnosis::Finding;
use sandpiper_engine::scope::Scope;
use sandpiper_engine::store::StoreError;

use super::database::Database;
use super::errors::{is_busy, message};
use super::{chain, connection, schema};
use crate::Role;

/// What is looked at in a target system, and in a store, once the file can be read.
const OF_TARGET: [&str; 4] = ["rights", "journal", "tables", "audit"];
const OF_STORE: [&str; 5] = ["rights", "journal", "schema", "chain", "permissions"];

/// The host's tables in a target system, with their columns.
const TABLES: [(&str, &[&str]); 2] = [
    ("sandpiper_fence", &["store", "service", "environment", "tenant", "stage", "token"]),
    ("sandpiper_marker", &["attempt_id", "written_at"]),
];

/// Below so many bytes of free space something is odd, and below so many it is wrong.
const LITTLE: u64 = 256 << 20;
const NONE: u64 = 16 << 20;

/// File systems across a network, by the number that `statfs` gives: NFS, SMB, CIFS, SMB2.
const NETWORKS: [u64; 4] = [0x6969, 0x517B, 0xFF53_4D42, 0xFE53_4D42];

/// A file that changes are applied to.
pub(crate) fn target(database: &Database, role: Role) -> Vec<Finding> {
    let path = database.path().display();
    if let Some(reason) = database.missing() {
        let help = "make the folder, or correct `path` in `target-systems`";
        return ended(Finding::bad("reachable", reason, help), &OF_TARGET);
    }
    if !database.exists() {
        let found = Finding::good("reachable", format!("`{path}` is not there yet: the first run makes it"));
        return vec![found, rights(database.path()), space(database.path())];
    }
    let found = look(database, |connection| {
        vec![journal(database.path(), connection), tables(connection), audit(role)]
    });
    let (first, rest) = match found {
        Ok(found) => (Finding::good("reachable", format!("`{path}` is a SQLite database")), found),
        Err(finding) => return ended(finding, &OF_TARGET),
    };
    let mut findings = vec![first, rights(database.path())];
    findings.extend(rest);
    findings.push(space(database.path()));
    findings
}

/// A file that keeps the audit.
pub(crate) fn store(database: &Database, scope: &Scope) -> Vec<Finding> {
    let path = database.path().display();
    if database.path().is_dir() {
        let reason = format!("`{path}` is a folder, not a file");
        return ended(Finding::bad("reachable", reason, "correct `store` in the configuration"), &OF_STORE);
    }
    if !database.exists() {
        let found = Finding::good("reachable", format!("`{path}` is not there yet: the first run makes it"));
        return vec![found, rights(database.path()), space(existing(database.path()))];
    }
    let found = look(database, |connection| {
        let (schema, is_known) = version(connection);
        let mut findings = vec![journal(database.path(), connection), schema];
        match is_known {
            true => findings.push(end(connection, scope)),
            false => findings.extend(Finding::unknown(["chain"], "schema")),
        }
        findings
    });
    let (first, rest) = match found {
        Ok(found) => (Finding::good("reachable", format!("`{path}` is a SQLite database")), found),
        Err(finding) => return ended(finding, &OF_STORE),
    };
    let mut findings = vec![first, rights(database.path())];
    findings.extend(rest);
    findings.extend([permissions(database.path()), space(database.path())]);
    findings
}

/// A finding after which nothing else can be looked at.
fn ended(finding: Finding, rest: &[&'static str]) -> Vec<Finding> {
    let because = finding.aspect;
    std::iter::once(finding).chain(Finding::unknown(rest.iter().copied(), because)).collect()
}

/// Looks into the file; or says why that cannot be done.
fn look(
    database: &Database,
    look: impl FnOnce(&Connection) -> Vec<Finding>,
) -> Result<Vec<Finding>, Finding> {
    let path = database.path().display();
    let cannot = |error: rusqlite::Error| {
        let why = format!("`{path}` cannot be read: {}", message(&error));
        Finding::bad(
            "reachable",
            why,
            match is_busy(&error) {
                true => "another program has it locked: find out which, and look again",
                false => "see that it is a SQLite database, and that this account may read it",
            },
        )
    };
    let looked = database.look(cannot, |connection| {
        connection.query_row("SELECT count(*) FROM main.sqlite_schema", [], |_| Ok(())).map_err(cannot)?;
        Ok(look(connection))
    })?;
    Ok(looked.unwrap_or_default())
}

/// Whether the file, or one that is to be made, can be written: SQLite writes a journal beside it too.
fn rights(path: &Path) -> Finding {
    let folder = existing(path);
    let blocked = [path, folder].into_iter().find(|it| it.exists() && access(*it, Access::WRITE_OK).is_err());
    match blocked {
        None => Finding::good("rights", "the file and its folder can be written to"),
        Some(path) => Finding::bad(
            "rights",
            format!("`{}` cannot be written to by this account", path.display()),
            "let the account that runs Sandpiper write to the file, and to its folder for SQLite's journal",
        ),
    }
}

/// The nearest folder above a path that is there.
fn existing(path: &Path) -> &Path {
    path.ancestors().skip(1).find(|folder| folder.is_dir()).unwrap_or(Path::new("/"))
}

fn journal(path: &Path, connection: &Connection) -> Finding {
    let is_wal = connection::is_wal(connection);
    let number = statfs(path).map(|found| u64::try_from(found.f_type).unwrap_or_default());
    let is_remote = number.is_ok_and(|number| NETWORKS.contains(&(number & 0xFFFF_FFFF)));
    match (is_wal, is_remote) {
        (Err(error), _) => Finding::bad("journal", message(&error), "see that the file is whole"),
        (Ok(true), true) => Finding::bad(
            "journal",
            "it has a write-ahead log, which does not work across a network",
            "move the file to a disk of this machine, or run `PRAGMA journal_mode = DELETE` on it",
        ),
        (Ok(false), true) => Finding::odd(
            "journal",
            "the file lies across a network, where locks are often not kept",
            "move it to a disk of this machine, or use a database server",
        ),
        (Ok(true), false) => Finding::good("journal", "a write-ahead log"),
        (Ok(false), false) => Finding::good("journal", "a rollback journal: kept as it is"),
    }
}

/// Whether the tables of markers and fence rows are as this host makes them, where they are there.
fn tables(connection: &Connection) -> Finding {
    let mut there = 0;
    for (table, columns) in TABLES {
        let found = match columns_of(connection, table) {
            Ok(found) => found,
            Err(error) => return Finding::bad("tables", message(&error), "see that the file is whole"),
        };
        if found.is_empty() {
            continue;
        }
        there += 1;
        if let Some(missing) = columns.iter().find(|column| !found.iter().any(|it| it == *column)) {
            return Finding::bad(
                "tables",
                format!("`{table}` has no column `{missing}`: it is not the table that Sandpiper makes"),
                format!("rename that table; Sandpiper then makes its own `{table}`"),
            );
        }
    }
    match there {
        0 => Finding::good(
            "tables",
            "no marker and fence tables yet: the first run that needs them makes them",
        ),
        _ => Finding::good("tables", "the marker and fence tables are as they should be"),
    }
}

fn columns_of(connection: &Connection, table: &str) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare("SELECT name FROM pragma_table_info(?1, 'main')")?;
    statement.query_map([table], |row| row.get(0))?.collect()
}

fn audit(role: Role) -> Finding {
    match role {
        Role::Store => Finding::good(
            "audit",
            "it is kept in this file, which `shared` mode needs; changes may not name its tables",
        ),
        Role::Apart => Finding::good("audit", "it is kept elsewhere: changes cannot reach it"),
    }
}

/// The version of the store's tables, and whether they can be read.
fn version(connection: &Connection) -> (Finding, bool) {
    match schema::version(connection) {
        Ok(0) => (Finding::good("schema", "no audit yet: the first run makes it"), true),
        Ok(version) => (Finding::good("schema", format!("version {version}")), true),
        Err(error) => {
            let help = match &error {
                StoreError::Version(_) => "run a release of Sandpiper that is as new as the store",
                _ => "somebody changed the store by hand, or it was damaged: compare it with a backup",
            };
            (Finding::bad("schema", error.to_string(), help), false)
        }
    }
}

fn end(connection: &Connection, scope: &Scope) -> Finding {
    let end = match schema::is_there(connection) {
        Ok(false) => return crate::diagnosis::chain(Ok(None)),
        _ => chain::end(connection, scope),
    };
    crate::diagnosis::chain(end.map(Some))
}

/// Whether others on this machine could write the audit.
fn permissions(path: &Path) -> Finding {
    use std::os::unix::fs::MetadataExt as _;
    let is_open = |path: &Path| {
        // In a folder with the sticky bit nobody may replace what belongs to another.
        std::fs::metadata(path).is_ok_and(|found| found.mode() & 0o1002 == 0o0002)
    };
    let open = [Some(path), path.parent()].into_iter().flatten().find(|path| is_open(path));
    match open {
        None => Finding::good("permissions", "only its account and group may write to it"),
        Some(open) => Finding::odd(
            "permissions",
            format!("every account of this machine may write to `{}`, and so to the audit", open.display()),
            format!("take that right away: `chmod o-w {}`", open.display()),
        ),
    }
}

fn space(path: &Path) -> Finding {
    let folder = if path.exists() { path } else { existing(path) };
    let free = statvfs(folder).map(|found| found.f_bavail.saturating_mul(found.f_frsize));
    let left = |free: u64| format!("only {} MiB are free on its disk", free >> 20);
    match free {
        Ok(free) if free < NONE => Finding::bad("space", left(free), "make room on the disk"),
        Ok(free) if free < LITTLE => Finding::odd("space", left(free), "make room on the disk"),
        Ok(_) => Finding::good("space", format!("more than {} MiB are free", LITTLE >> 20)),
        Err(error) => {
            Finding::odd("space", format!("how much is free is not known: {error}"), "look with `df`")
        }
    }
}
