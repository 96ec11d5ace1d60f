//! What is a component of ours, and what may it import: decided from the bytes alone.

use std::sync::Arc;

use sandpiper_engine::digest::Digest;
use sandpiper_engine::fault::{Blame, Fault};
use sandpiper_runtime::component::{Kind, SOURCES_SECTION};
use sandpiper_runtime::target::Capability;
use sandpiper_runtime::{Component, Limits, Runtime, Settings};

use crate::support::guests::bytes;
use crate::support::{RUNTIME, guest, load};

fn try_load(bytes: impl Into<Arc<[u8]>>) -> Result<Component, Fault> {
    let bytes = bytes.into();
    let digest = Digest::of(&bytes);
    RUNTIME.load(bytes, digest)
}

#[track_caller]
fn refused(bytes: impl Into<Arc<[u8]>>, code: &str) -> Fault {
    let fault = try_load(bytes).unwrap_err();
    assert_eq!(fault.code, code, "{fault:?}");
    assert!(fault.help.is_some(), "{fault:?}");
    fault
}

fn wat(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap()
}

/// A component with imports and exports that are empty instances.
fn shaped(imports: &[&str], exports: &[&str]) -> Vec<u8> {
    let imports: String = imports.iter().map(|name| format!("(import \"{name}\" (instance))\n")).collect();
    let exports: String =
        exports.iter().map(|name| format!("(export \"{name}\" (instance $empty))\n")).collect();
    wat(&format!("(component {imports} (instance $empty) {exports})"))
}

const CHANGE: [&str; 2] = ["sandpiper:change/description@0.1.0", "sandpiper:sql/change@0.1.0"];
const TEMPLATE: [&str; 2] = ["sandpiper:change/template@0.1.0", "sandpiper:sql/runner@0.1.0"];

#[test]
fn what_is_no_component_is_told_by_what_it_is_instead() {
    let not = |bytes: &[u8]| refused(bytes, "change::not-a-component").message;
    assert_eq!(not(b""), "the file is empty");
    assert_eq!(not(b"CREATE TABLE x (id INTEGER);"), "the file is not WebAssembly");
    assert_eq!(not(&wat("(module)")), "the file is a core module of WebAssembly, not a component");
    let mut damaged = shaped(&[], &CHANGE);
    damaged[8] = 0x7f;
    assert!(not(&damaged).starts_with("the component is damaged at byte 10"), "{}", not(&damaged));
}

#[test]
fn a_component_that_is_cut_off_anywhere_is_refused() {
    let bytes = bytes("minimal");
    assert!(try_load(bytes.clone()).is_ok());
    let mut unnoticed = 0;
    for length in (0..bytes.len()).step_by(97).skip(1) {
        match try_load(&bytes[..length]) {
            Err(fault) => {
                assert!(["change::not-a-component", "change::wrong-world"].contains(&fault.code), "{fault:?}")
            }
            // Custom sections come last: without them it is whole.
            Ok(_) => unnoticed += 1,
        }
    }
    assert!(unnoticed < 3, "{unnoticed} cuts were not noticed");
    let fault = refused(&bytes[..bytes.len() / 2], "change::not-a-component");
    assert!(fault.message.starts_with("the component is cut off after"), "{fault}");
}

#[test]
fn a_component_over_the_limit_is_refused_before_it_is_read() {
    let runtime =
        Runtime::new(Settings { cache_dir: None, limits: Limits { component: 10, ..Limits::default() } });
    let fault = runtime.load(b"not even WebAssembly".as_slice().into(), Digest::ZERO).unwrap_err();
    assert_eq!(fault.code, "change::too-large");
    assert_eq!(fault.message, "the component has 20 bytes, more than 10 bytes (`limits.component`)");
}

#[test]
fn a_component_of_another_world_is_told_by_what_it_exports() {
    let fault = refused(wat("(component)"), "change::wrong-world");
    assert_eq!(fault.message, "the component exports nothing, which makes it no change");
    let fault = refused(bytes("other_world"), "change::wrong-world");
    assert!(fault.message.contains("exports `elsewhere:tools/greeter@1.0.0`"), "{fault}");
    let fault = refused(bytes("description_only"), "change::wrong-world");
    assert!(fault.message.contains("`sandpiper:change/description@0.1.0`"), "{fault}");
    refused(shaped(&[], &[CHANGE, TEMPLATE].concat()), "change::wrong-world");
}

#[test]
fn a_component_for_another_version_is_told_so() {
    let newer = ["sandpiper:change/description@0.2.0", "sandpiper:sql/change@0.2.0"];
    let fault = refused(shaped(&[], &newer), "change::wrong-world");
    assert!(fault.help.unwrap().contains("version 0.2.0 of `sandpiper:change`"));
    let fault = refused(shaped(&["sandpiper:sql/client@0.2.0"], &CHANGE), "change::not-allowed");
    assert!(fault.help.unwrap().contains("this host speaks 0.1.x"));
}

#[test]
fn wasi_is_allowed_as_far_as_runtimes_need_it() {
    let interfaces = [
        "cli/environment",
        "io/streams",
        "clocks/wall-clock",
        "random/random",
        "filesystem/types",
        "sockets/tcp",
    ];
    for version in ["0.2.0", "0.2.6", "0.2.12"] {
        let imports = interfaces.map(|interface| format!("wasi:{interface}@{version}"));
        try_load(shaped(&imports.each_ref().map(String::as_str), &CHANGE)).unwrap();
    }
    let fault = refused(shaped(&["wasi:cli/environment@0.3.0"], &CHANGE), "change::not-allowed");
    assert!(fault.help.unwrap().contains("built for WASI 0.3.0"));
}

#[test]
fn what_no_guest_may_have_is_refused_by_name() {
    let fault = refused(bytes("wasi_http"), "change::not-allowed");
    assert!(fault.message.starts_with("the component imports `wasi:http/types@0.2."), "{fault}");
    assert!(fault.message.ends_with("`, which no change may have"), "{fault}");
    assert!(fault.help.unwrap().contains("`sandpiper:http/client`"));
    let fault = refused(bytes("unknown_import"), "change::not-allowed");
    assert!(fault.message.contains("`sandpiper:blob/client@0.1.0`"), "{fault}");
    for import in ["foo:bar/baz@1.0.0", "foo:bar/baz", "plain", "sandpiper:sql/change@0.1.0", "wasi:cli/run"]
    {
        let fault = refused(shaped(&[import], &CHANGE), "change::not-allowed");
        assert!(fault.message.contains(import), "{fault}");
    }
    let both = shaped(&["a:b/c", "d:e/f"], &CHANGE);
    assert!(refused(both, "change::not-allowed").message.contains("imports `a:b/c`, `d:e/f`"));
}

#[test]
fn a_plugin_may_import_the_clients_of_its_runners_alone() {
    let lent = load(shaped(&["sandpiper:sql/client@0.1.0"], &TEMPLATE));
    assert_eq!((lent.kind(), lent.capabilities()), (Kind::Template, vec![Capability::Sql]));
    let fault = refused(shaped(&["sandpiper:http/client@0.1.0"], &TEMPLATE), "change::not-allowed");
    assert_eq!(fault.blame, Blame::Plugin);
}

#[test]
fn a_change_that_needs_more_than_its_target_provides_is_refused_in_words() {
    let change = load(shaped(&["sandpiper:sql/client@0.1.0"], &CHANGE));
    let problem = change.check_imports("add-index", "media", "s3", Capability::Http, &[]).unwrap_err();
    assert_eq!(
        problem.message,
        "change `add-index` needs `sandpiper:sql/client`, but its target `media` (s3) provides `sandpiper:http/client`"
    );
    assert_eq!(problem.code, "change::not-allowed");
    change.check_imports("add-index", "db", "sqlite", Capability::Sql, &[]).unwrap();
}

#[test]
fn a_change_to_an_api_whose_target_is_a_database_is_refused_in_words() {
    let change = guest("http");
    assert_eq!((change.capabilities(), change.clients()), (vec![Capability::Http], vec![Capability::Http]));
    let problem = change.check_imports("x", "app", "sqlite", Capability::Sql, &[]).unwrap_err();
    assert_eq!(
        problem.message,
        "change `x` needs `sandpiper:http/client`, but its target `app` (sqlite) provides `sandpiper:sql/client`"
    );
    assert_eq!(problem.code, "change::not-allowed");
    change.check_imports("x", "crm", "http", Capability::Http, &[]).unwrap();
}

#[test]
fn the_systems_in_uses_lend_their_clients_too() {
    let change = load(shaped(&["sandpiper:sql/client@0.1.0", "sandpiper:http/client@0.1.0"], &CHANGE));
    let check = |uses: &[Capability]| change.check_imports("copy", "db", "sqlite", Capability::Sql, uses);
    assert!(check(&[]).unwrap_err().message.contains("needs `sandpiper:http/client`"));
    check(&[Capability::Http]).unwrap();
}

#[test]
fn a_change_for_another_kind_of_target_is_refused() {
    let change = load(shaped(&[], &CHANGE));
    let problem = change.check_imports("x", "api", "http", Capability::Http, &[Capability::Sql]).unwrap_err();
    assert_eq!(problem.code, "change::wrong-world");
    assert_eq!(
        problem.message,
        "change `x` is run through `sandpiper:sql/change`, but its target `api` (http) needs `sandpiper:http/change`"
    );
}

#[test]
fn the_digest_of_the_sources_and_the_tools_are_read_from_custom_sections() {
    let sources = Digest::of(b"sources");
    let with = |text: &str| {
        let empty = "(instance $i) (export \"sandpiper:change/description@0.1.0\" (instance $i)) \
                     (export \"sandpiper:sql/change@0.1.0\" (instance $i))";
        load(wat(&format!("(component {empty} (@custom \"{SOURCES_SECTION}\" \"{text}\"))")))
    };
    assert_eq!(with(&sources.to_string()).sources(), Some(sources));
    assert_eq!(with("no digest").sources(), None);
    let real = guest("minimal");
    assert_eq!((real.sources(), real.language()), (None, Some("Rust")), "{:?}", real.producers());
}

#[test]
fn a_real_change_is_what_it_was_built_as() {
    let change = guest("verify");
    assert_eq!(
        (change.kind(), change.capabilities(), change.clients()),
        (Kind::Change, vec![Capability::Sql], vec![Capability::Sql])
    );
    assert!(change.has_verify(Capability::Sql) && !change.has_verify(Capability::Http));
    assert!(!guest("minimal").has_verify(Capability::Sql));
    let plugin = guest("plugin-sql");
    assert_eq!((plugin.kind(), plugin.has_verify(Capability::Sql)), (Kind::Template, true));
}

#[test]
fn code_that_is_not_valid_is_found_when_it_is_compiled() {
    let broken = wat("(component (core module (func (result i32))) (instance $i)
            (export \"sandpiper:change/description@0.1.0\" (instance $i))
            (export \"sandpiper:sql/change@0.1.0\" (instance $i)))");
    let fault = RUNTIME.compile(&load(broken)).unwrap_err();
    assert_eq!((fault.code, fault.blame), ("change::not-a-component", Blame::Change));
}
