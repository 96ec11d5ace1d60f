//! HTTP APIs through the binary: the template, components, credentials, messages, kills; and webhooks.

mod auth;
mod components;
mod faults;
mod messages;
mod problems;
mod template;
mod uses;
mod webhooks;

use sandpiper_tests::{Api, Project, Things};

/// Short times, so that what a killed process held is free again soon.
const LOCK: &str = "lock: { lease: 2s, wait: 30s, retry: 50ms }";

/// A token that must be told to nobody.
const TOKEN: &str = "token-of-the-tests-4711";

/// A project whose target system is an API, with more keys of it.
fn project(url: &str, more: &str) -> Project {
    Project::new(&format!(
        "service: tests\ntarget-systems:\n  target: {{ kind: http, base-url: \"{url}\"{more} }}\n  db: {{ kind: sqlite, \
         path: target.db }}\npipeline:\n  stages:\n    - {{ name: main, location: changes }}\n{LOCK}\n"
    ))
}

/// A project beside an API that keeps things.
struct Place {
    project: Project,
    api: Api,
    things: Things,
}

impl Place {
    fn new() -> Self {
        Self::with("")
    }

    fn with(more: &str) -> Self {
        let things = Things::new();
        let serving = things.clone();
        let api = Api::start(move |request, _| serving.answer(request));
        Self { project: project(&api.url("/base/"), more), api, things }
    }

    /// Writes a change with this text below its header.
    fn change(&self, number: u32, id: &str, body: &str) -> &Self {
        change(&self.project, number, id, body);
        self
    }
}

fn change(project: &Project, number: u32, id: &str, body: &str) {
    let header = format!("id: {id}\nauthor: tests\ntarget-system: target\n");
    project.write(&format!("changes/_{number:04}__C{number}.yaml"), format!("{header}{body}\n"));
}

/// Makes a thing, and removes it again.
const CREATE: &str = "\
template: http
apply:
  method: POST
  path: items
  body: { name: mail, size: 1.50 }
  expect: { status: 201, json: { /data/name: mail } }
  capture: { id: /data/id }
rollback:
  method: DELETE
  path: items/${captured.id}
  expect: { status: 204 }
verify:
  method: GET
  path: items/${captured.id}
  expect: { json: { /name: mail } }";
