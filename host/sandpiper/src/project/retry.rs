//! How often a change is tried within a run, as its file says it: `3`, `3 1s..30s`, `{ attempts: 3, backoff: 1s..30s }`.

use std::time::Duration;

use sandpiper_engine::retry::Retry;

use crate::config::duration;

/// How to write it, for help.
pub(super) const HELP: &str = "write `{ attempts: 3, backoff: 1s..30s }`, or `3` for three attempts";

/// What a change that says little gets: `retry: {}`.
const DEFAULT: Retry = Retry { attempts: 3, least: Duration::from_secs(1), most: Duration::from_secs(30) };

/// More is a slip.
const MOST_ATTEMPTS: u32 = 100;

/// The keys of its longer form.
pub(super) const KEYS: [&str; 2] = ["attempts", "backoff"];

/// Reads the text of it.
///
/// # Errors
///
/// Says what is wrong with it.
pub fn read_retry(text: &str) -> Result<Retry, String> {
    let inner = text.trim();
    let inner = inner.strip_prefix('{').and_then(|inner| inner.strip_suffix('}')).unwrap_or(inner);
    let mut retry = DEFAULT;
    let mut unnamed = KEYS.into_iter();
    let mut named: Option<&str> = None;
    for word in inner.split([',', ' ', '\t']).filter(|word| !word.is_empty()) {
        let (key, value) = match word.split_once([':', '=']) {
            Some((key, "")) => {
                named = Some(key);
                continue;
            }
            Some((key, value)) => (key, value),
            None => match named.take().or_else(|| unnamed.next()) {
                Some(key) => (key, word),
                None => return Err(format!("`retry` is `{text}`: `{word}` is too much")),
            },
        };
        set(&mut retry, key, value)?;
    }
    match named {
        Some(key) => Err(format!("`{key}` of `retry` has no value")),
        None => Ok(retry),
    }
}

/// Takes what one of [`KEYS`] says.
pub(super) fn set(retry: &mut Retry, key: &str, value: &str) -> Result<(), String> {
    match key {
        "attempts" => {
            let attempts = value.parse().ok().filter(|attempts| (1..=MOST_ATTEMPTS).contains(attempts));
            retry.attempts = attempts.ok_or_else(|| {
                format!("`attempts` of `retry` is `{value}`, no number from 1 to {MOST_ATTEMPTS}")
            })?;
        }
        "backoff" => {
            let (least, most) = value.split_once("..").unwrap_or((value, value));
            let read = |text: &str| duration(text).map_err(|why| format!("`backoff` of `retry`: {why}"));
            (retry.least, retry.most) = (read(least)?, read(most)?);
            if retry.most < retry.least {
                return Err(format!("`backoff` of `retry` is `{value}`, whose end is before its beginning"));
            }
        }
        _ => return Err(format!("`retry` has no `{key}`")),
    }
    Ok(())
}

/// What `retry: {}` means.
pub(super) fn default() -> Retry {
    DEFAULT
}

#[cfg(test)]
mod tests {
    use super::*;

    fn retry(attempts: u32, least: u64, most: u64) -> Retry {
        Retry { attempts, least: Duration::from_millis(least), most: Duration::from_millis(most) }
    }

    #[test]
    fn a_retry_is_a_number_and_perhaps_a_backoff() {
        assert_eq!(read_retry("3"), Ok(retry(3, 1_000, 30_000)));
        assert_eq!(read_retry("5 500ms"), Ok(retry(5, 500, 500)));
        assert_eq!(read_retry("5 500ms..1m"), Ok(retry(5, 500, 60_000)));
        for text in
            ["{ attempts: 4, backoff: 0..2s }", "attempts=4 backoff=0..2s", "{attempts:4,backoff:0..2s}"]
        {
            assert_eq!(read_retry(text), Ok(retry(4, 0, 2_000)), "{text}");
        }
    }

    #[test]
    fn what_is_no_retry_is_told() {
        let told = [
            ("often", "no number from 1 to 100"),
            ("0", "no number from 1 to 100"),
            ("101", "no number"),
            ("3 5", "has no unit"),
            ("3 5s..1s", "end is before"),
            ("3 1s 2s", "too much"),
            ("attempts:", "no value"),
            ("{ attempt: 3 }", "has no `attempt`"),
        ];
        for (text, why) in told {
            assert!(read_retry(text).unwrap_err().contains(why), "{text}: {:?}", read_retry(text));
        }
    }
}
