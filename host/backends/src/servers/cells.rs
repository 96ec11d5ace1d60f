//! The cells of a row, in the text form that the server gives them.

use std::borrow::Cow;

use bytes::Bytes;
use sandpiper_engine::digest::Digest;

use super::failure::Unreadable;

/// The bytes in a cell; none where it holds no bytes.
pub(crate) type ReadBytes = for<'a> fn(&'a [u8]) -> Option<Cow<'a, [u8]>>;

/// The cells of a row.
#[derive(Debug, Clone)]
pub(crate) struct Cells {
    cells: Vec<Option<Bytes>>,
    read_bytes: ReadBytes,
}

impl Cells {
    /// Some cells, and how this server writes bytes in them.
    pub(crate) fn new(cells: Vec<Option<Bytes>>, read_bytes: ReadBytes) -> Self {
        Self { cells, read_bytes }
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Option<&[u8]>> {
        self.cells.iter().map(|cell| cell.as_deref())
    }

    /// About how many bytes they take.
    pub(crate) fn size(&self) -> usize {
        self.iter().map(|cell| cell.map_or(0, <[u8]>::len) + 32).sum()
    }

    /// Whether a cell of the host's own tables is null; as below, an error names its place.
    pub(crate) fn is_null(&self, column: usize) -> Result<bool, Unreadable> {
        Ok(self.cell(column)?.is_none())
    }

    pub(crate) fn optional(&self, column: usize) -> Result<Option<&str>, Unreadable> {
        let text = |bytes| std::str::from_utf8(bytes).map_err(|_| unreadable(column, "is no text"));
        self.cell(column)?.map(text).transpose()
    }

    pub(crate) fn text(&self, column: usize) -> Result<&str, Unreadable> {
        self.optional(column)?.ok_or_else(|| unreadable(column, "is null"))
    }

    pub(crate) fn number(&self, column: usize) -> Result<u64, Unreadable> {
        let text = self.text(column)?;
        text.parse().map_err(|_| unreadable(column, &format!("holds `{text}`, no number")))
    }

    /// `t` and `f`, or a number.
    pub(crate) fn flag(&self, column: usize) -> Result<bool, Unreadable> {
        match self.text(column)? {
            "t" => Ok(true),
            "f" => Ok(false),
            _ => Ok(self.number(column)? != 0),
        }
    }

    pub(crate) fn bytes(&self, column: usize) -> Result<Cow<'_, [u8]>, Unreadable> {
        let cell = self.cell(column)?.ok_or_else(|| unreadable(column, "is null"))?;
        (self.read_bytes)(cell).ok_or_else(|| unreadable(column, "holds no bytes"))
    }

    pub(crate) fn digest(&self, column: usize) -> Result<Digest, Unreadable> {
        let bytes: Result<[u8; 32], _> = self.bytes(column)?.as_ref().try_into();
        bytes.map(Digest::from).map_err(|_| unreadable(column, "holds no digest"))
    }

    fn cell(&self, column: usize) -> Result<Option<&[u8]>, Unreadable> {
        self.cells.get(column).map(Option::as_deref).ok_or_else(|| unreadable(column, "is not there"))
    }
}

fn unreadable(column: usize, what: &str) -> Unreadable {
    Unreadable(format!("column {} {what}", column + 1))
}
