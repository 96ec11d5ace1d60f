//! What MySQL and MariaDB run without committing: a list of what may, for nearly everything else commits silently.

use super::TransactionUse;
use crate::Dialect;
use crate::lexer::{Kind, Lexer, Token};

/// `semantics.md`, "The transaction is a fact": statements that cannot commit. Savepoints are told apart before.
const CANNOT_COMMIT: [&str; 7] = ["SELECT", "INSERT", "UPDATE", "DELETE", "REPLACE", "WITH", "VALUES"];

pub(super) fn transaction(statement: &str) -> TransactionUse {
    let starts = starts(statement);
    if starts.iter().any(steers) {
        TransactionUse::Controls
    } else if !holds_several(statement)
        && !is_obscure(statement)
        && !writes_a_file(statement)
        && starts.iter().all(|start| CANNOT_COMMIT.iter().any(|word| start.token.is(word)))
    {
        TransactionUse::Inside
    } else {
        TransactionUse::Outside
    }
}

/// Whether it depends on the server where the statement begins, or a second one hides behind a `;`.
pub(super) fn is_ambiguous(statement: &str) -> bool {
    starts(statement).len() > 1 || holds_several(statement) || is_obscure(statement)
}

/// Whether something quoted, or a comment, reaches over the end of an executable comment: a server that passes such a
/// comment over ends it at the first `*/`, and reads the rest in another way than one that executes it.
fn is_obscure(statement: &str) -> bool {
    if !statement.contains("/*!") && !statement.contains("/*M!") {
        return false;
    }
    let mut lexer = Lexer::new(statement, Dialect::Mysql);
    loop {
        let in_executable = lexer.executable_start().is_some();
        let Some(token) = lexer.next() else { return false };
        let is_over_the_end = match token.kind {
            Kind::String | Kind::QuotedIdentifier | Kind::LineComment => token.text.contains("*/"),
            // One that is executed inside of another ends both.
            Kind::BlockComment => token.text.starts_with("/*!") || token.text.starts_with("/*M!"),
            Kind::Unterminated(_) => true,
            _ => false,
        };
        if in_executable && is_over_the_end {
            return true;
        }
    }
}

/// `SELECT .. INTO OUTFILE`: no rollback takes the file back.
fn writes_a_file(statement: &str) -> bool {
    let mut follows = false;
    Lexer::new(statement, Dialect::Mysql)
        .filter(|token| !token.is_silent() && token.kind != Kind::ExecutableComment)
        .any(|token| {
            let is_file = token.is("OUTFILE") || token.is("DUMPFILE");
            std::mem::replace(&mut follows, token.is("INTO")) && is_file
        })
}

/// Whether anything but blanks and comments follows a `;`: [`split`](crate::split) leaves that in what MySQL executes in
/// a comment and in stored programs.
fn holds_several(statement: &str) -> bool {
    let mut tokens = Lexer::new(statement, Dialect::Mysql).filter(|token| !token.is_silent());
    statement.contains(';')
        && tokens.any(|token| token.kind == Kind::Semicolon)
        && tokens.any(|token| !matches!(token.kind, Kind::Semicolon | Kind::ExecutableComment))
}

/// A token that the server may take for the statement's first.
struct Start<'a> {
    token: Token<'a>,
    rest: Lexer<'a>,
}

/// Which executable comments a server reads depends on its version and maker, so that each that stands before the first
/// plain token may hold the first keyword, or be passed over.
fn starts(statement: &str) -> Vec<Start<'_>> {
    let mut lexer = Lexer::new(statement, Dialect::Mysql);
    let mut starts = Vec::new();
    let mut expected = true;
    loop {
        let in_executable = lexer.executable_start().is_some();
        let Some(token) = lexer.next() else { return starts };
        if token.kind == Kind::ExecutableComment {
            expected = true;
        } else if expected && !token.is_silent() && !token.is_symbol("(") {
            starts.push(Start { token, rest: lexer.clone() });
            expected = false;
            if !in_executable {
                return starts;
            }
        }
    }
}

fn steers(start: &Start<'_>) -> bool {
    let Start { token, rest } = start;
    let mut following = rest.clone().filter(|token| !token.is_silent());
    if token.is("XA") {
        return true;
    }
    if token.is("LOCK") || token.is("UNLOCK") {
        return following.next().is_some_and(|next| next.is("TABLES") || next.is("TABLE"));
    }
    token.is("SET") && following.any(|next| next.is("AUTOCOMMIT"))
}
