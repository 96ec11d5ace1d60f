//! Hands each command to the library, and its result to the output.

mod exec;
mod trail;

use std::fs::File;
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::CommandFactory as _;
use sandpiper::engine::fault::Fault;
use sandpiper::events::JsonLines;
use sandpiper::observer::{Each, Observer};
use sandpiper::report::{EntriesReport, Finished, ReleaseReport, Summed, UndoReport};
use sandpiper::{Builder, Deliveries, Resolution, Rollout, Sandpiper, Select, Stopper, Undo, UndoWhat};
use tokio::runtime::Runtime;

use crate::args::{
    Arguments, Command, Format, Found, Global, IssueCommand, LockCommand, SchemaOf, Selection, Taken,
};
use crate::bug::Panics;
use crate::output::Output;
use crate::render::Body;
use crate::render::audit::{Accepted, Written};
use crate::render::issue::IssueDetails;
use crate::render::tenants::Row;
use crate::serve::Server;
use crate::signals::StopOnSignal;
use crate::telemetry::Telemetry;
use crate::watch::Watch;

/// Runs a command and prints its result; gives the exit code of the process.
pub(crate) fn run(arguments: Arguments, output: &Output, panics: &Panics) -> u8 {
    let Arguments { global, command } = arguments;
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_time().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            return output.refuse(Fault::bug(format!("the asynchronous runtime cannot start: {error}")));
        }
    };
    let watch = (!output.quiet).then(|| Arc::new(Watch::new(output)));
    let wait = command.wait();
    let telemetry = telemetry(&command, output);
    let (stopper, deliveries, events) = (Stopper::new(), Deliveries::new(), None);
    let session = Session {
        output,
        panics,
        runtime,
        watch,
        wait,
        events,
        telemetry,
        stopper,
        deliveries,
        first: false,
    };
    match command {
        Command::Init { directory } => session.init(&global, &directory),
        Command::New { name, language } => {
            session.with(global, None, async |project| done(project.new_change(&name, language)))
        }
        Command::Build { path } => {
            session.with(global, None, async |project| done(project.build(path.as_deref())))
        }
        Command::Validate => session.print(|| session.builder(global, None).validate()),
        Command::Plan { selection, preview, allow_undo, check, .. } => {
            let select = select(selection, allow_undo);
            let plan = async move |project: &Sandpiper| match (preview, check) {
                (true, check) => project.preview(&select, check).await,
                (false, true) => project.plan_check(&select).await,
                (false, false) => project.plan(&select).await,
            };
            session.each(global, None, Rollout::default(), plan)
        }
        Command::Apply { directory, selection, rollout, dry_run, allow_undo, events, .. } => {
            let apply =
                Apply { directory, select: select(selection, allow_undo), rollout: rollout.into(), dry_run };
            match events {
                None => session.apply(global, apply),
                Some(file) => session.told(&file, |session| session.apply(global, apply)),
            }
        }
        Command::Exec(exec) => exec::run(session, global, exec),
        Command::Serve(serve) => {
            let project = configured(global, None).wait(session.wait);
            let observers = session.watch.iter().map(|watch| Arc::clone(watch) as Arc<dyn Observer>);
            let (observers, telemetry) = (observers.collect(), session.telemetry.clone());
            let deliveries = session.deliveries.clone();
            Server { project, observers, telemetry, deliveries, output, panics }.run(&serve)
        }
        Command::Undo { taken, only, dry_run, working_copy } => match undo(taken, only, working_copy) {
            Ok(undo) if dry_run => {
                let plan = async move |project: &Sandpiper| project.undo_plan(&undo).await;
                session.each(global, None, Rollout::default(), plan)
            }
            Ok(undo) => {
                let undo = async move |project: &Sandpiper| project.undo(&undo).await;
                session.each(global, None, Rollout::default(), undo)
            }
            Err(fault) => output.finish(&Finished::<UndoReport>::refused(fault)),
        },
        Command::Status { check, verify, .. } => {
            let status = async move |project: &Sandpiper| project.status(check, verify).await;
            session.each(global, None, Rollout::default(), status)
        }
        Command::Baseline { to, reason } => session.reasoned(reason, |reason| {
            let reason = reason.to_owned();
            let baseline = async move |project: &Sandpiper| {
                body(project.baseline(to.as_deref(), &reason).await, Written)
            };
            session.each(global, None, Rollout::default(), baseline)
        }),
        Command::Accept { id, reason } => session.reasoned(reason, |reason| {
            let reason = reason.to_owned();
            let accept = async move |project: &Sandpiper| body(project.accept(&id, &reason).await, Accepted);
            session.each(global, None, Rollout::default(), accept)
        }),
        Command::Issue(command) => session.issue(global, command),
        Command::Audit(command) => trail::run(&session, global, command),
        Command::Lock(LockCommand::Status) => {
            let status = async |project: &Sandpiper| project.lock_status().await;
            session.each(global, None, Rollout::default(), status)
        }
        Command::Lock(LockCommand::Release { reason }) => match given(reason) {
            Ok(reason) => session.with(global, None, async |project| project.lock_release(&reason).await),
            Err(fault) => output.finish(&Finished::<ReleaseReport>::refused(fault)),
        },
        Command::Warm => session.print(async || session.builder(global, None).warm().await),
        Command::Doctor => session.doctor(global),
        Command::Inspect { file } => {
            session.print(async || session.builder(global, None).inspect(&file).await)
        }
        Command::Schema { of: SchemaOf::Config } => output.raw(&ended(sandpiper::schema::config())),
        Command::Schema { of: SchemaOf::Change } => output.raw(&ended(sandpiper::schema::change())),
        Command::Completions { shell } => output.raw(&completions(shell)),
    }
}

/// Who tells of the runs of a command by OpenTelemetry, where the environment asks for it.
fn telemetry(command: &Command, output: &Output) -> Option<Arc<Telemetry>> {
    let (name, goes_on) = match command {
        Command::Apply { dry_run: false, .. } => ("apply", false),
        Command::Undo { dry_run: false, .. } => ("undo", false),
        Command::Exec(_) => ("exec", false),
        Command::Serve(serve) if !serve.no_apply => ("serve", true),
        _ => return None,
    };
    let telemetry = Telemetry::of(name, output.quiet, goes_on)?;
    if !goes_on {
        telemetry.begins();
    }
    Some(Arc::new(telemetry))
}

/// What `apply` is asked to do.
struct Apply {
    directory: Option<PathBuf>,
    select: Select,
    rollout: Rollout,
    dry_run: bool,
}

/// What every command needs.
struct Session<'a> {
    output: &'a Output,
    panics: &'a Panics,
    runtime: Runtime,
    watch: Option<Arc<Watch>>,
    wait: Duration,
    /// Who writes events for programs.
    events: Option<Arc<JsonLines>>,
    /// Who tells of the run by OpenTelemetry.
    telemetry: Option<Arc<Telemetry>>,
    /// What signals ask to stop.
    stopper: Stopper,
    /// What is on its way to webhooks.
    deliveries: Deliveries,
    /// Whether the process may be the first of a container, so that signals are listened to from the start.
    first: bool,
}

impl Session<'_> {
    fn init(&self, global: &Global, directory: &Path) -> u8 {
        self.print(async || done(sandpiper::scaffold::init(directory, &author(global))))
    }

    fn apply(&self, global: Global, apply: Apply) -> u8 {
        let Apply { directory, select, rollout, dry_run } = apply;
        if directory.is_some() && global.config.is_some() {
            let fault = Fault::usage("a folder and `--config` were both given");
            return self
                .output
                .refuse(fault.with_help("a folder is applied without configuration: leave one of them out"));
        }
        if dry_run {
            let plan = async move |project: &Sandpiper| project.plan(&select).await;
            return self.each(global, directory, rollout, plan);
        }
        // Whoever wants to see each change gets all that a run knows of it.
        if self.output.format == Format::Json || self.output.verbose > 0 {
            let apply = async move |project: &Sandpiper| project.apply(&select).await;
            return self.each(global, directory, rollout, apply);
        }
        let apply = async move |project: &Sandpiper| project.apply_in_brief(&select).await;
        self.each(global, directory, rollout, apply)
    }

    /// Does the work while a file, or standard output, is told what happens.
    fn told(mut self, file: &Path, work: impl FnOnce(&Session<'_>) -> u8) -> u8 {
        let is_output = file == Path::new("-");
        self.beside_events(is_output && io::stdout().is_terminal());
        let beside = self.output.clone().beside();
        // Lines and human text do not mix; a document is one more line.
        let output = if is_output && beside.format == Format::Human { &beside } else { self.output };
        match events(file, io::stdout()) {
            Ok(events) => {
                self.events = Some(Arc::new(events));
                work(&Session { output, ..self })
            }
            Err(fault) => self.output.refuse(fault),
        }
    }

    /// Lines of events on a terminal would run into those that are drawn in place.
    fn beside_events(&mut self, on_terminal: bool) {
        if on_terminal && self.watch.is_some() {
            self.watch = Some(Arc::new(Watch::plain(self.output)));
        }
    }

    fn issue(&self, global: Global, command: IssueCommand) -> u8 {
        match command {
            IssueCommand::List => {
                let list = async |project: &Sandpiper| project.issues(None).await;
                self.each(global, None, Rollout::default(), list)
            }
            IssueCommand::Show { id } => {
                let show =
                    async move |project: &Sandpiper| body(project.issues(id.as_deref()).await, IssueDetails);
                self.each(global, None, Rollout::default(), show)
            }
            IssueCommand::Resolve { id, found, after, reason } => {
                let (resolution, reason) = match (resolution(&found, after), given(reason)) {
                    (Ok(resolution), Ok(reason)) => (resolution, reason),
                    (Err(fault), _) | (_, Err(fault)) => {
                        return self.output.finish(&Finished::<EntriesReport>::refused(fault));
                    }
                };
                self.with(global, None, async |project| {
                    body(project.resolve_issue(&id, resolution, &reason).await, Written)
                })
            }
        }
    }

    /// Also where the configuration cannot be read: that is what it tells then.
    fn doctor(&self, global: Global) -> u8 {
        let builder = self.builder(global, None);
        self.print(|| builder.doctor())
    }

    /// Has something recorded for which a person gives a reason.
    fn reasoned(&self, reason: Option<String>, record: impl FnOnce(&str) -> u8) -> u8 {
        match given(reason) {
            Ok(reason) => record(&reason),
            Err(fault) => self.output.finish(&Finished::<EntriesReport>::refused(fault)),
        }
    }

    fn builder(&self, global: Global, directory: Option<PathBuf>) -> Builder {
        let mut observers: Vec<Arc<dyn Observer>> = Vec::new();
        observers.extend(self.watch.iter().map(|watch| Arc::clone(watch) as Arc<dyn Observer>));
        observers.extend(self.events.iter().map(|events| Arc::clone(events) as Arc<dyn Observer>));
        observers.extend(self.telemetry.iter().map(|it| Arc::clone(it) as Arc<dyn Observer>));
        let (observers, stopper) = (Arc::new(Each(observers)), self.stopper.clone());
        let observer = StopOnSignal::new(observers, stopper.clone(), self.output.clone(), self.watch.clone());
        if self.first {
            observer.listen();
        }
        let builder = configured(global, directory).wait(self.wait);
        builder.observer(Arc::new(observer)).stopper(stopper).deliveries(self.deliveries.clone())
    }

    /// Does the work on a project whose configuration is sound, and prints what it gives.
    fn with<B, W>(&self, global: Global, directory: Option<PathBuf>, work: W) -> u8
    where
        B: Body + Default,
        W: AsyncFnOnce(&Sandpiper) -> Finished<B>,
    {
        self.end(self.on(global, directory, work))
    }

    /// Does the work for each tenant of such a project, and prints what it gives.
    fn each<B, W>(&self, global: Global, directory: Option<PathBuf>, rollout: Rollout, work: W) -> u8
    where
        B: Body + Row + Summed,
        W: AsyncFn(&Sandpiper) -> Finished<B> + Send + Sync + 'static,
    {
        self.with(global, directory, async move |project| project.each(rollout, work).await)
    }

    /// Does the work on a project whose configuration is sound.
    fn on<T, W>(&self, global: Global, directory: Option<PathBuf>, work: W) -> Result<T, Fault>
    where
        W: AsyncFnOnce(&Sandpiper) -> T,
    {
        let project = self.panics.catch(|| self.builder(global, directory).build()).flatten()?;
        if let Some(telemetry) = &self.telemetry {
            telemetry.is_about(&project);
        }
        let done = self.panics.catch(|| self.runtime.block_on(work(&project)));
        // What a bug says nobody has looked through.
        done.map_err(|bug| Fault { message: project.redact(bug.message.clone()), ..bug })
    }

    /// Does the work, and prints what it gives.
    fn print<B: Body + Default, F: Future<Output = Finished<B>>>(&self, work: impl FnOnce() -> F) -> u8 {
        self.end(self.panics.catch(|| self.runtime.block_on(work())))
    }

    fn end<B: Body + Default>(&self, finished: Result<Finished<B>, Fault>) -> u8 {
        if let Some(watch) = &self.watch {
            watch.stop();
        }
        let finished = finished.unwrap_or_else(Finished::refused);
        if let Some(telemetry) = &self.telemetry {
            telemetry.ends(finished.exit, finished.error.as_ref());
        }
        let code = self.output.finish(&finished);
        self.deliveries.settle(&self.stopper);
        self.telemetry.iter().for_each(|telemetry| telemetry.closes());
        code
    }
}

/// The project that the options name.
fn configured(global: Global, directory: Option<PathBuf>) -> Builder {
    let mut builder = Sandpiper::builder().cache(!global.no_cache);
    if let Some(file) = global.config {
        builder = builder.config(file);
    }
    if let Some(folder) = directory {
        builder = builder.directory(folder);
    }
    if let Some(name) = global.environment {
        builder = builder.environment(name);
    }
    if let Some(name) = global.stage {
        builder = builder.stage(name);
    }
    if let Some(name) = global.tenant {
        builder = builder.tenant(name);
    }
    if let Some(name) = global.operator {
        builder = builder.operator(name);
    }
    for (name, value) in global.set {
        builder = builder.set(name, value);
    }
    builder
}

/// Who writes events to a file, or where `-` stands for.
fn events(file: &Path, output: impl io::Write + Send + 'static) -> Result<JsonLines, Fault> {
    if file == Path::new("-") {
        return Ok(JsonLines::new(output));
    }
    let opened = File::options().append(true).create(true).open(file);
    opened.map(JsonLines::new).map_err(|error| {
        Fault::usage(format!("events cannot be written to `{}`: {error}", file.display()))
            .with_help("name a file that can be written, or `-` for standard output")
    })
}

/// Who writes a new change.
fn author(global: &Global) -> String {
    let user = || ["USER", "LOGNAME", "USERNAME"].into_iter().find_map(|name| std::env::var(name).ok());
    global
        .operator
        .clone()
        .or_else(user)
        .filter(|name| !name.trim().is_empty())
        .unwrap_or_else(|| "me".to_owned())
}

fn select(selection: Selection, allow_undo: bool) -> Select {
    Select { to: selection.to, only: selection.only, allow_undo }
}

fn undo(taken: Taken, only: bool, working_copy: bool) -> Result<Undo, Fault> {
    let what = match taken {
        Taken { id: Some(id), .. } => UndoWhat::Change(id),
        Taken { to: Some(id), .. } => UndoWhat::To(id),
        Taken { last: Some(count), .. } => UndoWhat::Last(usize::try_from(count).unwrap_or(usize::MAX)),
        Taken { id: None, to: None, last: None } => {
            return Err(Fault::usage("it is not said what is to be taken back")
                .with_help("name a change, or say `--last N` or `--to ID`"));
        }
    };
    Ok(Undo { what, only, working_copy })
}

fn done<T: Default>(result: Result<T, Fault>) -> Finished<T> {
    result.map_or_else(Finished::refused, Finished::done)
}

fn body<T, U>(finished: Finished<T>, wrap: impl FnOnce(T) -> U) -> Finished<U> {
    let Finished { exit, error, warnings, body } = finished;
    Finished { exit, error, warnings, body: wrap(body) }
}

fn resolution(found: &Found, after: Option<u64>) -> Result<Resolution, Fault> {
    match found {
        Found { applied: true, .. } => Ok(Resolution::Applied),
        Found { rolled_back: true, .. } => Ok(Resolution::RolledBack),
        Found { resume: true, .. } => Ok(Resolution::Resume { after }),
        _ => Err(Fault::usage("it is not said what was found")
            .with_help("look at the target system, then add `--applied`, `--rolled-back` or `--resume`")),
    }
}

/// A reason that says something.
fn given(reason: Option<String>) -> Result<String, Fault> {
    reason.filter(|reason| !reason.trim().is_empty()).ok_or_else(|| {
        Fault::usage("`--reason` is missing")
            .with_help("say why, for those who read the audit later: `--reason \"...\"`")
    })
}

fn ended(text: impl Into<String>) -> String {
    let mut text = text.into();
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

fn completions(shell: clap_complete::Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "sandpiper", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_says_something() {
        assert!(given(None).is_err() && given(Some(" ".to_owned())).is_err());
        assert_eq!(given(Some("lost".to_owned())), Ok("lost".to_owned()));
    }

    #[test]
    fn a_person_says_what_was_found() {
        let found = Found { applied: false, rolled_back: false, resume: false };
        assert!(resolution(&found, Some(3)).is_err());
        let resume = resolution(&Found { resume: true, ..found }, Some(3));
        assert!(matches!(resume, Ok(Resolution::Resume { after: Some(3) })));
    }

    #[test]
    fn every_shell_gets_a_script() {
        for shell in <clap_complete::Shell as clap::ValueEnum>::value_variants() {
            assert!(completions(*shell).contains("sandpiper"), "{shell}");
        }
    }
}
