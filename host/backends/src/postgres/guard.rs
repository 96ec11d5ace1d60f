//! What a statement of a change may be: what is refused before it reaches the server.

use sandpiper_runtime::sql::SqlError;
use sandpiper_sql_syntax::{Dialect, TransactionUse, classify, names_internal_object};

/// Who works on the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rules {
    /// A change inside a transaction of the host's.
    Transaction,
    /// A change whose calls take effect one by one.
    Direct,
    /// Whoever may only look: inside a transaction that only reads.
    Looking,
}

/// What a statement that is allowed does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Allowed {
    /// Whether it surely reads only.
    pub(crate) reads_only: bool,
}

/// Judges one statement.
///
/// # Errors
///
/// Why it is refused. The server refuses a second statement in the same text by itself.
pub(crate) fn judge(statement: &str, rules: Rules) -> Result<Allowed, SqlError> {
    if let Some(name) = names_internal_object(statement, Dialect::Postgres) {
        return Err(SqlError::Denied(format!(
            "`{name}` is refused: the schema `sandpiper` and names that begin with `sandpiper_` are the host's own; \
             give your objects another name"
        )));
    }
    let class = classify(statement, Dialect::Postgres);
    if rules == Rules::Direct || class.transaction.fits_in_transaction() {
        return Ok(Allowed { reads_only: class.reads_only });
    }
    let what = beginning(statement);
    let why = match (rules, class.transaction) {
        (Rules::Looking, _) => "this system is lent for reading only",
        (_, TransactionUse::Outside) => {
            "it cannot run inside a transaction; set `transactional: false`, and let it stand alone"
        }
        _ => {
            "the host begins and ends the transaction of this change; leave it out, or set `transactional: false`"
        }
    };
    Err(SqlError::Denied(format!("`{what}` is refused: {why}")))
}

/// The first words of a statement, for people.
fn beginning(statement: &str) -> String {
    let mut rest = statement.trim_start();
    while let Some(comment) = rest.strip_prefix("--") {
        rest = comment.split_once('\n').map_or("", |(_, rest)| rest).trim_start();
    }
    let words: Vec<&str> =
        rest.split(|c: char| !c.is_ascii_alphabetic()).take_while(|word| !word.is_empty()).collect();
    words.iter().take(3).map(|word| word.to_ascii_uppercase()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(statement: &str, rules: Rules) -> String {
        judge(statement, rules).unwrap_err().to_string()
    }

    #[test]
    fn what_ends_a_transaction_is_refused_inside_of_one() {
        for statement in [
            "COMMIT",
            "/* a */ commit",
            "ROLLBACK",
            "END",
            "ABORT",
            "BEGIN",
            "START TRANSACTION",
            "PREPARE TRANSACTION 'a'",
            "COMMIT PREPARED 'a'",
            "SET TRANSACTION READ WRITE",
            "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
            "DISCARD ALL",
            "VACUUM",
        ] {
            assert!(refusal(statement, Rules::Transaction).contains("is refused"), "{statement}");
            assert!(refusal(statement, Rules::Looking).contains("is refused"), "{statement}");
        }
        for statement in
            ["SAVEPOINT a", "ROLLBACK TO a", "RELEASE a", "SELECT 'COMMIT'", "DO $$ BEGIN END $$"]
        {
            assert!(judge(statement, Rules::Transaction).is_ok(), "{statement}");
        }
        assert!(judge("COMMIT", Rules::Direct).is_ok());
    }

    #[test]
    fn the_hosts_own_objects_are_refused_everywhere() {
        for rules in [Rules::Transaction, Rules::Direct, Rules::Looking] {
            for statement in ["DROP SCHEMA sandpiper CASCADE", "DELETE FROM sandpiper.sandpiper_marker"] {
                assert!(refusal(statement, rules).contains("the host's own"), "{statement}");
            }
        }
    }

    #[test]
    fn a_refusal_names_the_beginning_of_the_statement() {
        let said = refusal("-- a\ncreate index concurrently i on t (a)", Rules::Transaction);
        assert!(said.starts_with("`CREATE INDEX CONCURRENTLY` is refused: it cannot run inside"), "{said}");
    }
}
