//! `limits:` of a guest and `lock:`, with their defaults.

use std::time::Duration;

use super::reader::Settings;
use crate::yaml::Node;

/// What a guest may use. Reaching one ends the attempt with an error that names the limit and its key here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// `deadline`: how long one attempt may take.
    pub deadline: Duration,
    /// `describe-deadline`: how long a component may take to describe itself.
    pub describe_deadline: Duration,
    /// `grace`: how long a running change may go on after a signal.
    pub grace: Duration,
    /// `memory`, in bytes.
    pub memory: u64,
    /// `handles`: how many resources of the host it may hold at a time.
    pub handles: u64,
    /// `component`: the size of its file, in bytes.
    pub component: u64,
    /// `arguments`: of one call, in bytes.
    pub arguments: u64,
    /// `rows`: of one batch, in bytes.
    pub rows: u64,
    /// `body`: of a response, in bytes.
    pub body: u64,
    /// `log`: in bytes; more is only counted.
    pub log: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(600),
            describe_deadline: Duration::from_secs(5),
            grace: Duration::from_secs(20),
            memory: 256 << 20,
            handles: 1_024,
            component: 64 << 20,
            arguments: 16 << 20,
            rows: 4 << 20,
            body: 16 << 20,
            log: 1 << 20,
        }
    }
}

/// How leases are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LockSettings {
    /// `lease`: how long a lease holds without renewal.
    pub lease: Duration,
    /// `wait`: how long to wait for one that another holds.
    pub wait: Duration,
    /// `retry`: how long to wait between asking.
    pub retry: Duration,
}

impl Default for LockSettings {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { lease: seconds(60), wait: seconds(180), retry: seconds(1) }
    }
}

const LEAST: Duration = Duration::from_millis(1);
const LEAST_LEASE: Duration = Duration::from_millis(100);

pub(super) fn limits<'d>(settings: &mut Settings<'d>, node: &'d Node) -> Option<Limits> {
    let known = [
        "deadline",
        "describe-deadline",
        "grace",
        "memory",
        "handles",
        "component",
        "arguments",
        "rows",
        "body",
        "log",
    ];
    let fields = settings.mapping(node, "`limits`", &known)?;
    let default = Limits::default();
    let mut size = |key, default| settings.size(&fields, key).unwrap_or(default);
    let (memory, component) = (size("memory", default.memory), size("component", default.component));
    let (arguments, rows) = (size("arguments", default.arguments), size("rows", default.rows));
    let (body, log) = (size("body", default.body), size("log", default.log));
    let mut duration = |key, least, default| settings.duration(&fields, key, least).unwrap_or(default);
    Some(Limits {
        deadline: duration("deadline", LEAST, default.deadline),
        describe_deadline: duration("describe-deadline", LEAST, default.describe_deadline),
        grace: duration("grace", Duration::ZERO, default.grace),
        handles: settings.count(&fields, "handles", 1_000_000).unwrap_or(default.handles),
        ..Limits { memory, component, arguments, rows, body, log, ..default }
    })
}

pub(super) fn lock<'d>(settings: &mut Settings<'d>, node: &'d Node) -> Option<LockSettings> {
    let fields = settings.mapping(node, "`lock`", &["lease", "wait", "retry"])?;
    let default = LockSettings::default();
    let mut duration = |key, least, default| settings.duration(&fields, key, least).unwrap_or(default);
    Some(LockSettings {
        lease: duration("lease", LEAST_LEASE, default.lease),
        wait: duration("wait", Duration::ZERO, default.wait),
        retry: duration("retry", LEAST, default.retry),
    })
}
