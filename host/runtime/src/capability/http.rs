//! `sandpiper:http`: an endpoint, which sends requests to one API.

use wasmtime::component::{Linker, Resource};

use super::systems::{self, Made, System};
use super::{Outcome, Ready};
use crate::bindings::exports::sandpiper::http as exported;
use crate::bindings::sandpiper::http::client::{self, Host, HostEndpoint};
use crate::guest::{Action, Answer, Call, CallError, Verdict};
use crate::handle_call::{Came, Passed};
use crate::http::{Http, HttpError, Request};
use crate::limits::Reached;
use crate::state::{Lent, State, Stopped, View, Views};
use crate::target::Capability;

/// Stands for a session in the table of handles.
#[expect(unreachable_pub, reason = "the bindings that `bindgen!` makes export it again")]
pub struct EndpointHandle(System);

/// Why a function of the client did not do what the guest asked.
#[expect(unreachable_pub, reason = "the bindings that `bindgen!` makes export it again")]
pub type Failure = systems::Failure<HttpError>;

impl From<HttpError> for Failure {
    fn from(error: HttpError) -> Self {
        Self::Session(error)
    }
}

/// Lends the client.
pub(crate) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    client::add_to_linker::<State, Views>(linker, State::view)
}

/// Calls what a guest exports for HTTP, and lends it an endpoint of its target system.
pub(crate) async fn call(mut ready: Ready<'_>, call: Call) -> wasmtime::Result<Outcome> {
    let context = ready.context()?;
    let Ready { store, code, instance } = ready;
    let endpoint = store.data_mut().table.push(EndpointHandle(System::Target))?;
    let endpoint = Resource::new_borrow(endpoint.rep());
    let outcome = match call {
        Call::Apply => {
            let change = exported::change::GuestIndices::new(code)?.load(&mut *store, instance)?;
            change.call_apply(store, endpoint, context).await?.map(|()| Answer::Done)
        }
        Call::Rollback => {
            let change = exported::change::GuestIndices::new(code)?.load(&mut *store, instance)?;
            change.call_rollback(store, endpoint, context).await?.map(|()| Answer::Done)
        }
        Call::Verify => {
            let verify = exported::verify::GuestIndices::new(code)?.load(&mut *store, instance)?;
            let verdict = verify.call_verify(store, endpoint, context).await?;
            verdict.map(|verdict| Answer::Verdict(verdict.into()))
        }
        Call::Step(step) if step.action == Action::Verify => {
            let verifier = exported::step_verifier::GuestIndices::new(code)?.load(&mut *store, instance)?;
            let verdict = verifier.call_verify(store, &step.into(), endpoint, context).await?;
            verdict.map(|verdict| Answer::Verdict(verdict.into()))
        }
        Call::Step(step) => {
            let runner = exported::runner::GuestIndices::new(code)?.load(&mut *store, instance)?;
            runner.call_run(store, &step.into(), endpoint, context).await?.map(|()| Answer::Done)
        }
        Call::Source(action, source) => {
            let runner = exported::source_runner::GuestIndices::new(code)?.load(&mut *store, instance)?;
            let source = (*source).clone().into();
            match action {
                Action::Apply => {
                    runner.call_apply(store, &source, endpoint, context).await?.map(|()| Answer::Done)
                }
                Action::Rollback => {
                    runner.call_rollback(store, &source, endpoint, context).await?.map(|()| Answer::Done)
                }
                Action::Verify => {
                    let verdict = runner.call_verify(store, &source, endpoint, context).await?;
                    // One that cannot tell is not asked; should it be, it does not know.
                    verdict.map(|verdict| Answer::Verdict(verdict.map_or(Verdict::Unknown, Into::into)))
                }
            }
        }
    };
    Ok(outcome)
}

impl Lent {
    /// The session behind a handle, for one call of the guest.
    fn http(&mut self, system: System) -> Result<&mut dyn Http, Failure> {
        self.enter()?;
        // That of a database: what is sent now would be part of a change that has already failed.
        if let Some(ended @ CallError::TransactionEnded(_)) = &self.verdict {
            return Err(HttpError::Denied(ended.to_string()).into());
        }
        let gone = || HttpError::Denied("the endpoint was given back already".to_owned());
        let session = self.session_of(system).ok_or_else(gone)?;
        let no_http = || HttpError::Denied("the system lends no `sandpiper:http/client`".to_owned());
        Ok(session.http().ok_or_else(no_http)?)
    }
}

impl Host for View<'_> {
    fn convert_error(&mut self, failure: Failure) -> wasmtime::Result<client::Error> {
        let error = match failure {
            Failure::Session(error) => error,
            Failure::Trap(error) => return Err(error),
        };
        self.lent.gave_up |= matches!(error, HttpError::NotSent(_));
        Ok(match error {
            HttpError::NotSent(message) => client::Error::NotSent(message),
            HttpError::NoAnswer(message) => client::Error::NoAnswer(message),
            HttpError::Denied(message) => client::Error::Denied(message),
            HttpError::LimitExceeded(message) => {
                self.lent.reached(&Reached::other(message.clone()));
                client::Error::LimitExceeded(message)
            }
            HttpError::Interrupted => return Err(wasmtime::Error::new(Stopped)),
        })
    }
}

impl HostEndpoint for View<'_> {
    async fn open(&mut self, system: String) -> Result<Resource<EndpointHandle>, Failure> {
        self.open_further(&system, Capability::Http, EndpointHandle, HttpError::Denied).await
    }

    async fn send(
        &mut self,
        handle: Resource<EndpointHandle>,
        request: client::Request,
    ) -> Result<client::Response, Failure> {
        let &EndpointHandle(system) = self.table.get(&handle)?;
        let max_body = self.lent.limits.body;
        let request = Request::within(max_body, request);
        let (line, body) = (request.line(), request.body.as_deref());
        let made =
            Made::now(system, Capability::Http, "send", &line, body.map_or(Passed::Nothing, Passed::Body));
        let sent = match self.lent.http(system) {
            Ok(http) => http.send(&request).await.map_err(Failure::from),
            Err(refused) => Err(refused),
        };
        let sent = match sent {
            Ok(response) if response.body.len() > max_body => Err(HttpError::body_too_long(max_body).into()),
            other => other,
        };
        self.lent
            .called(made, &sent, |response| Came::Response { status: response.status, body: &response.body });
        sent.map(Into::into)
    }

    async fn drop(&mut self, handle: Resource<EndpointHandle>) -> wasmtime::Result<()> {
        let EndpointHandle(system) = self.table.delete(handle)?;
        self.give_back(system).await;
        Ok(())
    }
}
