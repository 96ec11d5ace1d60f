//! `run`: sends the requests of a step, one after the other, and keeps what they capture.

use serde_json::Value;

use crate::bindings::{Action, Error, Failure, Response, Sent, Step};
use crate::captured::Kept;
use crate::configuration::Configuration;
use crate::place::below;
use crate::request::{self, Request};
use crate::{failure, send};

/// What a run needs of the host: the API, and the change's context.
pub(crate) trait Host {
    /// Sends a request.
    fn send(&self, request: &Sent) -> Result<Response, Error>;
    /// What was kept of the change.
    fn load(&self) -> Option<Vec<u8>>;
    /// Keeps it.
    fn save(&self, data: &[u8]) -> Result<(), String>;
    /// The same in every attempt of the change.
    fn idempotency_key(&self) -> String;
    /// Whether the step is to end at the next safe point.
    fn is_cancelled(&self) -> bool;
}

/// Runs a step, from the request on that an earlier attempt did not finish.
///
/// # Errors
///
/// The first request that was not answered as expected; those after it are not sent.
pub(crate) fn run(step: &Step, host: &impl Host) -> Result<(), Failure> {
    let requests = request::read(step).map_err(failure::refuse_first)?;
    let configuration =
        Configuration::read(&step.configuration).map_err(|problem| failure::refuse_first(vec![problem]))?;
    let mut kept = Kept::read(host.load().as_deref());
    if step.action == Action::Rollback && kept.is_refused(step.index) {
        // The API refused to apply it: what may be there now is somebody else's.
        return Ok(());
    }
    let mut running = Running { step, host, configuration, kept: &mut kept };
    let finished = usize::try_from(step.finished_statements).unwrap_or(usize::MAX);
    let total = requests.len();
    for (number, request) in requests.iter().enumerate().skip(finished) {
        if number > finished && host.is_cancelled() {
            return Err(Failure::Failed(format!("stopped before request {} of {total}", number + 1)));
        }
        running.send(number, request)?;
    }
    Ok(())
}

struct Running<'a, H> {
    step: &'a Step,
    host: &'a H,
    configuration: Configuration,
    kept: &'a mut Kept,
}

impl<H: Host> Running<'_, H> {
    fn send(&mut self, number: usize, request: &Request) -> Result<(), Failure> {
        let key = self.configuration.idempotency_key.then(|| self.key(number));
        let sent = send::made(request, self.kept, self.configuration, key)?;
        let line = send::line(request, &sent);
        let answered = self.host.send(&sent);
        let nothing_was_done = !request.writes() || did_nothing(&answered);
        let met = self.met(request, &line, answered);
        // Of a step that did something before there is something to take back all the same.
        let is_refused = number == 0 && nothing_was_done && met.is_err();
        if self.step.action == Action::Apply && self.kept.refuses(self.step.index, is_refused) {
            self.save()?;
        }
        self.capture(request, &line, &met?)
    }

    /// The JSON of an answer that is as it was expected.
    fn met(
        &self,
        request: &Request,
        line: &str,
        answered: Result<Response, Error>,
    ) -> Result<Value, Failure> {
        let response = answered.map_err(|error| failure::of_send(error, line, &request.pointer))?;
        send::meets(request, self.kept, &response).map_err(|unmet| {
            if matches!(response.status, 429 | 502..=504) && !request.expect.takes(response.status) {
                // What it says may be gone on the next attempt.
                return Failure::Transient(format!("{line}: {}", unmet.message));
            }
            failure::at(&unmet.pointer, format!("{line}: {}", unmet.message))
        })
    }

    /// Keeps what a request captures, before anybody counts on it.
    fn capture(&mut self, request: &Request, line: &str, json: &Value) -> Result<(), Failure> {
        for (name, at) in &request.capture {
            let found = json.pointer(at).filter(|value| !value.is_null()).ok_or_else(|| {
                let place = below(&below(&request.pointer, "capture"), name);
                failure::at(
                    &place,
                    format!("{line}: the answer holds nothing at `{at}`, which `{name}` captures"),
                )
            })?;
            self.kept.keep(name, found.clone());
        }
        if request.capture.is_empty() { Ok(()) } else { self.save() }
    }

    fn save(&self) -> Result<(), Failure> {
        let saved = self.host.save(&self.kept.write());
        saved.map_err(|why| Failure::Failed(format!("what was captured could not be kept: {why}")))
    }

    fn key(&self, number: usize) -> String {
        let what = if self.step.action == Action::Rollback { "rollback-" } else { "" };
        format!("{}-{what}{}-{number}", self.host.idempotency_key(), self.step.index)
    }
}

/// Whether a request certainly did nothing. After 408 the server may still be at it.
fn did_nothing(answered: &Result<Response, Error>) -> bool {
    match answered {
        Ok(response) => (400..500).contains(&response.status) && response.status != 408,
        Err(Error::NotSent(_) | Error::Denied(_)) => true,
        Err(Error::NoAnswer(_) | Error::LimitExceeded(_) | Error::Other(_)) => false,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::request::tests::step;

    /// Answers with what it was given, in order, and remembers what it was asked.
    #[derive(Default)]
    pub(crate) struct Api {
        pub(crate) answers: RefCell<Vec<Result<Response, Error>>>,
        pub(crate) lines: RefCell<Vec<String>>,
        pub(crate) checkpoint: RefCell<Option<Vec<u8>>>,
    }

    impl Api {
        pub(crate) fn new(answers: &[(u16, &str)]) -> Self {
            let answer = |(status, body): &(u16, &str)| {
                Ok(Response { status: *status, headers: Vec::new(), body: body.as_bytes().to_vec() })
            };
            Self { answers: RefCell::new(answers.iter().rev().map(answer).collect()), ..Self::default() }
        }

        fn apply(&self, payload: &str) -> Result<(), Failure> {
            run(&step(payload), self)
        }

        fn roll_back(&self, payload: &str) -> Result<(), Failure> {
            run(&Step { action: Action::Rollback, ..step(payload) }, self)
        }
    }

    impl Host for Api {
        fn send(&self, request: &Sent) -> Result<Response, Error> {
            let body = request.body.as_deref().map(|body| format!(" {}", String::from_utf8_lossy(body)));
            let headers: String = request
                .headers
                .iter()
                .map(|header| format!(" [{}: {}]", header.name, header.value))
                .collect();
            let query: String =
                request.query.iter().map(|(name, value)| format!(" ?{name}={value}")).collect();
            let line =
                format!("{:?} {}{query}{headers}{}", request.method, request.path, body.unwrap_or_default());
            self.lines.borrow_mut().push(line);
            self.answers.borrow_mut().pop().expect("no more requests are sent")
        }

        fn load(&self) -> Option<Vec<u8>> {
            self.checkpoint.borrow().clone()
        }

        fn save(&self, data: &[u8]) -> Result<(), String> {
            *self.checkpoint.borrow_mut() = Some(data.to_vec());
            Ok(())
        }

        fn idempotency_key(&self) -> String {
            "key".to_owned()
        }

        fn is_cancelled(&self) -> bool {
            false
        }
    }

    const CREATE: &str = r#"{"method":"POST","path":"items","body":{"name":"a"},"expect":{"status":201},"capture":{"id":"/data/id"}}"#;
    const REMOVE: &str = r#"{"method":"DELETE","path":"items/${captured.id}","expect":{"status":204}}"#;

    fn place(failure: Failure) -> (String, String) {
        match failure {
            Failure::FailedAt((message, place)) => (message, place.pointer),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_captured_is_there_for_a_rollback_in_another_run() {
        let api = Api::new(&[(201, r#"{"data":{"id":"a b/5"}}"#), (204, "")]);
        api.apply(CREATE).unwrap();
        api.roll_back(REMOVE).unwrap();
        assert_eq!(
            *api.lines.borrow(),
            [
                r#"Method::Post items [Content-Type: application/json] [Accept: application/json] {"name":"a"}"#,
                "Method::Delete items/a%20b%2F5"
            ]
        );
    }

    #[test]
    fn a_step_that_the_api_refused_is_not_taken_back() {
        for refused in [(409, "there is one"), (422, "{}")] {
            let api = Api::new(&[refused]);
            let (message, pointer) = place(api.apply(CREATE).unwrap_err());
            assert_eq!(pointer, "/expect/status");
            assert!(message.starts_with("POST items: the status is 4"), "{message}");
            api.roll_back(r#"{"method":"DELETE","path":"items/a"}"#).unwrap();
            assert_eq!(api.lines.borrow().len(), 1, "somebody else's is not removed");
        }
        let api = Api::new(&[(409, ""), (201, r#"{"data":{"id":1}}"#), (204, "")]);
        api.apply(CREATE).unwrap_err();
        api.apply(CREATE).unwrap();
        api.roll_back(REMOVE).unwrap();
        assert_eq!(api.lines.borrow().len(), 3, "the second time it was done");
    }

    #[test]
    fn a_step_whose_effect_is_not_known_is_not_said_to_be_taken_back() {
        let api = Api::default();
        api.answers.borrow_mut().push(Err(Error::NoAnswer("cut".to_owned())));
        let (message, _) = place(api.apply(CREATE).unwrap_err());
        assert!(message.contains("is not known"), "{message}");
        let (message, pointer) = place(api.roll_back(REMOVE).unwrap_err());
        assert_eq!(pointer, "/path");
        assert!(message.contains("`captured.id` has no value"), "{message}");
    }

    #[test]
    fn an_answer_without_what_is_captured_fails_the_step_at_that_place() {
        let api = Api::new(&[(201, r#"{"data":{}}"#), (201, "<html>")]);
        assert_eq!(place(api.apply(CREATE).unwrap_err()).1, "/capture/id");
        assert_eq!(place(api.apply(CREATE).unwrap_err()).1, "/capture");
    }

    #[test]
    fn what_stands_in_the_answer_is_compared() {
        let payload = r#"{"method":"GET","path":"items","expect":{"json":{"/n":1,"/a/0":"x"}}}"#;
        Api::new(&[(200, r#"{"n":1.0,"a":["x"]}"#)]).apply(payload).unwrap();
        for (body, pointer) in [
            (r#"{"n":2,"a":["x"]}"#, "/expect/json/~1n"),
            (r#"{"n":1}"#, "/expect/json/~1a~10"),
            ("no json", "/expect/json"),
        ] {
            assert_eq!(place(Api::new(&[(200, body)]).apply(payload).unwrap_err()).1, pointer, "{body}");
        }
    }

    #[test]
    fn an_api_that_is_busy_may_be_asked_again() {
        let failure = Api::new(&[(503, "later")]).apply(CREATE).unwrap_err();
        assert!(matches!(failure, Failure::Transient(_)), "{failure:?}");
    }

    #[test]
    fn requests_that_an_earlier_attempt_finished_are_not_sent_again() {
        let payload =
            format!("[{CREATE},{{\"method\":\"PUT\",\"path\":\"items/${{captured.id}}\",\"body\":\"on\"}}]");
        let api = Api::new(&[(201, r#"{"data":{"id":7}}"#), (500, "")]);
        assert_eq!(place(api.apply(&payload).unwrap_err()).1, "/1/expect/status");
        api.answers.borrow_mut().extend(Api::new(&[(200, "")]).answers.into_inner());
        run(&Step { finished_statements: 1, ..step(&payload) }, &api).unwrap();
        assert_eq!(*api.lines.borrow().last().unwrap(), "Method::Put items/7 on");
    }

    #[test]
    fn each_request_that_writes_has_a_key_of_its_own_where_one_is_wanted() {
        let api = Api::new(&[(200, ""), (200, "")]);
        let payload = r#"[{"method":"POST","path":"a"},{"method":"GET","path":"b"}]"#;
        let configuration = r#"{"idempotency-key":true}"#.to_owned();
        run(&Step { configuration, index: 2, ..step(payload) }, &api).unwrap();
        assert_eq!(*api.lines.borrow(), ["Method::Post a [Idempotency-Key: key-2-0]", "Method::Get b"]);
    }

    #[test]
    fn a_captured_value_without_any_text_does_not_widen_a_path() {
        let api = Api::new(&[(201, r#"{"data":{"id":""}}"#)]);
        api.apply(CREATE).unwrap();
        assert!(place(api.roll_back(REMOVE).unwrap_err()).0.contains("is empty"));
    }
}
