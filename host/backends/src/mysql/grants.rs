//! Which tables an account may alter without a statement that could be asked about: by what the server shows of its
//! grants, with those of everybody and of the roles that it has taken on; and which roles it may take on besides.

use super::client::Client;
use super::errors::Failure;
use super::marks::quoted;
use super::server::Flavour;

/// Names in grants stand between backticks, also where the server is set to another way; and a backslash in a pattern
/// escapes.
const SHOWN_PLAINLY: &str = "SET SESSION sql_mode = '', SESSION sql_quote_show_create = 1";

/// What changes rows that are there, and so what was recorded; the first three in some columns only, too.
const ALTERING: [&str; 7] = ["INSERT", "UPDATE", "DELETE", "ALTER", "DROP", "TRIGGER", "ALL PRIVILEGES"];

/// What a right is given for: the pattern that names of databases match, and one table or all.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Granted {
    databases: String,
    table: Option<String>,
}

/// Whether a name is one of those that a pattern stands for. Where names of databases are files of their own, `Shop` is
/// not `shop`.
const MATCHES: &str = "SELECT IF(@@lower_case_table_names = 0, ? COLLATE utf8mb4_bin LIKE ?, ? LIKE ?)";

/// Roles that the account was given, and the statement by which a session takes them on in place of those that it has
/// from the start: a change may do so too.
pub(crate) async fn roles(client: &mut Client) -> Result<Vec<(String, String)>, Failure> {
    if client.server().flavour == Flavour::MySql {
        return Ok(vec![("all of its roles".to_owned(), "SET ROLE ALL".to_owned())]);
    }
    // MariaDB has one at a time.
    let given = "SELECT DISTINCT role_name FROM information_schema.applicable_roles ORDER BY 1 LIMIT 100";
    let answer = client.one(given, Vec::new()).await?;
    let mut roles = Vec::new();
    for row in &answer.rows {
        let role = quoted(row.text(0)?);
        roles.push((format!("the role {role}"), format!("SET ROLE {role}")));
    }
    Ok(roles)
}

/// The rights to alter rows or tables that the account has, and that its session has by a role.
pub(crate) async fn altering(client: &mut Client) -> Result<Vec<Granted>, Failure> {
    client.one(SHOWN_PLAINLY, Vec::new()).await?;
    let answer = client.one("SHOW GRANTS", Vec::new()).await?;
    let mut granted = Vec::new();
    for row in &answer.rows {
        granted.extend(read(row.text(0)?));
    }
    Ok(granted)
}

/// Whether one of them is for one of the tables in a database.
pub(crate) async fn reach(
    client: &mut Client,
    granted: &[Granted],
    database: &str,
    tables: &[&str],
) -> Result<bool, Failure> {
    for Granted { databases, table } in granted {
        if table.as_deref().is_some_and(|table| !tables.contains(&table)) {
            continue;
        }
        let (name, pattern) = (database, databases.as_str());
        let answer =
            client.one(MATCHES, vec![name.into(), pattern.into(), name.into(), pattern.into()]).await?;
        if answer.rows.first().map(|row| row.flag(0)).transpose()?.unwrap_or_default() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Reads `` GRANT INSERT (`hash`), ALTER ON `shop`.* TO .. ``; none where it is about something else.
fn read(shown: &str) -> Option<Granted> {
    let rest = shown.strip_prefix("GRANT ")?;
    // A name may have any words in it, but then stands in quotes; one in a name is doubled.
    let is_outside = |at: &usize| rest.get(..*at).is_some_and(|before| before.matches('`').count() % 2 == 0);
    let at = rest.match_indices(" ON ").map(|(at, _)| at).find(is_outside)?;
    let (rights, place) = (rest.get(..at)?, rest.get(at..)?.strip_prefix(" ON ")?);
    let is_altering = |right: &str| ALTERING.contains(&right.split(" (").next().unwrap_or(right).trim());
    if !rights.split(',').any(is_altering) {
        return None;
    }
    if place.starts_with("*.*") {
        return Some(Granted { databases: "%".to_owned(), table: None });
    }
    let (database, rest) = name(place)?;
    let rest = rest.strip_prefix('.')?;
    if rest.starts_with('*') {
        return Some(Granted { databases: database, table: None });
    }
    let (table, _) = name(rest)?;
    // Where a table is named the database is no pattern.
    Some(Granted { databases: pattern_of(&database), table: Some(table) })
}

/// The pattern that only one database's name matches.
pub(crate) fn pattern_of(database: &str) -> String {
    ['\\', '%', '_'].iter().fold(database.to_owned(), |name, sign| name.replace(*sign, &format!("\\{sign}")))
}

/// The quoted name that a text begins with, and what comes after it.
fn name(text: &str) -> Option<(String, &str)> {
    let mut rest = text.strip_prefix('`')?;
    let mut name = String::new();
    loop {
        let (part, after) = rest.split_once('`')?;
        name.push_str(part);
        let Some(more) = after.strip_prefix('`') else { return Some((name, after)) };
        name.push('`');
        rest = more;
    }
}

#[cfg(test)]
mod tests {
    use super::{Granted, read};

    #[test]
    fn what_a_server_shows_of_a_right_to_alter_is_read() {
        let granted = |databases: &str, table: Option<&str>| {
            Some(Granted { databases: databases.to_owned(), table: table.map(str::to_owned) })
        };
        for (shown, expected) in [
            ("GRANT ALL PRIVILEGES ON *.* TO `root`@`%` WITH GRANT OPTION", granted("%", None)),
            ("GRANT SELECT, DROP ON `a\\_b%`.* TO `role`", granted("a\\_b%", None)),
            ("GRANT SELECT, ALTER ON `a_b`.`t` TO `x`@`%`", granted("a\\_b", Some("t"))),
            ("GRANT UPDATE (` ON ``, x`, `b`) ON `d``e`.`t` TO `x`@`%`", granted("d`e", Some("t"))),
            ("GRANT SELECT, CREATE ON `a`.* TO `x`@`%`", None),
            ("GRANT DELETE HISTORY, ALTER ROUTINE ON `a`.* TO `x`@`%`", None),
            ("GRANT EXECUTE, ALTER ROUTINE ON FUNCTION `a`.`f` TO `x`@`%`", None),
            ("GRANT `dropper` TO `x`@`%`", None),
            ("SET DEFAULT ROLE `dropper` FOR `x`@`%`", None),
        ] {
            assert_eq!(read(shown), expected, "{shown}");
        }
    }
}
