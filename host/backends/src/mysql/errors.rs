//! What a server says, and what becomes of a connection, turned into the errors of a store and of a target system.

use sandpiper_engine::store::StoreError;
use sandpiper_runtime::target::TargetError;

use super::wire::Parts;

/// Why a server did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// It said no: what it said, and to which statement of a batch.
    Server(Box<ServerError>, usize),
    /// The connection is gone, or never was: of what was under way nothing is known.
    Lost(String),
    /// We do not go on with it; the connection stands.
    Refused(String),
    /// It is of a release that we do not work with.
    Version(String),
}

/// What a server says about a statement that it refused.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct ServerError {
    pub(crate) number: u16,
    /// The SQLSTATE; empty before a server knows us.
    pub(crate) state: String,
    pub(crate) message: String,
}

/// Numbers that decide something here; both manuals have them all.
pub(crate) mod number {
    pub(crate) const TOO_MANY_CONNECTIONS: u16 = 1040;
    pub(crate) const NO_RIGHTS_TO_DATABASE: u16 = 1044;
    pub(crate) const SHUTDOWN: u16 = 1053;
    pub(crate) const NO_RIGHTS_TO_TABLE: u16 = 1142;
    pub(crate) const NO_RIGHTS_TO_COLUMN: u16 = 1143;
    pub(crate) const MISSING_TABLE: u16 = 1146;
    pub(crate) const PACKET_TOO_LARGE: u16 = 1153;
    pub(crate) const MOST_CONNECTIONS_OF_USER: u16 = 1203;
    pub(crate) const LOCK_WAIT_TIMEOUT: u16 = 1205;
    pub(crate) const DEADLOCK: u16 = 1213;
    pub(crate) const MOST_OF_A_RESOURCE: u16 = 1226;
    pub(crate) const NO_RIGHTS: u16 = 1227;
    pub(crate) const INTERRUPTED: u16 = 1317;
    pub(crate) const NO_RIGHTS_TO_ROUTINE: u16 = 1370;
    /// A table was made since the transaction began to look.
    pub(crate) const TABLE_CHANGED: u16 = 1412;
    /// MariaDB: the connection was killed.
    pub(crate) const KILLED: u16 = 1927;
    /// MariaDB: a statement took longer than it may.
    pub(crate) const STATEMENT_TIMEOUT: u16 = 1969;
    /// MySQL: the same.
    pub(crate) const EXECUTION_TIMEOUT: u16 = 3024;
    pub(crate) const ENCRYPTION_REQUIRED: u16 = 3159;
    /// MySQL: the connection was killed.
    pub(crate) const SESSION_KILLED: u16 = 3169;
    pub(crate) const NO_WAIT: u16 = 3572;
    /// MySQL: the connection was idle for too long.
    pub(crate) const IDLE: u16 = 4031;
    pub(crate) const WRONG_PASSWORD: u16 = 1045;
}

impl ServerError {
    /// Reads a packet that says no.
    pub(crate) fn read(mut packet: Parts) -> Self {
        // The byte that tells what it is.
        drop(packet.u8());
        Self::after_head(packet)
    }

    /// Reads what follows the byte that tells what it is.
    pub(crate) fn after_head(mut packet: Parts) -> Self {
        let number = packet.u16().unwrap_or_default();
        let mut state = String::new();
        if packet.first() == Some(b'#')
            && let Ok(bytes) = packet.bytes(6)
        {
            state = String::from_utf8_lossy(bytes.get(1..).unwrap_or_default()).into_owned();
        }
        let message = String::from_utf8_lossy(&packet.rest()).into_owned();
        Self { number, state, message }
    }

    pub(crate) fn is(&self, number: u16) -> bool {
        self.number == number
    }

    /// Whether the connection ends with it.
    pub(crate) fn is_fatal(&self) -> bool {
        matches!(self.number, number::SHUTDOWN | number::KILLED | number::SESSION_KILLED | number::IDLE)
    }

    /// Whether the account may not do it.
    pub(crate) fn is_about_rights(&self) -> bool {
        matches!(
            self.number,
            number::NO_RIGHTS_TO_DATABASE
                | number::NO_RIGHTS_TO_TABLE
                | number::NO_RIGHTS_TO_COLUMN
                | number::NO_RIGHTS
                | number::NO_RIGHTS_TO_ROUTINE
        )
    }

    /// Whether the server takes nobody for now.
    fn is_about_connections(&self) -> bool {
        matches!(
            self.number,
            number::TOO_MANY_CONNECTIONS
                | number::MOST_CONNECTIONS_OF_USER
                | number::MOST_OF_A_RESOURCE
                | number::SHUTDOWN
        )
    }

    /// Whether it took too long.
    fn is_about_time(&self) -> bool {
        matches!(
            self.number,
            number::LOCK_WAIT_TIMEOUT
                | number::NO_WAIT
                | number::INTERRUPTED
                | number::STATEMENT_TIMEOUT
                | number::EXECUTION_TIMEOUT
        )
    }

    /// Whether the same may succeed when it is tried again: a deadlock, a wait for a lock, tables that another host makes, a
    /// server that is full.
    pub(crate) fn is_transient(&self) -> bool {
        let passes = [number::DEADLOCK, number::LOCK_WAIT_TIMEOUT, number::NO_WAIT, number::TABLE_CHANGED];
        passes.contains(&self.number) || self.is_about_connections()
    }

    /// In one line.
    pub(crate) fn said(&self) -> String {
        let Self { number, state, message } = self;
        let mut said = match state.is_empty() {
            true => format!("{message} ({number})"),
            false => format!("{message} ({number}, {state})"),
        };
        match *number {
            number::ENCRYPTION_REQUIRED => {
                said.push_str(
                    "; the server takes encrypted connections only: set `ssl-mode=required` in the address",
                );
            }
            number::WRONG_PASSWORD => {
                said.push_str("; the password may be wrong, or the account may have to come from another host or encrypted");
            }
            number::PACKET_TOO_LARGE => said.push_str("; raise `max_allowed_packet` at the server"),
            _ => {}
        }
        said
    }
}

/// Says it in the words of a store or of a target system.
pub(crate) trait Explain<T> {
    /// As an error of the audit store.
    fn in_store(self) -> Result<T, StoreError>;
    /// As an error of a target system.
    fn in_target(self) -> Result<T, TargetError>;
}

impl<T> Explain<T> for Result<T, Failure> {
    fn in_store(self) -> Result<T, StoreError> {
        self.map_err(|failure| store_error(&failure))
    }

    fn in_target(self) -> Result<T, TargetError> {
        self.map_err(|failure| target_error(&failure))
    }
}

pub(crate) fn store_error(failure: &Failure) -> StoreError {
    match failure {
        Failure::Lost(why) => StoreError::Unreachable(why.clone()),
        Failure::Refused(why) => StoreError::Refused(why.clone()),
        Failure::Version(why) => StoreError::Version(why.clone()),
        Failure::Server(error, _) if error.is_about_rights() => StoreError::Rights(error.said()),
        Failure::Server(error, _) if error.is_about_time() || error.is(number::DEADLOCK) => {
            StoreError::Busy(error.said())
        }
        Failure::Server(error, _) if error.is_about_connections() || error.is_fatal() => {
            StoreError::Unreachable(error.said())
        }
        Failure::Server(error, _) => StoreError::Refused(error.said()),
    }
}

pub(crate) fn target_error(failure: &Failure) -> TargetError {
    if let Failure::Server(error, _) = failure
        && error.is(number::DEADLOCK)
    {
        return TargetError::Transient(error.said());
    }
    match store_error(failure) {
        StoreError::Unreachable(why) => TargetError::Unreachable(why),
        StoreError::Rights(why) => TargetError::Rights(why),
        StoreError::Busy(why) => TargetError::Busy(why),
        StoreError::Version(why) => TargetError::Version(why),
        StoreError::Refused(why) | StoreError::Damaged(why) => TargetError::Refused(why),
    }
}
