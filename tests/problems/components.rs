//! Bad `.wasm` files: each is found before anything is locked, made or run.

use crate::{project, refused, says};
use sandpiper_tests::{Project, component, component_with_id};

const FILE: &str = "changes/_0002__Guest.wasm";

fn with(bytes: impl AsRef<[u8]>) -> Project {
    let project = project();
    project.write(FILE, bytes);
    project
}

#[test]
fn what_is_no_component_is_told_by_what_it_is() {
    says(
        &refused(&with("CREATE TABLE a (id INTEGER);"), "change::not-a-component", FILE, None),
        "not WebAssembly",
    );
    says(&refused(&with(b"\0asm\x01\0\0\0"), "change::not-a-component", FILE, None), "core module");
    refused(&with(""), "change::not-a-component", FILE, None);
}

#[test]
fn a_component_that_is_cut_off_is_refused() {
    let bytes = component("minimal");
    refused(&with(&bytes[..bytes.len() / 2]), "change::not-a-component", FILE, None);
}

#[test]
fn a_component_of_another_world_is_refused() {
    refused(&with(b"\0asm\x0d\0\x01\0"), "change::wrong-world", FILE, None);
    refused(&with(component("other_world")), "change::wrong-world", FILE, None);
    refused(&with(component("description_only")), "change::wrong-world", FILE, None);
}

#[test]
fn a_plugin_is_no_change() {
    refused(&with(sandpiper_tests::plugin("sql")), "change::wrong-world", FILE, None);
}

#[test]
fn an_import_that_no_change_may_have_is_refused_by_name() {
    says(&refused(&with(component("wasi_http")), "change::not-allowed", FILE, None), "wasi:http");
    says(
        &refused(&with(component("unknown_import")), "change::not-allowed", FILE, None),
        "sandpiper:blob/client",
    );
}

#[test]
fn an_import_that_the_target_does_not_provide_is_refused_in_words() {
    let project = with(component("http"));
    let outcome = project.json("apply").exits(2);
    let codes = outcome.codes();
    assert!(
        codes.iter().any(|code| code == "change::not-allowed" || code == "change::wrong-world"),
        "{outcome}"
    );
    assert!(
        outcome.stdout.contains("(sqlite)") && outcome.stdout.contains("sandpiper:sql/client"),
        "{outcome}"
    );
    assert!(!project.has("target.db"));
}

#[test]
fn a_description_that_does_not_come_is_refused() {
    for name in ["describe_trap", "describe_exit"] {
        refused(&with(component(name)), "change::describe", FILE, None);
    }
    refused(&with(component("describe_memory")), "change::memory", FILE, None);
}

#[test]
fn a_description_that_never_ends_is_refused() {
    let project = with(component("describe_loop"));
    project.configure("limits: { describe-deadline: 1s }");
    says(&refused(&project, "change::deadline", FILE, None), "describe");
}

#[test]
fn a_description_that_lies_is_refused() {
    for name in [
        "describe_random",
        "describe_clock",
        "describe_long_id",
        "describe_empty_author",
        "describe_options",
        "describe_retry",
    ] {
        let project = with(component(name));
        let before = project.tree();
        let outcome = project.json("apply").exits(2);
        assert!(outcome.stdout.contains(FILE) && outcome.error().starts_with("change::"), "{outcome}");
        assert_eq!(before.differences(&project.tree()), [""; 0]);
    }
}

#[test]
fn memory_over_the_limit_from_the_start_is_refused() {
    let project = with(component("huge_memory"));
    let outcome = project.json("apply").exits(2);
    assert!(outcome.codes().contains(&"change::memory".to_owned()), "{outcome}");
    assert!(!project.has("target.db"));
}

#[test]
fn the_id_of_a_component_is_one_change_too() {
    let (id, bytes) = component_with_id("cases", "twice");
    let project = with(&bytes);
    project.write("changes/_0003__Again.wasm", &bytes);
    let problem = refused(&project, "change::duplicate-id", "changes/_0003__Again.wasm", None);
    says(&problem, &id);
}

#[test]
fn a_target_of_a_component_that_is_not_configured_is_refused() {
    let project = Project::new(
        &sandpiper_tests::SHARED.replace("target:", "tarjet:").replace("store: target", "store: tarjet"),
    );
    project.write(FILE, component("cases"));
    let problem = refused(&project, "change::unknown-target", FILE, None);
    says(&problem, "`tarjet`");
}
