//! A check that failed as the error that a run would end with, as far as its name tells it.

use sandpiper_engine::fault::{Blame, Fault};

use crate::report::Check;

/// The error of a check: of what it is, `store` or `target.NAME`, and which aspect of it.
pub(super) fn of_check(of: &str, aspect: &str, check: &Check) -> Fault {
    let (blame, code) = match of {
        "store" => (Blame::Store, of_store(aspect)),
        "" => of_host(aspect),
        _ => (Blame::Target, of_target(aspect)),
    };
    let fault = Fault::new(code, blame, check.message.as_str());
    match &check.help {
        Some(help) => fault.with_help(help.as_str()),
        None => fault,
    }
}

fn of_store(aspect: &str) -> &'static str {
    match aspect {
        "reachable" => "store::unreachable",
        "rights" | "permissions" => "store::rights",
        "version" | "schema" => "store::version",
        "chain" => "audit::broken",
        _ => "store::refused",
    }
}

fn of_target(aspect: &str) -> &'static str {
    match aspect {
        "reachable" => "target::unreachable",
        "rights" | "audit" => "target::rights",
        "version" => "target::version",
        _ => "target::refused",
    }
}

fn of_host(aspect: &str) -> (Blame, &'static str) {
    match aspect {
        "issues" => (Blame::Change, "plan::blocked"),
        "cache" => (Blame::Host, "config::cache"),
        _ => (Blame::User, "config::syntax"),
    }
}
