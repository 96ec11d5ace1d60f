//! The journal of a `direct` change to an API: each request is recorded before it is sent, and is finished once whoever
//! sent it has gone on, for only then is what it captured of the answer kept.

use async_trait::async_trait;
use sandpiper_engine::digest::Digest;
use sandpiper_runtime::http::{Http, HttpError, Request, Response};
use sandpiper_runtime::stop::StopReason;

use super::{Journal, Journaled};

/// Whether an answer says that nothing was done. After 408 the server may still be at it.
fn refuses(status: u16) -> bool {
    (400..500).contains(&status) && status != 408
}

impl Journal {
    /// Before a request is sent. Reading leaves nothing in doubt.
    async fn asks(&self, request: &Request) -> Result<(), HttpError> {
        let mut current = self.current.lock().await;
        let moves_on = current.settles();
        if request.method.writes() {
            let next = current.mark.finished_now() + 1;
            current.mark.sends(next);
        }
        if moves_on || request.method.writes() {
            self.write(&mut current).await.map_err(|why| HttpError::Denied(Self::unrecorded(&why)))?;
        }
        // Recording took its time. Nothing fences what is outside of a transaction but this look at the clock.
        match self.stop.reason() {
            Some(StopReason::LeaseLost) => Err(HttpError::Interrupted),
            _ => Ok(()),
        }
    }

    /// After a request, however it ended.
    async fn answered(&self, request: &Request, result: &Result<Response, HttpError>) {
        let nothing_was_done = match result {
            Ok(response) => {
                let mut current = self.current.lock().await;
                current.answered = Some(Digest::of(request.line().as_bytes()));
                refuses(response.status)
            }
            Err(HttpError::NotSent(_) | HttpError::Denied(_)) => true,
            Err(HttpError::NoAnswer(_) | HttpError::LimitExceeded(_) | HttpError::Interrupted) => false,
        };
        if nothing_was_done {
            self.refused().await;
        }
    }
}

#[async_trait]
impl Http for Journaled {
    async fn send(&mut self, request: &Request) -> Result<Response, HttpError> {
        self.journal.asks(request).await?;
        let Some(http) = self.session.http() else {
            return Err(HttpError::Denied("the system has no handle for HTTP".to_owned()));
        };
        let result = http.send(request).await;
        self.journal.answered(request, &result).await;
        result
    }
}

#[cfg(test)]
mod tests {
    use super::refuses;

    #[test]
    fn only_an_answer_that_blames_the_request_says_that_nothing_was_done() {
        assert!([400, 401, 404, 409, 422, 429].into_iter().all(refuses));
        assert!(![200, 302, 408, 500, 503].into_iter().any(refuses));
    }
}
