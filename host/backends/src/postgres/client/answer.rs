//! What comes back: the answers to statements, with their columns and rows.

use std::io;

use bytes::Bytes;
use fallible_iterator::FallibleIterator as _;
use postgres_protocol::message::backend::{DataRowBody, RowDescriptionBody};

use super::super::errors::Failure;
use super::super::values;

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

/// The cells of a row, in their text form.
#[derive(Debug, Clone)]
pub(crate) struct Cells(Vec<Option<Bytes>>);

impl Cells {
    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Option<&[u8]>> {
        self.0.iter().map(|cell| cell.as_deref())
    }

    /// About how many bytes they take.
    pub(crate) fn size(&self) -> usize {
        self.iter().map(|cell| cell.map_or(0, <[u8]>::len) + 32).sum()
    }

    /// A cell of the host's own tables; an error names its place.
    pub(crate) fn optional(&self, column: usize) -> Result<Option<&str>, Failure> {
        let damaged = |what: &str| Failure::Refused(format!("column {} {what}", column + 1));
        let cell = self.0.get(column).ok_or_else(|| damaged("is not there"))?;
        cell.as_deref().map(|bytes| std::str::from_utf8(bytes).map_err(|_| damaged("is no text"))).transpose()
    }

    pub(crate) fn text(&self, column: usize) -> Result<&str, Failure> {
        self.optional(column)?.ok_or_else(|| Failure::Refused(format!("column {} is null", column + 1)))
    }

    pub(crate) fn number(&self, column: usize) -> Result<u64, Failure> {
        let text = self.text(column)?;
        text.parse().map_err(|_| Failure::Refused(format!("column {} holds `{text}`, no number", column + 1)))
    }

    pub(crate) fn flag(&self, column: usize) -> Result<bool, Failure> {
        Ok(self.text(column)? == "t")
    }

    /// A cell of the type `bytea`.
    pub(crate) fn bytes(&self, column: usize) -> Result<Vec<u8>, Failure> {
        values::bytea(self.text(column)?)
            .ok_or_else(|| Failure::Refused(format!("column {} holds no bytes", column + 1)))
    }
}

pub(super) fn fields(body: &RowDescriptionBody) -> io::Result<Vec<Field>> {
    let field = |field: postgres_protocol::message::backend::Field<'_>| {
        Ok(Field { name: field.name().to_owned(), kind: field.type_oid() })
    };
    body.fields().map(field).collect()
}

pub(super) fn cells(body: &DataRowBody) -> io::Result<Cells> {
    let buffer = body.buffer_bytes();
    body.ranges().map(|range| Ok(range.map(|range| buffer.slice(range)))).collect().map(Cells)
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
