//! Watches a run for people: the running change on a terminal, a line now and then elsewhere, and the logs of changes.

use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use sandpiper::observer::{Event, Level, Observer};

use crate::output::Output;
use crate::render::fault;
use crate::render::style::{Ink, Palette, clean, duration};

mod tenants;

use tenants::Tenants;

/// How often the line on a terminal is drawn.
const FRAME: Duration = Duration::from_millis(100);
/// What is over sooner is not worth a line on a terminal.
const PATIENCE: Duration = Duration::from_millis(300);
/// How often a line is written elsewhere.
const PERIOD: Duration = Duration::from_secs(10);
/// The width of a progress bar.
const BAR: usize = 20;

/// Writes to standard error what happens in a run.
#[derive(Debug)]
pub(crate) struct Watch {
    shared: Arc<Shared>,
    clock: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    over: Condvar,
    terminal: bool,
    verbose: u8,
    palette: Palette,
}

#[derive(Debug, Default)]
struct State {
    tasks: Vec<Task>,
    /// How far it is with the tenants, where it goes over some.
    tenants: Option<Tenants>,
    drawn: bool,
    over: bool,
}

/// A change that runs, or a stage that waits for its lock.
#[derive(Debug)]
struct Task {
    /// For whom; empty where there are no tenants.
    tenant: String,
    stage: String,
    /// The change; none while the stage waits.
    id: Option<String>,
    /// Who holds the lock, in words.
    holder: String,
    since: Instant,
    done: u64,
    total: u64,
    /// When the last line about it was written.
    told: Option<Instant>,
}

impl Watch {
    /// Watches as the command line asks; nobody writes before something takes its time.
    pub(crate) fn new(output: &Output) -> Self {
        let terminal =
            io::stderr().is_terminal() && std::env::var_os("TERM").is_some_and(|term| term != "dumb");
        let shared = Shared {
            state: Mutex::default(),
            over: Condvar::new(),
            terminal,
            verbose: output.verbose,
            palette: output.error_palette(),
        };
        Self { shared: Arc::new(shared), clock: Mutex::default() }
    }

    /// Ends watching, and takes the line off the terminal.
    pub(crate) fn stop(&self) {
        let mut state = self.shared.state();
        state.over = true;
        self.shared.erase(&mut state);
        drop(state);
        self.shared.over.notify_all();
        if let Some(clock) = self.clock.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // A clock that panicked has nothing more to draw.
            let _ = clock.join();
        }
    }

    /// Starts the clock with the first thing that may take its time: a run with nothing to do needs none.
    fn start(&self) {
        let mut clock = self.clock.lock().unwrap_or_else(PoisonError::into_inner);
        if clock.is_none() {
            let shared = Arc::clone(&self.shared);
            // Without a thread there is no progress to see; the run does not mind.
            *clock = std::thread::Builder::new().name("watch".to_owned()).spawn(move || shared.run()).ok();
        }
    }
}

impl Observer for Watch {
    fn event(&self, event: &Event<'_>) {
        let mut state = self.shared.state();
        let (tenant, event) = match event {
            Event::OfTenant { tenant, event } => (*tenant, *event),
            event => ("", event),
        };
        match event {
            Event::Tenants { count } => {
                state.tenants = Some(Tenants::new(*count, Instant::now()));
                drop(state);
                self.start();
            }
            Event::TenantDeferred { tenant } => state.tasks.retain(|task| task.tenant != *tenant),
            Event::TenantFinished { tenant, exit, done, .. } => {
                state.tasks.retain(|task| task.tenant != *tenant);
                if let Some(tenants) = &mut state.tenants {
                    tenants.went_on(*done, *exit);
                }
            }
            Event::Waiting { stage, holder, waited } => {
                state.waits(tenant, stage, holder, *waited);
                drop(state);
                self.start();
            }
            Event::StageStarted { stage } => state.tasks.retain(|task| !task.is_of(tenant, stage)),
            Event::StageFinished(stage) => state.tasks.retain(|task| !task.is_of(tenant, &stage.name)),
            Event::ChangeStarted { stage, id, .. } => {
                state.tasks.push(Task::new(tenant, stage, Some(id), Instant::now()));
                drop(state);
                self.start();
            }
            Event::Progress { id, done, total } => {
                for task in state.tasks.iter_mut().filter(|task| task.runs(tenant, id)) {
                    (task.done, task.total) = (*done, *total);
                }
            }
            Event::PreviewStarted { stage, id } => {
                state.tasks.push(Task::new(tenant, stage, Some(id), Instant::now()));
                drop(state);
                self.start();
            }
            Event::PreviewFinished { id } => {
                state.tasks.retain(|task| !task.runs(tenant, id));
            }
            Event::Awaiting { what, answer: Some(answer), waited, limit } => {
                let left = whole(limit.saturating_sub(*waited).as_secs_f64().ceil() as u64);
                let line = format!("waiting up to {left} more for {}: {}", clean(what), clean(answer));
                self.shared.say(&mut state, &line);
            }
            Event::CameUp { what, waited } => {
                let line = format!("{} is up after {}", clean(what), whole(waited.as_secs()));
                self.shared.say(&mut state, &line);
            }
            Event::ChangeRetried { stage, id, failed, attempts, pause, error } => {
                state.tasks.retain(|task| !task.runs(tenant, id));
                let wait = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
                let why = error.map(|error| format!(" ({})", clean(&error.message))).unwrap_or_default();
                self.shared.say(
                    &mut state,
                    &format!(
                        "{}: attempt {failed} of {attempts} of `{}` failed{why}; the next one begins in {}",
                        place(tenant, stage),
                        clean(id),
                        duration(wait)
                    ),
                );
            }
            Event::ChangeFinished { change, stage } => {
                state.tasks.retain(|task| !task.runs(tenant, change.id.as_str()));
                if self.shared.verbose > 0 {
                    let took = change
                        .duration_ms
                        .map(|took| format!(" after {}", duration(took)))
                        .unwrap_or_default();
                    self.shared.say(
                        &mut state,
                        &format!("{}: `{}` is over{took}", place(tenant, stage), clean(change.id.as_str())),
                    );
                }
            }
            Event::Log { id, level, line } => {
                if let Some(line) =
                    log(&place(tenant, id), *level, line, self.shared.verbose, self.shared.palette)
                {
                    self.shared.say(&mut state, &line);
                }
            }
            Event::Undelivered(problem) => {
                let text = fault::problem(problem, 0, self.shared.palette);
                self.shared.say(&mut state, text.trim_end());
            }
            // Warnings stand in the result, where each is said once.
            _ => {}
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The clock: draws on a terminal, and writes lines elsewhere.
    fn run(&self) {
        let mut state = self.state();
        while !state.over {
            let now = Instant::now();
            if self.terminal {
                self.draw(&mut state, now);
            } else {
                for line in state.due(now) {
                    self.say(&mut state, &line);
                }
            }
            let frame = if self.terminal { FRAME } else { PERIOD / 10 };
            state = self.over.wait_timeout(state, frame).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn draw(&self, state: &mut State, now: Instant) {
        match state.line(now, self.palette) {
            // Without wrapping, a line that is too long stays one line, which can be erased.
            Some(line) => {
                to_stderr(&format!("\r\u{1b}[?7l{line}\u{1b}[K\u{1b}[?7h"));
                state.drawn = true;
            }
            None => self.erase(state),
        }
    }

    fn erase(&self, state: &mut State) {
        if std::mem::take(&mut state.drawn) {
            to_stderr("\r\u{1b}[K");
        }
    }

    fn say(&self, state: &mut State, line: &str) {
        self.erase(state);
        to_stderr(&format!("{line}\n"));
    }
}

impl State {
    fn waits(&mut self, tenant: &str, stage: &str, holder: &str, waited: Duration) {
        let waits = |task: &&mut Task| task.is_of(tenant, stage) && task.id.is_none();
        if let Some(task) = self.tasks.iter_mut().find(waits) {
            holder.clone_into(&mut task.holder);
            return;
        }
        let now = Instant::now();
        let mut task = Task::new(tenant, stage, None, now.checked_sub(waited).unwrap_or(now));
        holder.clone_into(&mut task.holder);
        self.tasks.push(task);
    }

    /// The line for a terminal: what takes longest, and how much there is besides.
    fn line(&self, now: Instant, palette: Palette) -> Option<String> {
        match self.tenants.as_ref().and_then(|tenants| tenants.line(now)) {
            Some(tenants) => Some(format!("  {tenants}{}", self.tasks(now, palette).unwrap_or_default())),
            None => self.tasks(now, palette),
        }
    }

    fn tasks(&self, now: Instant, palette: Palette) -> Option<String> {
        let slow = || self.tasks.iter().filter(|task| now.saturating_duration_since(task.since) >= PATIENCE);
        let first = slow().min_by_key(|task| task.since)?;
        let others = match slow().count() {
            0 | 1 => String::new(),
            many => format!("  and {} more", many - 1),
        };
        Some(format!("  {}{}", first.text(now, palette), palette.paint(Ink::Faint, &others)))
    }

    /// The lines to write where there is no terminal: at once for a lock, and then every ten seconds.
    fn due(&mut self, now: Instant) -> Vec<String> {
        let mut lines: Vec<String> =
            self.tenants.as_mut().and_then(|tenants| tenants.due(now)).into_iter().collect();
        for task in &mut self.tasks {
            let at_once = task.id.is_none() && task.told.is_none();
            if at_once || now.saturating_duration_since(task.told.unwrap_or(task.since)) >= PERIOD {
                task.told = Some(now);
                lines.push(task.text(now, Palette::default()));
            }
        }
        lines
    }
}

impl Task {
    fn new(tenant: &str, stage: &str, id: Option<&str>, since: Instant) -> Self {
        let (tenant, stage, id) = (tenant.to_owned(), stage.to_owned(), id.map(str::to_owned));
        Self { tenant, stage, id, holder: String::new(), since, done: 0, total: 0, told: None }
    }

    fn is_of(&self, tenant: &str, stage: &str) -> bool {
        self.tenant == tenant && self.stage == stage
    }

    fn runs(&self, tenant: &str, id: &str) -> bool {
        self.tenant == tenant && self.id.as_deref() == Some(id)
    }

    fn text(&self, now: Instant, palette: Palette) -> String {
        let seconds = now.saturating_duration_since(self.since).as_secs();
        let stage = place(&self.tenant, &self.stage);
        let Some(id) = &self.id else {
            let holder = clean(&self.holder);
            return format!("waiting for the lock of stage {stage}, held by {holder} ({})", whole(seconds));
        };
        let progress = progress(self.done, self.total, palette);
        format!("{stage}: {} is running{progress} ({})", palette.paint(Ink::Head, &clean(id)), whole(seconds))
    }
}

/// What happens where: the tenant stands before it, where there are tenants.
fn place(tenant: &str, what: &str) -> String {
    if tenant.is_empty() { clean(what) } else { format!("{} {}", clean(tenant), clean(what)) }
}

/// Seconds as people say them.
fn whole(seconds: u64) -> String {
    if seconds < 60 { format!("{seconds} s") } else { duration(seconds.saturating_mul(1000)) }
}

fn progress(done: u64, total: u64, palette: Palette) -> String {
    if total == 0 {
        return if done == 0 { String::new() } else { format!(", {done} done") };
    }
    let share = |of: u64| u128::from(done.min(total)) * u128::from(of) / u128::from(total);
    let filled = usize::try_from(share(BAR as u64)).unwrap_or(BAR).min(BAR);
    let bar = format!("{}{}", palette.paint(Ink::Good, &"━".repeat(filled)), "╌".repeat(BAR - filled));
    format!(" {bar} {} % ({done} of {total})", share(100))
}

/// A line of a change's log, if it is loud enough: warnings and errors, with `-v` information, with `-vv` everything.
fn log(id: &str, level: Level, line: &str, verbose: u8, palette: Palette) -> Option<String> {
    let (needs, word, ink) = match level {
        Level::Error => (0, "error", Ink::Bad),
        Level::Warn => (0, "warning", Ink::Odd),
        Level::Info => (1, "info", Ink::Link),
        Level::Debug => (2, "debug", Ink::Faint),
        Level::Trace => (2, "trace", Ink::Faint),
    };
    (verbose >= needs).then(|| format!("[{}] {}: {}", clean(id), palette.paint(ink, word), clean(line)))
}

/// What is watched is worth no failure: who closed standard error does not want it.
fn to_stderr(text: &str) {
    let mut stderr = io::stderr().lock();
    let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn running(since: Instant, done: u64, total: u64) -> Task {
        Task { done, total, ..Task::new("", "data", Some("backfill"), since) }
    }

    #[test]
    fn a_running_change_shows_how_far_it_is() {
        let start = Instant::now();
        let now = start + Duration::from_secs(12);
        let text = |done, total| running(start, done, total).text(now, Palette::default());
        assert_eq!(text(0, 0), "data: backfill is running (12 s)");
        assert_eq!(text(7, 0), "data: backfill is running, 7 done (12 s)");
        assert_eq!(text(1, 4), "data: backfill is running ━━━━━╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌ 25 % (1 of 4) (12 s)");
        assert!(text(u64::MAX, 3).contains(&format!("{} 100 %", "━".repeat(BAR))));
    }

    #[test]
    fn a_quick_change_draws_no_line() {
        let start = Instant::now();
        let state = State { tasks: vec![running(start, 0, 0), running(start, 0, 0)], ..State::default() };
        assert_eq!(state.line(start + Duration::from_millis(100), Palette::default()), None);
        let line = state.line(start + Duration::from_secs(1), Palette::default()).unwrap();
        assert_eq!(line, "  data: backfill is running (1 s)  and 1 more");
    }

    #[test]
    fn without_a_terminal_a_line_is_written_every_ten_seconds() {
        let start = Instant::now();
        let mut state = State { tasks: vec![running(start, 0, 0)], ..State::default() };
        let lines: Vec<_> =
            (0..=30).map(|second| state.due(start + Duration::from_secs(second)).len()).collect();
        assert_eq!(lines.iter().sum::<usize>(), 3);
        assert_eq!((lines[9], lines[10], lines[20]), (0, 1, 1));
    }

    #[test]
    fn who_waits_for_a_lock_is_told_at_once_by_whom_it_is_held() {
        let mut state = State::default();
        state.waits("", "schema", "ann@box", Duration::ZERO);
        state.waits("", "schema", "bob@box", Duration::ZERO);
        let now = Instant::now();
        assert_eq!(state.due(now), ["waiting for the lock of stage schema, held by bob@box (0 s)"]);
        assert!(state.due(now + Duration::from_secs(5)).is_empty());
    }

    #[test]
    fn a_log_is_as_loud_as_was_asked_for() {
        let loud = |level, verbose| log("a", level, "x\u{1b}", verbose, Palette::default());
        assert_eq!(loud(Level::Warn, 0).as_deref(), Some("[a] warning: x\\u{1b}"));
        assert!(loud(Level::Info, 0).is_none() && loud(Level::Info, 1).is_some());
        assert!(loud(Level::Debug, 1).is_none() && loud(Level::Trace, 2).is_some());
    }
}
