//! The table of current states: one row for each change, so that a run with nothing to do is one indexed read.

use sandpiper_engine::change::ChangeId;
use sandpiper_engine::scope::Scope;

use crate::servers::rows::{scope_parts, states::columns};
use crate::servers::statement::{Argument, Statement};

macro_rules! select {
    () => {
        concat!(
            "SELECT ",
            columns!(),
            " FROM sandpiper_state WHERE chain = (SELECT id FROM sandpiper_chain
              WHERE service = ? AND environment = ? AND tenant = ?)"
        )
    };
}

const ALL: &str = concat!(select!(), " ORDER BY change_id");
/// The state of one change of a chain.
pub(crate) const WRITE: &str = concat!(
    "INSERT INTO sandpiper_state (chain, ",
    columns!(),
    ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
     ON DUPLICATE KEY UPDATE sequence = VALUES(sequence), state = VALUES(state), mode = VALUES(mode),
         recovery = VALUES(recovery), stage = VALUES(stage), change_order = VALUES(change_order),
         target_system = VALUES(target_system), attempt_id = VALUES(attempt_id), attempt = VALUES(attempt),
         token = VALUES(token), applied_sequence = VALUES(applied_sequence),
         applied_digest = VALUES(applied_digest), applied_meaning = VALUES(applied_meaning),
         change_name = VALUES(change_name)"
);

/// The statement that reads all states of a scope.
pub(crate) fn all(scope: &Scope) -> Statement<'_> {
    Statement::new(ALL, scope_parts(scope))
}

/// The statement that reads the states of some changes of a scope.
pub(crate) fn some<'a>(scope: &'a Scope, changes: impl Iterator<Item = &'a ChangeId>) -> Statement<'a> {
    let mut arguments = scope_parts(scope);
    let of_scope = arguments.len();
    arguments.extend(changes.map(|id| Argument::from(id.as_str())));
    let places = places(arguments.len() - of_scope);
    Statement::new(format!("{} AND change_id IN ({places})", select!()), arguments)
}

/// So many places for arguments; nothing, where there are none.
pub(crate) fn places(count: usize) -> String {
    match count {
        0 => "NULL".to_owned(),
        count => vec!["?"; count].join(", "),
    }
}
