//! Secrets reach no output, no log, no error and no database.

use sandpiper_tests::{Outcome, Project};

const PASSWORD: &str = "hunter2-from-the-environment";
const TOKEN: &str = "token-from-a-file-0815";

/// The database's path is the secret, so that errors about it have every reason to name it.
fn project() -> Project {
    let mut project = Project::new(
        "service: tests\ntarget-systems:\n  target: { kind: sqlite, path: \"${env:SECRET_PATH}/target.db\" }\n\
         pipeline: { stages: [{ name: main, location: changes }] }\n",
    );
    project.set_variable("SECRET_PATH", PASSWORD);
    project
}

#[track_caller]
fn clean(outcome: &Outcome, secret: &str) {
    assert!(
        !outcome.stdout.contains(secret) && !outcome.stderr.contains(secret),
        "the secret is told\n{outcome}"
    );
}

#[track_caller]
fn clean_files(project: &Project, secret: &str) {
    for path in project.tree().paths().into_iter().filter(|path| path.contains(".db")) {
        let Ok(bytes) = std::fs::read(project.path(path)) else { continue };
        let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!found, "the secret is in `{path}`");
    }
}

#[test]
fn a_value_of_the_environment_in_a_target_system_is_never_told() {
    let project = project();
    project.sql("changes/_0001__A", "a", "CREATE TABLE a (id INTEGER);");
    let unreachable = project.json("apply").exits(7);
    clean(&unreachable, PASSWORD);
    assert_eq!(unreachable.error(), "target::unreachable");
    clean(&project.run("apply -vv").exits(7), PASSWORD);
    std::fs::create_dir(project.path(PASSWORD)).unwrap();
    clean(&project.run("apply -vv").exits(0), PASSWORD);
    for line in ["status", "audit list --history", "audit show a", "plan", "validate", "lock status"] {
        clean(&project.json(line).exits(0), PASSWORD);
        clean(&project.run(line).exits(0), PASSWORD);
    }
    clean_files(&project, PASSWORD);
}

#[test]
fn a_secret_that_a_change_repeats_is_replaced() {
    let project = project();
    std::fs::create_dir(project.path(PASSWORD)).unwrap();
    project.sql("changes/_0001__A", "a", &format!("SELECT \"{PASSWORD}\" FROM nowhere;"));
    let outcome = project.json("apply").exits(1);
    clean(&outcome, PASSWORD);
    clean(&project.run("apply").exits(1), PASSWORD);
    clean(&project.json("audit show a").exits(0), PASSWORD);
    for path in [".sandpiper/audit.db", ".sandpiper/audit.db-wal"] {
        let bytes = std::fs::read(project.path(path)).unwrap_or_default();
        assert!(
            !bytes.windows(PASSWORD.len()).any(|window| window == PASSWORD.as_bytes()),
            "it is in `{path}`"
        );
    }
}

#[test]
fn a_value_of_a_file_is_never_told() {
    let project = Project::empty();
    let secret = project.path("secret.txt");
    let path = secret.to_string_lossy().into_owned();
    project.write("secret.txt", format!("{TOKEN}\n"));
    project.write(
        "sandpiper.yaml",
        format!(
            "service: tests\ntarget-systems:\n  target: {{ kind: sqlite, path: \"${{file:{path}}}.db\" }}\n\
             pipeline: {{ stages: [{{ name: main, location: changes }}] }}\n"
        ),
    );
    project.sql("changes/_0001__A", "a", "CREATE TABLE a (id INTEGER); INSERT INTO nowhere VALUES (1);");
    for line in
        ["apply --format json", "apply -vv", "status", "audit list --history --format json", "validate"]
    {
        clean(&project.run(line), TOKEN);
    }
    assert!(project.has(&format!("{TOKEN}.db")), "the value was not read");
    clean_files(&project, TOKEN);
}

#[test]
fn a_data_file_may_read_neither_environment_nor_files() {
    let mut project = Project::shared();
    project.set_variable("MINE", "value-of-mine");
    for text in ["${env:MINE}", "${file:/etc/hostname}"] {
        project.sql(
            "changes/_0001__A",
            "a",
            &format!("CREATE TABLE a (id INTEGER);\nINSERT INTO a VALUES ('{text}');"),
        );
        let outcome = project.json("apply").exits(2);
        assert!(
            outcome.stdout.contains("_0001__A.sql") && !outcome.stdout.contains("value-of-mine"),
            "{outcome}"
        );
        assert!(!project.has("target.db"));
    }
}

#[test]
fn an_unset_variable_without_default_is_a_problem() {
    let project = project();
    let other = Project::new(&project.read("sandpiper.yaml"));
    let outcome = other.json("apply").exits(2);
    assert!(outcome.codes().contains(&"config::unset-variable".to_owned()), "{outcome}");
    assert!(outcome.stdout.contains("SECRET_PATH"), "{outcome}");
    let with_default = project.read("sandpiper.yaml").replace("SECRET_PATH}", "SECRET_PATH:-.}");
    Project::new(&with_default).json("apply").exits(0);
}
