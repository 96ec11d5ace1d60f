//! What can be wrong with a database, looked at without making anything.

use sandpiper_engine::diagnosis::Finding;
use sandpiper_engine::fault::Fault;
use sandpiper_engine::scope::Scope;

use super::client::Client;
use super::database::Database;
use super::errors::Failure;
use super::marks::quoted;
use super::{chain, grants, lease, rights, schema};
use crate::Role;
use crate::servers::cells::Cells;
use crate::servers::diagnosis::{self, Table, reached, unreachable, unread};
use crate::servers::failure::{Explain as _, Unreadable, store_error, target_error};
use crate::servers::pool::Pooling as _;

/// What is looked at in a target system, and in a store, once it is reached.
const OF_TARGET: [&str; 6] = ["version", "rights", "clock", "durability", "tables", "audit"];
const OF_STORE: [&str; 6] = ["version", "rights", "clock", "durability", "schema", "chain"];

const SETTINGS: &str = "SELECT @@global.read_only, @@global.innodb_flush_log_at_trx_commit, @@global.log_bin,
     @@global.sync_binlog";

/// The host's tables in a target system, and their columns.
const COLUMNS: &str = "SELECT table_name, column_name FROM information_schema.columns
     WHERE table_schema = DATABASE() AND table_name IN ('sandpiper_fence', 'sandpiper_marker')";
const MARKS: [Table; 2] = [
    ("sandpiper_fence", &["id", "store", "service", "environment", "tenant", "stage", "token"]),
    ("sandpiper_marker", &["attempt_id", "written_at"]),
];

/// All tables of the host in the database, and what keeps their rows.
const ENGINES: &str = "SELECT table_name, COALESCE(engine, 'none') FROM information_schema.tables
     WHERE table_schema = DATABASE() AND LEFT(table_name, 10) = 'sandpiper_'";

/// The databases of the server that hold an audit which the account can see, its own first.
const AUDITS: &str = "SELECT table_schema, table_schema = DATABASE() FROM information_schema.tables
     WHERE table_name = 'sandpiper_entry' ORDER BY 2 DESC, 1 LIMIT 100";
/// The tables whose rows tell what was done, and who may do it.
const AUDIT: [&str; 5] =
    ["sandpiper_entry", "sandpiper_chain", "sandpiper_state", "sandpiper_lease", "sandpiper_store"];

/// A database that changes are applied to.
pub(crate) async fn target(database: &Database, role: Role) -> Vec<Finding> {
    let mut client = match database.connect().await {
        Ok(client) => client,
        Err(failure) => return closed(database, &failure, &target_error(&failure).into(), &OF_TARGET),
    };
    let mut findings = server(database, &mut client, &MARKS.map(|(table, _)| table)).await;
    findings.push(tables(&mut client).await.unwrap_or_else(|failure| unread("tables", &failure)));
    findings
        .push(audit(&mut client, role, database).await.unwrap_or_else(|failure| unread("audit", &failure)));
    client.terminate().await;
    findings
}

/// A database that keeps the audit.
pub(crate) async fn store(database: &Database, scope: &Scope) -> Vec<Finding> {
    let mut client = match database.connect_for_host().await {
        Ok(client) => client,
        Err(failure) => return closed(database, &failure, &store_error(&failure).into(), &OF_STORE),
    };
    let mut findings = server(database, &mut client, &schema::TABLES).await;
    findings.extend(kept(&mut client, scope).await);
    client.terminate().await;
    findings
}

/// A server that does not let us in, or that is let go because of its release.
fn closed(database: &Database, failure: &Failure, fault: &Fault, rest: &[&'static str]) -> Vec<Finding> {
    let Failure::Version(why) = failure else { return unreachable(fault, rest) };
    let answers = Finding::good("reachable", format!("`{}` answers", database.address().place()));
    let rest = Finding::unknown(rest.iter().copied().skip(1), "version");
    [answers, Finding::bad("version", why.as_str(), "use a newer server")].into_iter().chain(rest).collect()
}

/// What is looked at alike, whatever the server is for. `tables` are those that the account has to keep.
async fn server(database: &Database, client: &mut Client, tables: &[&str]) -> Vec<Finding> {
    let address = database.address();
    let mut findings = vec![
        reached(&address.place(), &address.user),
        Finding::good("version", client.server().described()),
        rights(database, client, tables).await,
        diagnosis::clock(async { Ok(client.one(lease::CLOCK, Vec::new()).await?.rows) }).await,
    ];
    let settings = client.one(SETTINGS, Vec::new()).await;
    let found = settings.and_then(|answer| match answer.rows.first() {
        Some(row) => Ok((durability(row)?, primary(row)?)),
        None => Err(Failure::Refused("the server did not say how it is set".to_owned())),
    });
    match found {
        Ok((durability, primary)) => {
            findings.push(durability);
            findings.extend(primary);
        }
        Err(failure) => findings.push(unread("durability", &failure)),
    }
    findings
}

async fn rights(database: &Database, client: &mut Client, tables: &[&str]) -> Finding {
    let lacking = match rights::lacking(client, tables).await {
        Ok(lacking) => lacking,
        Err(failure) => return unread("rights", &failure),
    };
    if lacking.is_empty() {
        return Finding::good(
            "rights",
            "the account may make and use the tables of Sandpiper in the database",
        );
    }
    let message = format!(
        "the account may not make or use the tables of Sandpiper in the database: it lacks {}",
        lacking.join(", ")
    );
    Finding::bad("rights", message, rights::needed(database).await)
}

/// Whether what the server has promised is there after its machine failed.
fn durability(settings: &Cells) -> Result<Finding, Unreadable> {
    let (flush, binlog) = (settings.text(1)?, settings.text(3)?);
    let mut loose = Vec::new();
    // MariaDB knows a 3, which writes even more often.
    if !["1", "3"].contains(&flush) {
        loose.push(("innodb_flush_log_at_trx_commit", flush));
    }
    if settings.flag(2)? && binlog != "1" {
        loose.push(("sync_binlog", binlog));
    }
    if loose.is_empty() {
        return Ok(Finding::good("durability", "a commit is on the disk when the server answers"));
    }
    let joined = |write: &dyn Fn(&(&str, &str)) -> String, between: &str| {
        loose.iter().map(write).collect::<Vec<_>>().join(between)
    };
    let are = joined(&|(name, value)| format!("`{name}` is {value}"), ", ");
    let set = joined(&|(name, _)| format!("GLOBAL {name} = 1"), ", ");
    Ok(Finding::odd(
        "durability",
        format!("the last commits may be lost when the server's machine fails: {are}"),
        format!("run `SET {set}`, and write the same into the server's configuration, so that it stays"),
    ))
}

/// A server that only reads.
fn primary(settings: &Cells) -> Result<Option<Finding>, Unreadable> {
    let is_writable = ["0", "OFF"].contains(&settings.text(0)?);
    Ok((!is_writable).then(|| {
        let help =
            "name the server that takes writes in the address, or run `SET GLOBAL read_only = 0` on it";
        Finding::bad("primary", "the server only reads: `read_only` is set, as on a replica", help)
    }))
}

/// The tables of the host that are there, and those of them whose engine has no transactions.
async fn engines(client: &mut Client) -> Result<(Vec<String>, Vec<(String, String)>), Failure> {
    let answer = client.one(ENGINES, Vec::new()).await?;
    let (mut found, mut wrong) = (Vec::new(), Vec::new());
    for row in &answer.rows {
        let (table, engine) = (row.text(0)?.to_owned(), row.text(1)?);
        if !engine.eq_ignore_ascii_case("InnoDB") {
            wrong.push((table.clone(), engine.to_owned()));
        }
        found.push(table);
    }
    Ok((found, wrong))
}

fn without_transactions(aspect: &'static str, table: &str, engine: &str) -> Finding {
    Finding::bad(
        aspect,
        format!(
            "`{table}` is of the engine {engine}: what is written to it stays when a transaction is taken back"
        ),
        format!("run `ALTER TABLE {table} ENGINE = InnoDB`"),
    )
}

/// The tables of markers and fence rows.
async fn tables(client: &mut Client) -> Result<Finding, Failure> {
    let columns = client.one(COLUMNS, Vec::new()).await?;
    let (_, wrong) = engines(client).await?;
    let is_mark = |(table, _): &&(String, String)| MARKS.iter().any(|(mark, _)| mark == table);
    Ok(match wrong.iter().find(is_mark) {
        Some((table, engine)) => without_transactions("tables", table, engine),
        None => diagnosis::tables(&columns.rows, &MARKS, str::to_owned),
    })
}

/// Whether what a change does could reach an audit in the same database, or in another one of the server.
async fn audit(client: &mut Client, role: Role, database: &Database) -> Result<Finding, Failure> {
    if role == Role::Store {
        return Ok(Finding::good(
            "audit",
            "it is kept in this database by the same account, which `shared` mode needs; statements that name its tables are \
             refused",
        ));
    }
    let user = &database.address().user;
    let mut found = Audits::default();
    found.look(client, "").await?;
    for (role, taking) in grants::roles(client).await? {
        // A role of a role is none that a session may take on.
        match client.one(&taking, Vec::new()).await {
            Ok(_) => found.look(client, &format!(", once it takes on {role} (`SET ROLE`),")).await?,
            Err(Failure::Server(..)) => {}
            Err(failure) => return Err(failure),
        }
    }
    Ok(match found {
        Audits { own: Some(how), .. } => Finding::bad(
            "audit",
            format!(
                "the account `{user}`, as which changes run here, may{how} write to the audit that is kept in the same \
                 database, or alter its tables: a routine that a change calls could alter what was recorded, or take \
                 a lock away"
            ),
            "keep the audit in a database of its own, to which this account has no rights: a right to a whole database \
             cannot be taken away for some of its tables",
        ),
        Audits { others: Some((how, places)), .. } => Finding::odd(
            "audit",
            format!(
                "none is kept in this database, but the account `{user}`, as which changes run here, may{how} write to \
                 those in {}",
                places.join(", ")
            ),
            "give the target system an account that has rights to its own database only",
        ),
        Audits { is_kept: true, .. } => {
            Finding::good("audit", "one is kept in this database, and the account may not write to it")
        }
        Audits { is_kept: false, .. } => Finding::good("audit", "none is kept in this database"),
    })
}

/// The audits of the server that an account sees and may write to; `how` where it has to take on a role first.
#[derive(Default)]
struct Audits {
    is_kept: bool,
    own: Option<String>,
    others: Option<(String, Vec<String>)>,
}

impl Audits {
    /// Looks with the roles that the session has now, after it was looked with others.
    async fn look(&mut self, client: &mut Client, how: &str) -> Result<(), Failure> {
        let granted = grants::altering(client).await?;
        let mut others = Vec::new();
        for row in &client.one(AUDITS, Vec::new()).await?.rows {
            let (name, is_own) = (row.text(0)?, row.flag(1)?);
            let place = quoted(name);
            self.is_kept |= is_own;
            let mut is_writable = grants::reach(client, &granted, name, &AUDIT).await?;
            for table in AUDIT {
                is_writable = is_writable || rights::may_write(client, &format!("{place}.{table}")).await?;
            }
            match (is_writable, is_own) {
                (true, true) => {
                    self.own.get_or_insert_with(|| how.to_owned());
                }
                (true, false) => others.push(place),
                (false, _) => {}
            }
        }
        if !others.is_empty() {
            self.others.get_or_insert_with(|| (how.to_owned(), others));
        }
        Ok(())
    }
}

/// The store's tables, and the end of the chain in them.
async fn kept(client: &mut Client, scope: &Scope) -> Vec<Finding> {
    let version = schema::found(client).await;
    let is_made = matches!(version, Ok(1..));
    let found = match is_made {
        true => whole(client).await.unwrap_or_else(|failure| Some(unread("schema", &failure))),
        false => None,
    };
    let is_wrong = found.is_some() || version.is_err();
    let schema = found.unwrap_or_else(|| diagnosis::schema(&version));
    if is_wrong {
        return std::iter::once(schema).chain(Finding::unknown(["chain"], "schema")).collect();
    }
    let end = match is_made {
        true => chain::end(client, scope).await.in_store().map(Some),
        false => Ok(None),
    };
    vec![schema, crate::diagnosis::chain(end)]
}

/// What is wrong with the tables of a store that was made.
async fn whole(client: &mut Client) -> Result<Option<Finding>, Failure> {
    let (found, wrong) = engines(client).await?;
    if let Some(table) = schema::TABLES.iter().find(|table| !found.iter().any(|it| it == *table)) {
        let help = "somebody changed the store by hand, or it was damaged: compare it with a backup";
        return Ok(Some(Finding::bad("schema", format!("its table `{table}` is not there"), help)));
    }
    Ok(wrong.first().map(|(table, engine)| without_transactions("schema", table, engine)))
}
