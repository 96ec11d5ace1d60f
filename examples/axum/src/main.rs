//! An application that brings its changes with it: it applies them when it starts, and its health page tells of them.
//!
//! `cargo run -p sandpiper-example-axum -- FOLDER ADDRESS`, where FOLDER holds a `sandpiper.yaml`.

use std::error::Error;
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use sandpiper::report::{Exit, Finished, Report};
use sandpiper::{Asked, Sandpiper, Select, Stopper};
use serde_json::{Value, json};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use tokio::net::TcpListener;
use tokio::sync::Notify;

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
    let notes = Arc::new(Notes { sandpiper: builder.build()?, outcome: OnceLock::new() });
    listen_to_signals(stopper, Arc::clone(&end))?;

    let pages = Router::new()
        .route("/", get(all_notes))
        .route("/healthz", get("alive"))
        .route("/readyz", get(readiness))
        .with_state(Arc::clone(&notes));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(address).await?;
        println!("listening on http://{}", listener.local_addr()?);
        // The pages answer from here on, also while the changes are applied: who asks sees what is going on.
        let applying = tokio::spawn(apply(notes));
        axum::serve(listener, pages).with_graceful_shutdown(async move { end.notified().await }).await?;
        // A change that was told to stop comes to its end, and what became of it is recorded.
        Ok(applying.await?)
    })
}

/// The application.
struct Notes {
    sandpiper: Sandpiper,
    /// What became of its changes at the start, once that is known.
    outcome: OnceLock<Finished<Report>>,
}

/// Any number of instances may start at once: one applies, the others wait, and find nothing left to do.
async fn apply(notes: Arc<Notes>) {
    let finished = notes.sandpiper.apply(&Select::default()).await;
    println!("{} changes were applied", finished.body.counts.applied);
    if let Some(fault) = &finished.error {
        eprintln!("{}: {fault}", fault.code);
    }
    // Nobody else sets it.
    drop(notes.outcome.set(finished));
}

/// The application's own page: it needs the schema that the changes make.
async fn all_notes(State(notes): State<Arc<Notes>>) -> (StatusCode, &'static str) {
    match notes.outcome.get() {
        Some(finished) if finished.exit == Exit::Done => (StatusCode::OK, "your notes"),
        _ => (StatusCode::SERVICE_UNAVAILABLE, "the changes are not applied yet"),
    }
}

/// Ready when nothing is pending, blocked or failed, whoever applied it.
async fn readiness(State(notes): State<Arc<Notes>>) -> (StatusCode, Json<Value>) {
    let Some(finished) = notes.outcome.get() else {
        return (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "ready": false, "applying": true })));
    };
    let now = notes.sandpiper.status(true, false).await;
    let ready = now.exit == Exit::Done;
    let fault = finished.error.as_ref().filter(|_| !ready).or(now.error.as_ref());
    let told = json!({
        "ready": ready,
        "applying": false,
        "pending": now.body.pending,
        "blocked": now.body.issues,
        "error": fault.map(|fault| fault.code),
    });
    (if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, Json(told))
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
