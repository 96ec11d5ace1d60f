//! What SQLite asks before it prepares a statement: which tables it touches, and whether a change may do that.
//!
//! One authorizer stays on a connection for life (exchanging it would expire every prepared statement); it asks the
//! rules that hold at the moment. While the host works on the connection it allows everything.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;
use rusqlite::ffi::{SQLITE_ATTACH, SQLITE_DETACH};
use rusqlite::hooks::{AuthAction, AuthContext, Authorization, TransactionOperation};

/// The beginning of the names of the host's own tables.
const PREFIX: &str = "sandpiper_";

/// Who works on the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Rules {
    /// The host itself.
    #[default]
    Host,
    /// A change inside a transaction of the host's.
    Transaction,
    /// A change whose calls take effect one by one. `shared` when the audit is kept in the same file.
    Direct {
        /// Whether the store has to be able to write between the statements.
        shared: bool,
    },
    /// Whoever may only look.
    Looking,
}

/// What SQLite asked about since the last statement.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Tables of the file that are written to.
    pub(crate) written: Vec<String>,
    /// Whether a table is altered or dropped.
    pub(crate) rebuilt: bool,
    /// Whether the schema of the file is changed.
    pub(crate) schema: bool,
    /// Whether a table is altered, which may give it any name.
    pub(crate) altered: bool,
    /// Whether it leaves something behind in the connection.
    pub(crate) dirty: bool,
}

#[derive(Debug, Default)]
struct Inner {
    rules: Rules,
    /// Whether a statement runs, rather than being prepared.
    running: bool,
    /// Whether that statement is a `VACUUM`, which works through statements of its own.
    vacuuming: bool,
    denied: Option<String>,
    seen: Seen,
}

/// The authorizer of one connection.
#[derive(Debug, Clone, Default)]
pub(crate) struct Guard(Arc<Mutex<Inner>>);

impl Guard {
    /// Puts the authorizer onto a connection.
    pub(crate) fn install(connection: &mut Connection) -> rusqlite::Result<Self> {
        let guard = Self::default();
        let asked = guard.clone();
        connection.authorizer(Some(move |context: AuthContext<'_>| asked.inner().authorize(&context)))?;
        Ok(guard)
    }

    /// Sets the rules, and forgets what was seen under the ones before. Gives those.
    pub(crate) fn set(&self, rules: Rules) -> Rules {
        let mut inner = self.inner();
        let before = inner.rules;
        *inner = Inner { rules, ..Inner::default() };
        before
    }

    /// Says that a statement that was prepared now runs. Gives what it was seen to do.
    pub(crate) fn run(&self) -> Seen {
        let mut inner = self.inner();
        inner.running = true;
        std::mem::take(&mut inner.seen)
    }

    /// Says that the next statement is prepared now.
    pub(crate) fn prepare(&self) {
        let mut inner = self.inner();
        inner.running = false;
        inner.vacuuming = false;
    }

    /// Does something of the host's in the middle of a change's call.
    pub(crate) fn as_host<T>(&self, work: impl FnOnce() -> T) -> T {
        let before = std::mem::take(&mut *self.inner());
        let done = work();
        *self.inner() = before;
        done
    }

    /// Why something was denied, if it was.
    pub(crate) fn take_denied(&self) -> Option<String> {
        self.inner().denied.take()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn authorize(&mut self, context: &AuthContext<'_>) -> Authorization {
        if self.rules == Rules::Host || self.vacuuming {
            return Authorization::Allow;
        }
        match self.judge(context) {
            Ok(authorization) => authorization,
            Err(reason) => {
                self.denied.get_or_insert(reason);
                Authorization::Deny
            }
        }
    }

    fn judge(&mut self, context: &AuthContext<'_>) -> Result<Authorization, String> {
        if let Some(name) = names(context.action).into_iter().flatten().find(|name| is_ours(name)) {
            if matches!(context.action, AuthAction::Analyze { .. }) {
                return Ok(Authorization::Ignore);
            }
            return Err(format!("`{name}` is refused: names that begin with `{PREFIX}` are the host's own"));
        }
        if self.rules == Rules::Looking && writes(context.action) {
            return Err("the statement is refused: this system is lent for reading only".to_owned());
        }
        let main = context.database_name.is_none_or(|name| name.eq_ignore_ascii_case("main"));
        use AuthAction as A;
        match context.action {
            A::Transaction { operation } => return self.transaction(operation),
            A::Attach { filename } => return self.attach(filename),
            A::Detach { .. } | A::Unknown { code: SQLITE_ATTACH | SQLITE_DETACH, .. } => {
                return Err(ATTACH.to_owned());
            }
            A::Unknown { code, .. } => {
                return Err(format!("the statement is refused: it asks for the action {code}"));
            }
            A::Function { function_name } if function_name.eq_ignore_ascii_case("load_extension") => {
                return Err(
                    "`load_extension` is refused: a change may touch only what it was lent".to_owned()
                );
            }
            A::Pragma { pragma_name, pragma_value } => return self.pragma(pragma_name, pragma_value),
            A::Insert { table_name } | A::Update { table_name, .. } | A::Delete { table_name } if main => {
                self.seen.schema |= table_name.eq_ignore_ascii_case("sqlite_master");
                self.written(table_name);
            }
            A::AlterTable { table_name, .. } => {
                self.seen.altered = true;
                self.seen.rebuilt = true;
                self.written(table_name);
            }
            A::DropTable { table_name } => {
                self.seen.rebuilt = true;
                self.written(table_name);
            }
            A::CreateTempIndex { .. }
            | A::CreateTempTable { .. }
            | A::CreateTempTrigger { .. }
            | A::CreateTempView { .. } => self.seen.dirty = true,
            A::CreateVtable { .. } if !main => self.seen.dirty = true,
            _ => {}
        }
        Ok(Authorization::Allow)
    }

    fn written(&mut self, table: &str) {
        if !table.starts_with("sqlite_") && !self.seen.written.iter().any(|seen| seen == table) {
            self.seen.written.push(table.to_owned());
        }
    }

    fn transaction(&self, operation: TransactionOperation) -> Result<Authorization, String> {
        let name = match operation {
            TransactionOperation::Begin => "BEGIN",
            TransactionOperation::Rollback => "ROLLBACK",
            _ => "COMMIT",
        };
        match self.rules {
            Rules::Direct { .. } => Ok(Authorization::Allow),
            Rules::Looking => Err(format!("`{name}` is refused: this system is lent for reading only")),
            _ => Err(format!(
                "`{name}` is refused: the host begins and ends the transaction of this change; leave it out, or set \
                 `transactional: false`"
            )),
        }
    }

    /// `VACUUM` attaches a nameless database while it runs; a statement `ATTACH` asks before it runs.
    fn attach(&mut self, file: &str) -> Result<Authorization, String> {
        match (self.running, self.rules) {
            (true, Rules::Direct { .. }) if file.is_empty() => {
                self.vacuuming = true;
                Ok(Authorization::Allow)
            }
            (true, _) => Err("`VACUUM INTO` is refused: a change may touch only what it was lent".to_owned()),
            (false, _) => Err(ATTACH.to_owned()),
        }
    }

    fn pragma(&mut self, name: &str, value: Option<&str>) -> Result<Authorization, String> {
        let name = name.to_ascii_lowercase();
        let Some(value) = value else {
            return Ok(Authorization::Allow);
        };
        if is_ours(value) {
            return Err(format!("`{value}` is refused: names that begin with `{PREFIX}` are the host's own"));
        }
        if LOOKS.contains(&name.as_str()) {
            return Ok(Authorization::Allow);
        }
        match (name.as_str(), self.rules) {
            // Foreign keys are off during a change, and checked at its end; waiting is the host's.
            // Where temporary data lies is the host's too: in memory it would have no bound.
            ("foreign_keys" | "busy_timeout" | "temp_store", _) => return Ok(Authorization::Ignore),
            ("journal_mode" | "synchronous", Rules::Direct { .. })
            | ("locking_mode", Rules::Direct { shared: false }) => {}
            ("journal_mode" | "synchronous" | "locking_mode", _) => {
                return Err(format!(
                    "`PRAGMA {name}` is refused: the host has to be able to commit durably; set `transactional: false`, \
                     or set it outside of a change"
                ));
            }
            (
                "writable_schema"
                | "schema_version"
                | "query_only"
                | "temp_store_directory"
                | "data_store_directory"
                | "hard_heap_limit"
                | "soft_heap_limit",
                _,
            ) => {
                return Err(format!("`PRAGMA {name}` is refused: it reaches beyond the change"));
            }
            (_, Rules::Looking) => {
                return Err(format!("`PRAGMA {name}` is refused: this system is lent for reading only"));
            }
            _ => {}
        }
        self.seen.dirty = true;
        Ok(Authorization::Allow)
    }
}

const ATTACH: &str = "`ATTACH` and `DETACH` are refused: a change may touch only what it was lent; name a second \
                      system in `uses`";

/// Pragmas whose value only says what to look at.
const LOOKS: &[&str] = &[
    "foreign_key_check",
    "foreign_key_list",
    "index_info",
    "index_list",
    "index_xinfo",
    "integrity_check",
    "quick_check",
    "table_info",
    "table_list",
    "table_xinfo",
];

/// Whether a name is one of the host's. SQLite compares names without regard to the case of ASCII letters.
fn is_ours(name: &str) -> bool {
    name.get(..PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(PREFIX))
}

/// Whether a text names one of the host's objects anywhere. For what the authorizer is not told: the new name in
/// `ALTER TABLE .. RENAME TO`.
pub(crate) fn mentions_ours(text: &str) -> bool {
    text.to_ascii_lowercase().contains(PREFIX)
}

/// The refusal of a statement that gives a table one of the host's names.
pub(crate) fn renamed_to_ours() -> String {
    format!("the statement is refused: names that begin with `{PREFIX}` are the host's own")
}

/// The objects that an action names.
fn names(action: AuthAction<'_>) -> [Option<&str>; 2] {
    use AuthAction as A;
    match action {
        A::CreateIndex { index_name, table_name }
        | A::CreateTempIndex { index_name, table_name }
        | A::DropIndex { index_name, table_name }
        | A::DropTempIndex { index_name, table_name } => [Some(index_name), Some(table_name)],
        A::CreateTrigger { trigger_name, table_name }
        | A::CreateTempTrigger { trigger_name, table_name }
        | A::DropTrigger { trigger_name, table_name }
        | A::DropTempTrigger { trigger_name, table_name } => [Some(trigger_name), Some(table_name)],
        A::CreateView { view_name }
        | A::CreateTempView { view_name }
        | A::DropView { view_name }
        | A::DropTempView { view_name } => [Some(view_name), None],
        A::CreateTable { table_name }
        | A::CreateTempTable { table_name }
        | A::DropTable { table_name }
        | A::DropTempTable { table_name }
        | A::CreateVtable { table_name, .. }
        | A::DropVtable { table_name, .. }
        | A::AlterTable { table_name, .. }
        | A::Analyze { table_name }
        | A::Insert { table_name }
        | A::Delete { table_name }
        | A::Update { table_name, .. }
        | A::Read { table_name, .. } => [Some(table_name), None],
        _ => [None, None],
    }
}

/// Whether an action changes anything, in the file or in the session.
fn writes(action: AuthAction<'_>) -> bool {
    use AuthAction as A;
    !matches!(
        action,
        A::Read { .. }
            | A::Select
            | A::Function { .. }
            | A::Recursive
            | A::Pragma { .. }
            | A::Transaction { .. }
            | A::Savepoint { .. }
            | A::Attach { .. }
            | A::Detach { .. }
            | A::Unknown { .. }
    )
}
