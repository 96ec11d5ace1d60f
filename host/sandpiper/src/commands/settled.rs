//! A run that finds everything as the last one left it: nothing is planned for it.

use std::thread;
use std::time::{Instant, SystemTime};

use sandpiper_engine::change::Cadence;

use super::{Opened, Sandpiper, Select};
use crate::clock::milliseconds;
use crate::observer::Event;
use crate::project::{Memory, Settled, stamps, store_stamps};
use crate::report::{ChangeOutcome, Counts, Finished, Report};
use crate::run::outcome::StageEnd;

impl Sandpiper {
    /// What [`apply`](Self::apply) does, for those who do not want to be told about each change that was applied before:
    /// when it is clear at once that all are, the report has no stages, only counts.
    ///
    /// It is clear when names, sizes, times and inodes of all files are those that a run saw that had nothing to do, under
    /// the same configuration, and the newest entry of the audit is the one that it saw, or the audit's own files are as it
    /// saw them.
    pub async fn apply_in_brief(&self, select: &Select) -> Finished<Report> {
        let (begun, now) = (Instant::now(), SystemTime::now());
        match self.settled(select, now).await {
            Some(Settled { changes, .. }) => {
                let skipped = usize::try_from(changes).unwrap_or(usize::MAX);
                let counts = Counts { skipped, ..Counts::default() };
                let (run_id, duration_ms) = (self.owner.run_id.clone(), milliseconds(begun.elapsed()));
                let finished = Finished::done(Report { run_id, duration_ms, counts, stages: Vec::new() });
                self.tell_start("apply");
                self.observer.event(&Event::RunFinished(&finished));
                finished
            }
            None => self.apply_and_remember(select, Some(now)).await,
        }
    }

    /// What the last run remembered, if nothing is different since.
    async fn settled(&self, select: &Select, now: SystemTime) -> Option<Settled> {
        let memory = self.memory_of(select, now)?;
        let known = Settled::recall(memory, &self.config, &self.secrets)?;
        let systems = self.systems_of(&self.config).ok()?;
        let store = store_stamps(&systems.store().files(), now);
        if store.is_some() && store == known.store {
            return (stamps(&self.config, now)? == known.files).then_some(known);
        }
        // The one takes about as long as the other.
        let config = self.config.clone();
        let files = thread::spawn(move || stamps(&config, now));
        let head = systems.store().head(&self.scope()).await;
        let files = files.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        if files? != known.files || head.ok()?? != known.head {
            return None;
        }
        if store.is_some() {
            Settled { store, ..known }.keep(memory, &self.config, &self.secrets);
        }
        Some(known)
    }

    /// Remembers that a run had nothing to do, which began with a look at the files after `begun`.
    pub(super) async fn remember_settled(
        &self,
        select: &Select,
        opened: &Opened,
        ends: &[StageEnd],
        begun: SystemTime,
    ) -> Option<()> {
        let mut outcomes = ends.iter().flat_map(|end| &end.report.changes).map(|change| change.outcome);
        let changes = opened.changes.stages.iter().flat_map(|stage| &stage.changes);
        let is_settled = opened.warnings.is_empty()
            && changes.clone().all(|change| change.cadence == Cadence::Once)
            && outcomes.all(|outcome| outcome == ChangeOutcome::AlreadyApplied);
        let memory = self.memory_of(select, begun).filter(|_| is_settled)?;
        let store = opened.systems.store();
        let stamps_of_store = store_stamps(&store.files(), begun);
        let head = store.head(&self.scope()).await.ok()??;
        // What was planned on is what the audit says at this entry, and not at a later one.
        let states = store.states(&self.scope()).await.ok()?;
        if states != opened.states || store.head(&self.scope()).await.ok()? != Some(head) {
            return None;
        }
        // A file that was edited since it was read was touched too lately to have a stamp here.
        let files = stamps(&self.config, begun)?;
        let changes = changes.count() as u64;
        Settled { files, head, store: stamps_of_store, changes }.keep(memory, &self.config, &self.secrets);
        Some(())
    }

    /// Where it is kept what runs found; none for a command about a part of the changes.
    fn memory_of(&self, select: &Select, now: SystemTime) -> Option<Memory<'_>> {
        let Select { to, only, allow_undo } = select;
        let is_whole = to.is_none() && only.is_none() && !allow_undo && self.stage.is_none();
        self.memory.as_deref().filter(|_| is_whole).map(|folder| Memory { folder, believed: true, now })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::PathBuf;
    use std::time::Duration;

    use sandpiper_engine::digest::Digest;
    use tempfile::TempDir;

    use super::*;
    use crate::report::Exit;

    const CONFIG: &str = "version: 1\nservice: shop\nstore: app\nvariables: { who: me }\n\
        target-systems: { app: { kind: sqlite, path: app.db } }\n\
        pipeline: { stages: [{ name: all, location: changes }] }\n";

    /// A project with two applied changes, and a memory of its own, both looked at long after they were written.
    struct Project(TempDir);

    impl Project {
        fn new() -> Self {
            let project = Self(tempfile::tempdir().unwrap());
            fs::create_dir(project.path("changes")).unwrap();
            fs::create_dir(project.path("memory")).unwrap();
            fs::set_permissions(project.path("memory"), fs::Permissions::from_mode(0o700)).unwrap();
            project.write("sandpiper.yaml", CONFIG);
            project.change(1, "a");
            project.change(2, "b");
            project
        }

        /// One whose last run had nothing to do.
        fn settled() -> Self {
            let project = Self::new();
            assert_eq!(project.told(&project.open()), "2 applied");
            assert_eq!(project.told(&project.open()), "2 applied before");
            assert_eq!(project.told(&project.open()), "clear at once: 2");
            project
        }

        fn path(&self, path: &str) -> PathBuf {
            self.0.path().join(path)
        }

        fn write(&self, path: &str, text: &str) {
            fs::write(self.path(path), text).unwrap();
        }

        fn change(&self, order: u8, id: &str) {
            let text =
                format!("-- sandpiper: id={id} author=ada target-system=app\nCREATE TABLE {id} (x);\n");
            self.write(&format!("changes/_000{order}__Change.sql"), &text);
        }

        /// The stamps of the store that the next run compares with.
        fn remembered(&self) -> Digest {
            let sandpiper = self.open();
            let memory = sandpiper.memory_of(&Select::default(), SystemTime::now()).unwrap();
            Settled::recall(memory, &sandpiper.config, &sandpiper.secrets).unwrap().store.unwrap()
        }

        fn open(&self) -> Sandpiper {
            let built = Sandpiper::builder().config(self.path("sandpiper.yaml")).build().unwrap();
            Sandpiper { memory: Some(self.path("memory")), ..built }
        }

        fn told(&self, sandpiper: &Sandpiper) -> String {
            self.told_of(sandpiper, &Select::default())
        }

        #[expect(clippy::unused_self, reason = "the project has to outlive the run")]
        fn told_of(&self, sandpiper: &Sandpiper, select: &Select) -> String {
            let later = SystemTime::now() + Duration::from_secs(60);
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                if let Some(settled) = sandpiper.settled(select, later).await {
                    return format!("clear at once: {}", settled.changes);
                }
                let finished = sandpiper.apply_and_remember(select, Some(later)).await;
                let counts = finished.body.counts;
                match finished.exit {
                    Exit::Done if counts.applied > 0 => format!("{} applied", counts.applied),
                    Exit::Done => format!("{} applied before", counts.skipped),
                    _ => finished.error.unwrap().code.to_owned(),
                }
            })
        }
    }

    #[test]
    fn another_environment_is_another_project_also_where_its_name_stands_in_an_address() {
        let project = Project::new();
        project.write("name", "staging");
        let config = CONFIG
            .replace("service: ", "environment: '${file:name}'\nservice: ")
            .replace("store: app", "store: 'sqlite:audit.db'")
            .replace("path: app.db", "path: '${file:name}.db'");
        project.write("sandpiper.yaml", &config);
        for told in ["2 applied", "2 applied before"] {
            assert_eq!(project.told(&project.open()), told);
        }
        // The store is the same, and it is written to for the one environment only.
        assert_eq!(project.told(&project.open()), "clear at once: 2");
        project.write("name", "production");
        assert_eq!(project.told(&project.open()), "2 applied");
    }

    #[test]
    fn whatever_is_done_to_the_files_is_seen() {
        type Done = fn(&Project);
        let cases: [(Done, &str); 5] = [
            (|project| project.change(3, "c"), "1 applied"),
            (|project| project.write("changes/_0002__Change.sql", "x"), "problems"),
            (
                |project| fs::remove_file(project.path("changes/_0001__Change.sql")).unwrap(),
                "1 applied before",
            ),
            (
                |project| {
                    let (from, to) = (project.path("changes/_0002__Change.sql"), "changes/_0001__Change.sql");
                    fs::rename(from, project.path(to)).unwrap();
                },
                "1 applied before",
            ),
            (|project| fs::create_dir(project.path("changes/_0003__Folder.sql")).unwrap(), "problems"),
        ];
        for (done, expected) in cases {
            let project = Project::settled();
            done(&project);
            let told = project.told(&project.open());
            assert!(!told.starts_with("clear"), "{told}");
            let is_problem = !told.contains("applied");
            assert!(told == expected || is_problem && expected == "problems", "{told}, not {expected}");
        }
    }

    #[test]
    fn a_file_that_was_edited_in_place_within_its_size_and_time_is_seen() {
        let project = Project::settled();
        let file = project.path("changes/_0002__Change.sql");
        let times = fs::metadata(&file).unwrap().modified().unwrap();
        let text = fs::read_to_string(&file).unwrap().replace("(x)", "(y)");
        fs::write(&file, text).unwrap();
        fs::File::options().write(true).open(&file).unwrap().set_modified(times).unwrap();
        assert_eq!(project.told(&project.open()), "plan::modified");
    }

    #[test]
    fn an_audit_that_went_on_or_back_is_seen() {
        let project = Project::settled();
        let earlier = fs::read(project.path("app.db")).unwrap();
        project.change(3, "c");
        assert_eq!(project.told(&project.open()), "1 applied");
        assert_eq!(project.told(&project.open()), "3 applied before");
        assert_eq!(project.told(&project.open()), "clear at once: 3");
        // A backup is put back: it ends with another entry than the one that was seen.
        for part in ["app.db-wal", "app.db-shm"] {
            let _ = fs::remove_file(project.path(part));
        }
        fs::write(project.path("app.db"), earlier).unwrap();
        assert_eq!(project.told(&project.open()), "1 applied");
        fs::remove_file(project.path("app.db")).unwrap();
        assert_eq!(project.told(&project.open()), "3 applied");
    }

    #[test]
    fn a_store_that_was_touched_and_ends_as_it_ended_is_settled_as_ever() {
        let project = Project::settled();
        let before = project.remembered();
        let file = fs::File::options().write(true).open(project.path("app.db")).unwrap();
        file.set_modified(SystemTime::now()).unwrap();
        for _ in 0..2 {
            assert_eq!(project.told(&project.open()), "clear at once: 2");
            assert_ne!(project.remembered(), before, "the next run compares with the store as it is now");
        }
    }

    #[test]
    fn another_configuration_is_another_project() {
        let project = Project::settled();
        let set = |name: &str| Sandpiper::builder().config(project.path("sandpiper.yaml")).set("who", name);
        let open = |name| Sandpiper { memory: Some(project.path("memory")), ..set(name).build().unwrap() };
        assert_eq!(project.told(&open("you")), "2 applied before");
        assert_eq!(project.told(&open("you")), "clear at once: 2");
        project.write("sandpiper.yaml", &CONFIG.replace("name: all", "name: some"));
        assert_eq!(project.told(&project.open()), "2 applied before");
        project.write("sandpiper.yaml", &CONFIG.replace("path: app.db", "path: other.db"));
        assert_eq!(project.told(&project.open()), "2 applied");
    }

    #[test]
    fn a_part_of_the_changes_is_planned() {
        let project = Project::settled();
        let to = Select { to: Some("a".to_owned()), ..Select::default() };
        assert_eq!(project.told_of(&project.open(), &to), "2 applied before");
        let stage = Sandpiper { stage: Some("all".to_owned()), ..project.open() };
        assert_eq!(project.told(&stage), "2 applied before");
        let forgetful = Sandpiper { memory: None, ..project.open() };
        assert_eq!(project.told(&forgetful), "2 applied before");
    }

    #[test]
    fn what_may_have_to_run_again_or_is_warned_about_is_never_settled() {
        for (header, name) in
            [("cadence=on-change", "_0003__Change.sql"), ("description=x", "_0003__change.sql")]
        {
            let project = Project::settled();
            let text =
                format!("-- sandpiper: id=c author=ada target-system=app {header}\nCREATE TABLE c (x);\n");
            project.write(&format!("changes/{name}"), &text);
            assert_eq!(project.told(&project.open()), "1 applied");
            for _ in 0..2 {
                assert_eq!(project.told(&project.open()), "3 applied before");
            }
        }
    }

    #[test]
    fn a_file_that_was_just_touched_is_looked_at_again() {
        let project = Project::settled();
        project.change(3, "c");
        project.told(&project.open());
        let select = Select::default();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        for _ in 0..2 {
            let finished = runtime.block_on(project.open().apply_in_brief(&select));
            assert_eq!((finished.body.stages.len(), finished.body.counts.skipped), (1, 3));
        }
    }
}
