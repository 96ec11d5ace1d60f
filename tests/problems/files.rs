//! Bad files and folders: names, sizes, and rights.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use crate::{project, refused};
use sandpiper_tests::{Running, binary, environment};

#[test]
fn what_is_nearly_a_change_is_a_problem() {
    for name in [
        "0001__X.sql",
        "_1_X.yaml",
        "_0002_X.wasm",
        "__0002__X.sql",
        "_0002__X.wsam",
        "_002__X.sql",
        "_0002__9.sql",
        "X.sql",
        "_0002__.sql",
        "_0002__X",
        "_draft.txt",
    ] {
        let project = project();
        project.write(
            &format!("changes/{name}"),
            "-- sandpiper: id=x author=t target-system=target\nSELECT 1;\n",
        );
        refused(&project, "change::file-name", &format!("changes/{name}"), None);
    }
}

#[test]
fn other_files_are_ignored() {
    let project = project();
    for name in ["README.md", "X.sql.bak", ".hidden.sql", "notes.txt"] {
        project.write(&format!("changes/{name}"), "anything");
    }
    assert_eq!(project.json("validate").exits(0).at("/changes"), 1);
}

#[test]
fn a_folder_that_holds_changes_is_ignored_with_a_warning() {
    let project = project();
    project
        .write("changes/old/_0001__X.sql", "-- sandpiper: id=x author=t target-system=target\nSELECT 1;\n");
    project.write("changes/src/_0009__Guest/main.rs", "fn main() {}\n");
    let outcome = project.json("validate").exits(0);
    assert_eq!(outcome.at("/changes"), 1);
    let problems = outcome.at("/problems");
    let warnings: Vec<_> =
        problems.as_array().unwrap().iter().filter(|it| it["severity"] == "warning").collect();
    assert_eq!(warnings.len(), 1, "{outcome}");
    assert!(outcome.stdout.contains("changes/old"), "{outcome}");
}

#[test]
fn orders_are_distinct() {
    let project = project();
    project.sql("changes/_0001__Same", "same", "SELECT 1;");
    let outcome = project.json("apply").exits(2);
    assert!(outcome.codes().contains(&"change::duplicate-order".to_owned()), "{outcome}");
    assert!(
        outcome.stdout.contains("_0001__Same.sql") && outcome.stdout.contains("_0001__Good.sql"),
        "{outcome}"
    );
}

#[test]
fn orders_that_sort_differently_as_numbers_are_a_problem() {
    let project = project();
    project.sql("changes/_10000__Ten", "ten", "SELECT 1;");
    project.sql("changes/_2000__Two", "two", "SELECT 1;");
    let outcome = project.json("apply").exits(2);
    assert!(outcome.stdout.contains("pad the orders to one width"), "{outcome}");
    let project = crate::project();
    project.sql("changes/_0010__Ten", "ten", "SELECT 1;");
    project.sql("changes/_9999a__Last", "last", "SELECT 1;");
    project.json("validate").exits(0);
}

#[test]
fn an_empty_file_is_a_problem() {
    for name in ["changes/_0002__A.sql", "changes/_0002__A.yaml", "changes/_0002__A.wasm"] {
        let project = project();
        project.write(name, "");
        let outcome = project.json("apply").exits(2);
        assert_eq!(outcome.text("/error/file"), name, "{outcome}");
        assert!(!project.has("target.db"));
    }
}

#[test]
fn a_file_over_64_mib_is_not_read() {
    for (name, code) in [("_0002__A.wasm", "change::too-large"), ("_0002__A.sql", "change::too-large")] {
        let project = project();
        let name = format!("changes/{name}");
        project.write(&name, "");
        let file = std::fs::File::options().write(true).open(project.path(&name)).unwrap();
        file.set_len(65 << 20).unwrap();
        refused(&project, code, &name, None);
    }
}

#[test]
fn a_folder_that_is_named_like_a_change_is_no_change() {
    let project = project();
    std::fs::create_dir(project.path("changes/_0002__Folder.sql")).unwrap();
    let outcome = project.json("apply");
    assert!([0, 2].contains(&outcome.code), "{outcome}");
    assert!(
        outcome.stdout.contains("_0002__Folder.sql") || outcome.stderr.contains("_0002__Folder.sql"),
        "{outcome}"
    );
}

#[test]
fn a_link_that_leads_nowhere_is_a_problem() {
    let project = project();
    std::os::unix::fs::symlink("nowhere.sql", project.path("changes/_0002__Link.sql")).unwrap();
    let outcome = project.json("apply").exits(2);
    assert_eq!(outcome.text("/error/file"), "changes/_0002__Link.sql", "{outcome}");
}

/// Runs the binary without root's right to read everything.
fn without_rights(project: &sandpiper_tests::Project, line: &[&str]) -> sandpiper_tests::Outcome {
    let mut command = if Command::new("id").arg("-u").output().unwrap().stdout == b"0\n" {
        let mut command = Command::new("setpriv");
        command.args(["--bounding-set=-all", "--inh-caps=-all"]).arg(binary());
        command
    } else {
        Command::new(binary())
    };
    command.args(line).current_dir(project.folder()).env_clear().envs(environment());
    Running::spawn(command).wait()
}

#[test]
fn a_folder_or_file_that_may_not_be_read_is_a_problem() {
    for path in ["changes", "changes/_0001__Good.sql", "sandpiper.yaml"] {
        let project = project();
        let mode = |mode| {
            std::fs::set_permissions(project.path(path), std::fs::Permissions::from_mode(mode)).unwrap()
        };
        without_rights(&project, &["validate"]).exits(0);
        let before = project.tree();
        mode(0o000);
        let outcome = without_rights(&project, &["apply", "--format", "json"]);
        mode(0o755);
        let outcome = outcome.exits(2);
        assert!(outcome.stdout.contains(path), "{outcome}");
        assert!(!outcome.text("/error/help").is_empty(), "{outcome}");
        assert_eq!(before.differences(&project.tree()), [""; 0]);
    }
}
