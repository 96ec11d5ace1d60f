//! The session of a `direct` change that goes on: what its finished statements set in the one before is set in it again,
//! locks that they took are taken again, and where another session cannot have it, the change does not go on.

use sandpiper_engine::change::{Change, ChangeId, Recovery};
use sandpiper_engine::fault::{Blame, Effect, Fault};
use sandpiper_engine::progress::{Standing, StepMark};
use sandpiper_runtime::target::Session;
use sandpiper_sql_syntax::{Dialect, Lock, SessionUse, asks_session, session_use, split, writes_rows};

use crate::run::ready::{Program, Ready};

/// A statement that is run again in another session.
struct Again<'a> {
    statement: &'a str,
    /// What it takes, where that is a lock, and whether it takes the same again.
    takes: Option<(Lock<'a>, bool)>,
    /// Whether it ran since a transaction began.
    is_in_transaction: bool,
}

impl<'a> Again<'a> {
    fn lock(&self) -> Option<Lock<'a>> {
        self.takes.map(|(lock, _)| lock)
    }
}

/// The statements that made settings and took locks, in their order, of those that `finished` says are done.
///
/// # Errors
///
/// Why the change may not go on: one of them left something that only its own session had, or what is left asks for it.
pub(crate) fn settings(ready: &Ready, finished: &[StepMark]) -> Result<Vec<String>, Fault> {
    let Program::Data(data) = &ready.program else { return Ok(Vec::new()) };
    let dialect = Dialect::from_kind(&data.target_kind);
    let mut parts = Vec::new();
    for (index, (apply, _)) in (0..).zip(&data.steps) {
        let mark = finished.iter().find(|mark| mark.step == index);
        let count = match mark.map(StepMark::standing) {
            Some(Standing::Done) => usize::MAX,
            Some(Standing::Begun) => {
                mark.map_or(0, |mark| usize::try_from(mark.finished).unwrap_or(usize::MAX))
            }
            _ => 0,
        };
        let Ok(serde_json::Value::String(text)) = serde_json::from_str(apply.json()) else { continue };
        parts.push((count, text));
    }
    let id = &ready.change.id;
    let mut again: Vec<Again<'_>> = Vec::new();
    let mut is_in_transaction = false;
    let mut left: Vec<&str> = Vec::new();
    for (count, text) in &parts {
        for (place, statement) in split(text, dialect).unwrap_or_default().iter().enumerate() {
            let statement = statement.text;
            if place >= *count {
                left.push(statement);
                continue;
            }
            match session_use(statement, dialect) {
                SessionUse::Nothing => {}
                SessionUse::Setting => again.push(Again { statement, takes: None, is_in_transaction }),
                SessionUse::Bound => return Err(bound(id, statement)),
                SessionUse::Begins => {
                    again.iter_mut().for_each(|it| it.is_in_transaction = false);
                    is_in_transaction = true;
                }
                SessionUse::TakesBack => {
                    again.retain(|it| !it.is_in_transaction || it.takes.is_some());
                    is_in_transaction = false;
                }
                SessionUse::Takes { lock, can_again } => {
                    if lock == Lock::Tables {
                        again.retain(|it| it.lock() != Some(Lock::Tables));
                    }
                    again.push(Again { statement, takes: Some((lock, can_again)), is_in_transaction });
                }
                SessionUse::Gives(lock) => {
                    if let Some(newest) = again.iter().rposition(|it| it.lock() == Some(lock)) {
                        again.remove(newest);
                    }
                }
                SessionUse::GivesAll => again.retain(|it| !matches!(it.lock(), Some(Lock::Named(_)))),
            }
        }
    }
    if let Some(lost) = again.iter().find(|it| matches!(it.takes, Some((_, false)))) {
        return Err(lost_lock(id, lost.statement));
    }
    // Until something is written, it would be answered about what another session wrote.
    let asking = left.iter().take_while(|it| asks_session(it, dialect) || !writes_rows(it, dialect));
    match asking.into_iter().find(|it| asks_session(it, dialect)) {
        Some(asking) => Err(asks(id, asking)),
        None => Ok(again.iter().map(|it| it.statement.to_owned()).collect()),
    }
}

/// Runs them in a session that was just opened.
///
/// # Errors
///
/// The first that the system refused: then nothing else is sent.
pub(crate) async fn set_again(
    session: &mut dyn Session,
    settings: &[String],
    change: &Change,
) -> Result<(), Fault> {
    let Some(sql) = session.sql() else { return Ok(()) };
    for statement in settings {
        sql.execute(statement, &[]).await.map_err(|error| {
            let message = format!(
                "what an earlier attempt had set in its session cannot be set again: {}: {error}",
                shown(statement)
            );
            Fault::new("change::failed", Blame::Change, message)
                .with_effect(Effect::Unknown)
                .with_help(makes_possible(change))
        })?;
    }
    Ok(())
}

/// What to do where something cannot be set again; nothing else of the change was tried.
fn makes_possible(change: &Change) -> String {
    let id = &change.id;
    match change.recovery {
        Recovery::AlwaysRetry => {
            "mend what the error names, and run `sandpiper apply` again: it goes on after its last finished statement".to_owned()
        }
        Recovery::ManualIntervention => format!(
            "mend what the error names, run `sandpiper issue resolve {id} --resume --reason ..`, and then `sandpiper \
             apply`: it goes on after its last finished statement (after the Nth with `--resume --after N`). Where it \
             cannot be mended, do by hand what is left of it and say `--applied`, or take back what is there and say \
             `--rolled-back`"
        ),
    }
}

fn bound(id: &ChangeId, statement: &str) -> Fault {
    cannot_go_on(
        id,
        &format!("{} left something that only the session of the earlier attempt had", shown(statement)),
    )
}

fn lost_lock(id: &ChangeId, statement: &str) -> Fault {
    cannot_go_on(
        id,
        &format!("the lock that {} took ended with the session of the earlier attempt", shown(statement)),
    )
}

fn asks(id: &ChangeId, statement: &str) -> Fault {
    cannot_go_on(
        id,
        &format!("{} asks for what was written in the session of the earlier attempt", shown(statement)),
    )
}

fn cannot_go_on(id: &ChangeId, why: &str) -> Fault {
    let message = format!("change `{id}` cannot go on: {why}");
    Fault::new("plan::blocked", Blame::Change, message).with_effect(Effect::Unknown).with_help(format!(
        "do by hand what is left of it and run `sandpiper issue resolve {id} --applied --reason ..`, or take back what is \
         there and run it with `--rolled-back`"
    ))
}

/// A statement as a message shows it: in one line, and not all of a long one.
fn shown(statement: &str) -> String {
    let line = statement.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(60) {
        Some((end, _)) => format!("`{}..`", line.get(..end).unwrap_or_default()),
        None => format!("`{line}`"),
    }
}
