//! The row of a step of a change that is not applied yet.

use sandpiper_engine::change::ChangeId;
use sandpiper_engine::progress::RollbackMark;
use sandpiper_engine::scope::Scope;
use sandpiper_engine::store::StepMark;

use super::scope_parts;
use crate::servers::cells::Cells;
use crate::servers::failure::Unreadable;
use crate::servers::statement::Argument;

/// The key of a change's rows.
pub(crate) fn change_parts<'a>(scope: &'a Scope, change: &'a ChangeId) -> Vec<Argument<'a>> {
    let mut arguments = scope_parts(scope);
    arguments.push(change.as_str().into());
    arguments
}

/// The row of a step.
pub(crate) fn row<'a>(chain: u64, change: &'a ChangeId, mark: &'a StepMark) -> Vec<Argument<'a>> {
    let number = |number: u32| Argument::from(u64::from(number));
    vec![
        chain.into(),
        change.as_str().into(),
        number(mark.step),
        (&mark.payload).into(),
        number(mark.finished),
        mark.doubtful.map(number).into(),
        (&mark.statements).into(),
        mark.complete.into(),
        mark.rollback.map(|rollback| number(rollback.finished)).into(),
        mark.rollback.and_then(|rollback| rollback.doubtful).map(number).into(),
        mark.rollback.map(|rollback| rollback.complete).into(),
    ]
}

/// What such a row says, without its first two columns.
pub(crate) fn mark(row: &Cells) -> Result<StepMark, Unreadable> {
    let number = |column: usize| row.number(column).map(|number| u32::try_from(number).unwrap_or(u32::MAX));
    let optional = |column: usize| if row.is_null(column)? { Ok(None) } else { number(column).map(Some) };
    let rollback = match optional(6)? {
        None => None,
        Some(finished) => Some(RollbackMark { finished, doubtful: optional(7)?, complete: row.flag(8)? }),
    };
    Ok(StepMark {
        step: number(0)?,
        payload: row.digest(1)?,
        finished: number(2)?,
        doubtful: optional(3)?,
        statements: row.digest(4)?,
        complete: row.flag(5)?,
        rollback,
    })
}
