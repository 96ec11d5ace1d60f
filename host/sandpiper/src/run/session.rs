//! The session of a `direct` change that goes on: what its finished statements set in the one before is set in it again,
//! and where another session cannot have it, the change does not go on.

use sandpiper_engine::change::ChangeId;
use sandpiper_engine::fault::{Blame, Effect, Fault};
use sandpiper_engine::progress::{Standing, StepMark};
use sandpiper_runtime::target::Session;
use sandpiper_sql_syntax::{Dialect, SessionUse, asks_session, session_use, split, writes_rows};

use crate::run::ready::{Program, Ready};

/// The statements that made settings, in their order, of those that `finished` says are done.
///
/// # Errors
///
/// Why the change may not go on: one of them left something that only its own session had, or what is left asks for it.
pub(crate) fn settings(ready: &Ready, finished: &[StepMark]) -> Result<Vec<String>, Fault> {
    let Program::Data(data) = &ready.program else { return Ok(Vec::new()) };
    let dialect = Dialect::from_kind(&data.target_kind);
    let mut settings = Vec::new();
    let mut begun = None;
    let mut left: Vec<String> = Vec::new();
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
        for (place, statement) in split(&text, dialect).unwrap_or_default().iter().enumerate() {
            if place >= count {
                left.push(statement.text.to_owned());
                continue;
            }
            match session_use(statement.text, dialect) {
                SessionUse::Nothing => {}
                SessionUse::Setting => settings.push(statement.text.to_owned()),
                SessionUse::Bound => return Err(bound(&ready.change.id, statement.text)),
                SessionUse::Begins => begun = Some(settings.len()),
                SessionUse::TakesBack => settings.truncate(begun.take().unwrap_or(settings.len())),
            }
        }
    }
    // Until something is written, it would be answered about what another session wrote.
    let asking = left.iter().take_while(|it| asks_session(it, dialect) || !writes_rows(it, dialect));
    match asking.into_iter().find(|it| asks_session(it, dialect)) {
        Some(asking) => Err(asks(&ready.change.id, asking)),
        None => Ok(settings),
    }
}

/// Runs them in a session that was just opened.
///
/// # Errors
///
/// The first that the system refused: then nothing else is sent.
pub(crate) async fn set_again(session: &mut dyn Session, settings: &[String]) -> Result<(), Fault> {
    let Some(sql) = session.sql() else { return Ok(()) };
    for statement in settings {
        sql.execute(statement, &[]).await.map_err(|error| {
            let message = format!(
                "what an earlier attempt had set in its session cannot be set again: {}: {error}",
                shown(statement)
            );
            Fault::new("change::failed", Blame::Change, message).with_effect(Effect::Unknown)
        })?;
    }
    Ok(())
}

fn bound(id: &ChangeId, statement: &str) -> Fault {
    cannot_go_on(
        id,
        &format!("{} left something that only the session of the earlier attempt had", shown(statement)),
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
