//! What a statement of a change may be: what is refused before it reaches the server.

use sandpiper_runtime::sql::SqlError;
use sandpiper_sql_syntax::{Dialect, TransactionUse, classify, names_internal_object, split};

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

/// A statement that is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Allowed<'a> {
    /// The statement without its terminator; empty where there is none.
    pub(crate) text: &'a str,
    /// Whether it surely reads only.
    pub(crate) reads_only: bool,
    /// Whether a transaction around it stands as it stood.
    pub(crate) fits_in_transaction: bool,
}

/// Judges one statement.
///
/// # Errors
///
/// Why it is refused.
pub(crate) fn judge(statement: &str, rules: Rules) -> Result<Allowed<'_>, SqlError> {
    if let Some(name) = names_internal_object(statement, Dialect::Mysql) {
        return Err(SqlError::Denied(format!(
            "`{name}` is refused: names that begin with `sandpiper_` are the host's own; give your objects another name"
        )));
    }
    // What cannot be split is for the server to say.
    let text = match split(statement, Dialect::Mysql).as_deref() {
        Ok([]) => "",
        Ok([only]) => only.text,
        Ok(_) => {
            return Err(SqlError::Denied(
                "the text holds more than one statement, and one call runs one: use `run-script` for several"
                    .to_owned(),
            ));
        }
        Err(_) => statement,
    };
    let class = classify(text, Dialect::Mysql);
    let fits_in_transaction = text.is_empty() || class.transaction.fits_in_transaction();
    let is_allowed = match rules {
        Rules::Direct => true,
        Rules::Transaction => fits_in_transaction,
        Rules::Looking => {
            fits_in_transaction || (class.reads_only && class.transaction == TransactionUse::Outside)
        }
    };
    if is_allowed {
        return Ok(Allowed { text, reads_only: class.reads_only, fits_in_transaction });
    }
    let what = beginning(text);
    let why = match (rules, class.transaction) {
        (Rules::Looking, _) => "this system is lent for reading only",
        (_, TransactionUse::Outside) => {
            "inside of a transaction MySQL and MariaDB run without committing it only `SELECT`, `INSERT`, `UPDATE`, \
             `DELETE`, `REPLACE`, `WITH`, `VALUES` and savepoints; set `transactional: false`"
        }
        _ => {
            "the host begins and ends the transaction of this change; leave it out, or set `transactional: false`"
        }
    };
    Err(SqlError::Denied(format!("`{what}` is refused: {why}")))
}

/// The first words of a statement, for people.
fn beginning(statement: &str) -> String {
    let text = statement.trim_start_matches(|c: char| !c.is_ascii_alphabetic());
    let words = text.split(|c: char| !c.is_ascii_alphabetic()).take_while(|word| !word.is_empty());
    words.take(2).map(str::to_ascii_uppercase).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(statement: &str, rules: Rules) -> String {
        judge(statement, rules).unwrap_err().to_string()
    }

    #[test]
    fn only_what_cannot_commit_is_allowed_inside_of_a_transaction() {
        for statement in [
            "COMMIT",
            "/* a */ commit; -- b",
            "/*! COMMIT */",
            "BEGIN",
            "START TRANSACTION",
            "SET autocommit = 1",
            "XA START 'x'",
            "LOCK TABLES t WRITE",
            "CREATE TABLE t (n INT)",
            "CREATE TEMPORARY TABLE t (n INT)",
            "TRUNCATE t",
            "CALL p()",
            "PREPARE a FROM 'COMMIT'",
            "LOAD DATA INFILE 'x' INTO TABLE t",
            "HANDLER t OPEN",
            "SELECT 1 INTO OUTFILE 'x'",
        ] {
            for rules in [Rules::Transaction, Rules::Looking] {
                assert!(refusal(statement, rules).contains("is refused"), "{statement}");
            }
            assert!(judge(statement, Rules::Direct).is_ok(), "{statement}");
        }
        for statement in [
            "SELECT 'COMMIT'",
            "INSERT INTO t VALUES (1)",
            "UPDATE t SET n = 1",
            "DELETE FROM t",
            "REPLACE INTO t VALUES (1)",
            "WITH a AS (SELECT 1) SELECT * FROM a",
            "VALUES (1)",
            "SAVEPOINT a",
            "ROLLBACK TO a",
            "RELEASE SAVEPOINT a",
            "-- nothing",
        ] {
            assert!(judge(statement, Rules::Transaction).is_ok(), "{statement}");
        }
        assert!(judge("SHOW TABLES", Rules::Looking).is_ok());
    }

    #[test]
    fn the_hosts_own_objects_are_refused_everywhere() {
        for rules in [Rules::Transaction, Rules::Direct, Rules::Looking] {
            for statement in ["DELETE FROM sandpiper_marker", "SELECT * FROM `db`.`Sandpiper_Fence`"] {
                assert!(refusal(statement, rules).contains("the host's own"), "{statement}");
            }
        }
    }

    #[test]
    fn one_call_runs_one_statement() {
        assert!(refusal("SELECT 1; SELECT 2", Rules::Direct).contains("more than one statement"));
        assert_eq!(judge(" SELECT 1 ; -- a", Rules::Direct).unwrap().text, "SELECT 1");
        let body = "CREATE PROCEDURE p() BEGIN SELECT 1; SELECT 2; END";
        assert_eq!(judge(body, Rules::Direct).unwrap().text, body);
    }

    #[test]
    fn a_refusal_names_the_beginning_of_the_statement() {
        let said = refusal("-- a\n  create table i (a int)", Rules::Transaction);
        assert!(said.starts_with("`CREATE TABLE` is refused: inside of a transaction"), "{said}");
    }
}
