//! Finds what psql would have understood before PostgreSQL sees it: `\commands`, `:variables`, inline `COPY` data.

use crate::SplitError;
use crate::lexer::{Kind, Token};

/// What was seen of one statement.
#[derive(Debug, Default)]
pub(crate) struct Psql {
    brackets: Vec<Bracket>,
    last: Last,
    copy: CopyRows,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bracket {
    /// `(`.
    Parenthesis,
    /// `json_object(` and the like, where a `:` stands between key and value.
    Json,
    /// `[`, where a `:` stands between the bounds of a slice.
    Subscript,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Last {
    #[default]
    Other,
    JsonFunction,
    /// A `:` that ends at this byte.
    Colon(usize),
}

/// How much of `COPY .. FROM STDIN` was seen.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum CopyRows {
    #[default]
    Start,
    Named {
        start: usize,
    },
    From {
        start: usize,
    },
    Other,
}

impl Psql {
    /// Takes the statement's next token, and the text that follows it.
    pub(crate) fn take(&mut self, token: &Token<'_>, rest: &str) -> Result<(), SplitError> {
        self.take_copy(token)?;
        let last = std::mem::replace(&mut self.last, Last::Other);
        if token.kind == Kind::Word && ["JSON_OBJECT", "JSON_OBJECTAGG"].iter().any(|name| token.is(name)) {
            self.last = Last::JsonFunction;
        }
        if token.kind != Kind::Symbol {
            return Ok(());
        }
        match token.text {
            "(" if last == Last::JsonFunction => self.brackets.push(Bracket::Json),
            "(" => self.brackets.push(Bracket::Parenthesis),
            "[" => self.brackets.push(Bracket::Subscript),
            ")" | "]" => drop(self.brackets.pop()),
            "\\" => return Err(command(token, rest)),
            ":" => {
                self.last = Last::Colon(token.end());
                let follows_colon = last == Last::Colon(token.start);
                let is_value = matches!(self.brackets.last(), Some(Bracket::Json | Bracket::Subscript));
                if !follows_colon && !is_value {
                    return variable(token, rest);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn take_copy(&mut self, token: &Token<'_>) -> Result<(), SplitError> {
        self.copy = match self.copy {
            CopyRows::Start if token.is("COPY") => CopyRows::Named { start: token.start },
            CopyRows::Start | CopyRows::Other => CopyRows::Other,
            CopyRows::From { start } if token.is("STDIN") => {
                return Err(SplitError::new(
                    start,
                    "`COPY .. FROM STDIN` takes its rows from psql, not from the database",
                    "write the rows as `INSERT` statements (`pg_dump --inserts`)",
                ));
            }
            CopyRows::Named { start } | CopyRows::From { start } if token.is("FROM") => {
                CopyRows::From { start }
            }
            CopyRows::Named { start } | CopyRows::From { start } => CopyRows::Named { start },
        };
        Ok(())
    }
}

fn command(token: &Token<'_>, rest: &str) -> SplitError {
    let name = rest.split(|character: char| !character.is_ascii_alphanumeric()).next().unwrap_or_default();
    SplitError::new(
        token.start,
        format!("`\\{name}` is a command of psql, not SQL"),
        "remove it: only SQL is sent to the database",
    )
}

/// `:name`, `:'name'`, `:"name"`, `:{?name}`; not `::type`, not `:=`.
fn variable(token: &Token<'_>, rest: &str) -> Result<(), SplitError> {
    let quote = rest.chars().next().filter(|first| matches!(first, '\'' | '"'));
    let inner = if quote.is_some() { rest.get(1..).unwrap_or_default() } else { rest };
    let is_test = rest.starts_with("{?");
    let begins = if quote.is_some() {
        inner.starts_with(is_name)
    } else {
        inner.starts_with(|first: char| is_name(first) && !first.is_ascii_digit())
    };
    if !begins && !is_test {
        return Ok(());
    }
    let name = inner.split(|character| !is_name(character)).next().unwrap_or_default();
    let written = match quote {
        Some(quote) => format!(":{quote}{name}{quote}"),
        None if is_test => ":{?..}".to_owned(),
        None => format!(":{name}"),
    };
    Err(SplitError::new(
        token.start,
        format!("`{written}` is a variable of psql, not SQL"),
        "write the value itself, or a variable of the project as `${var:NAME}`",
    ))
}

fn is_name(character: char) -> bool {
    character == '_' || character.is_alphanumeric()
}
