//! What is set on the session of an attempt: how long things may take, what the configuration says, and how it commits.

use std::time::Duration;

use sandpiper_runtime::target::TargetError;

use super::client::Client;
use super::database::Times;
use super::errors::Failure;
use super::guard::Rules;
use super::marks::quoted;
use super::server::Flavour;
use super::values::Clock;
use crate::servers::failure::Explain as _;

/// How much longer than its deadline a statement may take: the host's own interruption comes first.
const GRACE: Duration = Duration::from_secs(5);

const CLOCK: &str = "SELECT @@session.time_zone, @@system_time_zone";

/// The settings of a target system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settings(Vec<(String, String)>);

impl Settings {
    pub(crate) fn new(settings: Vec<(String, String)>) -> Self {
        Self(settings)
    }

    /// Sets everything. Gives what the times of the session are.
    pub(crate) async fn set(
        &self,
        client: &mut Client,
        times: Times,
        rules: Rules,
    ) -> Result<Clock, TargetError> {
        let bounds = bounds(times, client.server().flavour);
        client.one(&bounds, Vec::new()).await.in_target()?;
        for (name, value) in &self.0 {
            let text = assignment(name, value);
            match client.one(&text, Vec::new()).await {
                Err(Failure::Server(error, _)) => {
                    return Err(TargetError::Refused(format!("the setting `{name}`: {}", error.said())));
                }
                other => other.in_target()?,
            };
        }
        // Without autocommit a transaction that the server took back is followed by one that nobody commits.
        let autocommit = u8::from(rules == Rules::Direct);
        client.one(&format!("SET SESSION autocommit = {autocommit}"), Vec::new()).await.in_target()?;
        let isolation = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED";
        if rules != Rules::Direct {
            client.one(isolation, Vec::new()).await.in_target()?;
        }
        let answer = client.one(CLOCK, Vec::new()).await.in_target()?;
        let Some(row) = answer.rows.first() else { return Ok(Clock::Local) };
        Ok(clock(row.text(0).in_target()?, row.text(1).in_target()?))
    }
}

/// What bounds a session on the server, so that what a killed or frozen host left behind ends there too.
fn bounds(Times { deadline, lease }: Times, flavour: Flavour) -> String {
    let deadline = deadline.saturating_add(GRACE);
    let wait = deadline.as_secs().clamp(1, 31_536_000);
    let idle = lease.as_secs().clamp(1, 31_536_000);
    let longest = match flavour {
        Flavour::MariaDb => format!("max_statement_time = {wait}"),
        // There it bounds only what reads.
        Flavour::MySql => {
            format!("max_execution_time = {}", u32::try_from(deadline.as_millis()).unwrap_or(u32::MAX))
        }
    };
    format!(
        "SET SESSION wait_timeout = {idle}, innodb_lock_wait_timeout = {wait}, lock_wait_timeout = {wait}, {longest}"
    )
}

/// A number stands for itself, anything else is a text.
fn assignment(name: &str, value: &str) -> String {
    let is_number = !value.is_empty() && value.parse::<f64>().is_ok_and(f64::is_finite);
    let is_word =
        ["on", "off", "default", "true", "false"].iter().any(|word| value.eq_ignore_ascii_case(word));
    let value = match is_number || is_word {
        true => value.to_owned(),
        false => format!("_utf8mb4 x'{}'", hex::encode(value)),
    };
    format!("SET SESSION {} = {value}", quoted(name))
}

fn clock(session: &str, system: &str) -> Clock {
    let zone = if session.eq_ignore_ascii_case("SYSTEM") { system } else { session };
    let is_utc = ["UTC", "+00:00", "Etc/UTC", "GMT"].iter().any(|utc| zone.eq_ignore_ascii_case(utc));
    if is_utc { Clock::Utc } else { Clock::Local }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_switches_stand_for_themselves_and_texts_break_out_of_nothing() {
        assert_eq!(assignment("foreign_key_checks", "0"), "SET SESSION `foreign_key_checks` = 0");
        assert_eq!(assignment("unique_checks", "OFF"), "SET SESSION `unique_checks` = OFF");
        assert_eq!(assignment("sql_mode", "A,'"), "SET SESSION `sql_mode` = _utf8mb4 x'412c27'");
        assert_eq!(assignment("a`; b", ""), "SET SESSION `a``; b` = _utf8mb4 x''");
    }

    #[test]
    fn a_session_is_bounded_as_its_server_knows_it() {
        let times = Times { deadline: Duration::from_secs(10), lease: Duration::from_secs(2) };
        let common = "SET SESSION wait_timeout = 2, innodb_lock_wait_timeout = 15, lock_wait_timeout = 15, ";
        assert_eq!(bounds(times, Flavour::MariaDb), format!("{common}max_statement_time = 15"));
        assert_eq!(bounds(times, Flavour::MySql), format!("{common}max_execution_time = 15000"));
    }

    #[test]
    fn a_session_is_in_utc_when_its_zone_is() {
        assert_eq!(clock("SYSTEM", "UTC"), Clock::Utc);
        assert_eq!(clock("+00:00", "CET"), Clock::Utc);
        assert_eq!(clock("SYSTEM", "CET"), Clock::Local);
        assert_eq!(clock("Europe/Berlin", "UTC"), Clock::Local);
    }
}
