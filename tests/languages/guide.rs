//! The change of `docs/guests.md`, which is nothing but WebAssembly text.

use sandpiper_tests::Project;

#[test]
fn the_text_of_the_guide_is_a_change() {
    let guide = include_str!("../../docs/guests.md");
    let text = guide.split("```wat\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let project = Project::shared();
    project.write("changes/src/_0001__CreateBirds/change.wasm", wat::parse_str(text).unwrap());
    project.json("build").exits(0);
    let inspected = project.json("inspect changes/_0001__CreateBirds.wasm").exits(0);
    assert!(
        !inspected.at("/imports").to_string().contains("wasi:"),
        "it asks for more than it calls: {inspected}"
    );
    assert_eq!(project.json("apply").exits(0).of("create-birds", "outcome"), "applied");
    assert_eq!(project.tables(), ["birds"]);
    project.json("undo create-birds").exits(0);
    assert_eq!(project.tables(), [""; 0]);

    // And what the database says is its failure.
    let again = Project::shared();
    again.sql("changes/_0000__Birds", "birds", "CREATE TABLE birds (name TEXT);");
    again.write(
        "changes/_0001__CreateBirds.wasm",
        std::fs::read(project.path("changes/_0001__CreateBirds.wasm")).unwrap(),
    );
    let failed = again.json("apply").exits(1);
    assert!(failed.text("/error/message").contains("table birds already exists"), "{failed}");
}
