//! What is told of a component before it runs.

use sandpiper_tests::{Project, component, plugin};

#[test]
fn inspect_tells_what_a_component_is_and_may_touch() {
    let project = Project::empty();
    project.write("guest.wasm", component("verify")).write("sql.wasm", plugin("sql"));
    let guest = project.json("inspect guest.wasm").exits(0);
    assert_eq!(guest.text("/kind"), "change");
    assert_eq!(guest.text("/info/id"), "test-guest-cases-verify-000000000000000001");
    assert_eq!(
        guest.at("/size").as_u64(),
        std::fs::metadata(project.path("guest.wasm")).ok().map(|it| it.len())
    );
    let listed = |pointer: &str, part: &str| guest.at(pointer).to_string().contains(part);
    assert!(
        listed("/imports", "sandpiper:sql/client") && listed("/exports", "sandpiper:sql/change"),
        "{guest}"
    );
    assert!(!guest.text("/may_touch").is_empty() && guest.text("/language") == "Rust", "{guest}");
    assert_eq!(guest.text("/digest").len(), 64, "{guest}");
    assert_eq!(project.json("inspect sql.wasm").exits(0).text("/kind"), "template");
}

#[test]
fn inspect_refuses_what_is_no_component() {
    let project = Project::empty();
    project.write("text.wasm", "no component");
    assert_eq!(project.json("inspect text.wasm").exits(2).error(), "change::not-a-component");
    project.json("inspect nothing.wasm").exits(2);
}

#[test]
fn a_component_is_planned_without_being_run() {
    let project = Project::shared();
    project.write("changes/_0001__Guest.wasm", component("cases"));
    let plan = project.json("plan --set case=trap").exits(0);
    assert_eq!(plan.of("test-guest-cases-transactional-0000000001", "action"), "apply");
    assert_eq!(plan.of("test-guest-cases-transactional-0000000001", "mode"), "shared");
    assert!(!project.has("target.db"));
}

#[test]
fn a_renamed_file_with_the_same_bytes_is_the_same_change() {
    let project = Project::shared();
    project.write("changes/_0001__Guest.wasm", component("cases"));
    project.applied();
    project.rename("changes/_0001__Guest.wasm", "changes/_0002__Other.wasm");
    assert_eq!(project.applied().counts(), [0, 1, 0, 0, 0]);
    project.write(
        "changes/_0002__Other.wasm",
        component("cases").into_iter().chain(*b"\0\x06\x04noteX").collect::<Vec<_>>(),
    );
    assert_eq!(project.json("apply").code, 6, "other bytes are an edit");
}
