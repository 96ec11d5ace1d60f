//! The template `sql` as a component: joins the contract's functions and handles to the code that does the work.

mod assess;
mod bindings;
mod configuration;
mod failure;
mod input;
mod json;
mod place;
mod run;
mod verify;

use bindings::{
    Assessment, Connection, Context, Error, Failure, Info, Row, Step, Verdict, runner, step_verifier,
    template,
};

/// The template `sql`.
#[derive(Debug, Clone, Copy)]
pub struct SqlTemplate;

impl template::Guest for SqlTemplate {
    fn describe() -> Info {
        Info {
            name: "sql".into(),
            payload_schema: input::PAYLOAD_SCHEMA.into(),
            configuration_schema: Some(configuration::SCHEMA.into()),
            rollback_required: false,
        }
    }

    fn assess(step: Step) -> Assessment {
        assess::assess(&step)
    }
}

impl runner::Guest for SqlTemplate {
    fn run(step: Step, db: &Connection, ctx: &Context) -> Result<(), Failure> {
        run::run(&step, &Lent { db, ctx })
    }
}

impl step_verifier::Guest for SqlTemplate {
    fn verify(step: Step, db: &Connection, _: &Context) -> Result<Verdict, Failure> {
        verify::verify(&step, |query| first_two_rows(db, query))
    }
}

/// The handles that the host lends for a run.
struct Lent<'a> {
    db: &'a Connection,
    ctx: &'a Context,
}

impl run::Host for Lent<'_> {
    fn execute(&self, statement: &str) -> Result<(), Box<Error>> {
        self.db.execute(statement, &[])?;
        Ok(())
    }

    fn run_script(&self, script: &str) -> Result<(), Box<Error>> {
        Ok(self.db.run_script(script)?)
    }

    fn is_cancelled(&self) -> bool {
        self.ctx.is_cancelled()
    }

    fn progress(&self, done: usize, total: usize) {
        self.ctx.progress(done as u64, total as u64);
    }
}

/// At most two rows of a query. A batch may be smaller than what was asked for, so that one row alone proves nothing.
fn first_two_rows(db: &Connection, query: &str) -> Result<Vec<Row>, Box<Error>> {
    let cursor = db.query(query, &[])?;
    let mut rows = cursor.next(2)?;
    if rows.len() == 1 {
        rows.append(&mut cursor.next(1)?);
    }
    Ok(rows)
}

/// Names such as `sandpiper:sql/runner@0.1.0#run` are no names to a native linker.
#[cfg(target_family = "wasm")]
#[expect(unsafe_code, reason = "generated code")]
mod exported {
    use super::SqlTemplate;

    crate::bindings::export!(SqlTemplate with_types_in crate::bindings);
}

#[cfg(test)]
mod tests {
    use crate::bindings::{Action, DatabaseError, Error, Step};

    /// A step that applies a text on SQLite.
    pub(crate) fn step(text: &str) -> Step {
        Step {
            action: Action::Apply,
            index: 0,
            target_kind: "sqlite".into(),
            configuration: "null".into(),
            payload: format!("\"{}\"", text.escape_default().to_string().replace("\\'", "'")),
            finished_statements: 0,
        }
    }

    /// What a database says about a statement that is wrong at a place.
    pub(crate) fn refused_at(position: usize) -> Error {
        Error::Refused(DatabaseError {
            code: "42703".into(),
            message: "no such column".into(),
            detail: None,
            hint: None,
            position: u32::try_from(position).ok(),
            extras: Vec::new(),
        })
    }
}
