//! An application that brings its changes with it: it applies them when it starts, and its health page tells of them.
//!
//! `cargo run -p sandpiper-example-hyper -- FOLDER ADDRESS`, where FOLDER holds a `sandpiper.yaml`.

use std::cell::OnceCell;
use std::convert::Infallible;
use std::error::Error;
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Response, StatusCode};
use hyper_util::rt::TokioIo;
use sandpiper::report::{Exit, Finished, Report};
use sandpiper::{Asked, Sandpiper, Select, Stopper};
use serde_json::json;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::LocalSet;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let folder = arguments.first().map_or(".", String::as_str);
    let address = arguments.get(1).map_or("127.0.0.1:8080", String::as_str);
    match run(folder, address) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(folder: &str, address: &str) -> Result<(), Box<dyn Error>> {
    let (stopper, end) = (Stopper::new(), Arc::new(Notify::new()));
    // The configuration is read and checked here; nothing is connected to yet.
    let builder = Sandpiper::builder().config(folder).wait(Duration::from_secs(60)).stopper(stopper.clone());
    let notes = Rc::new(Notes { sandpiper: builder.build()?, outcome: OnceCell::new() });
    listen_to_signals(stopper, Arc::clone(&end))?;

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(LocalSet::new().run_until(async {
        let listener = TcpListener::bind(address).await?;
        println!("listening on http://{}", listener.local_addr()?);
        // From here on the page answers, also while the changes are applied: who asks sees what is going on.
        tokio::task::spawn_local(serve(listener, Rc::clone(&notes)));
        notes.apply().await;
        end.notified().await;
        Ok(())
    }))
}

/// The application.
struct Notes {
    sandpiper: Sandpiper,
    /// What became of its changes at the start, once that is known.
    outcome: OnceCell<Finished<Report>>,
}

impl Notes {
    /// Any number of instances may start at once: one applies, the others wait, and find nothing left to do.
    async fn apply(&self) {
        let finished = self.sandpiper.apply(&Select::default()).await;
        println!("{} changes were applied", finished.body.counts.applied);
        if let Some(fault) = &finished.error {
            eprintln!("{}: {fault}", fault.code);
        }
        // Nobody else sets it.
        drop(self.outcome.set(finished));
    }

    async fn answer(&self, path: &str) -> Response<Full<Bytes>> {
        match path {
            "/healthz" => page(StatusCode::OK, "alive".to_owned()),
            "/readyz" => self.readiness().await,
            // The application's own pages need the schema that the changes make.
            _ if self.outcome.get().is_some_and(|finished| finished.exit == Exit::Done) => {
                page(StatusCode::OK, "your notes".to_owned())
            }
            _ => page(StatusCode::SERVICE_UNAVAILABLE, "the changes are not applied yet".to_owned()),
        }
    }

    /// Ready when nothing is pending, blocked or failed, whoever applied it.
    async fn readiness(&self) -> Response<Full<Bytes>> {
        let Some(finished) = self.outcome.get() else {
            let told = json!({ "ready": false, "applying": true });
            return page(StatusCode::SERVICE_UNAVAILABLE, told.to_string());
        };
        let now = self.sandpiper.status(true, false).await;
        let ready = now.exit == Exit::Done;
        let fault = finished.error.as_ref().filter(|_| !ready).or(now.error.as_ref());
        let told = json!({
            "ready": ready,
            "applying": false,
            "pending": now.body.pending,
            "blocked": now.body.issues,
            "error": fault.map(|fault| fault.code),
        });
        let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        page(status, told.to_string())
    }
}

fn page(status: StatusCode, body: String) -> Response<Full<Bytes>> {
    let mut page = Response::new(Full::new(Bytes::from(body)));
    *page.status_mut() = status;
    page
}

async fn serve(listener: TcpListener, notes: Rc<Notes>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let notes = Rc::clone(&notes);
        let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
            let notes = Rc::clone(&notes);
            async move { Ok::<_, Infallible>(notes.answer(request.uri().path()).await) }
        });
        tokio::task::spawn_local(async move {
            // A caller that goes away is no concern of ours.
            drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
        });
    }
}

/// A signal stops the change that runs in good order, then ends the process.
fn listen_to_signals(stopper: Stopper, end: Arc<Notify>) -> Result<(), Box<dyn Error>> {
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    let listen = move || {
        for signal in signals.forever() {
            stopper.stop(if signal == SIGINT { Asked::Interrupt } else { Asked::Terminate });
            end.notify_one();
        }
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(listen)?;
    Ok(())
}
