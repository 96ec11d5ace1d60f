//! The words of the command line that say which entries are meant: times, ages, states.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use sandpiper_engine::entry::State;
use sandpiper_engine::fault::Fault;
use sandpiper_engine::suggest::nearest;

use crate::clock::now;
use crate::config::duration;

/// The time that `--since` gives: RFC 3339, or a duration ago.
///
/// # Errors
///
/// When it is neither.
pub fn since(text: &str) -> Result<Timestamp, Fault> {
    if let Ok(time) = text.trim().parse() {
        return Ok(time);
    }
    match duration(text) {
        Ok(age) => Ok(ago(age)),
        Err(_) => Err(Fault::usage(format!("`--since {text}` is no time"))
            .with_help("write a time like `2026-01-31T12:00:00Z`, or how long ago it is: `24h`, `7d`")),
    }
}

/// The age that `--older-than` gives.
///
/// # Errors
///
/// When it is no duration.
pub fn age(text: &str) -> Result<Duration, Fault> {
    duration(text).map_err(|_| {
        Fault::usage(format!("`--older-than {text}` is no duration"))
            .with_help("write a number with its unit: `90d`, `12h`")
    })
}

/// The state that `--state` gives.
///
/// # Errors
///
/// When no state has this name.
pub fn state(text: &str) -> Result<State, Fault> {
    text.parse().map_err(|why: String| {
        let names = || State::ALL.into_iter().map(State::as_str);
        let help = match nearest(text, names()) {
            Some(nearest) => format!("did you mean `{nearest}`?"),
            None => format!("the states are: {}", names().collect::<Vec<_>>().join(", ")),
        };
        Fault::usage(why).with_help(help)
    })
}

/// The time that was so long ago.
pub(super) fn ago(age: Duration) -> Timestamp {
    let age = SignedDuration::try_from(age).unwrap_or(SignedDuration::MAX);
    now().checked_sub(age).unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_date_with_its_offset_or_a_duration_ago() {
        assert_eq!(since("2026-01-31T12:00:00Z").unwrap().to_string(), "2026-01-31T12:00:00Z");
        assert_eq!(since("2026-01-31T12:00:00+02:00").unwrap().to_string(), "2026-01-31T10:00:00Z");
        let day = since("24h").unwrap();
        assert_eq!(now().duration_since(day).as_hours(), 24);
        for wrong in ["", "yesterday", "2026-01-31", "2026-13-31T12:00:00Z", "24", "-1h"] {
            assert_eq!(since(wrong).unwrap_err().code, "usage", "{wrong}");
        }
    }

    #[test]
    fn an_age_has_a_unit() {
        assert_eq!(age("0s").unwrap(), Duration::ZERO);
        assert_eq!(age("90d").unwrap(), Duration::from_secs(90 * 86_400));
        for wrong in ["", "90", "soon", "2026-01-31T12:00:00Z"] {
            assert_eq!(age(wrong).unwrap_err().code, "usage", "{wrong}");
        }
        assert!(ago(Duration::MAX) < now());
    }

    #[test]
    fn a_mistyped_state_is_answered_with_the_nearest() {
        assert_eq!(state("rolled-back").unwrap(), State::RolledBack);
        assert_eq!(state("aplied").unwrap_err().help.unwrap(), "did you mean `applied`?");
        assert!(state("x").unwrap_err().help.unwrap().contains("baselined"));
    }
}
