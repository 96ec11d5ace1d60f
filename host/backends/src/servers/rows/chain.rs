//! The rows of a chain: its head, and its entries.

use sandpiper_engine::entry::{Entry, Sequence, Token};
use sandpiper_engine::scope::Scope;
use sandpiper_engine::state::Forgotten;
use sandpiper_engine::store::{AppendError, Appended, ChainReport, Draft, Lease};

use super::{scope_parts, states};
use crate::chain::{Head, Link, Linked, NewLink, end_fits, link};
use crate::servers::cells::Cells;
use crate::servers::failure::{Failure, Unreadable};
use crate::servers::statement::{Argument, Statement};
use crate::sum::{End, Sum};

/// Why nothing was appended.
#[derive(Debug)]
pub(crate) enum Refused<E> {
    /// A rule of the chain.
    Append(AppendError),
    /// The server said no, or the connection was lost.
    Failure(Failure<E>),
}

/// Why it is not certain that entries were appended.
#[derive(Debug)]
pub(crate) enum Unfinished<E> {
    /// They were not.
    Refused(Refused<E>),
    /// The connection was lost while these were committed.
    Unknown(Appended),
}

/// Why entries could not be read.
pub(crate) enum EntriesError<E> {
    Failure(Failure<E>),
    Damaged(String),
}

impl<E, T: Into<Refused<E>>> From<T> for Unfinished<E> {
    fn from(refused: T) -> Self {
        Self::Refused(refused.into())
    }
}

impl<E> From<Failure<E>> for Refused<E> {
    fn from(failure: Failure<E>) -> Self {
        Self::Failure(failure)
    }
}

impl<E> From<Unreadable> for Refused<E> {
    fn from(why: Unreadable) -> Self {
        Self::Failure(why.into())
    }
}

impl<E> From<AppendError> for Refused<E> {
    fn from(error: AppendError) -> Self {
        Self::Append(error)
    }
}

impl<E> From<Failure<E>> for EntriesError<E> {
    fn from(failure: Failure<E>) -> Self {
        Self::Failure(failure)
    }
}

/// The row of a chain: id, sequence, hash, sum of the states, and whether anything is kept of how far changes are.
pub(crate) struct Row {
    pub(crate) id: u64,
    pub(crate) head: Head,
    in_progress: bool,
}

/// The texts of what an append writes.
pub(crate) struct Texts {
    /// An entry: chain, sequence, hash, body, calls.
    pub(crate) insert: &'static str,
    /// A state: the columns of [`states::row`].
    pub(crate) write_state: &'static str,
    /// The new end: sequence, hash, sum of the states, id of the chain.
    pub(crate) move_head: &'static str,
    /// Forgets the steps of a change: chain, change.
    pub(crate) clear_steps: &'static str,
    /// Forgets its checkpoint: chain, change.
    pub(crate) clear_checkpoint: &'static str,
}

/// Reads the row of a chain.
pub(crate) fn row(row: &Cells) -> Result<Row, Unreadable> {
    let head = Head { sequence: Sequence(row.number(1)?), hash: row.digest(2)?, states: sum(row, 3)? };
    Ok(Row { id: row.number(0)?, head, in_progress: row.flag(4)? })
}

/// The row of a new one, without its id: scope, hash, sum of the states.
pub(crate) fn new_row(scope: &Scope) -> Vec<Argument<'_>> {
    let mut arguments = scope_parts(scope);
    arguments.push((&Head::EMPTY.hash).into());
    arguments.push(Argument::Bytes(Head::EMPTY.states.as_bytes().into()));
    arguments
}

/// What the head of a chain says of what is read beside it: sequence, hash, sum of the states, the last entry's hash.
pub(crate) fn end(row: &Cells) -> Result<End, Unreadable> {
    let found = if row.is_null(3)? { None } else { Some(row.digest(3)?) };
    Ok(End { sequence: Sequence(row.number(0)?), hash: row.digest(1)?, states: sum(row, 2)?, found })
}

fn sum(row: &Cells, column: usize) -> Result<Sum, Unreadable> {
    row.digest(column).map(|bytes| Sum::from(*bytes.as_bytes()))
}

/// An entry as it is stored: sequence, hash, body.
pub(crate) fn stored(row: &Cells) -> Result<Link, Unreadable> {
    Ok(Link { sequence: Sequence(row.number(0)?), hash: row.digest(1)?, text: row.text(2)?.to_owned() })
}

/// Whether the newest entry fits the one before it and the recorded end. The rows are the entries from the one before the
/// end on.
pub(crate) fn ended(scope: &Scope, head: Head, rows: &[Cells]) -> Result<ChainReport, Unreadable> {
    let links: Vec<Link> = rows.iter().map(stored).collect::<Result<_, _>>()?;
    Ok(ChainReport { entries: head.sequence.0, broken: end_fits(scope, head, &links) })
}

/// The entries in rows, from the text that was hashed.
pub(crate) fn entries<E>(rows: &[Cells]) -> Result<Vec<Entry>, EntriesError<E>> {
    let entry = |row: &Cells| {
        let link = stored(row).map_err(Failure::from)?;
        Entry::read(&link.text, link.hash).map_err(|error| EntriesError::Damaged(error.to_string()))
    };
    rows.iter().map(entry).collect()
}

/// The calls that are kept with entries: sequence, calls.
pub(crate) fn calls(rows: &[Cells]) -> Result<Vec<(Sequence, String)>, Unreadable> {
    rows.iter().map(|row| Ok((Sequence(row.number(0)?), row.text(1)?.to_owned()))).collect()
}

/// Links drafts to a chain whose head is locked: refused under an old token. What was read are the rows of its head, of
/// its lease's token, and of the states of the drafts' changes.
pub(crate) fn linked<E>(
    lease: &Lease,
    drafts: &[Draft],
    locked: &[Cells],
    token: &[Cells],
    found: &[Cells],
) -> Result<(Row, Linked), Refused<E>> {
    let token = token.first().map(|row| row.number(0)).transpose()?;
    if token.map(Token) != Some(lease.token) {
        return Err(AppendError::LeaseLost.into());
    }
    let Some(locked) = locked.first().map(row).transpose()? else {
        return Err(
            Failure::Refused("the head of the chain is not there after it was made".to_owned()).into()
        );
    };
    let before = states::read(found).map_err(AppendError::Store)?;
    let linked = link(lease, locked.head, &before, drafts)?;
    Ok((locked, linked))
}

/// The statements that write what was linked; the chain's new end comes last.
pub(crate) fn written<'a>(row: &Row, linked: &'a Linked, texts: &Texts) -> Vec<Statement<'a>> {
    let id = row.id;
    let insert = |new: &'a NewLink| {
        let NewLink { link, calls } = new;
        let row: [Argument<'a>; 5] = [
            id.into(),
            link.sequence.0.into(),
            (&link.hash).into(),
            link.text.as_str().into(),
            calls.as_deref().into(),
        ];
        Statement::new(texts.insert, row)
    };
    let mut statements: Vec<Statement<'a>> = linked.links.iter().map(insert).collect();
    let state = |state| Statement::new(texts.write_state, states::row(id, state));
    statements.extend(linked.states.values().map(state));
    if row.in_progress {
        for (change, what) in &linked.cleared {
            let forgets: &[&'static str] = match what {
                Forgotten::Nothing => &[],
                Forgotten::Steps => &[texts.clear_steps],
                Forgotten::All => &[texts.clear_steps, texts.clear_checkpoint],
            };
            let forget = |text: &&'static str| Statement::new(*text, [id.into(), change.as_str().into()]);
            statements.extend(forgets.iter().map(forget));
        }
    }
    let Head { sequence, hash, states } = &linked.head;
    let end: [Argument<'a>; 4] =
        [sequence.0.into(), hash.into(), Argument::Bytes(states.as_bytes().into()), id.into()];
    statements.push(Statement::new(texts.move_head, end));
    statements
}
