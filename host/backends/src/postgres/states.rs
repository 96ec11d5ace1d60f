//! The table of current states: one row for each change, so that a run with nothing to do is one indexed read.

use sandpiper_engine::change::ChangeId;
use sandpiper_engine::scope::Scope;

use crate::servers::rows::{scope_parts, states::columns};
use crate::servers::statement::Statement;

macro_rules! select {
    () => {
        concat!(
            "SELECT ",
            columns!(),
            " FROM sandpiper.sandpiper_state WHERE chain = (SELECT id FROM sandpiper.sandpiper_chain
              WHERE service = $1 AND environment = $2 AND tenant = $3)"
        )
    };
}

const ALL: &str = concat!(select!(), " ORDER BY change_id");
const SOME: &str = concat!(select!(), " AND change_id = ANY ($4::text[])");
/// The state of one change of a chain.
pub(crate) const WRITE: &str = concat!(
    "INSERT INTO sandpiper.sandpiper_state (chain, ",
    columns!(),
    ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
     ON CONFLICT (chain, change_id) DO UPDATE SET sequence = excluded.sequence, state = excluded.state,
         mode = excluded.mode, recovery = excluded.recovery, stage = excluded.stage,
         change_order = excluded.change_order, target_system = excluded.target_system,
         attempt_id = excluded.attempt_id, attempt = excluded.attempt, token = excluded.token,
         applied_sequence = excluded.applied_sequence, applied_digest = excluded.applied_digest,
         applied_meaning = excluded.applied_meaning, change_name = excluded.change_name"
);

/// The statement that reads all states of a scope.
pub(crate) fn all(scope: &Scope) -> Statement<'_> {
    Statement::new(ALL, scope_parts(scope))
}

/// The statement that reads the states of some changes of a scope.
pub(crate) fn some<'a>(scope: &'a Scope, changes: impl Iterator<Item = &'a ChangeId>) -> Statement<'a> {
    let quoted = changes.map(|id| format!("\"{}\"", id.as_str().replace('\\', "\\\\").replace('"', "\\\"")));
    let list = format!("{{{}}}", quoted.collect::<Vec<_>>().join(","));
    let mut arguments = scope_parts(scope);
    arguments.push(list.into());
    Statement::new(SOME, arguments)
}
