//! Cuts a SQL text into its statements.

use crate::Dialect;
use crate::compound::Compound;
use crate::lexer::{Kind, Lexer, Quote, Token};
use crate::psql::Psql;

/// One statement of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statement<'a> {
    /// Its bytes as they stand in the text, without the terminator and without blanks and comments around it.
    pub text: &'a str,
    /// The same with its `;`, where it has one, and what stands between them. SQLite keeps the text of a schema's
    /// statement up to there.
    pub terminated: &'a str,
    /// Where it begins: bytes from the start of the text.
    pub offset: usize,
}

/// Why a text cannot be cut into statements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SplitError {
    /// Where the fault begins: bytes from the start of the text.
    pub offset: usize,
    /// What is wrong, a lower-case fragment.
    pub message: String,
    /// The next step.
    pub help: String,
}

impl SplitError {
    pub(crate) fn new(offset: usize, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { offset, message: message.into(), help: help.into() }
    }
}

impl std::fmt::Display for SplitError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for SplitError {}

/// The statements of `text` in order; none for a text of blanks, comments and lone terminators.
///
/// A compound body is one statement, without a `DELIMITER` too. MySQL's `DELIMITER` counts where a statement may begin;
/// while it is set, the delimiter ends every statement, and a `;` those that are no stored programs.
///
/// # Errors
///
/// A string, quoted identifier, comment or dollar quote without an end (at its beginning), and what only a client
/// understands: psql's commands and variables, `COPY .. FROM STDIN`, a `DELIMITER` without one.
pub fn split(text: &str, dialect: Dialect) -> Result<Vec<Statement<'_>>, SplitError> {
    let mut splitter = Splitter {
        text,
        dialect,
        lexer: Lexer::new(text, dialect),
        statements: Vec::new(),
        current: Current::new(dialect),
    };
    splitter.run()?;
    Ok(splitter.statements)
}

struct Splitter<'a> {
    text: &'a str,
    dialect: Dialect,
    lexer: Lexer<'a>,
    statements: Vec<Statement<'a>>,
    current: Current,
}

/// The statement that is being read.
struct Current {
    /// Its first and past its last byte, once it has any.
    span: Option<(usize, usize)>,
    compound: Compound,
    psql: Psql,
}

impl Current {
    fn new(dialect: Dialect) -> Self {
        Self { span: None, compound: Compound::new(dialect), psql: Psql::default() }
    }
}

impl<'a> Splitter<'a> {
    fn run(&mut self) -> Result<(), SplitError> {
        loop {
            let in_executable = self.lexer.executable_start().is_some();
            if let Some(delimiter) = self.lexer.delimiter()
                && !in_executable
                && self.lexer.rest().starts_with(delimiter)
            {
                self.end_at_delimiter(delimiter);
                continue;
            }
            let Some(token) = self.lexer.next() else { break };
            if let Kind::Unterminated(quote) = token.kind {
                return Err(unterminated(quote, token));
            }
            if token.is_silent() {
                continue;
            }
            if self.dialect == Dialect::Mysql && self.current.span.is_none() && token.is("DELIMITER") {
                self.set_delimiter(token)?;
                continue;
            }
            if token.kind == Kind::Semicolon && !in_executable && !self.is_open() {
                self.end_statement(Some(token.end()));
                continue;
            }
            if self.dialect == Dialect::Postgres {
                self.current.psql.take(&token, self.lexer.rest())?;
            }
            self.current.compound.take(&token);
            let start = self.current.span.map_or(token.start, |(start, _)| start);
            self.current.span = Some((start, token.end()));
        }
        self.end_statement(None);
        Ok(())
    }

    fn is_open(&self) -> bool {
        self.current.compound.is_open()
            || (self.lexer.delimiter().is_some() && self.current.compound.is_stored_program())
    }

    /// Ends the statement that is being read, whose terminator, if it has one, ends at `terminator`.
    fn end_statement(&mut self, terminator: Option<usize>) {
        let current = std::mem::replace(&mut self.current, Current::new(self.dialect));
        let Some((start, end)) = current.span else { return };
        if let Some(text) = self.text.get(start..end) {
            let terminated = self.text.get(start..terminator.unwrap_or(end)).unwrap_or(text);
            self.statements.push(Statement { text, terminated, offset: start });
        }
    }

    /// A stored program's last `;` before the delimiter is a terminator too.
    fn end_at_delimiter(&mut self, delimiter: &str) {
        self.lexer.jump(self.lexer.position() + delimiter.len());
        if let Some((start, end)) = self.current.span {
            let text = self.text.get(start..end).unwrap_or_default();
            let kept = without_terminators(text, self.dialect);
            self.current.span = Some((start, start + kept));
        }
        self.end_statement(None);
    }

    /// Reads `DELIMITER xx` up to the end of its line: its first word, or what stands in quotes.
    fn set_delimiter(&mut self, command: Token<'a>) -> Result<(), SplitError> {
        let rest = self.lexer.rest();
        let line = rest.split('\n').next().unwrap_or_default();
        self.lexer.jump(command.end() + line.len());
        let argument = line.trim();
        let quote = argument.chars().next().filter(|first| matches!(first, '\'' | '"' | '`'));
        let delimiter = match quote {
            Some(quote) => argument.split(quote).nth(1),
            None => argument.split_ascii_whitespace().next(),
        };
        let help = "write the delimiter after it, such as `DELIMITER //`";
        match delimiter {
            None | Some("") => Err(SplitError::new(command.start, "`DELIMITER` without a delimiter", help)),
            Some(text) if text.contains('\\') => {
                Err(SplitError::new(command.start, "a delimiter must not hold a backslash", help))
            }
            Some(text) => {
                self.lexer.set_delimiter((text != ";").then_some(text));
                Ok(())
            }
        }
    }
}

/// The length of `text` without the `;`, blanks and comments at its end.
fn without_terminators(text: &str, dialect: Dialect) -> usize {
    if !text.ends_with(';') {
        return text.len();
    }
    let speaking = |token: &Token<'_>| !token.is_silent() && token.kind != Kind::Semicolon;
    Lexer::new(text, dialect).filter(speaking).last().map_or(0, |token| token.end())
}

fn unterminated(quote: Quote, token: Token<'_>) -> SplitError {
    let (what, end) = match quote {
        Quote::String => ("string", "its closing quote"),
        Quote::Identifier => ("quoted identifier", "its closing quote"),
        Quote::Comment => ("comment", "`*/`"),
        Quote::Dollar => {
            let tag = token.text.split('$').nth(1).unwrap_or_default();
            let message = format!("the dollar quote `${tag}$` that begins here has no end");
            return SplitError::new(token.start, message, format!("close it with `${tag}$`"));
        }
    };
    let message = format!("the {what} that begins here has no end");
    SplitError::new(token.start, message, format!("close it with {end}"))
}

#[cfg(test)]
mod tests;
