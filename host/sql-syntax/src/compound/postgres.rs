//! PostgreSQL's `BEGIN ATOMIC .. END` of functions and procedures, and the `(..; ..)` of rules.

use crate::lexer::{Kind, Token};

/// What was seen of the statement.
#[derive(Debug, Default)]
pub(crate) struct Body {
    head: Head,
    /// `BEGIN ATOMIC` and each `CASE` in it.
    blocks: usize,
    /// Of a rule.
    parentheses: usize,
    previous: Previous,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Head {
    #[default]
    Start,
    /// `CREATE [OR REPLACE]`.
    Create,
    Routine,
    Rule,
    Other,
}

/// What the token before was, where that decides what a keyword means.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Previous {
    #[default]
    Other,
    Begin,
    /// `.` or `AS`: a name follows, whatever it looks like.
    NameFollows,
}

impl Body {
    pub(crate) fn take(&mut self, token: &Token<'_>) {
        match self.head {
            Head::Start | Head::Create => self.head = self.head.after(token),
            Head::Routine => self.take_of_routine(token),
            Head::Rule if token.is_symbol("(") => self.parentheses += 1,
            Head::Rule if token.is_symbol(")") => self.parentheses = self.parentheses.saturating_sub(1),
            Head::Rule | Head::Other => {}
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.blocks > 0 || self.parentheses > 0
    }

    fn take_of_routine(&mut self, token: &Token<'_>) {
        let previous = std::mem::replace(&mut self.previous, Previous::of(token));
        if token.kind != Kind::Word || previous == Previous::NameFollows {
            return;
        }
        if token.is("ATOMIC") && previous == Previous::Begin && self.blocks == 0 {
            self.blocks = 1;
        } else if self.blocks > 0 && token.is("CASE") {
            self.blocks += 1;
        } else if token.is("END") {
            self.blocks = self.blocks.saturating_sub(1);
        }
    }
}

impl Head {
    fn after(self, token: &Token<'_>) -> Self {
        if self == Self::Start {
            return if token.is("CREATE") { Self::Create } else { Self::Other };
        }
        if token.is("FUNCTION") || token.is("PROCEDURE") {
            Self::Routine
        } else if token.is("RULE") {
            Self::Rule
        } else if token.is("OR") || token.is("REPLACE") {
            Self::Create
        } else {
            Self::Other
        }
    }
}

impl Previous {
    fn of(token: &Token<'_>) -> Self {
        if token.is("BEGIN") {
            Self::Begin
        } else if token.is("AS") || token.is_symbol(".") {
            Self::NameFollows
        } else {
            Self::Other
        }
    }
}
