//! The rules of `sandpiper.yaml`, each on a folder of its own.

mod names;
mod references;
mod stages;
mod systems;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sandpiper_engine::fault::Problem;
use sandpiper_engine::policy::Reaction;
use tempfile::TempDir;

use super::*;
use crate::secrets::Secrets;

/// A folder with a configuration and the folders `changes` and `more`.
struct Fixture {
    folder: TempDir,
    overrides: Overrides,
    secrets: Secrets,
}

impl Fixture {
    fn new(yaml: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE_NAME), yaml).unwrap();
        for name in ["changes", "more"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        Self { folder, overrides: Overrides::default(), secrets: Secrets::new() }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn resolve_for(&self, tenant: Option<&str>) -> Result<Config, Vec<Problem>> {
        let env: Environment = Arc::new(|name| match name {
            "EMPTY" => Some(String::new()),
            "URL" => Some("postgres://me:hunter%4022@host/db".to_owned()),
            "STAGING" => Some("staging".to_owned()),
            "EIGHT" => Some("8".to_owned()),
            _ => None,
        });
        let file = ConfigFile::read(&self.path().join(FILE_NAME), self.overrides.clone())?;
        file.with_environment(env).resolve(tenant, &self.secrets)
    }

    fn resolve(&self) -> Config {
        self.resolve_for(None).unwrap_or_else(|problems| panic!("{problems:#?}"))
    }

    fn problems(&self) -> Vec<Problem> {
        self.resolve_for(None).expect_err("it has problems")
    }
}

const BASE: &str = "service: orders\npipeline: { stages: [{ location: changes }] }\n";

fn resolve(more: &str) -> Config {
    Fixture::new(&format!("{BASE}{more}")).resolve()
}

/// The problems of a file that has [`BASE`] and more: code, `line:column`, message, help.
fn problems(more: &str) -> Vec<(&'static str, String, String, String)> {
    told(Fixture::new(&format!("{BASE}{more}")).problems())
}

fn told(problems: Vec<Problem>) -> Vec<(&'static str, String, String, String)> {
    let tell = |problem: Problem| {
        let place = problem.place.unwrap().to_string();
        let place = place.rsplit(':').take(2).collect::<Vec<_>>();
        (problem.code, format!("{}:{}", place[1], place[0]), problem.message, problem.help.unwrap())
    };
    problems.into_iter().map(tell).collect()
}

fn only(more: &str) -> (&'static str, String, String, String) {
    let mut all = problems(more);
    assert_eq!(all.len(), 1, "{all:#?}");
    all.remove(0)
}

fn stages(yaml: &str) -> Vec<(&'static str, String, String, String)> {
    told(Fixture::new(&format!("service: a\npipeline:\n  stages:\n{yaml}")).problems())
}

const TENANTS: &str = "tenants: [acme, { name: globex, variables: { schema: g } }]\n\
    variables: { schema: 'of_${var:tenant}' }\n\
    target-systems: { db: { kind: sqlite, path: 'db/${var:tenant}.db' }, one: { kind: sqlite, path: one.db } }\n";
