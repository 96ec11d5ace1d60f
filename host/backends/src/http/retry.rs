//! What may be sent again, and after how long.

use std::time::{Duration, SystemTime};

use hyper::header::{HeaderMap, RETRY_AFTER};
use jiff::Timestamp;
use jiff::fmt::rfc2822;

/// The longest that an API may ask us to wait.
const MAX_WAIT: Duration = Duration::from_secs(30);

/// How long to wait before the first repetition; twice as long before each next one.
const FIRST_WAIT: Duration = Duration::from_millis(200);

/// Whether an answer says that the same may succeed when it is sent again.
pub(crate) fn is_for_now(status: u16) -> bool {
    matches!(status, 429 | 502 | 503 | 504)
}

/// How long to wait before a repetition, counted from 0; none when the API asks for more than anyone waits.
pub(crate) fn wait(repetition: u32, answer: Option<&HeaderMap>) -> Option<Duration> {
    let own = FIRST_WAIT * 2u32.saturating_pow(repetition.min(6));
    match answer.and_then(asked) {
        Some(asked) if asked > MAX_WAIT => None,
        Some(asked) => Some(asked.max(own)),
        None => Some(own),
    }
}

/// How long an answer asks to wait.
pub(crate) fn asked(headers: &HeaderMap) -> Option<Duration> {
    after(headers.get(RETRY_AFTER)?.to_str().ok()?)
}

/// `Retry-After`: a number of seconds, or a date.
fn after(text: &str) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let date = rfc2822::parse(text.trim()).ok()?.timestamp();
    let now = Timestamp::try_from(SystemTime::now()).ok()?;
    Some(Duration::try_from(date.duration_since(now)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(text: &str) -> HeaderMap {
        HeaderMap::from_iter([(RETRY_AFTER, text.parse().unwrap())])
    }

    #[test]
    fn an_api_may_ask_for_patience_but_not_for_ever() {
        assert_eq!(wait(0, None), Some(FIRST_WAIT));
        assert_eq!(wait(2, None), Some(FIRST_WAIT * 4));
        assert_eq!(wait(0, Some(&answer("3"))), Some(Duration::from_secs(3)));
        assert_eq!(wait(0, Some(&answer("0"))), Some(FIRST_WAIT));
        assert_eq!(wait(0, Some(&answer("31"))), None);
        assert_eq!(wait(0, Some(&answer("Wed, 21 Oct 2015 07:28:00 GMT"))), Some(FIRST_WAIT));
        assert_eq!(wait(0, Some(&answer("Wed, 21 Oct 2099 07:28:00 GMT"))), None);
        assert_eq!(wait(0, Some(&answer("soon"))), Some(FIRST_WAIT));
    }
}
