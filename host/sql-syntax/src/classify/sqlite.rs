//! What SQLite cannot do inside a transaction, and which of its pragmas read.

use super::{TransactionUse, Words};

/// Pragmas that read also with an argument.
const READING: [&str; 12] = [
    "table_info",
    "table_xinfo",
    "table_list",
    "index_list",
    "index_info",
    "index_xinfo",
    "foreign_key_list",
    "foreign_key_check",
    "integrity_check",
    "quick_check",
    "compile_options",
    "function_list",
];

/// Pragmas that act also without an argument.
const ACTING: [&str; 4] = ["optimize", "incremental_vacuum", "wal_checkpoint", "shrink_memory"];

/// Pragmas whose setting a transaction cannot survive, or that fail in one.
const SETTING: [&str; 3] = ["journal_mode", "locking_mode", "synchronous"];

pub(super) fn transaction(words: &Words<'_>) -> TransactionUse {
    if words.first_is(&["VACUUM", "ATTACH", "DETACH"]) {
        return TransactionUse::Outside;
    }
    let Some(pragma) = Pragma::of(words) else {
        return TransactionUse::Inside;
    };
    let sets = pragma.has_argument && pragma.is_one_of(&SETTING);
    if sets || pragma.is_one_of(&["wal_checkpoint"]) {
        TransactionUse::Outside
    } else {
        TransactionUse::Inside
    }
}

pub(super) fn pragma_reads(words: &Words<'_>) -> bool {
    Pragma::of(words).is_some_and(|pragma| {
        pragma.is_one_of(&READING) || (!pragma.has_argument && !pragma.is_one_of(&ACTING))
    })
}

/// `PRAGMA [schema.]name`, `PRAGMA name = value`, `PRAGMA name(value)`.
struct Pragma {
    name: String,
    has_argument: bool,
}

impl Pragma {
    fn of(words: &Words<'_>) -> Option<Self> {
        if !words.is(0, "PRAGMA") {
            return None;
        }
        let symbol =
            |place: usize, text: &str| words.first.get(place).is_some_and(|token| token.is_symbol(text));
        let place = if symbol(2, ".") { 3 } else { 1 };
        let name = words.first.get(place)?.text;
        // SQLite takes a quoted name too.
        let name = name.trim_matches(['"', '`', '[', ']', '\'']).to_ascii_lowercase();
        Some(Self { name, has_argument: symbol(place + 1, "=") || symbol(place + 1, "(") })
    }

    fn is_one_of(&self, names: &[&str]) -> bool {
        names.contains(&self.name.as_str())
    }
}
