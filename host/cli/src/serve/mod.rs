//! `serve`: beside an application, or alone, applies the changes and tells of them over HTTP.
//!
//! Each connection has a thread and carries one request; there are few of them, and none can wait for long, so that
//! no caller can use up more than that.

mod answers;
mod applying;
mod http;
mod metrics;
mod token;

use std::io;
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use sandpiper::engine::fault::Fault;
use sandpiper::observer::{Each, Observer};
use sandpiper::report::Exit;
use sandpiper::{Asked, Builder, Deliveries, Stopper};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use tokio::runtime::Runtime;

use crate::args::Serve;
use crate::bug::Panics;
use crate::output::Output;
use crate::telemetry::Telemetry;
use answers::Answers;
use applying::Applying;
use http::Answer;
use metrics::Metrics;
use token::Guard;

/// How many callers are served at a time; further ones are told to come again.
const MAX_CONNECTIONS: usize = 64;
/// How long callers that are being answered have when it stops.
const LAST_ANSWERS: Duration = Duration::from_secs(5);

/// What `serve` works with.
pub(crate) struct Server<'a> {
    /// What is applied and told of.
    pub(crate) project: Builder,
    /// Who else hears what happens.
    pub(crate) observers: Vec<Arc<dyn Observer>>,
    /// Who tells of the runs by OpenTelemetry.
    pub(crate) telemetry: Option<Arc<Telemetry>>,
    /// What is on its way to webhooks.
    pub(crate) deliveries: Deliveries,
    /// What applying writes to.
    pub(crate) output: &'a Output,
    /// Who hears panics.
    pub(crate) panics: &'a Panics,
}

impl Server<'_> {
    /// Serves until a signal comes; gives the exit code.
    pub(crate) fn run(self, serve: &Serve) -> u8 {
        match self.served(serve) {
            Ok(exit) => exit.code(),
            Err(fault) => self.output.refuse(fault),
        }
    }

    fn served(&self, serve: &Serve) -> Result<Exit, Fault> {
        let guard = Guard::new(serve.token_file.as_deref(), serve.listen)?;
        // A configuration that is wrong from the start is told at once.
        drop(self.project.clone().build()?);
        let taken = |error: io::Error| {
            Fault::usage(format!("`{}` cannot be listened on: {error}", serve.listen))
                .with_help("choose another address with `--listen HOST:PORT`")
        };
        let listener = TcpListener::bind(serve.listen).map_err(taken)?;
        let address = listener.local_addr().map_err(taken)?;
        let mut signals = Signals::new([SIGINT, SIGTERM])
            .map_err(|error| Fault::bug(format!("signals cannot be listened to: {error}")))?;
        let stopper = Stopper::new();
        let metrics = Arc::new(Metrics::default());
        let (applying, stopping) =
            (Arc::new(AtomicBool::new(!serve.no_apply)), Arc::new(AtomicBool::new(false)));
        let answers = Answers {
            project: self.project.clone().wait(Duration::ZERO),
            guard,
            metrics: metrics.clone(),
            panics: self.panics.clone(),
            applying: applying.clone(),
            stopping: stopping.clone(),
            turn: Mutex::new(None),
        };
        let open = Arc::new(AtomicUsize::new(0));
        let accepted = open.clone();
        thread("accept", move || accept(&listener, &Arc::new(answers), &accepted))?;
        if !self.output.quiet {
            eprintln!("listening on http://{address}");
        }
        let mut worker = None;
        if !serve.no_apply {
            let mut observers = self.observers.clone();
            observers.push(metrics);
            observers.extend(self.telemetry.iter().map(|it| Arc::clone(it) as Arc<dyn Observer>));
            let project = self.project.clone().observer(Arc::new(Each(observers)));
            let project = project.stopper(stopper.clone()).deliveries(self.deliveries.clone());
            let (output, panics) = (self.output.clone(), self.panics.clone());
            let (stopper, telemetry) = (stopper.clone(), self.telemetry.clone());
            let work = Applying { project, output, panics, telemetry, stopper, applying, watch: serve.watch };
            worker = Some(thread("apply", move || work.run())?);
        }
        let asked = match signals.forever().next() {
            Some(SIGINT) => Asked::Interrupt,
            _ => Asked::Terminate,
        };
        stopping.store(true, Ordering::SeqCst);
        stopper.stop(asked);
        let second = move || {
            if signals.forever().next().is_some() {
                std::process::exit(i32::from(asked.exit().code()));
            }
        };
        thread("signals", second)?;
        let exit = worker.map_or(Exit::Done, |worker| worker.join().unwrap_or(Exit::Bug));
        self.deliveries.settle(&stopper);
        self.telemetry.iter().for_each(|telemetry| telemetry.closes());
        let until = Instant::now() + LAST_ANSWERS;
        while open.load(Ordering::SeqCst) > 0 && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(exit)
    }
}

/// Gives every caller a thread, up to the limit.
fn accept(listener: &TcpListener, answers: &Arc<Answers>, open: &Arc<AtomicUsize>) {
    for stream in listener.incoming() {
        let Ok(mut stream) = stream else {
            // No more file descriptors, say: what is open must close first.
            std::thread::sleep(Duration::from_millis(100));
            continue;
        };
        if open.fetch_add(1, Ordering::SeqCst) >= MAX_CONNECTIONS {
            open.fetch_sub(1, Ordering::SeqCst);
            // The first bytes of a new connection always find room.
            let _ = stream.set_nonblocking(true);
            let _ = io::Write::write(
                &mut stream,
                b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n\r\n",
            );
            continue;
        }
        let (answers, closed) = (answers.clone(), Open(open.clone()));
        // Without a thread the caller is not answered, and sees that.
        drop(thread("answer", move || {
            let _closed = closed;
            // A caller that goes away has seen enough.
            let _ = serve_one(&mut stream, &answers);
        }));
    }
}

/// Counts a connection for as long as it lives.
struct Open(Arc<AtomicUsize>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

fn serve_one(stream: &mut TcpStream, answers: &Answers) -> io::Result<()> {
    let (answer, with_body): (Answer, bool) = match http::read(stream)? {
        Ok(request) => (answers.answer(&request), request.method != "HEAD"),
        Err(refusal) => (refusal, true),
    };
    http::write(stream, &answer, with_body)
}

/// What one command runs on.
fn runtime() -> Result<Runtime, Fault> {
    let built = tokio::runtime::Builder::new_current_thread().enable_time().build();
    built.map_err(|error| Fault::bug(format!("the asynchronous runtime cannot start: {error}")))
}

fn thread<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<std::thread::JoinHandle<T>, Fault> {
    let spawned = std::thread::Builder::new().name(name.to_owned()).spawn(work);
    spawned.map_err(|error| Fault::bug(format!("no thread to {name}: {error}")))
}
