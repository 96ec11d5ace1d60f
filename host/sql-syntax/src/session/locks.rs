//! Says which statements take and give back locks that a session holds until it ends, whatever becomes of a transaction.

use super::{Lock, SessionUse};
use crate::Dialect;
use crate::classify::Words;
use crate::lexer::{Kind, Token};

/// Of PostgreSQL: those that wait for the lock, and those that only say whether they have it.
const WAITING: [&str; 2] = ["pg_advisory_lock", "pg_advisory_lock_shared"];
const TRYING: [&str; 2] = ["pg_try_advisory_lock", "pg_try_advisory_lock_shared"];
const RELEASING: [&str; 2] = ["pg_advisory_unlock", "pg_advisory_unlock_shared"];

/// What a statement does to the locks of its session, where that is what it leaves there.
pub(super) fn session_locks<'a>(
    words: &Words<'a>,
    statement: &'a str,
    dialect: Dialect,
) -> Option<SessionUse<'a>> {
    match dialect {
        Dialect::Postgres => {
            let takes = functions(words, statement, |name| WAITING.contains(&name) || TRYING.contains(&name));
            let gives = |name: &str| RELEASING.contains(&name);
            named(words, statement, &takes, gives, "pg_advisory_unlock_all")
        }
        Dialect::Mysql => tables(words).or_else(|| {
            let takes = functions(words, statement, |name| name == "get_lock");
            named(words, statement, &takes, |name| name == "release_lock", "release_all_locks")
        }),
        Dialect::Sqlite | Dialect::Generic => None,
    }
}

/// `LOCK TABLES` waits or fails. What it holds ends also where a transaction begins.
fn tables<'a>(words: &Words<'a>) -> Option<SessionUse<'a>> {
    let are_tables = words.is_one_of(1, &["TABLES", "TABLE"]);
    match () {
        () if words.is(0, "LOCK") && are_tables => {
            Some(SessionUse::Takes { lock: Lock::Tables, can_again: true })
        }
        () if words.is(0, "UNLOCK") && are_tables => Some(SessionUse::Gives(Lock::Tables)),
        () if words.is(0, "BEGIN") && !words.is(1, "NOT") || words.begin(&["START", "TRANSACTION"]) => {
            Some(SessionUse::Gives(Lock::Tables))
        }
        // Of all tables of a server, or of some for a copy of their files: nothing that goes on by itself.
        () if words.is(0, "FLUSH") && (words.contain_pair("READ", "LOCK") || words.contain("EXPORT"))
            || words.is(0, "BACKUP")
            || words.begin(&["LOCK", "INSTANCE"]) =>
        {
            Some(SessionUse::Bound)
        }
        () => None,
    }
}

/// Locks that functions take and give back, by what they are given.
fn named<'a>(
    words: &Words<'a>,
    statement: &'a str,
    takes: &[Call<'a>],
    gives: impl Fn(&str) -> bool,
    gives_all: &str,
) -> Option<SessionUse<'a>> {
    // What is defined or prepared does not run now; a comment or a right names it only.
    let runs = words.first_is(&[
        "SELECT", "WITH", "VALUES", "DO", "SET", "CALL", "INSERT", "UPDATE", "DELETE", "REPLACE", "MERGE",
        "BEGIN",
    ]);
    if !runs {
        return None;
    }
    match takes {
        [] => {}
        [call] if call.is_alone => {
            let can_again = WAITING.iter().any(|name| call.name.eq_ignore_ascii_case(name)) && call.is_plain;
            return Some(SessionUse::Takes { lock: Lock::Named(call.given), can_again });
        }
        // Which locks, and how many of them, nobody can say.
        _ => return Some(SessionUse::Bound),
    }
    match functions(words, statement, |name| gives(name) || name == gives_all).as_slice() {
        [call] if call.is_alone && call.name.eq_ignore_ascii_case(gives_all) => Some(SessionUse::GivesAll),
        [call] if call.is_alone => Some(SessionUse::Gives(Lock::Named(call.given))),
        _ => None,
    }
}

/// A function that is called.
struct Call<'a> {
    name: &'a str,
    /// The first thing that it is given; all of it, where a comma does not part what names a lock from the rest.
    given: &'a str,
    /// `SELECT` or `DO`, the call, and no more.
    is_alone: bool,
    /// It is given nothing that has to be computed.
    is_plain: bool,
}

/// The calls of functions with certain names, which are asked for in small letters.
fn functions<'a>(words: &Words<'a>, statement: &'a str, wanted: impl Fn(&str) -> bool) -> Vec<Call<'a>> {
    let tokens: Vec<Token<'a>> = words.all().collect();
    let mut calls = Vec::new();
    for (at, pair) in tokens.windows(2).enumerate() {
        let [name, open] = pair else { continue };
        let is_called = open.is_symbol("(") && name.kind == Kind::Word;
        if is_called && wanted(&name.text.to_ascii_lowercase()) {
            let before = tokens.get(..at).unwrap_or_default();
            calls.push(call(statement, name.text, before, tokens.get(at + 1..).unwrap_or_default()));
        }
    }
    calls
}

/// The call whose parenthesis is the first of `tokens`.
fn call<'a>(statement: &'a str, name: &'a str, before: &[Token<'_>], tokens: &[Token<'_>]) -> Call<'a> {
    let mut depth = 0_usize;
    let (mut end, mut comma, mut is_plain) = (None, None, true);
    for (at, token) in tokens.iter().enumerate() {
        match token {
            _ if token.is_symbol("(") => {
                depth += 1;
                is_plain &= depth == 1;
            }
            _ if token.is_symbol(")") && depth == 1 => {
                end = Some((at, token.start));
                break;
            }
            _ if token.is_symbol(")") => depth -= 1,
            _ if token.is_symbol(",") && depth == 1 => comma = comma.or(Some(token.start)),
            _ => {}
        }
    }
    let is_select = |token: &Token<'_>| token.is("SELECT") || token.is("DO");
    let is_first = match before {
        [select] => is_select(select),
        [select, schema, dot] => is_select(select) && schema.is("pg_catalog") && dot.is_symbol("."),
        _ => false,
    };
    let is_last = end.is_some_and(|(at, _)| at + 1 == tokens.len());
    let from = tokens.first().map_or(0, Token::end);
    // The second thing that `GET_LOCK` is given is how long it waits.
    let comma = comma.filter(|_| name.eq_ignore_ascii_case("get_lock"));
    let to = comma.or(end.map(|(_, start)| start)).unwrap_or(statement.len());
    Call {
        name,
        given: statement.get(from..to).unwrap_or_default().trim(),
        is_alone: is_first && is_last,
        is_plain,
    }
}

#[cfg(test)]
mod tests {
    use super::super::session_use;
    use super::*;

    #[track_caller]
    fn is(dialect: Dialect, statement: &str, expected: SessionUse<'_>) {
        assert_eq!(session_use(statement, dialect), expected, "{statement}");
        let commented = format!("/* LOCK TABLES x */ -- y\n{statement}");
        assert_eq!(session_use(&commented, dialect), expected, "{commented}");
    }

    fn takes(name: &str, can_again: bool) -> SessionUse<'_> {
        SessionUse::Takes { lock: Lock::Named(name), can_again }
    }

    fn gives(name: &str) -> SessionUse<'_> {
        SessionUse::Gives(Lock::Named(name))
    }

    #[test]
    fn locks_of_tables_are_taken_again_until_they_are_given_back() {
        for statement in
            ["LOCK TABLES t WRITE, u READ", "lock table t write", "/*!40000 LOCK TABLES t READ */"]
        {
            is(Dialect::Mysql, statement, SessionUse::Takes { lock: Lock::Tables, can_again: true });
        }
        for statement in ["UNLOCK TABLES", "unlock table", "START TRANSACTION", "BEGIN"] {
            is(Dialect::Mysql, statement, SessionUse::Gives(Lock::Tables));
        }
        let of_the_server = [
            "FLUSH TABLES WITH READ LOCK",
            "FLUSH TABLES t FOR EXPORT",
            "LOCK INSTANCE FOR BACKUP",
            "BACKUP LOCK t",
        ];
        for statement in of_the_server {
            is(Dialect::Mysql, statement, SessionUse::Bound);
        }
        // In a transaction, with which it ends.
        is(Dialect::Postgres, "LOCK TABLE t IN EXCLUSIVE MODE", SessionUse::Nothing);
        is(Dialect::Mysql, "FLUSH TABLES", SessionUse::Nothing);
    }

    #[test]
    fn a_lock_that_is_waited_for_can_be_taken_again() {
        for (statement, name) in
            [("SELECT pg_advisory_lock(1)", "1"), ("select PG_CATALOG.pg_advisory_lock_shared(1, 2)", "1, 2")]
        {
            is(Dialect::Postgres, statement, takes(name, true));
        }
    }

    #[test]
    fn a_lock_that_may_be_refused_or_whose_name_is_computed_is_not_taken_again() {
        for (statement, name) in [
            ("SELECT pg_try_advisory_lock(7)", "7"),
            ("SELECT pg_advisory_lock(hashtext('a, (b'))", "hashtext('a, (b')"),
        ] {
            is(Dialect::Postgres, statement, takes(name, false));
        }
        for statement in
            ["SELECT GET_LOCK('x', 10)", "DO get_lock( 'x' , 10)", "/*!50000 SELECT GET_LOCK('x',1) */"]
        {
            is(Dialect::Mysql, statement, takes("'x'", false));
        }
        for (dialect, statement) in [
            (Dialect::Mysql, "SELECT GET_LOCK('x', 1), GET_LOCK('y', 1)"),
            (Dialect::Mysql, "SELECT IF(GET_LOCK('x', 1), 1, 0)"),
            (Dialect::Mysql, "INSERT INTO t SELECT GET_LOCK(name, 1) FROM names"),
            (Dialect::Mysql, "SET @got = GET_LOCK('x', 1)"),
            (
                Dialect::Mysql,
                "BEGIN NOT ATOMIC IF GET_LOCK('x', 1) THEN INSERT INTO t VALUES (1); END IF; END",
            ),
            (Dialect::Postgres, "SELECT pg_advisory_lock(id) FROM t"),
            (Dialect::Postgres, "WITH x AS (SELECT pg_advisory_lock(1)) SELECT * FROM x"),
            (Dialect::Postgres, "DO $$ BEGIN PERFORM pg_advisory_lock(1); END $$"),
        ] {
            is(dialect, statement, SessionUse::Bound);
        }
    }

    #[test]
    fn a_lock_is_given_back_by_its_name_alone() {
        is(Dialect::Mysql, "SELECT RELEASE_LOCK('x')", gives("'x'"));
        is(Dialect::Mysql, "DO release_lock('x')", gives("'x'"));
        is(Dialect::Mysql, "DO RELEASE_ALL_LOCKS()", SessionUse::GivesAll);
        is(Dialect::Postgres, "SELECT pg_advisory_unlock(1)", gives("1"));
        is(Dialect::Postgres, "SELECT pg_catalog.pg_advisory_unlock_shared(1, 2)", gives("1, 2"));
        is(Dialect::Postgres, "SELECT pg_advisory_unlock_all()", SessionUse::GivesAll);
        // Perhaps of no row, or not at all.
        is(Dialect::Postgres, "SELECT pg_advisory_unlock(id) FROM t", SessionUse::Nothing);
        is(Dialect::Mysql, "SELECT IF(0, RELEASE_LOCK('x'), 0)", SessionUse::Nothing);
    }

    #[test]
    fn what_only_names_a_lock_takes_none() {
        for (dialect, statement) in [
            (Dialect::Mysql, "CREATE PROCEDURE p() BEGIN DO GET_LOCK('x', 1); END"),
            (Dialect::Mysql, "INSERT INTO t (get_lock) VALUES (1)"),
            (Dialect::Mysql, "INSERT INTO t VALUES ('GET_LOCK(')"),
            (Dialect::Mysql, "SELECT IS_FREE_LOCK('x')"),
            (
                Dialect::Postgres,
                "CREATE FUNCTION f() RETURNS void LANGUAGE sql AS 'SELECT pg_advisory_lock(1)'",
            ),
            (Dialect::Postgres, "GRANT EXECUTE ON FUNCTION pg_advisory_lock(bigint) TO a"),
            (Dialect::Postgres, "SELECT pg_advisory_xact_lock(1)"),
            (Dialect::Postgres, "DO $$ BEGIN PERFORM pg_advisory_xact_lock(1); END $$"),
        ] {
            is(dialect, statement, SessionUse::Nothing);
        }
    }
}
