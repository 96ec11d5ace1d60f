//! What backends find alike when they look at a system: the clock, and the end of the audit's chain.

use std::time::Duration;

use sandpiper_engine::diagnosis::Finding;
use sandpiper_engine::store::{ChainReport, StoreError};

/// From which difference of clocks on the times in the audit mislead, and from which on more than those.
const ODD: Duration = Duration::from_secs(5);
const BAD: Duration = Duration::from_secs(300);

/// Holds a server's clock against this host's, in milliseconds since 1970: `before` and `after` it was asked.
pub(crate) fn clock(server: i64, before: i64, after: i64) -> Finding {
    let ahead = if server > after { server - after } else { 0 };
    let behind = if server < before { before - server } else { 0 };
    let difference = Duration::from_millis(ahead.max(behind).unsigned_abs());
    let seconds = difference.as_secs();
    let which = if ahead > 0 { "ahead of" } else { "behind" };
    let message = format!("the server's clock is {seconds} s {which} this host's");
    let help = "set both by the same time server: locks go by the server's clock alone, but the times in the audit are this \
                host's, and certificates and tokens may be refused";
    match difference {
        _ if difference >= BAD => Finding::bad("clock", message, help),
        _ if difference >= ODD => Finding::odd("clock", message, help),
        _ => Finding::good("clock", "the clocks of the server and of this host agree"),
    }
}

/// What a look at the end of the chain gave; none where there is no audit yet.
pub(crate) fn chain(end: Result<Option<ChainReport>, StoreError>) -> Finding {
    let help = "somebody changed the store by hand, or it was damaged: `sandpiper audit verify` tells more; compare it with a \
                backup before you go on";
    match end {
        Ok(None) => Finding::good("chain", "no entries yet"),
        Ok(Some(ChainReport { broken: Some((sequence, why)), .. })) => {
            Finding::bad("chain", format!("the audit is broken at entry {sequence}: {why}"), help)
        }
        Ok(Some(ChainReport { entries: 0, .. })) => Finding::good("chain", "no entries yet"),
        Ok(Some(_)) => Finding::good("chain", "its end is whole; `sandpiper audit verify` reads all of it"),
        Err(error) => Finding::bad("chain", error.to_string(), help),
    }
}

#[cfg(test)]
mod tests {
    use sandpiper_engine::diagnosis::Health;

    use super::clock;

    #[test]
    fn a_clock_is_held_against_the_time_that_the_question_took() {
        for (server, health) in [
            (1_000, Health::Good),
            (6_900, Health::Good),
            (7_000, Health::Odd),
            (-4_000, Health::Odd),
            (302_000, Health::Bad),
            (-299_000, Health::Bad),
        ] {
            assert_eq!(clock(server, 1_000, 2_000).health, health, "{server}");
        }
        assert!(clock(-9_000, 1_000, 2_000).message.contains("10 s behind"));
    }
}
