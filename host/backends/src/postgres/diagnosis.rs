//! What can be wrong with a database, looked at without making anything.

use sandpiper_engine::diagnosis::Finding;
use sandpiper_engine::fault::Fault;
use sandpiper_engine::scope::Scope;

use super::client::Client;
use super::database::Database;
use super::errors::Failure;
use super::marks::{missing_rights, quoted};
use super::target::{CHECK, OLDEST};
use super::{chain, schema};
use crate::Role;
use crate::servers::diagnosis::{self, Table, reached, unreachable, unread};
use crate::servers::failure::{Explain as _, Unreadable, store_error, target_error};

/// What is looked at in a target system, and in a store, once it is reached.
const OF_TARGET: [&str; 5] = ["version", "rights", "clock", "tables", "audit"];
const OF_STORE: [&str; 5] = ["version", "rights", "clock", "schema", "chain"];

const CLOCK: &str = "SELECT (pg_catalog.date_part('epoch', pg_catalog.clock_timestamp()) * 1000)::bigint";

/// The columns of the host's tables in a target system.
const COLUMNS: &str = "
    SELECT made.relname, own.attname
    FROM pg_catalog.pg_class AS made
    JOIN pg_catalog.pg_namespace AS place ON place.oid = made.relnamespace AND place.nspname = 'sandpiper'
    JOIN pg_catalog.pg_attribute AS own ON own.attrelid = made.oid AND own.attnum > 0 AND NOT own.attisdropped
    WHERE made.relname IN ('sandpiper_fence', 'sandpiper_marker')";
const TABLES: [Table; 2] = [
    ("sandpiper_fence", &["store", "service", "environment", "tenant", "stage", "token"]),
    ("sandpiper_marker", &["attempt_id", "written_at"]),
];

/// The tables of an audit in the database, and whether the account may write them.
const AUDIT: &str = "
    SELECT made.relname,
        pg_catalog.has_table_privilege(made.oid, 'INSERT') OR pg_catalog.has_table_privilege(made.oid, 'UPDATE')
        OR pg_catalog.has_table_privilege(made.oid, 'DELETE') OR pg_catalog.has_table_privilege(made.oid, 'TRUNCATE')
    FROM pg_catalog.pg_class AS made
    JOIN pg_catalog.pg_namespace AS place ON place.oid = made.relnamespace AND place.nspname = 'sandpiper'
    WHERE made.relkind IN ('r', 'p') AND made.relname IN (
        'sandpiper_store', 'sandpiper_chain', 'sandpiper_entry', 'sandpiper_state', 'sandpiper_lease')
    ORDER BY made.relname";

/// What an account needs to keep the audit: the schema, or the right to make it; its tables, or the right to make them.
const MAY_KEEP: &str = "
    SELECT CASE WHEN own.oid IS NULL
        THEN pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE')
        ELSE pg_catalog.has_schema_privilege(own.oid, 'USAGE')
            AND (pg_catalog.has_schema_privilege(own.oid, 'CREATE') OR EXISTS (
                SELECT 1 FROM pg_catalog.pg_class AS made
                WHERE made.relnamespace = own.oid AND made.relname = 'sandpiper_store'))
            AND NOT EXISTS (
                SELECT 1 FROM pg_catalog.pg_class AS made
                WHERE made.relnamespace = own.oid AND made.relkind IN ('r', 'p')
                AND pg_catalog.starts_with(made.relname, 'sandpiper_')
                AND NOT (pg_catalog.has_table_privilege(made.oid, 'SELECT')
                    AND pg_catalog.has_table_privilege(made.oid, 'INSERT')
                    AND pg_catalog.has_table_privilege(made.oid, 'UPDATE')
                    AND pg_catalog.has_table_privilege(made.oid, 'DELETE')))
    END
    FROM (SELECT 1) AS one LEFT JOIN pg_catalog.pg_namespace AS own ON own.nspname = 'sandpiper'";

/// A database that changes are applied to.
pub(crate) async fn target(database: &Database, role: Role) -> Vec<Finding> {
    let fault = |failure: &Failure| Fault::from(target_error(failure));
    let mut client = match database.connect().await {
        Ok(client) => client,
        Err(failure) => return unreachable(&fault(&failure), &OF_TARGET),
    };
    let mut findings = vec![reached(&database.address().place(), &database.address().user)];
    findings.extend(server(&mut client).await);
    findings.push(match client.one(CHECK, Vec::new()).await {
        Ok(answer) => rights(database, answer.rows.first().map(|row| row.flag(3))),
        Err(failure) => unread("rights", &failure),
    });
    findings.push(clock(&mut client).await);
    findings.push(match client.one(COLUMNS, Vec::new()).await {
        Ok(answer) => diagnosis::tables(&answer.rows, &TABLES, |table| format!("sandpiper.{table}")),
        Err(failure) => unread("tables", &failure),
    });
    findings.push(audit(database, &mut client, role).await);
    client.terminate().await;
    findings
}

/// A database that keeps the audit.
pub(crate) async fn store(database: &Database, scope: &Scope) -> Vec<Finding> {
    let fault = |failure: &Failure| Fault::from(store_error(failure));
    let mut client = match database.connect().await {
        Ok(client) => client,
        Err(failure) => return unreachable(&fault(&failure), &OF_STORE),
    };
    let mut findings = vec![reached(&database.address().place(), &database.address().user)];
    findings.extend(server(&mut client).await);
    findings.push(match client.one(MAY_KEEP, Vec::new()).await {
        Ok(answer) => rights(database, answer.rows.first().map(|row| row.flag(0))),
        Err(failure) => unread("rights", &failure),
    });
    findings.push(clock(&mut client).await);
    findings.extend(kept(&mut client, scope).await);
    client.terminate().await;
    findings
}

/// Which server it is; of one that only reads that as well.
async fn server(client: &mut Client) -> Vec<Finding> {
    let asked = async {
        let answer = client.one(CHECK, Vec::new()).await?;
        let Some(row) = answer.rows.first() else {
            return Err(Failure::Refused("the server did not say which it is".to_owned()));
        };
        Ok((row.number(0)?, row.text(1)?.to_owned(), row.flag(2)?))
    };
    let (major, version, is_standby) = match asked.await {
        Ok(server) => server,
        Err(failure) => return vec![unread("version", &failure)],
    };
    let message = format!("PostgreSQL {version}; {OLDEST} or newer is needed");
    let mut findings = vec![match major < OLDEST {
        true => Finding::bad("version", message, "use a newer server"),
        false => Finding::good("version", message),
    }];
    if is_standby {
        let message = "the server is a standby, which only reads";
        findings.push(Finding::bad("primary", message, "name the primary in the address"));
    }
    findings
}

fn rights(database: &Database, may: Option<Result<bool, Unreadable>>) -> Finding {
    match may {
        Some(Ok(true)) => Finding::good(
            "rights",
            "the account may make and use the tables of Sandpiper in the schema `sandpiper`",
        ),
        _ => {
            let message = "the account may not make or use the tables of Sandpiper in the schema `sandpiper`";
            Finding::bad("rights", message, missing_rights(database, "the account may not make or use it"))
        }
    }
}

async fn clock(client: &mut Client) -> Finding {
    diagnosis::clock(async { Ok(client.one(CLOCK, Vec::new()).await?.rows) }).await
}

/// Whether what a change does could reach an audit in the same database.
async fn audit(database: &Database, client: &mut Client, role: Role) -> Finding {
    if role == Role::Store {
        return Finding::good(
            "audit",
            "it is kept in this database by the same account, which `shared` mode needs; statements that name its tables are \
             refused",
        );
    }
    let asked = async {
        let answer = client.one(AUDIT, Vec::new()).await?;
        answer.rows.iter().map(|row| Ok((row.text(0)?.to_owned(), row.flag(1)?))).collect()
    };
    let found: Vec<(String, bool)> = match asked.await {
        Ok(found) => found,
        Err(failure) => return unread("audit", &failure),
    };
    let writable: Vec<String> =
        found.iter().filter(|(_, may)| *may).map(|(table, _)| format!("sandpiper.{table}")).collect();
    if found.is_empty() {
        return Finding::good("audit", "none is kept in this database");
    }
    if writable.is_empty() {
        return Finding::good("audit", "one is kept in this database, and the account may not write to it");
    }
    let (user, tables) = (&database.address().user, writable.join(", "));
    Finding::bad(
        "audit",
        format!(
            "the account `{user}`, as which changes run here, may write to the audit that is kept in the same database: a \
             function that a change calls could alter what was recorded, or take a lock away"
        ),
        format!(
            "run `REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON {tables} FROM {}`; where it owns them, or is a superuser, give \
             the target system an account of its own",
            quoted(user)
        ),
    )
}

/// The store's tables, and the end of the chain in them.
async fn kept(client: &mut Client, scope: &Scope) -> Vec<Finding> {
    let version = schema::found(client).await;
    let schema = diagnosis::schema(&version);
    let chain = match version {
        Err(_) => return std::iter::once(schema).chain(Finding::unknown(["chain"], "schema")).collect(),
        Ok(0) => crate::diagnosis::chain(Ok(None)),
        Ok(_) => crate::diagnosis::chain(chain::end(client, scope).await.in_store().map(Some)),
    };
    vec![schema, chain]
}
