//! The template `seed`: rows that a table is to hold, found by their key.
//!
//! `apply` writes each row, or makes the one with its key equal to it; `rollback` takes rows away by their keys; `verify`
//! looks whether all of them are there.

use std::collections::BTreeSet;

use sandpiper_sdk::prelude::*;
use sandpiper_sdk::template::{Assessment, Problem, Step};
use serde::Deserialize;
use serde_json::{Map, Value as Json};

/// What the file says of a step; the schema beside this crate describes the same.
#[derive(Deserialize)]
struct Seed {
    table: String,
    key: String,
    rows: Vec<Map<String, Json>>,
}

impl Seed {
    /// What runs fits the schema: the host has seen to it.
    fn read(step: &Step) -> Result<Self> {
        Ok(serde_json::from_str(step.payload())?)
    }

    /// What the schema cannot say.
    fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (pointer, name) in [("/table", &self.table), ("/key", &self.key)] {
            if !is_name(name) {
                problems.push(Problem::at(pointer, format!("`{name}` is no name")).help(NAMES));
            }
        }
        let mut keys = BTreeSet::new();
        for (index, row) in self.rows.iter().enumerate() {
            for name in row.keys().filter(|name| !is_name(name)) {
                problems.push(
                    Problem::at(format!("/rows/{index}"), format!("`{name}` is no name of a column"))
                        .help(NAMES),
                );
            }
            match row.get(&self.key) {
                None | Some(Json::Null) => problems.push(
                    Problem::at(format!("/rows/{index}"), format!("the row has no `{}`", self.key))
                        .help("give each row its key"),
                ),
                Some(key) if !keys.insert(key.to_string()) => problems.push(
                    Problem::at(format!("/rows/{index}/{}", self.key), format!("{key} stands here twice"))
                        .help("leave one of the rows out"),
                ),
                Some(_) => {}
            }
        }
        problems
    }
}

const NAMES: &str = "write letters, digits and `_`; the name goes into a statement as it is";

fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && text.chars().all(|character| character.is_ascii_alphanumeric() || character == '_')
}

/// How a database calls the parameters of a statement.
fn parameter(step: &Step, number: usize) -> String {
    if step.target_kind() == "postgres" { format!("${number}") } else { "?".to_owned() }
}

fn value(of: &Json) -> Value {
    match of {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::from(*value),
        Json::Number(number) => match number.as_i64() {
            Some(integer) => Value::from(integer),
            None => Value::from(number.as_f64().unwrap_or(f64::NAN)),
        },
        other => Value::from(other.as_str().map_or_else(|| other.to_string(), str::to_owned)),
    }
}

#[sandpiper_sdk::template(name = "seed", payload_schema = include_str!("../payload.schema.json"))]
mod template {
    use super::*;

    pub fn assess(step: &Step) -> Assessment {
        // What does not fit the schema the host tells, each at its place.
        Seed::read(step).map_or_else(|_| Assessment::default(), |seed| seed.problems().into())
    }

    pub fn apply(step: &Step, db: &Connection, ctx: &Context) -> Result {
        let Seed { table, key, rows } = Seed::read(step)?;
        let total = rows.len() as u64;
        for (done, row) in (1..).zip(&rows) {
            let columns: Vec<&str> = row.keys().map(String::as_str).collect();
            let values: Vec<Value> = row.values().map(value).collect();
            let parameters: Vec<String> = (1..=columns.len()).map(|number| parameter(step, number)).collect();
            let updates: Vec<String> = columns
                .iter()
                .filter(|column| **column != key)
                .map(|column| format!("{column} = excluded.{column}"))
                .collect();
            let existing = if updates.is_empty() {
                "DO NOTHING".to_owned()
            } else {
                format!("DO UPDATE SET {}", updates.join(", "))
            };
            let statement = format!(
                "INSERT INTO {table} ({}) VALUES ({}) ON CONFLICT ({key}) {existing}",
                columns.join(", "),
                parameters.join(", ")
            );
            db.execute(&statement, &values)?;
            ctx.progress(done, total);
        }
        Ok(())
    }

    pub fn rollback(step: &Step, db: &Connection) -> Result {
        let Seed { table, key, rows } = Seed::read(step)?;
        let statement = format!("DELETE FROM {table} WHERE {key} = {}", parameter(step, 1));
        for row in rows {
            db.execute(&statement, &[row.get(&key).map_or(Value::Null, value)])?;
        }
        Ok(())
    }

    pub fn verify(step: &Step, db: &Connection) -> Result<bool> {
        let Seed { table, key, rows } = Seed::read(step)?;
        let query = format!("SELECT 1 FROM {table} WHERE {key} = {}", parameter(step, 1));
        for row in rows {
            let key = row.get(&key).map_or(Value::Null, value);
            if db.query(&query, &[key])?.next().is_none() {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sandpiper_sdk::template::Action;

    fn problems(payload: &str) -> Vec<Problem> {
        template::assess(&Step::new(Action::Apply, payload)).problems().to_vec()
    }

    #[test]
    fn a_row_without_its_key_is_told() {
        let told = problems(r#"{"table":"countries","key":"code","rows":[{"code":"de"},{"name":"Greece"}]}"#);
        assert_eq!(told, [Problem::at("/rows/1", "the row has no `code`").help("give each row its key")]);
    }

    #[test]
    fn a_name_cannot_be_a_statement() {
        assert_eq!(problems(r#"{"table":"a; DROP TABLE b","key":"k","rows":[{"k":1}]}"#).len(), 1);
    }
}
