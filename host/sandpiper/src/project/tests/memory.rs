//! The rules of what is remembered of files between runs.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::time::{Duration, SystemTime};

use super::*;

/// A folder with one change, and a folder to remember in.
struct Project {
    folder: TempDir,
    memory: TempDir,
}

const FILE: &str = "changes/_0001__A.sql";

impl Project {
    fn new() -> Self {
        let project = Self { folder: folder(&[(FILE, SQL)]), memory: tempfile::tempdir().unwrap() };
        fs::set_permissions(project.memory.path(), fs::Permissions::from_mode(0o700)).unwrap();
        project
    }

    /// One that was read long after it was written.
    fn remembered() -> Self {
        let project = Self::new();
        assert!(!project.load().remembered);
        project
    }

    fn load_at(&self, now: SystemTime, believed: bool) -> Loaded {
        let secrets = Secrets::new();
        let file =
            ConfigFile::read(&self.folder.path().join("sandpiper.yaml"), Overrides::default()).unwrap();
        let memory = Some(Memory { folder: self.memory.path(), believed, now });
        let options = Options { languages: &["js"], sources_digest: &|_| None, secrets: &secrets, memory };
        load(file.resolve(None, &secrets).unwrap(), &options)
    }

    fn load(&self) -> Loaded {
        self.load_at(SystemTime::now() + Duration::from_secs(60), true)
    }

    fn write(&self, text: &str) {
        fs::write(self.folder.path().join(FILE), text).unwrap();
    }

    fn kept(&self) -> Vec<std::path::PathBuf> {
        fs::read_dir(self.memory.path()).unwrap().map(|entry| entry.unwrap().path()).collect()
    }
}

fn only_file(loaded: Loaded) -> ChangeFile {
    loaded.into_result().unwrap().stages.remove(0).files.remove(0)
}

#[test]
fn an_unchanged_file_is_not_opened_again() {
    let project = Project::remembered();
    // What cannot be read can still be remembered, so nothing was read.
    fs::set_permissions(project.folder.path().join(FILE), fs::Permissions::from_mode(0o644)).unwrap();
    let (read, known) = (only_file(project.load()), project.load());
    assert!(known.remembered);
    let known = only_file(known);
    assert_eq!((known.digest, known.meaning), (read.digest, read.meaning));
    assert_eq!((&known.shown, &known.name), (&read.shown, &read.name));
    assert!(known.content.is_none());
}

#[test]
fn what_a_header_says_is_remembered_in_full() {
    let project = Project::new();
    let header = "id=a author=\"Ada L\" target-system=db description=\"two words\" transactional=false template=sql \
                  recovery=always-retry cadence=on-change uses=crm labels=team=x,b retry=\"2 5s\"";
    project.write(&format!("-- sandpiper: {header}\nSELECT 1;\n"));
    let read = only_file(project.load());
    let known = project.load();
    assert!(known.remembered);
    let (read, known) = (read.info().unwrap().clone(), only_file(known).info().unwrap().clone());
    assert_eq!(*known, ChangeInfo { places: None, ..(*read).clone() });
}

#[test]
fn an_edit_in_the_same_second_is_read() {
    let project = Project::new();
    let now = SystemTime::now();
    only_file(project.load_at(now, true));
    assert!(project.kept().is_empty());
    project.write(&SQL.replace("author=me", "author=we"));
    let again = project.load_at(now, true);
    assert!(!again.remembered);
    assert_eq!(&*only_file(again).info().unwrap().author, "we");
}

#[test]
fn a_file_of_the_same_size_with_another_time_is_read() {
    let project = Project::remembered();
    project.write(&SQL.replace("author=me", "author=we"));
    let file = fs::File::options().write(true).open(project.folder.path().join(FILE)).unwrap();
    file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(5)).unwrap();
    let again = project.load();
    assert!(!again.remembered);
    assert_eq!(&*only_file(again).info().unwrap().author, "we");
}

#[test]
fn a_file_whose_time_was_put_back_is_read() {
    let project = Project::remembered();
    let path = project.folder.path().join(FILE);
    let before = fs::metadata(&path).unwrap();
    // Coarse clocks stand still for some milliseconds.
    std::thread::sleep(Duration::from_millis(30));
    project.write(&SQL.replace("author=me", "author=we"));
    fs::File::options().write(true).open(&path).unwrap().set_modified(before.modified().unwrap()).unwrap();
    let after = fs::metadata(&path).unwrap();
    assert_eq!((after.len(), after.mtime_nsec()), (before.len(), before.mtime_nsec()));
    assert!(!project.load().remembered);
}

#[test]
fn another_file_of_the_same_name_is_read() {
    let project = Project::remembered();
    let path = project.folder.path().join(FILE);
    fs::write(path.with_extension("new"), SQL).unwrap();
    fs::rename(path.with_extension("new"), &path).unwrap();
    assert!(!project.load().remembered);
}

#[test]
fn a_folder_that_others_may_write_to_is_not_used() {
    let project = Project::remembered();
    for mode in [0o770, 0o702, 0o777] {
        fs::set_permissions(project.memory.path(), fs::Permissions::from_mode(mode)).unwrap();
        assert!(!project.load().remembered, "{mode:o}");
    }
    fs::set_permissions(project.memory.path(), fs::Permissions::from_mode(0o700)).unwrap();
    assert!(project.load().remembered);
}

#[test]
fn a_folder_of_somebody_else_is_not_used() {
    let project = Project::remembered();
    // Only root can give a folder away.
    if std::os::unix::fs::chown(project.memory.path(), Some(12_345), None).is_ok() {
        assert!(!project.load().remembered);
    }
}

#[test]
fn what_is_damaged_is_not_used_and_is_written_anew() {
    let project = Project::remembered();
    let kept = project.kept();
    let [file] = kept.as_slice() else { panic!("{kept:?}") };
    let mut bytes = fs::read(file).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(file, bytes).unwrap();
    assert!(!project.load().remembered);
    assert!(project.load().remembered);
}

#[test]
fn what_is_kept_can_be_read_by_us_alone() {
    let project = Project::remembered();
    assert_eq!(fs::metadata(&project.kept()[0]).unwrap().mode() & 0o777, 0o600);
}

#[test]
fn where_it_is_not_believed_every_file_is_read() {
    let project = Project::remembered();
    let loaded = project.load_at(SystemTime::now(), false);
    assert!(!loaded.remembered);
    assert!(only_file(loaded).content.is_some());
}

#[test]
fn a_memory_that_cannot_be_made_is_none() {
    let project = Project::new();
    let secrets = Secrets::new();
    let file = ConfigFile::read(&project.folder.path().join("sandpiper.yaml"), Overrides::default()).unwrap();
    let inside_a_file = project.folder.path().join(FILE).join("memory");
    let memory = Some(Memory { folder: &inside_a_file, believed: true, now: SystemTime::now() });
    let options = Options { languages: &[], sources_digest: &|_| None, secrets: &secrets, memory };
    let loaded = load(file.resolve(None, &secrets).unwrap(), &options);
    assert!(loaded.problems.is_empty() && !loaded.remembered);
}

#[test]
fn a_file_with_a_problem_is_read_every_time() {
    let project = Project::new();
    project.write("SELECT 1;\n");
    assert_eq!(project.load().problems, project.load().problems);
    assert!(!project.load().remembered && project.load().problems[0].place.is_some());
}

#[test]
fn a_change_with_a_condition_is_read_every_time() {
    let project = Project::new();
    project.write(&SQL.replace("author=me", "author=me when=\"region == eu\""));
    only_file(project.load());
    assert!(!project.load().remembered);
}

#[test]
fn what_a_remembered_file_does_is_read_from_the_file() {
    let project = Project::remembered();
    let loaded = project.load().into_result().unwrap();
    let file = &loaded.stages[0].files[0];
    let data = file.data(&loaded.config).unwrap().unwrap();
    assert_eq!((data.steps.len(), data.template.as_str()), (1, "sql"));
    project.write(&SQL.replace("SELECT 1", "SELECT 2"));
    let problems = file.data(&loaded.config).unwrap().unwrap_err();
    assert!(problems[0].message.contains("changed while the command ran"), "{}", problems[0].message);
}

#[test]
fn without_a_configuration_nothing_is_remembered() {
    let memory = tempfile::tempdir().unwrap();
    fs::set_permissions(memory.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let changes = tempfile::tempdir().unwrap();
    let sql = SQL.replace("target-system=db", "target-system=sqlite:x.db");
    fs::write(changes.path().join("_0001__A.sql"), sql).unwrap();
    let secrets = Secrets::new();
    let config = ConfigFile::of_folder(changes.path(), Overrides::default()).unwrap();
    let now = SystemTime::now() + Duration::from_secs(60);
    let memory_of = Memory { folder: memory.path(), believed: true, now };
    let options =
        Options { languages: &[], sources_digest: &|_| None, secrets: &secrets, memory: Some(memory_of) };
    load(config.resolve(None, &secrets).unwrap(), &options).into_result().unwrap();
    assert!(fs::read_dir(memory.path()).unwrap().next().is_none());
}
