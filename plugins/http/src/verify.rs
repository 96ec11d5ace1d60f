//! `verify`: asks the API with requests that only read whether the change is applied.

use crate::bindings::{Failure, Problem, Step, Verdict};
use crate::captured::Kept;
use crate::configuration::Configuration;
use crate::place::{below, problem};
use crate::request::{self, Request};
use crate::run::Host;
use crate::{failure, send};

/// Sends the requests of a step: it is applied when all of them are answered as expected.
///
/// # Errors
///
/// An answer from which nothing can be told.
pub(crate) fn verify(step: &Step, host: &impl Host) -> Result<Verdict, Failure> {
    let requests = request::read(step).map_err(failure::refuse_first)?;
    let configuration =
        Configuration::read(&step.configuration).map_err(|problem| failure::refuse_first(vec![problem]))?;
    if let Some(problem) = problems(&requests).into_iter().next() {
        return Err(failure::refuse_first(vec![problem]));
    }
    let kept = Kept::read(host.load().as_deref());
    let (mut met, mut unmet) = (0, 0);
    for request in &requests {
        let sent = send::made(request, &kept, configuration, None)?;
        let line = send::line(request, &sent);
        let response = host.send(&sent).map_err(|error| failure::of_send(error, &line, &request.pointer))?;
        match send::meets(request, &kept, &response) {
            Ok(_) => met += 1,
            Err(why)
                if why.is_unreadable
                    || (tells_nothing(response.status) && !request.expect.takes(response.status)) =>
            {
                return Err(failure::at(&why.pointer, format!("{line}: {}", why.message)));
            }
            Err(_) => unmet += 1,
        }
    }
    Ok(match (met, unmet) {
        (_, 0) => Verdict::Applied,
        (0, _) => Verdict::NotApplied,
        _ => Verdict::PartlyApplied,
    })
}

/// Whether a status is about who asks, or about the server, and not about what was asked for.
fn tells_nothing(status: u16) -> bool {
    matches!(status, 300..=399 | 401 | 403 | 407 | 408 | 429 | 500..)
}

/// What is wrong with requests that are to tell whether a change is applied.
pub(crate) fn problems(requests: &[Request]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for request in requests {
        if request.writes() {
            let message = format!("`verify` sends {}, which may write", request.method);
            problems.push(problem(below(&request.pointer, "method"), message, "ask with `GET` or `HEAD`"));
        }
        if !request.capture.is_empty() {
            let pointer = below(&request.pointer, "capture");
            problems.push(problem(
                pointer,
                "`verify` captures nothing",
                "leave `capture` out, and say under `expect` what tells that it is applied",
            ));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::Action;
    use crate::request::tests::step;
    use crate::run::tests::Api;

    const QUESTION: &str = r#"{"method":"GET","path":"items/a","expect":{"json":{"/on":true}}}"#;

    fn asked(payload: &str, answers: &[(u16, &str)]) -> Result<Verdict, Failure> {
        verify(&Step { action: Action::Verify, ..step(payload) }, &Api::new(answers))
    }

    #[test]
    fn the_expectation_tells_whether_it_is_applied() {
        assert_eq!(asked(QUESTION, &[(200, r#"{"on":true}"#)]), Ok(Verdict::Applied));
        for answer in [(200, r#"{"on":false}"#), (200, "{}"), (404, "<html>")] {
            assert_eq!(asked(QUESTION, &[answer]), Ok(Verdict::NotApplied), "{answer:?}");
        }
        let both = format!("[{QUESTION},{QUESTION}]");
        assert_eq!(asked(&both, &[(200, r#"{"on":true}"#), (404, "")]), Ok(Verdict::PartlyApplied));
    }

    #[test]
    fn an_answer_about_something_else_tells_nothing() {
        for answer in [(200, "<html>"), (302, ""), (401, ""), (403, ""), (429, ""), (500, ""), (503, "")] {
            assert!(asked(QUESTION, &[answer]).is_err(), "{answer:?}");
        }
        let gone = r#"{"method":"GET","path":"a","expect":{"status":403}}"#;
        assert_eq!(asked(gone, &[(403, "")]), Ok(Verdict::Applied));
    }

    #[test]
    fn what_may_write_reaches_no_api() {
        assert!(asked(r#"{"method":"POST","path":"a"}"#, &[]).is_err());
    }
}
