//! Applies: at the start, again where a system was not there or a lock not free, and when files have changed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use sandpiper::config::Tenants;
use sandpiper::engine::fault::Fault;
use sandpiper::observer::Silent;
use sandpiper::report::{Exit, Finished, OverTenants, Report};
use sandpiper::{Builder, Rollout, Sandpiper, Select, Stopper};

use crate::bug::Panics;
use crate::output::Output;
use crate::telemetry::Telemetry;

/// How soon what was not there is tried again: at first, and at most.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// How often files are looked at, and how soon a stop is noticed.
const LOOK: Duration = Duration::from_secs(1);
/// How often the system is asked that yields the tenants.
const ASK: Duration = Duration::from_secs(60);
const NOTICE: Duration = Duration::from_millis(50);

/// Applies in a thread of its own.
pub(super) struct Applying {
    pub(super) project: Builder,
    pub(super) output: Output,
    pub(super) panics: Panics,
    pub(super) telemetry: Option<Arc<Telemetry>>,
    pub(super) stopper: Stopper,
    pub(super) applying: Arc<AtomicBool>,
    pub(super) watch: bool,
}

impl Applying {
    /// Applies until it is told to stop; gives how the run ended that was stopped, if one was.
    pub(super) fn run(&self) -> Exit {
        let mut pause = FIRST_PAUSE;
        loop {
            let seen = self.watch.then(|| (self.picture(), self.tenants()));
            let exit = self.apply();
            if self.stopper.asked().is_some() {
                return if matches!(exit, Exit::Interrupted | Exit::Terminated) { exit } else { Exit::Done };
            }
            let again = matches!(exit, Exit::Unreachable | Exit::Lock).then(|| Instant::now() + pause);
            pause = if again.is_some() { (pause * 2).min(LONGEST_PAUSE) } else { FIRST_PAUSE };
            if again.is_none() && seen.is_none() {
                return Exit::Done;
            }
            if !self.until(again, seen) {
                return Exit::Done;
            }
        }
    }

    fn apply(&self) -> Exit {
        self.applying.store(true, Ordering::SeqCst);
        self.telemetry.iter().for_each(|telemetry| telemetry.begins());
        let finished = self.panics.catch(|| {
            let project = self.project.clone().build()?;
            self.telemetry.iter().for_each(|telemetry| telemetry.is_about(&project));
            let apply = async |one: &Sandpiper| one.apply(&Select::default()).await;
            Ok::<_, Fault>(super::runtime()?.block_on(project.each(Rollout::default(), apply)))
        });
        let finished = finished.flatten().unwrap_or_else(Finished::<OverTenants<Report>>::refused);
        self.telemetry.iter().for_each(|it| it.ends(finished.exit, finished.error.as_ref()));
        self.applying.store(false, Ordering::SeqCst);
        self.output.clone().beside().finish(&finished);
        finished.exit
    }

    /// Waits until it is time, files have changed and are at rest, or there are other tenants; false when it is told to
    /// stop.
    fn until(&self, again: Option<Instant>, mut seen: Option<(Picture, Option<Vec<String>>)>) -> bool {
        let (mut looked, mut asked) = (Instant::now(), Instant::now());
        let mut changed = false;
        loop {
            if self.stopper.asked().is_some() {
                return false;
            }
            if again.is_some_and(|at| Instant::now() >= at) {
                return true;
            }
            if let Some((before, tenants)) = &mut seen
                && looked.elapsed() >= LOOK
            {
                let now = self.picture();
                match (*before == now, changed) {
                    (true, true) => return true,
                    (true, false) => {}
                    // Who writes files may not be done yet.
                    (false, _) => changed = true,
                }
                (*before, looked) = (now, Instant::now());
                if tenants.is_some() && asked.elapsed() >= ASK {
                    let now = self.tenants();
                    if now.is_some() && now != *tenants {
                        return true;
                    }
                    asked = Instant::now();
                }
            }
            std::thread::sleep(NOTICE);
        }
    }

    /// Every file that matters, with its size and time, and the tenants that files name. A configuration that cannot be
    /// read now is a picture too.
    fn picture(&self) -> Picture {
        let mut picture = Picture::default();
        if let Ok(project) = self.project.clone().build() {
            let config = project.config();
            if config.has_file
                && let Some(file) = &config.file
            {
                look(Path::new(file), &mut picture);
            }
            for stage in &config.stages {
                for entry in std::fs::read_dir(&stage.location).into_iter().flatten().flatten() {
                    look(&entry.path(), &mut picture);
                }
            }
            picture.tenants = config.tenants.clone();
        }
        picture
    }

    /// The tenants that a system yields: none where it is not asked, or gives no answer now.
    fn tenants(&self) -> Option<Vec<String>> {
        let asked = self.panics.catch(|| {
            let project = self.project.clone().observer(Arc::new(Silent)).build().ok()?;
            let is_asked = matches!(project.config().tenants, Tenants::Query { .. });
            let names = super::runtime().ok().filter(|_| is_asked)?.block_on(project.tenants());
            names.ok()
        });
        asked.ok().flatten()
    }
}

/// What is known of files without reading them, and who the tenants are.
#[derive(Default, PartialEq)]
struct Picture {
    files: BTreeMap<PathBuf, (u64, Option<SystemTime>)>,
    tenants: Tenants,
}

fn look(file: &Path, picture: &mut Picture) {
    if let Ok(data) = file.metadata() {
        picture.files.insert(file.to_owned(), (data.len(), data.modified().ok()));
    }
}
