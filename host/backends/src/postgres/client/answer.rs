//! What comes back: the answers to statements, with their columns and rows.

use std::borrow::Cow;
use std::io;

use fallible_iterator::FallibleIterator as _;
use postgres_protocol::message::backend::{DataRowBody, RowDescriptionBody};

use super::super::values;
use crate::servers::cells::Cells;

/// What came of one statement.
#[derive(Debug, Clone, Default)]
pub(crate) struct Answer {
    pub(crate) fields: Vec<Field>,
    pub(crate) rows: Vec<Cells>,
    /// What the server says was done: `INSERT 0 1`.
    pub(crate) tag: String,
    /// Whether the portal has more rows.
    pub(crate) suspended: bool,
}

/// A column, as the server describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) kind: u32,
}

pub(super) fn fields(body: &RowDescriptionBody) -> io::Result<Vec<Field>> {
    let field = |field: postgres_protocol::message::backend::Field<'_>| {
        Ok(Field { name: field.name().to_owned(), kind: field.type_oid() })
    };
    body.fields().map(field).collect()
}

pub(super) fn cells(body: &DataRowBody) -> io::Result<Cells> {
    let buffer = body.buffer_bytes();
    body.ranges()
        .map(|range| Ok(range.map(|range| buffer.slice(range))))
        .collect()
        .map(|cells| Cells::new(cells, bytea))
}

/// A cell of the type `bytea`.
fn bytea(cell: &[u8]) -> Option<Cow<'_, [u8]>> {
    values::bytea(std::str::from_utf8(cell).ok()?).map(Cow::Owned)
}

/// How many rows a statement affected, from what the server says was done. Reading affects none.
pub(crate) fn affected(tag: &str) -> u64 {
    let command = tag.split(' ').next().unwrap_or_default();
    match command {
        "INSERT" | "UPDATE" | "DELETE" | "MERGE" | "COPY" => {
            tag.rsplit(' ').next().and_then(|count| count.parse().ok()).unwrap_or_default()
        }
        _ => 0,
    }
}
