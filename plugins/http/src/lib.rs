//! The template `http` as a component: joins the contract's functions and handles to the code that does the work.

mod assess;
mod bindings;
mod captured;
mod configuration;
mod expect;
mod failure;
mod place;
mod pointer;
mod request;
mod run;
mod schema;
mod send;
mod verify;

use bindings::{
    Assessment, Context, Endpoint, Error, Failure, Info, Response, Sent, Step, Verdict, runner,
    step_verifier, template,
};

/// The template `http`.
#[derive(Debug, Clone, Copy)]
pub struct HttpTemplate;

impl template::Guest for HttpTemplate {
    fn describe() -> Info {
        Info {
            name: "http".into(),
            payload_schema: schema::PAYLOAD.into(),
            configuration_schema: Some(configuration::SCHEMA.into()),
            rollback_required: false,
        }
    }

    fn assess(step: Step) -> Assessment {
        assess::assess(&step)
    }
}

impl runner::Guest for HttpTemplate {
    fn run(step: Step, api: &Endpoint, ctx: &Context) -> Result<(), Failure> {
        run::run(&step, &Lent { api, ctx })
    }
}

impl step_verifier::Guest for HttpTemplate {
    fn verify(step: Step, api: &Endpoint, ctx: &Context) -> Result<Verdict, Failure> {
        verify::verify(&step, &Lent { api, ctx })
    }
}

/// The handles that the host lends for a run.
struct Lent<'a> {
    api: &'a Endpoint,
    ctx: &'a Context,
}

impl run::Host for Lent<'_> {
    fn send(&self, request: &Sent) -> Result<Response, Error> {
        self.api.send(request)
    }

    fn load(&self) -> Option<Vec<u8>> {
        self.ctx.load_checkpoint()
    }

    fn save(&self, data: &[u8]) -> Result<(), String> {
        self.ctx.save_checkpoint(data)
    }

    fn idempotency_key(&self) -> String {
        self.ctx.idempotency_key()
    }

    fn is_cancelled(&self) -> bool {
        self.ctx.is_cancelled()
    }
}

/// Names such as `sandpiper:http/runner@0.1.0#run` are no names to a native linker.
#[cfg(target_family = "wasm")]
#[expect(unsafe_code, reason = "generated code")]
mod exported {
    use super::HttpTemplate;

    crate::bindings::export!(HttpTemplate with_types_in crate::bindings);
}
