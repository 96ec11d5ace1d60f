//! SQLite's triggers, by the states of its own `sqlite3_complete`: a trigger ends with `; END ;`.

use crate::lexer::{Kind, Token};

/// How much of `CREATE [TEMP] TRIGGER .. BEGIN .. ; END` was seen.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trigger {
    #[default]
    Start,
    /// `EXPLAIN [QUERY PLAN]`.
    Explain,
    /// `CREATE [TEMP]`.
    Create,
    /// Another statement.
    Other,
    /// Inside of a trigger's statement.
    Inside,
    /// After a `;` of the body: `END` would close it, and nowhere else. A `CASE` cannot end here.
    AfterSemicolon,
    /// After the `END` that closes it, if a `;` follows.
    Ended,
}

impl Trigger {
    pub(crate) fn take(&mut self, token: &Token<'_>) {
        *self = match *self {
            Self::Start if token.is("EXPLAIN") => Self::Explain,
            Self::Start | Self::Explain if token.is("CREATE") => Self::Create,
            Self::Explain if token.is("QUERY") || token.is("PLAN") => Self::Explain,
            Self::Create if token.is("TEMP") || token.is("TEMPORARY") => Self::Create,
            Self::Create if token.is("TRIGGER") => Self::Inside,
            Self::Start | Self::Explain | Self::Create | Self::Other => Self::Other,
            _ if token.kind == Kind::Semicolon => Self::AfterSemicolon,
            Self::AfterSemicolon if token.is("END") => Self::Ended,
            Self::Inside | Self::AfterSemicolon | Self::Ended => Self::Inside,
        };
    }

    pub(crate) fn is_open(self) -> bool {
        matches!(self, Self::Inside | Self::AfterSemicolon)
    }
}
