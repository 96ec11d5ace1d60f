//! Exit codes: what each means, and which of several counts.

use sandpiper_engine::fault::Fault;

/// How a command ended: the exit code of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[repr(u8)]
pub enum Exit {
    /// Done, or nothing to do.
    #[default]
    Done = 0,
    /// A change failed, and the next run may try again.
    Failed = 1,
    /// Usage, configuration or change files are wrong; nothing was done.
    Usage = 2,
    /// `--check`: something is pending.
    Pending = 3,
    /// Manual intervention is needed.
    Manual = 4,
    /// The lock was not free in time, or was lost.
    Lock = 5,
    /// Modified, missing, out of order (by policy), or the audit chain is broken.
    Integrity = 6,
    /// The store or a target system cannot be reached.
    Unreachable = 7,
    /// A bug of ours.
    Bug = 70,
    /// Interrupted: the running change was stopped cleanly and its state recorded.
    Interrupted = 130,
    /// The same, by SIGTERM.
    Terminated = 143,
}

impl Exit {
    /// The number.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// What a fault means for the exit code, where nothing was done before it.
    pub fn before_anything(fault: &Fault) -> Self {
        match fault.code {
            "bug" => Self::Bug,
            "lock::busy" | "lock::lost" => Self::Lock,
            "plan::modified" | "plan::missing" | "plan::out-of-order" | "audit::broken" => Self::Integrity,
            "plan::blocked" => Self::Manual,
            code if code.starts_with("store::") || code.starts_with("target::") => Self::Unreachable,
            _ => Self::Usage,
        }
    }

    /// Of several that apply in one run, the one that counts: the first of 70, 4, 130/143, 7, 5, 1.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        const ORDER: [Exit; 11] = [
            Exit::Bug,
            Exit::Manual,
            Exit::Interrupted,
            Exit::Terminated,
            Exit::Unreachable,
            Exit::Lock,
            Exit::Integrity,
            Exit::Failed,
            Exit::Usage,
            Exit::Pending,
            Exit::Done,
        ];
        ORDER.into_iter().find(|exit| *exit == self || *exit == other).unwrap_or(self)
    }

    /// What a fault inside a run means for the exit code.
    pub(crate) fn in_a_run(fault: &Fault) -> Self {
        match fault.code {
            "bug" => Self::Bug,
            // The code is that of the signal, which the run knows.
            "interrupted" => Self::Done,
            "lock::lost" | "lock::busy" => Self::Lock,
            "plan::blocked" => Self::Manual,
            "audit::broken" => Self::Integrity,
            code if code.starts_with("store::") || code.starts_with("target::") => Self::Unreachable,
            _ => Self::Failed,
        }
    }
}
