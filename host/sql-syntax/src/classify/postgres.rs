//! What PostgreSQL cannot do inside a transaction block.

use super::{TransactionUse, Words};

pub(super) fn transaction(words: &Words<'_>) -> TransactionUse {
    if is_outside(words) { TransactionUse::Outside } else { TransactionUse::Inside }
}

/// After the "cannot be executed inside a transaction block" of the manual's reference pages.
fn is_outside(words: &Words<'_>) -> bool {
    let Some(first) = words.first.first() else {
        return false;
    };
    let object = |keywords: &[&str]| words.is_one_of(1, keywords);
    match first.text.to_ascii_uppercase().as_str() {
        "VACUUM" => true,
        // Without a table it takes every table, each in a transaction of its own.
        "CLUSTER" => words.first.len() == 1 || (words.first.len() == 2 && words.is(1, "VERBOSE")),
        "DISCARD" => words.is(1, "ALL"),
        "CREATE" | "DROP" if object(&["DATABASE", "TABLESPACE", "SUBSCRIPTION"]) => true,
        "CREATE" => {
            words.begin(&["CREATE", "INDEX", "CONCURRENTLY"])
                || words.begin(&["CREATE", "UNIQUE", "INDEX", "CONCURRENTLY"])
        }
        "DROP" => words.begin(&["DROP", "INDEX", "CONCURRENTLY"]),
        "REINDEX" => reindex_is_outside(words),
        "ALTER" if object(&["SYSTEM"]) => true,
        "ALTER" if object(&["DATABASE"]) => words.contain_pair("SET", "TABLESPACE"),
        "ALTER" if object(&["SUBSCRIPTION"]) => words.contain("REFRESH") || words.contain("PUBLICATION"),
        // Since PostgreSQL 12 it runs in one, but the value cannot be used before the commit.
        "ALTER" if object(&["TYPE"]) => words.contain_pair("ADD", "VALUE"),
        "ALTER" if object(&["TABLE"]) => {
            words.contain_pair("DETACH", "PARTITION") && words.contain("CONCURRENTLY")
        }
        _ => false,
    }
}

/// `REINDEX [(option, ..)] SCHEMA | DATABASE | SYSTEM ..`, `REINDEX .. CONCURRENTLY ..`.
fn reindex_is_outside(words: &Words<'_>) -> bool {
    let options = words.first.get(1).is_some_and(|token| token.is_symbol("("));
    let kind = if options {
        words.all().skip_while(|token| !token.is_symbol(")")).nth(1)
    } else {
        words.first.get(1).copied()
    };
    let whole = kind.is_some_and(|kind| ["SCHEMA", "DATABASE", "SYSTEM"].iter().any(|word| kind.is(word)));
    whole || words.contain("CONCURRENTLY")
}
