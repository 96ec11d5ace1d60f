//! One attempt on an API: its requests, each looked at before it is sent.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use hyper::Method;
use sandpiper_engine::store::Appended;
use sandpiper_runtime::http::{Header, Http, HttpError, Request, Response};
use sandpiper_runtime::sql::Sql;
use sandpiper_runtime::target::{CommitError, Interrupter, ProofError, Seal, Session, TargetError};
use tokio::sync::oneshot;

use super::connection::{Answer, Broken, Connection};
use super::exchange::{Api, Prepared};
use super::headers;
use crate::network::Network;

/// A session on an API.
pub(crate) struct HttpSession {
    api: Arc<Api>,
    network: Arc<Network>,
    /// For looking only.
    reads_only: bool,
    has_written: bool,
    /// The connection of the request before.
    kept: Option<Connection>,
    /// Ends the request that runs, if one does.
    running: Arc<Mutex<Option<oneshot::Sender<()>>>>,
}

impl HttpSession {
    pub(crate) fn new(api: Arc<Api>, network: Arc<Network>, reads_only: bool) -> Self {
        Self { api, network, reads_only, has_written: false, kept: None, running: Arc::default() }
    }

    /// Looks at a request: what is not refused here goes out as it is.
    fn prepared(&self, request: &Request) -> Result<Prepared, String> {
        let name = request.method.as_str();
        if ["CONNECT", "TRACE"].iter().any(|refused| name.eq_ignore_ascii_case(refused)) {
            return Err(format!("the method `{name}` is refused"));
        }
        if self.reads_only && request.method.writes() {
            let shown: String = name.escape_default().take(40).collect();
            return Err(format!(
                "`{shown}` may write, and this system is read-only here: only GET and HEAD are sent"
            ));
        }
        let method =
            Method::from_bytes(name.as_bytes()).map_err(|_| "the method is no name of one".to_owned())?;
        let target = self.api.base.join(&request.path, &request.query)?;
        let headers = headers::of_guest(&request.headers, self.api.auth.as_ref(), self.reads_only)?;
        let may_repeat = !request.method.writes() || headers.contains_key("idempotency-key");
        Ok(Prepared {
            method,
            target,
            headers,
            body: request.body.as_ref().map(|body| Bytes::copy_from_slice(body)),
            max_body: request.max_body,
            timeout: request.timeout.or(self.api.settings.timeout).unwrap_or(self.api.deadline),
            may_repeat,
        })
    }

    /// Runs a request on the thread of the network, until it has ended or is ended.
    async fn answered(&mut self, prepared: Prepared) -> Result<Result<Answer, Broken>, HttpError> {
        let network = self.network.handle().map_err(|error| HttpError::NotSent(error.to_string()))?;
        let (sender, receiver) = oneshot::channel();
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
        let (api, mut kept) = (self.api.clone(), self.kept.take());
        let mut request = network.spawn(async move {
            let answer = api.send(&mut kept, &prepared).await;
            (kept, answer)
        });
        let ended = tokio::select! {
            biased;
            ended = &mut request => Some(ended),
            Ok(()) = receiver => None,
        };
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = None;
        match ended {
            Some(Ok((kept, answer))) => {
                self.kept = kept;
                Ok(answer)
            }
            Some(Err(error)) => Err(HttpError::NoAnswer(error.to_string())),
            None => {
                request.abort();
                Err(HttpError::Interrupted)
            }
        }
    }
}

#[async_trait]
impl Http for HttpSession {
    async fn send(&mut self, request: &Request) -> Result<Response, HttpError> {
        let prepared = self.prepared(request).map_err(HttpError::Denied)?;
        let had_written = self.has_written;
        // Also of one that is ended from outside.
        self.has_written |= request.method.writes();
        let answer = match self.answered(prepared).await? {
            Ok(answer) => answer,
            Err(broken) => {
                if matches!(broken, Broken::NotSent(_) | Broken::Refused(_)) {
                    self.has_written = had_written;
                }
                return Err(error(broken, request.max_body));
            }
        };
        let headers = answer.headers.iter().map(|(name, value)| Header {
            name: name.as_str().to_owned(),
            value: String::from_utf8_lossy(value.as_bytes()).into_owned(),
        });
        Ok(Response { status: answer.status, headers: headers.collect(), body: answer.body })
    }
}

fn error(broken: Broken, max_body: usize) -> HttpError {
    match broken {
        Broken::NotSent(why) | Broken::Refused(why) => HttpError::NotSent(why),
        Broken::NoAnswer(why) => HttpError::NoAnswer(why),
        Broken::TooLong(why) if why.is_empty() => HttpError::body_too_long(max_body),
        Broken::TooLong(why) => HttpError::LimitExceeded(why),
    }
}

/// An API has nothing to commit.
const NO_TRANSACTION: &str = "an API has no transactions";

#[async_trait]
impl Session for HttpSession {
    fn interrupter(&self) -> Interrupter {
        let running = self.running.clone();
        Interrupter::new(move || {
            let running = running.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(running) = running {
                // Nobody listens when the request has just ended.
                let _ = running.send(());
            }
        })
    }

    fn sql(&mut self) -> Option<&mut dyn Sql> {
        None
    }

    fn http(&mut self) -> Option<&mut dyn Http> {
        Some(self)
    }

    fn has_written(&self) -> bool {
        self.has_written
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
        Err(CommitError::Target(TargetError::Refused(NO_TRANSACTION.to_owned())))
    }

    async fn close(self: Box<Self>) -> Result<(), TargetError> {
        Ok(())
    }
}

/// An attempt in a transaction cannot be made.
pub(crate) fn no_transaction() -> TargetError {
    TargetError::Refused(NO_TRANSACTION.to_owned())
}
