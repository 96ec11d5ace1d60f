//! The rules of change files, each on a folder of its own.

mod files;
mod headers;
mod memory;
mod payloads;

use std::path::Path;

use sandpiper_engine::change::{Cadence, Recovery};
use tempfile::TempDir;

use super::*;
use crate::config::{ConfigFile, Overrides};

const CONFIG: &str = "service: orders\nvariables: { region: eu, n: '7' }\n\
    target-systems: { db: { kind: sqlite, path: x }, crm: { kind: http, base-url: http://x/ } }\n\
    pipeline: { stages: [{ location: changes }, { location: more }] }\n";

const SQL: &str = "-- sandpiper: id=a author=me target-system=db\nSELECT 1;\n";

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    for name in ["changes", "more"] {
        std::fs::create_dir_all(folder.path().join(name)).unwrap();
    }
    write("sandpiper.yaml", CONFIG);
    files.iter().for_each(|(name, text)| write(name, text));
    folder
}

fn load_config(config: Config, secrets: &Secrets) -> Loaded {
    load(config, &Options { languages: &["js"], sources_digest: &|_| None, secrets, memory: None })
}

fn load_folder(folder: &Path) -> Loaded {
    let secrets = Secrets::new();
    let file = ConfigFile::read(&folder.join("sandpiper.yaml"), Overrides::default()).unwrap();
    load_config(file.resolve(None, &secrets).unwrap(), &secrets)
}

fn load_files(files: &[(&str, &str)]) -> Loaded {
    load_folder(folder(files).path())
}

/// Code, place below the folder, message and help of each problem.
fn told(problems: Vec<Problem>) -> Vec<(&'static str, String, String, String)> {
    let tell = |problem: Problem| {
        let place = problem.place.unwrap().to_string();
        let place = ["changes/", "more/"]
            .iter()
            .find_map(|stage| place.split_once(stage))
            .map_or(place.clone(), |(_, rest)| rest.to_owned());
        (problem.code, place, problem.message, problem.help.unwrap())
    };
    problems.into_iter().map(tell).collect()
}

fn problems(files: &[(&str, &str)]) -> Vec<(&'static str, String, String, String)> {
    told(load_files(files).problems)
}

fn only(files: &[(&str, &str)]) -> (&'static str, String, String, String) {
    let mut all = problems(files);
    assert_eq!(all.len(), 1, "{all:#?}");
    all.remove(0)
}

fn loaded(file: &str, text: &str) -> (Project, ChangeFile) {
    let project = load_files(&[(&format!("changes/{file}"), text)]).into_result().unwrap();
    let change = project.stages[0].files[0].clone();
    (project, change)
}

fn data(file: &str, text: &str) -> DataChange {
    let (project, change) = loaded(file, text);
    change.data(&project.config).unwrap().unwrap()
}

fn data_problems(file: &str, text: &str) -> Vec<(&'static str, String, String, String)> {
    let (project, change) = loaded(file, text);
    told(change.data(&project.config).unwrap().unwrap_err())
}

fn yaml(rest: &str) -> String {
    format!("id: a\nauthor: me\ntarget-system: db\n{rest}")
}

fn json_text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
