//! An API in memory: it answers by the path of a request, and remembers the requests.

use std::sync::{Arc, Condvar, Mutex};

use async_trait::async_trait;
use sandpiper_engine::store::Appended;
use sandpiper_runtime::http::{Header, Http, HttpError, Request, Response};
use sandpiper_runtime::sql::Sql;
use sandpiper_runtime::target::{CommitError, Interrupter, ProofError, Seal, Session, TargetError};

#[derive(Default)]
pub(crate) struct Api {
    requests: Mutex<Vec<Request>>,
    interrupted: Mutex<bool>,
    changed: Condvar,
}

impl Api {
    /// Every request that was sent.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    fn interrupt(&self) {
        *self.interrupted.lock().unwrap() = true;
        self.changed.notify_all();
    }
}

pub(crate) struct ApiSession(pub(crate) Arc<Api>);

#[async_trait]
impl Session for ApiSession {
    fn interrupter(&self) -> Interrupter {
        let api = self.0.clone();
        Interrupter::new(move || api.interrupt())
    }

    fn sql(&mut self) -> Option<&mut dyn Sql> {
        None
    }

    fn http(&mut self) -> Option<&mut dyn Http> {
        Some(self)
    }

    fn has_written(&self) -> bool {
        self.0.requests().iter().any(|request| request.method.writes())
    }

    async fn prove(&mut self) -> Result<(), ProofError> {
        Ok(())
    }

    async fn stands(&mut self) -> Result<(), ProofError> {
        Ok(())
    }

    async fn has_open_transaction(&mut self) -> bool {
        false
    }

    async fn roll_back_left_open(&mut self) -> bool {
        false
    }

    async fn commit(self: Box<Self>, _: Seal<'_>) -> Result<Option<Appended>, CommitError> {
        Ok(None)
    }

    async fn close(self: Box<Self>) -> Result<(), TargetError> {
        Ok(())
    }
}

#[async_trait]
impl Http for ApiSession {
    async fn send(&mut self, request: &Request) -> Result<Response, HttpError> {
        self.0.requests.lock().unwrap().push(request.clone());
        let answer = |status, body: &[u8]| {
            let headers =
                vec![Header { name: "Content-Type".to_owned(), value: "application/json".to_owned() }];
            Ok(Response { status, headers, body: body.to_vec() })
        };
        match request.path.as_str() {
            "missing" => answer(404, b"no such item"),
            "unreachable" => Err(HttpError::NotSent("nobody listens there".to_owned())),
            "silent" => Err(HttpError::NoAnswer("the connection was closed".to_owned())),
            "https://elsewhere" => Err(HttpError::Denied("the path leaves the base URL".to_owned())),
            "long" => Err(HttpError::body_too_long(request.max_body)),
            "limit" => answer(200, &vec![b'a'; request.max_body]),
            // As of a session that does not look at the limit.
            "too-long" => answer(200, &vec![b'a'; request.max_body + 1]),
            "slow" => {
                let interrupted = self.0.interrupted.lock().unwrap();
                drop(self.0.changed.wait_while(interrupted, |interrupted| !*interrupted).unwrap());
                Err(HttpError::Interrupted)
            }
            _ => answer(200, b"{}"),
        }
    }
}
