//! Foreign keys of a change: not enforced while it runs, for rebuilding a table would delete its children, but checked
//! at its end: no row may refer to nothing that did not do so before.
//!
//! Only tables that were written, and those that refer to them, are looked at; nothing is where a file declares no
//! foreign key.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Connection;

use super::guard::Seen;

/// A row that refers to nothing: its table, its number, and the table that it refers to.
type Violation = (String, Option<i64>, String);

/// What is known about the foreign keys of a file during one session.
#[derive(Debug, Default)]
pub(crate) struct ForeignKeys {
    /// Whether any is declared; none when nobody looked.
    declared: Option<bool>,
    /// Tables that were written, in lower case.
    written: BTreeSet<String>,
    /// What was violated already, by table.
    before: BTreeMap<String, Vec<Violation>>,
    /// The tables there were before the first was altered or dropped.
    tables: Option<BTreeSet<String>>,
    /// Whether the end of what was written so far was checked.
    checked: bool,
}

impl ForeignKeys {
    /// A session on a file about which it may be known whether it declares any.
    pub(crate) fn new(declared: Option<bool>) -> Self {
        Self { declared, checked: true, ..Self::default() }
    }

    /// Whether the file declares any, as far as is known.
    pub(crate) fn declared(&self) -> Option<bool> {
        self.declared
    }

    /// Whether something was written since the last check.
    pub(crate) fn is_unchecked(&self) -> bool {
        !self.checked
    }

    /// Remembers what is violated in the tables that a statement is about to write for the first time.
    pub(crate) fn before(
        &mut self,
        connection: &Connection,
        seen: &Seen,
        statement: &str,
    ) -> rusqlite::Result<()> {
        if seen.written.is_empty() && !seen.schema {
            return Ok(());
        }
        self.checked = false;
        if self.declared.is_none() {
            self.declared = Some(are_declared(connection)?);
        }
        if self.declared == Some(true) {
            if seen.rebuilt && self.tables.is_none() {
                self.tables = Some(tables(connection)?);
            }
            for table in &seen.written {
                if self.written.contains(&table.to_ascii_lowercase()) {
                    continue;
                }
                for related in related(connection, table)? {
                    if let Entry::Vacant(unknown) = self.before.entry(related) {
                        let violations = violations(connection, unknown.key())?;
                        unknown.insert(violations);
                    }
                }
            }
        }
        self.written.extend(seen.written.iter().map(|table| table.to_ascii_lowercase()));
        if seen.schema && statement.to_ascii_lowercase().contains("references") {
            self.declared = Some(true);
        }
        Ok(())
    }

    /// What is violated now and was not before, in words.
    pub(crate) fn check(&mut self, connection: &Connection) -> rusqlite::Result<Option<String>> {
        if self.declared != Some(true) || self.checked {
            self.checked = true;
            return Ok(None);
        }
        let now = tables(connection)?;
        let mut suspects = BTreeSet::new();
        for table in &self.written {
            suspects.extend(related(connection, table)?);
        }
        if let Some(before) = &self.tables {
            suspects.extend(now.difference(before).cloned());
        }
        let mut found = Vec::new();
        for table in &suspects {
            found.extend(violations(connection, table)?);
        }
        self.checked = true;
        let new = match &self.tables {
            None => self.new_rows(found),
            Some(tables) => self.new_in_rebuilt(found, tables, &now),
        };
        let Some((table, row, parent)) = new.first() else {
            return Ok(None);
        };
        let row = row.map_or_else(|| "a row".to_owned(), |row| format!("row {row}"));
        let more = match new.len() - 1 {
            0 => String::new(),
            more => format!(", and {more} more"),
        };
        Ok(Some(format!(
            "foreign key violated: {row} of `{table}` refers to a row of `{parent}` that is not there{more}"
        )))
    }

    /// Rows that were not violated before, one by one.
    fn new_rows(&self, found: Vec<Violation>) -> Vec<Violation> {
        let mut before: Vec<&Violation> = self.before.values().flatten().collect();
        let is_new = |violation: &Violation| match before.iter().position(|known| *known == violation) {
            Some(at) => {
                before.swap_remove(at);
                false
            }
            None => true,
        };
        found.into_iter().filter(is_new).collect()
    }

    /// Rebuilding a table numbers its rows anew, and renaming one moves them: there only how many there are counts, by
    /// table, those of tables that came and went together.
    fn new_in_rebuilt(
        &self,
        found: Vec<Violation>,
        before: &BTreeSet<String>,
        now: &BTreeSet<String>,
    ) -> Vec<Violation> {
        let stayed = |table: &str| {
            let table = table.to_ascii_lowercase();
            if before.contains(&table) && now.contains(&table) { table } else { String::new() }
        };
        let mut allowed: BTreeMap<String, usize> = BTreeMap::new();
        for (table, violations) in &self.before {
            *allowed.entry(stayed(table)).or_default() += violations.len();
        }
        let is_new = |violation: &Violation| match allowed.get_mut(&stayed(&violation.0)) {
            Some(left) if *left > 0 => {
                *left -= 1;
                false
            }
            _ => true,
        };
        found.into_iter().filter(is_new).collect()
    }
}

/// Whether any table of the file declares a foreign key. A mere mention costs a look, and misses none.
fn are_declared(connection: &Connection) -> rusqlite::Result<bool> {
    connection
        .prepare_cached(
            "SELECT 1 FROM main.sqlite_schema WHERE type = 'table' AND instr(lower(sql), 'references') > 0",
        )?
        .exists([])
}

fn tables(connection: &Connection) -> rusqlite::Result<BTreeSet<String>> {
    connection
        .prepare_cached("SELECT lower(name) FROM main.sqlite_schema WHERE type = 'table'")?
        .query_map([], |row| row.get(0))?
        .collect()
}

/// A table, if it is there, and those that refer to it.
fn related(connection: &Connection, table: &str) -> rusqlite::Result<Vec<String>> {
    connection
        .prepare_cached(
            "SELECT lower(t.name) FROM main.sqlite_schema AS t
             WHERE t.type = 'table' AND (t.name = ?1 COLLATE NOCASE OR instr(lower(t.sql), 'references') > 0 AND EXISTS (
                 SELECT 1 FROM pragma_foreign_key_list(t.name, 'main') AS f WHERE f.\"table\" = ?1 COLLATE NOCASE
             ))",
        )?
        .query_map([table], |row| row.get(0))?
        .collect()
}

/// The rows of a table that refer to nothing.
fn violations(connection: &Connection, table: &str) -> rusqlite::Result<Vec<Violation>> {
    let query = format!("PRAGMA main.foreign_key_check(\"{}\")", table.replace('"', "\"\""));
    let rows = connection.prepare(&query).and_then(|mut statement| {
        statement.query_map([], |row| Ok((table.to_owned(), row.get(1)?, row.get(2)?)))?.collect()
    });
    match rows {
        // A key that refers to columns which are not unique: a violation like any other, old or new.
        Err(error) if error.to_string().contains("foreign key mismatch") => {
            Ok(vec![(table.to_owned(), None, super::errors::message(&error))])
        }
        other => other,
    }
}
