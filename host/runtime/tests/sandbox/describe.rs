//! What components say of themselves, and what becomes of those that do not.

use sandpiper_engine::fault::{Blame, Fault};
use sandpiper_runtime::assess::Assessor;
use sandpiper_runtime::guest::{Action, Step};
use sandpiper_runtime::{Limits, Runtime, Settings};

use crate::support::{RUNTIME, block_on, guest, limits, load};

#[track_caller]
fn refused(name: &str) -> Fault {
    let fault = block_on(RUNTIME.describe_change(&guest(name))).unwrap_err();
    assert_eq!(fault.blame, Blame::Change);
    fault
}

#[test]
fn a_change_describes_itself() {
    let info = block_on(RUNTIME.describe_change(&guest("lib"))).unwrap();
    assert_eq!(info.id, "test-guest-cases-transactional-0000000001");
    assert_eq!((info.author.as_str(), info.target_system.as_str()), ("sandpiper-tests", "target"));
    assert_eq!(info.labels, [("purpose".to_owned(), "tests".to_owned())]);
    assert_eq!(block_on(RUNTIME.describe_change(&guest("uses"))).unwrap().uses, ["second"]);
}

#[test]
fn a_change_to_an_api_describes_itself() {
    let info = block_on(RUNTIME.describe_change(&guest("http"))).unwrap();
    assert_eq!(info.id, "test-guest-http-000000000000000000000001");
}

#[test]
fn a_plugin_that_is_asked_as_a_change_is_told_where_it_belongs() {
    let language = "(component (instance $i) (export \"sandpiper:change/language@0.1.0\" (instance $i))
                    (export \"sandpiper:sql/source-runner@0.1.0\" (instance $i)))";
    let language = load(wat::parse_str(language).unwrap());
    for (plugin, kind) in [(guest("plugin-sql"), "template"), (language, "language")] {
        let fault = block_on(RUNTIME.describe_change(&plugin)).unwrap_err();
        assert_eq!(fault.code, "change::wrong-world");
        assert_eq!(fault.message, format!("it is a {kind} plugin, not a change"));
        assert!(fault.help.unwrap().starts_with(&format!("name it under `{kind}s` in the configuration")));
    }
}

#[test]
fn a_description_that_does_not_come_is_told_by_its_reason() {
    let trap = refused("describe_trap");
    assert_eq!(trap.code, "change::describe");
    assert!(trap.message.starts_with("`describe` of the change failed: it trapped: "), "{trap}");
    assert!(trap.message.contains("it last wrote: ") && trap.message.contains("panicked"), "{trap}");

    let exit = refused("describe_exit");
    assert_eq!(exit.code, "change::describe");
    assert!(exit.message.contains("it called exit"), "{exit}");

    let endless = refused("describe_loop");
    assert_eq!(endless.code, "change::deadline");
    assert!(endless.message.ends_with("it took longer than 3 s (`limits.describe-deadline`)"), "{endless}");

    let memory = refused("describe_memory");
    assert_eq!(memory.code, "change::memory");
    assert!(memory.message.ends_with("it needs more than 256 MiB of memory (`limits.memory`)"), "{memory}");
}

#[test]
fn a_change_that_describes_itself_differently_each_time_is_refused() {
    for name in ["describe_random", "describe_clock"] {
        let fault = refused(name);
        assert_eq!(
            (fault.code, fault.message.as_str()),
            ("change::describe", "the change describes itself differently each time")
        );
    }
}

#[test]
fn a_description_has_no_access_to_any_system() {
    let info = block_on(RUNTIME.describe_change(&guest("describe_open"))).unwrap();
    let said = info.description.unwrap();
    assert!(said.contains("has no access to any system"), "{said}");
}

#[test]
fn a_description_is_bounded_before_it_is_read() {
    let runtime = Runtime::new(Settings { cache_dir: None, limits: Limits { description: 100, ..limits() } });
    let bytes = guest("lib").bytes().clone();
    let component = runtime.load(bytes, guest("lib").digest()).unwrap();
    let fault = block_on(runtime.describe_change(&component)).unwrap_err();
    assert_eq!(fault.code, "change::limit");
    assert!(fault.message.ends_with("its answer is longer than 100 bytes (`limits.description`)"), "{fault}");
}

#[test]
fn a_template_describes_itself_and_assesses_a_step() {
    let plugin = guest("plugin-sql");
    let info = block_on(RUNTIME.describe_template(&plugin)).unwrap();
    assert_eq!(info.name, "sql");
    assert!(serde_json::from_str::<serde_json::Value>(&info.payload_schema).unwrap().is_object());
    let step = Step {
        action: Action::Apply,
        index: 0,
        target_kind: "sqlite".to_owned(),
        configuration: "null".to_owned(),
        payload: "\"CREATE TABLE x (id INTEGER)\"".to_owned(),
        finished_statements: 0,
    };
    let mut assessor = Assessor::new(plugin);
    let assessment = block_on(assessor.assess(&RUNTIME, &step)).unwrap();
    assert!(assessment.problems.is_empty() && assessment.transactional, "{assessment:?}");
}

#[test]
fn what_a_template_thinks_of_a_step_does_not_depend_on_those_before_it() {
    let mut assessor = Assessor::new(guest("plugin-sql"));
    let mut assess = |payload: &str| {
        let step = Step {
            action: Action::Apply,
            index: 0,
            target_kind: "sqlite".to_owned(),
            configuration: "null".to_owned(),
            payload: payload.to_owned(),
            finished_statements: 0,
        };
        block_on(assessor.assess(&RUNTIME, &step)).unwrap()
    };
    for _ in 0..100 {
        assert!(assess("\"CREATE TABLE x (id INTEGER)\"").transactional);
        assert!(!assess("\"VACUUM\"").transactional);
        assert_eq!(assess("\"SELECT 'open\"").problems.len(), 1);
    }
}
