//! A history as real projects have it: what we make of the files is what the `mariadb` client makes of them.

use std::fs;
use std::path::{Path, PathBuf};

use sandpiper_tests::MariaDb;

use crate::Place;

fn files() -> Vec<PathBuf> {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/mysql/histories/shop"));
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 10, "the files are there");
    files
}

/// The client cannot know where a stored program ends without a delimiter; the server can.
fn as_the_client_needs_it(file: &Path) -> Vec<u8> {
    let text = fs::read(file).unwrap();
    match file.ends_with("0003_WithoutDelimiter.sql") {
        true => [b"DELIMITER $$\n".as_slice(), &text, b"$$\n"].concat(),
        false => text,
    }
}

#[test]
fn a_history_of_dumps_programs_and_rows_is_what_the_client_makes_of_it() {
    let client = MariaDb::shared().database();
    for file in files() {
        MariaDb::shared().run_script(&client.name, &as_the_client_needs_it(&file));
    }
    for mode in ["shared", "marked"] {
        let Place { project, database } = Place::new(mode);
        for file in files() {
            let stem = file.file_stem().unwrap().to_str().unwrap();
            let (order, name) = stem.split_once('_').unwrap();
            let header = format!("-- sandpiper: id={stem} author=history target-system=target\n");
            let text = [header.into_bytes(), fs::read(&file).unwrap()].concat();
            project.write(&format!("changes/_{order}__{name}.sql"), text);
        }
        let applied = project.applied();
        assert_eq!(applied.of("0002_Procedures", "mode"), "direct");
        assert_eq!(applied.of("0006_Transaction", "mode"), "direct");
        assert_eq!(applied.of("0009_Rows", "mode"), mode);
        let (ours, theirs) = (MariaDb::shared().dump(&database.name), MariaDb::shared().dump(&client.name));
        let only = |these: &[String], those: &[String]| {
            these.iter().filter(|line| !those.contains(line)).cloned().collect::<Vec<_>>()
        };
        assert_eq!(
            (only(&ours, &theirs), only(&theirs, &ours)),
            (vec![], vec![]),
            "{mode}: ours, and the client's"
        );
        assert_eq!(ours, theirs);
        assert_eq!(project.applied().counts()[1], files().len() as u64, "a second run has nothing to do");
    }
}
