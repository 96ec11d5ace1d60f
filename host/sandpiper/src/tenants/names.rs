//! The names of the tenants: those of the configuration, or what a query yields, which is a stranger's word.

use std::collections::HashSet;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use sandpiper_engine::fault::{Blame, Fault, Place};
use sandpiper_engine::scope::SystemName;
use sandpiper_runtime::sql::{Row, Sql, SqlError, Value};
use sandpiper_runtime::target::{Interrupter, Opening};

use crate::commands::Sandpiper;
use crate::config::{Config, NAMES_HELP, StoreConfig, Tenants, check_name, unknown_tenant};
use crate::run::ready::of_system;
use crate::systems::Systems;

/// So many tenants one run goes over.
const MOST: usize = 100_000;
/// How much of the answer is fetched at once.
const BATCH: (u32, usize) = (1_000, 1 << 20);

impl Sandpiper {
    /// The names of all tenants: those of the configuration, or what its query yields right now. None without tenants.
    ///
    /// # Errors
    ///
    /// The system that is asked cannot be reached, or yields something else than names.
    pub async fn tenants(&self) -> Result<Vec<String>, Fault> {
        match &self.config().tenants {
            Tenants::None => Ok(Vec::new()),
            Tenants::Named(names) => Ok(names.clone()),
            Tenants::Query { query, target_system, place } => {
                let rows = self.rows(self.config(), query, target_system, place).await?;
                names(&rows, place)
            }
        }
    }

    /// Makes sure that the query yields this tenant.
    pub(super) async fn is_among_those_asked(&self, tenant: &str) -> Result<(), Fault> {
        let config = self.file.resolve(None, &self.secrets).map_err(Fault::from_problems)?;
        let Tenants::Query { query, target_system, place } = &config.tenants else { return Ok(()) };
        let names = names(&self.rows(&config, query, target_system, place).await?, place)?;
        if names.iter().any(|name| name == tenant) {
            return Ok(());
        }
        Err(unknown_tenant(tenant, names.iter().map(String::as_str)))
    }

    async fn rows(
        &self,
        config: &Config,
        query: &str,
        system: &SystemName,
        place: &Place,
    ) -> Result<Vec<Row>, Fault> {
        // The store may be each tenant's own: it is not asked, and the system that is stands in its place.
        let alone = Config { store: StoreConfig::System(system.clone()), ..config.clone() };
        let target = Systems::new(&alone, &self.secrets, &self.common)?.target(system)?;
        self.await_target(system, &target).await?;
        let of_system = |error| of_system(Fault::from(error), system.as_str());
        let mut session = target.open(&Opening::ReadOnly).await.map_err(of_system)?;
        let limit = config.limits.deadline;
        let interrupter = session.interrupter();
        let refused = |why: String| {
            Fault::new("config::syntax", Blame::User, format!("`{system}` does not yield the tenants: {why}"))
                .with_place(Some(place.clone()))
                .with_help("see that the query of `tenants` runs there, and yields a name in each row")
        };
        let Some(sql) = session.sql() else { return Err(refused("it has no SQL".to_owned())) };
        let fetched = fetch(sql, query, interrupter, limit).await;
        // It was only looked at.
        drop(session.close().await);
        fetched.map_err(|error| match error {
            SqlError::ConnectionLost(_) => {
                Fault::new("target::unreachable", Blame::Target, format!("`{system}`: {error}"))
                    .with_transience(true)
                    .with_help("check that it is up, then run the same command again")
            }
            SqlError::Interrupted => refused(format!("it gave no answer within {} s", limit.as_secs())),
            error => refused(self.redact(error.to_string())),
        })
    }
}

/// All rows, in time.
async fn fetch(
    sql: &mut dyn Sql,
    query: &str,
    interrupter: Interrupter,
    limit: Duration,
) -> Result<Vec<Row>, SqlError> {
    let (done, is_done) = channel::<()>();
    let watch = move || {
        if is_done.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
            interrupter.interrupt();
        }
    };
    // Without a thread to watch it, the server's own limit holds.
    drop(thread::Builder::new().name("query".to_owned()).spawn(watch));
    let cursor = sql.query(query, &[]).await?;
    let mut rows = Vec::new();
    loop {
        let (most, bytes) = BATCH;
        let batch = sql.fetch(cursor.id, most, bytes).await?;
        if batch.is_empty() {
            break;
        }
        rows.extend(batch);
        if rows.len() > MOST {
            sql.close_cursor(cursor.id).await;
            return Err(SqlError::LimitExceeded(format!("it gave more than {MOST} rows")));
        }
    }
    sql.close_cursor(cursor.id).await;
    drop(done);
    Ok(rows)
}

/// The names in the rows: one in each, each once, and nothing that could mean something else in an address.
fn names(rows: &[Row], place: &Place) -> Result<Vec<String>, Fault> {
    let wrong = |message: String, help: &str| {
        Fault::new("config::syntax", Blame::User, message).with_place(Some(place.clone())).with_help(help)
    };
    let (mut names, mut seen) = (Vec::with_capacity(rows.len()), HashSet::new());
    for (number, row) in (1..).zip(rows) {
        let [value] = row.as_slice() else {
            let message = format!("the query of `tenants` yields {} columns", row.len());
            return Err(wrong(message, "let it yield one: the name of the tenant"));
        };
        let name = match value {
            Value::Text(text) | Value::Uuid(text) | Value::Other(_, text) => text.clone(),
            Value::Integer(number) => number.to_string(),
            _ => {
                let message = format!("row {number} of the query of `tenants` holds no text");
                return Err(wrong(message, "let it yield the name of a tenant in each row"));
            }
        };
        let named = |why: &str| {
            let shown: String = name.chars().take(40).collect();
            format!("row {number} of the query of `tenants`: the tenant `{}` {why}", shown.escape_debug())
        };
        check_name(&name).map_err(|why| wrong(named(&why), NAMES_HELP))?;
        if !seen.insert(name.clone()) {
            return Err(wrong(
                named("was there already"),
                "let it yield each name once: `SELECT DISTINCT ..`",
            ));
        }
        names.push(name);
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(names_: &[&str]) -> Result<Vec<String>, String> {
        let rows: Vec<Row> = names_.iter().map(|name| vec![Value::Text((*name).to_owned())]).collect();
        names(&rows, &Place::file("sandpiper.yaml")).map_err(|fault| fault.message)
    }

    #[test]
    fn names_are_letters_digits_and_a_few_signs() {
        assert_eq!(of(&["acme", "Globex_2", "a.b-c", "größe", "_x", "7"]).unwrap().len(), 6);
        let long = "x".repeat(101);
        let wrong = [
            "",
            " ",
            "a b",
            "../x",
            ".hidden",
            "-x",
            "a/b",
            "a'b",
            "a;b",
            "a\nb",
            "a\u{202e}b",
            "a\0",
            &long,
        ];
        for name in wrong {
            assert!(of(&["ok", name]).is_err_and(|why| why.starts_with("row 2 ")), "{name:?}");
        }
    }

    #[test]
    fn a_name_stands_there_once() {
        assert!(of(&["a", "b", "a"]).unwrap_err().contains("`a` was there already"));
    }

    #[test]
    fn a_row_is_one_text() {
        let of = |row: Row| names(&[row], &Place::file("x")).map_err(|fault| fault.message);
        assert_eq!(of(vec![Value::Integer(7)]).unwrap(), ["7"]);
        assert!(of(vec![Value::Null]).unwrap_err().contains("holds no text"));
        assert!(of(vec![Value::Null, Value::Null]).unwrap_err().contains("2 columns"));
    }
}
