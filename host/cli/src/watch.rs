//! Watches a run for people: what runs, in place, on a terminal, a line now and then elsewhere, and the logs of changes.

use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use sandpiper::observer::{Event, Level, Observer};

use crate::output::Output;
use crate::render::fault;
use crate::render::style::{Ink, Palette, clean, duration};

mod live;
mod task;
mod tenants;

use live::{Live, Size};
use task::{Task, place, whole};
use tenants::Tenants;

/// How often what stands on a terminal is looked at.
const FRAME: Duration = Duration::from_millis(100);
/// So many lines stand there at most, fewer on a small one; what else runs is counted.
const MOST_LINES: usize = 8;
/// A run that is over sooner is not worth a line on a terminal.
const PATIENCE: Duration = Duration::from_millis(300);
/// How often a line is written elsewhere.
const PERIOD: Duration = Duration::from_secs(10);

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
    /// Since when there is something to show.
    since: Option<Instant>,
    live: Live,
    over: bool,
}

impl Watch {
    /// Watches as the command line asks; nobody writes before something takes its time.
    pub(crate) fn new(output: &Output) -> Self {
        let terminal =
            io::stderr().is_terminal() && std::env::var_os("TERM").is_some_and(|term| term != "dumb");
        Self::on(terminal, output)
    }

    /// The same where something else writes to the terminal meanwhile: it gets lines, whatever it is.
    pub(crate) fn plain(output: &Output) -> Self {
        Self::on(false, output)
    }

    fn on(terminal: bool, output: &Output) -> Self {
        let shared = Shared {
            state: Mutex::default(),
            over: Condvar::new(),
            terminal,
            verbose: output.verbose,
            palette: output.error_palette(),
        };
        Self { shared: Arc::new(shared), clock: Mutex::default() }
    }

    /// Writes a line, above those that stand on a terminal.
    pub(crate) fn say(&self, line: &str) {
        self.shared.say(&mut self.shared.state(), line);
    }

    /// Takes the lines off the terminal, for good.
    pub(crate) fn take_away(&self) {
        let mut state = self.shared.state();
        state.over = true;
        self.shared.erase(&mut state);
    }

    /// Ends watching, and takes the lines off the terminal.
    pub(crate) fn stop(&self) {
        self.take_away();
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
                state.since.get_or_insert_with(Instant::now);
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
                state.begins(tenant, stage, id);
                drop(state);
                self.start();
            }
            Event::Progress { id, done, total } => {
                for task in state.tasks.iter_mut().filter(|task| task.runs(tenant, id)) {
                    (task.done, task.total) = (*done, *total);
                }
            }
            Event::PreviewStarted { stage, id } => {
                state.begins(tenant, stage, id);
                drop(state);
                self.start();
            }
            Event::PreviewFinished { id } => state.ends(tenant, id),
            // What follows is the result, also where the process goes on.
            Event::RunFinished(_) if tenant.is_empty() => {
                state.tasks.clear();
                state.tenants = None;
                self.shared.erase(&mut state);
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
                state.ends(tenant, change.id.as_str());
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
        let size = Size::now();
        let lines = state.lines(now, self.palette, size);
        if let Some(frame) = state.live.frame(&lines, size) {
            to_stderr(&frame);
        }
    }

    fn erase(&self, state: &mut State) {
        if self.terminal {
            to_stderr(&state.live.erase(Size::now()));
        }
    }

    /// One write, so that the lines below do not flicker.
    fn say(&self, state: &mut State, line: &str) {
        if !self.terminal {
            return to_stderr(&format!("{line}\n"));
        }
        let size = Size::now();
        let mut text = state.live.erase(size);
        let was_drawn = !text.is_empty();
        text.extend([line, "\n"]);
        if was_drawn {
            let lines = state.lines(Instant::now(), self.palette, size);
            text.extend(state.live.frame(&lines, size));
        }
        to_stderr(&text);
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
        self.since.get_or_insert(now);
        let mut task = Task::new(tenant, stage, None, now.checked_sub(waited).unwrap_or(now));
        holder.clone_into(&mut task.holder);
        self.tasks.push(task);
    }

    /// A stage does one thing at a time: this.
    fn begins(&mut self, tenant: &str, stage: &str, id: &str) {
        let now = Instant::now();
        self.since.get_or_insert(now);
        let task = Task::new(tenant, stage, Some(id), now);
        match self.tasks.iter_mut().find(|task| task.is_of(tenant, stage)) {
            // It keeps its place, so that no line jumps.
            Some(last) => {
                let before = if last.id.is_some() { last.before + 1 } else { 0 };
                *last = Task { before, ..task };
            }
            None => self.tasks.push(task),
        }
    }

    fn ends(&mut self, tenant: &str, id: &str) {
        for task in self.tasks.iter_mut().filter(|task| task.runs(tenant, id)) {
            task.is_over = true;
        }
    }

    /// The lines for a terminal: how far it is with the tenants, and what runs.
    fn lines(&self, now: Instant, palette: Palette, size: Size) -> Vec<String> {
        if self.since.is_none_or(|since| now.saturating_duration_since(since) < PATIENCE) {
            return Vec::new();
        }
        let mut lines: Vec<String> =
            self.tenants.iter().map(|tenants| format!("  {}", tenants.live(now, palette))).collect();
        // The line above stays, whatever the terminal's height.
        let room = MOST_LINES.min(size.rows.saturating_sub(1)).saturating_sub(lines.len()).max(1);
        let shown = if self.tasks.len() > room { room.saturating_sub(1).max(1) } else { room };
        let (shown, others) = self.tasks.split_at(shown.min(self.tasks.len()));
        lines.extend(
            shown.iter().map(|task| format!("  {}", task.live(now, palette, size.columns.saturating_sub(2)))),
        );
        if !others.is_empty() {
            lines.push(palette.paint(Ink::Faint, &format!("  and {} more", others.len())));
        }
        lines
    }

    /// The lines to write where there is no terminal: at once for a lock, and then every ten seconds.
    fn due(&mut self, now: Instant) -> Vec<String> {
        let mut lines: Vec<String> =
            self.tenants.as_mut().and_then(|tenants| tenants.due(now)).into_iter().collect();
        for task in self.tasks.iter_mut().filter(|task| !task.is_over) {
            let at_once = task.id.is_none() && task.told.is_none();
            if at_once || now.saturating_duration_since(task.told.unwrap_or(task.since)) >= PERIOD {
                task.told = Some(now);
                lines.push(task.text(now, Palette::default()));
            }
        }
        lines
    }
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

    const SIZE: Size = Size { columns: 80, rows: 5 };

    #[test]
    fn a_quick_run_draws_no_line_and_a_long_one_one_for_each_of_those_that_run() {
        let start = Instant::now();
        let task = |stage: &str| Task::new("", stage, Some("backfill"), start);
        let tasks = ["a", "b", "c", "d", "e"].map(task).into();
        let mut state = State { tasks, since: Some(start), ..State::default() };
        let lines = |state: &State, millis| {
            state.lines(start + Duration::from_millis(millis), Palette::default(), SIZE)
        };
        assert_eq!(lines(&state, 100), [""; 0]);
        assert_eq!(
            lines(&state, 1000),
            [
                "  a: backfill is running (1 s)",
                "  b: backfill is running (1 s)",
                "  c: backfill is running (1 s)",
                "  and 2 more",
            ]
        );
        state.tasks.truncate(4);
        assert_eq!(lines(&state, 1000).len(), 4);
    }

    #[test]
    fn the_line_of_a_stage_stays_until_its_next_change_begins() {
        let mut state = State::default();
        state.begins("", "data", "one");
        state.ends("", "one");
        let later = Instant::now() + PERIOD;
        let lines = |state: &State| state.lines(later, Palette::default(), SIZE);
        assert!(lines(&state)[0].starts_with("  data: one is running ("));
        assert!(state.due(later).is_empty(), "elsewhere nothing is said of what is over");
        state.begins("", "data", "two");
        assert!(lines(&state)[0].starts_with("  data: two is running (") && lines(&state).len() == 1);
        assert!(lines(&state)[0].ends_with("  1 before it"));
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
