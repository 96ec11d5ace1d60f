//! The values that must reach no audit, log, error or report, and their replacement in any text.

use std::borrow::Cow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use sandpiper_engine::fault::{Fault, Place, Problem};

use crate::report::{ChangeReport, StageReport};

/// Shorter values are not searched for: they would be found everywhere.
pub const SHORTEST: usize = 6;

/// What stands in place of a secret.
pub const MASK: &str = "***";

/// The secrets of a configuration. Clones share them; values may be added while other threads redact.
#[derive(Clone, Default)]
pub struct Secrets(Arc<Inner>);

#[derive(Default)]
struct Inner {
    count: AtomicUsize,
    values: RwLock<Vec<String>>,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Secrets({})", self.0.count.load(Ordering::Relaxed))
    }
}

impl Secrets {
    /// No secrets yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a value, as it is and as JSON writes it. Values of fewer than [`SHORTEST`] characters are left out.
    pub fn add(&self, value: &str) {
        let json = serde_json::Value::from(value).to_string();
        let escaped = json.trim_matches('"');
        for form in [value, value.trim(), escaped] {
            self.add_form(form);
        }
        // What a guest logs comes line by line, without control characters.
        for line in value.lines() {
            self.add_form(line.trim());
            self.add_form(&line.replace(char::is_control, " "));
        }
    }

    fn add_form(&self, value: &str) {
        if value.chars().count() < SHORTEST {
            return;
        }
        let mut values = self.0.values.write().unwrap_or_else(PoisonError::into_inner);
        if !values.iter().any(|known| known == value) {
            values.push(value.to_owned());
            self.0.count.store(values.len(), Ordering::Release);
        }
    }

    /// Adds the passwords of every URL in a text: `scheme://user:password@host` and `password=` in its query, as
    /// written and with percent escapes decoded.
    pub fn add_passwords_of(&self, text: &str) {
        for password in passwords(text) {
            self.add(password);
            self.add(&percent_decoded(password));
        }
    }

    /// A problem with every secret in its words replaced.
    #[must_use]
    pub fn redact_problem(&self, mut problem: Problem) -> Problem {
        problem.message = self.redact(&problem.message).into_owned();
        problem.help = problem.help.map(|help| self.redact(&help).into_owned());
        problem.place = problem.place.map(|place| self.redact_place(place));
        problem
    }

    /// The line of a file is shown as it stands, also where it could not be read: what looks like a password in it is
    /// one.
    fn redact_place(&self, mut place: Place) -> Place {
        place.excerpt = place.excerpt.map(|line| {
            self.add_passwords_of(&line);
            self.redact(&line).into_owned()
        });
        place
    }

    /// A fault with every secret in its words replaced.
    #[must_use]
    pub fn redact_fault(&self, mut fault: Fault) -> Fault {
        fault.message = self.redact(&fault.message).into_owned();
        fault.help = fault.help.map(|help| self.redact(&help).into_owned());
        fault.place = fault.place.map(|place| self.redact_place(place));
        fault.problems = fault.problems.into_iter().map(|problem| self.redact_problem(problem)).collect();
        fault
    }

    /// Replaces secrets wherever the report of stages has words.
    pub(crate) fn redact_stages(&self, stages: &mut [StageReport]) {
        for stage in stages {
            stage.error = stage.error.take().map(|fault| self.redact_fault(fault));
            for ChangeReport { error, .. } in &mut stage.changes {
                *error = error.take().map(|fault| self.redact_fault(fault));
            }
        }
    }

    /// The text with every secret replaced by [`MASK`].
    pub fn redact<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if self.0.count.load(Ordering::Acquire) == 0 {
            return Cow::Borrowed(text);
        }
        let values = self.0.values.read().unwrap_or_else(PoisonError::into_inner);
        let mut found: Vec<(usize, usize)> = Vec::new();
        for value in values.iter() {
            let mut from = 0;
            while let Some(at) = text.get(from..).and_then(|rest| rest.find(value.as_str())) {
                let start = from + at;
                found.push((start, start + value.len()));
                from = start + value.chars().next().map_or(1, char::len_utf8);
            }
        }
        drop(values);
        if found.is_empty() { Cow::Borrowed(text) } else { Cow::Owned(masked(text, found)) }
    }
}

/// Replaces ranges, those that overlap as one.
fn masked(text: &str, mut ranges: Vec<(usize, usize)>) -> String {
    ranges.sort_unstable();
    let mut masked = String::with_capacity(text.len());
    let mut done = 0;
    for (start, end) in ranges {
        if start >= done {
            masked.push_str(text.get(done..start).unwrap_or_default());
            masked.push_str(MASK);
        }
        done = done.max(end);
    }
    masked.push_str(text.get(done..).unwrap_or_default());
    masked
}

/// A URL without its password, for names and messages.
pub(crate) fn without_password(url: &str) -> String {
    let ranges = passwords(url).map(|password| {
        let start = password.as_ptr() as usize - url.as_ptr() as usize;
        (start, start + password.len())
    });
    masked(url, ranges.collect())
}

/// The password parts of the URLs in a text, and the secrets of webhooks.
fn passwords(text: &str) -> impl Iterator<Item = &str> {
    let authorities = text.match_indices("://").filter_map(|(at, scheme_end)| {
        let rest = text.get(at + scheme_end.len()..)?;
        let end = rest.find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'')).unwrap_or(rest.len());
        let url = rest.get(..end)?;
        // A password may hold an unescaped `/`, `?` or `@`: whatever stands before the last `@` of the part before
        // the path is taken, else before the first `@` at all.
        let authority = url.split(['/', '?', '#']).next()?;
        let user = authority.rsplit_once('@').or_else(|| url.rsplit_once('@')).map(|(user, _)| user)?;
        user.split_once(':').map(|(_, password)| password)
    });
    let queries = ["password=", "sslpassword="].into_iter().flat_map(move |key| {
        text.match_indices(key).filter_map(move |(at, _)| {
            let before = text.get(..at)?.chars().next_back();
            let value = text.get(at + key.len()..)?;
            let end = value.find(|c: char| c.is_whitespace() || matches!(c, '&' | '#' | '"' | '\''));
            matches!(before, Some('?' | '&' | ' ') | None).then(|| value.get(..end.unwrap_or(value.len())))?
        })
    });
    // What webhooks are signed with says itself what it is.
    let signing = text.match_indices("whsec_").filter_map(|(at, _)| {
        let key = text.get(at..)?;
        let is_end = |c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '+' | '/' | '=' | '-'));
        key.get(..key.find(is_end).unwrap_or(key.len()))
    });
    authorities.chain(queries).chain(signing).filter(|password| !password.is_empty())
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let code = rest.get(1..3).filter(|_| c == '%').and_then(|digits| u8::from_str_radix(digits, 16).ok());
        let taken = match code {
            Some(byte) => {
                bytes.push(byte);
                3
            }
            None => {
                bytes.extend(rest.get(..c.len_utf8()).unwrap_or_default().bytes());
                c.len_utf8()
            }
        };
        rest = rest.get(taken..).unwrap_or_default();
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redacted(secrets: &[&str], text: &str) -> String {
        let all = Secrets::new();
        secrets.iter().for_each(|secret| all.add(secret));
        all.redact(text).into_owned()
    }

    #[test]
    fn a_secret_is_replaced_wherever_it_occurs() {
        assert_eq!(redacted(&["hunter22"], "hunter22, xhunter22y"), "***, x***y");
    }

    #[test]
    fn values_under_6_characters_are_not_searched_for() {
        assert_eq!(redacted(&["12345"], "12345"), "12345");
        assert_eq!(redacted(&["äöüäö"], "äöüäö"), "äöüäö");
        assert_eq!(redacted(&["123456"], "123456"), "***");
    }

    #[test]
    fn secrets_that_overlap_leave_nothing() {
        assert_eq!(redacted(&["abcdef", "defghi"], "-abcdefghi-"), "-***-");
        assert_eq!(redacted(&["abcdef", "xabcdefx"], "xabcdefx abcdef"), "*** ***");
        assert_eq!(redacted(&["ababab"], "ababababab"), "***");
    }

    #[test]
    fn nothing_is_copied_where_nothing_is_found() {
        assert!(matches!(Secrets::new().redact("text"), Cow::Borrowed("text")));
        let secrets = Secrets::new();
        secrets.add("hunter22");
        assert!(matches!(secrets.redact("text"), Cow::Borrowed("text")));
    }

    #[test]
    fn the_password_of_a_url_is_secret_as_written_and_decoded() {
        let secrets = Secrets::new();
        secrets.add_passwords_of("postgres://me:p%40ss%20word@host:5432/db?x=1");
        assert_eq!(
            secrets.redact("p%40ss%20word or p@ss word, but me and host"),
            "*** or ***, but me and host"
        );
    }

    #[test]
    fn passwords_are_found_in_odd_urls_too() {
        let of = |url: &'static str| passwords(url).collect::<Vec<_>>();
        assert_eq!(of("postgres://me:se@cret@host/db"), ["se@cret"]);
        assert_eq!(of("postgres://me:se/cret@host/db"), ["se/cret"]);
        assert_eq!(of("postgres://host/db?user=me&password=secret1&x=y"), ["secret1"]);
        assert_eq!(of("mysql://:secret1@host"), ["secret1"]);
        assert_eq!(of("{ secrets: whsec_MfKQ9r8G+Yqr/w==, events: [x] }"), ["whsec_MfKQ9r8G+Yqr/w=="]);
        assert_eq!(of("postgres://host:5432/db").len(), 0);
        assert_eq!(of("postgres://me@host:5432/db").len(), 0);
    }

    #[test]
    fn a_url_is_shown_without_its_password() {
        assert_eq!(without_password("mysql://me:x@host/db"), "mysql://me:***@host/db");
        assert_eq!(without_password("sqlite:app.db"), "sqlite:app.db");
    }

    #[test]
    fn a_secret_is_found_in_json_and_without_the_blanks_around_it() {
        assert_eq!(redacted(&["pass\"word\n"], r#"{"x":"pass\"word\n"}, pass"word"#), r#"{"x":"***"}, ***"#);
    }

    #[test]
    fn clones_share_the_secrets_and_debug_shows_none() {
        let secrets = Secrets::new();
        let clone = secrets.clone();
        secrets.add("hunter22");
        assert_eq!(clone.redact("hunter22"), "***");
        assert_eq!(format!("{clone:?}"), "Secrets(1)");
    }
}
