//! Finds names that belong to Sandpiper's own tables.

use crate::Dialect;
use crate::lexer::{Kind, Lexer, Token};

const PREFIX: &str = "sandpiper_";
const SCHEMA: &str = "sandpiper";

/// The first identifier of a statement that names one of Sandpiper's own objects, without its quotes: it begins with
/// `sandpiper_`, or is the schema `sandpiper` (before a `.`, or after `SCHEMA`); upper and lower case are alike.
///
/// Strings and comments do not count, but MySQL's `".."` do, which `sql_mode` can make identifiers, and so does what
/// MySQL executes in a comment. User variables (`@sandpiper_x`) are no objects.
#[must_use]
pub fn names_internal_object(statement: &str, dialect: Dialect) -> Option<String> {
    // Nearly all statements end here. PostgreSQL's U&"" can write a name with none of its letters.
    let may_escape = dialect == Dialect::Postgres && statement.contains("&\"");
    if !may_escape && !contains_ignoring_case(statement, SCHEMA) {
        return None;
    }
    let mut tokens = Lexer::new(statement, dialect).filter(|token| !token.is_silent()).peekable();
    let mut before = Before::default();
    while let Some(token) = tokens.next() {
        let name = match token.kind {
            Kind::Word => Some(token.text.to_owned()),
            Kind::QuotedIdentifier => Some(unquoted(&token, &before)),
            _ => None,
        };
        if let Some(name) = name
            && !before.variable
            && is_internal(&name, before.schema, tokens.peek())
        {
            return Some(name);
        }
        before = before.then(&token);
    }
    None
}

fn is_internal(name: &str, after_schema: bool, next: Option<&Token<'_>>) -> bool {
    let begins = name.get(..PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(PREFIX));
    let is_schema = name.eq_ignore_ascii_case(SCHEMA);
    begins || (is_schema && (after_schema || next.is_some_and(|next| next.is_symbol("."))))
}

/// What stands before a token.
#[derive(Debug, Default, Clone, Copy)]
struct Before {
    /// `@`.
    variable: bool,
    /// `SCHEMA`, `SCHEMA IF EXISTS`, `SCHEMA IF NOT EXISTS`.
    schema: bool,
    /// `U&`: the `U` ends where the `&` begins, and that where the quote does.
    unicode: Unicode,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Unicode {
    #[default]
    None,
    Letter {
        end: usize,
    },
    Ampersand {
        end: usize,
    },
}

impl Before {
    fn then(self, token: &Token<'_>) -> Self {
        let unicode = match self.unicode {
            _ if token.is("U") => Unicode::Letter { end: token.end() },
            Unicode::Letter { end } if token.is_symbol("&") && end == token.start => {
                Unicode::Ampersand { end: token.end() }
            }
            _ => Unicode::None,
        };
        let condition = token.is("IF") || token.is("NOT") || token.is("EXISTS");
        Self {
            variable: token.is_symbol("@"),
            schema: token.is("SCHEMA") || (self.schema && condition),
            unicode,
        }
    }
}

/// The name without its quotes, doubled quotes made single, and the escapes of U&"" read.
fn unquoted(token: &Token<'_>, before: &Before) -> String {
    let quote = token.text.chars().next().unwrap_or_default();
    let inner = token.text.get(1..token.text.len().saturating_sub(1)).unwrap_or_default();
    let inner = if quote == '[' {
        inner.to_owned()
    } else {
        inner.replace(&format!("{quote}{quote}"), &quote.to_string())
    };
    if before.unicode == (Unicode::Ampersand { end: token.start }) { unescaped(&inner) } else { inner }
}

/// `\0073` and `\+000073` as characters. `UESCAPE` may name any other sign, so that every sign counts as the escape
/// that four hexadecimal digits, or `+` and six, follow.
fn unescaped(name: &str) -> String {
    let mut characters = String::with_capacity(name.len());
    let mut rest = name;
    while let Some(first) = rest.chars().next() {
        let after = rest.get(first.len_utf8()..).unwrap_or_default();
        let (digits, skipped) = match after.strip_prefix('+') {
            Some(after) => (after.get(..6), 7),
            None => (after.get(..4), 4),
        };
        let escape = !first.is_ascii_alphanumeric() && first != '_';
        let code = digits
            .filter(|digits| escape && digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
            .and_then(|digits| u32::from_str_radix(digits, 16).ok())
            .and_then(char::from_u32);
        characters.push(code.unwrap_or(first));
        rest = if code.is_some() { after.get(skipped..).unwrap_or_default() } else { after };
    }
    characters
}

fn contains_ignoring_case(text: &str, word: &str) -> bool {
    text.as_bytes().windows(word.len()).any(|window| window.eq_ignore_ascii_case(word.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(statement: &str, dialect: Dialect) -> Option<String> {
        names_internal_object(statement, dialect)
    }

    #[test]
    fn identifiers_that_begin_with_the_prefix_are_internal() {
        assert_eq!(found("DROP TABLE Sandpiper_Marker", Dialect::Sqlite).unwrap(), "Sandpiper_Marker");
        assert_eq!(found("DROP TABLE main.sandpiper_x", Dialect::Sqlite).unwrap(), "sandpiper_x");
        assert_eq!(found("DROP TABLE my_sandpiper_x", Dialect::Sqlite), None);
        assert_eq!(found("SELECT sandpiper FROM birds", Dialect::Sqlite), None);
    }

    #[test]
    fn the_schema_is_internal() {
        assert_eq!(found("SELECT * FROM SANDPIPER . x", Dialect::Postgres).unwrap(), "SANDPIPER");
        assert_eq!(found("SELECT * FROM \"sandpiper\"/**/.x", Dialect::Postgres).unwrap(), "sandpiper");
        assert_eq!(found("DROP SCHEMA IF EXISTS sandpiper CASCADE", Dialect::Postgres).unwrap(), "sandpiper");
    }

    #[test]
    fn quoted_identifiers_count() {
        for (statement, dialect) in [
            ("DROP TABLE \"sandpiper_x\"", Dialect::Postgres),
            ("DROP TABLE [sandpiper_x]", Dialect::Sqlite),
            ("DROP TABLE `sandpiper_x`", Dialect::Mysql),
            ("DROP TABLE \"sandpiper_x\"", Dialect::Mysql),
            ("/*!50003 DROP TABLE sandpiper_x */", Dialect::Mysql),
            (r#"DROP TABLE U&"\0073andp\+000069per_x""#, Dialect::Postgres),
            (r#"DROP TABLE u&"!0073andpiper_x" UESCAPE '!'"#, Dialect::Postgres),
        ] {
            assert_eq!(found(statement, dialect).as_deref(), Some("sandpiper_x"), "{statement}");
        }
    }

    #[test]
    fn strings_comments_and_variables_do_not_count() {
        for (statement, dialect) in [
            ("SELECT 'sandpiper_x' -- sandpiper_x", Dialect::Sqlite),
            ("SELECT $$sandpiper.x$$ /* sandpiper_x */", Dialect::Postgres),
            ("SELECT @sandpiper_x # sandpiper_x", Dialect::Mysql),
        ] {
            assert_eq!(found(statement, dialect), None, "{statement}");
        }
    }
}
