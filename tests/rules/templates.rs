//! Templates: plugins of the user's own, named by path.

use sandpiper_tests::{Project, plugin};
use serde_json::Value;

fn project() -> Project {
    let project = Project::shared();
    project.configure("templates: { seed: plugins/seed.wasm }");
    project.write("plugins/seed.wasm", plugin("sql"));
    let text =
        "id: a\nauthor: t\ntarget-system: target\ntemplate: seed\napply: CREATE TABLE a (id INTEGER)\n";
    project.write("changes/_0001__A.yaml", text);
    project
}

#[test]
fn a_template_by_path_runs_data_files() {
    let project = project();
    project.applied();
    assert_eq!(project.tables(), ["a"]);
    let entry = project.json("audit show a").exits(0).at("/entry");
    assert_eq!(entry["template_digest"].as_str().map(str::len), Some(64), "{entry}");
    assert_eq!(project.json("inspect plugins/seed.wasm").exits(0).text("/kind"), "template");
}

#[test]
fn inspect_tells_what_a_data_file_declares_and_which_template_runs_it() {
    let project = project();
    project.sql("changes/_0002__B", "b", "CREATE TABLE b (id INTEGER);");
    let own = project.json("inspect changes/_0001__A.yaml").exits(0);
    assert_eq!((own.text("/kind"), own.text("/info/id")), ("change".into(), "a".into()), "{own}");
    assert_eq!(own.text("/run_by/file"), "plugins/seed.wasm", "{own}");
    let plugin = project.json("inspect plugins/seed.wasm").exits(0);
    assert_eq!(own.at("/run_by/digest"), plugin.at("/digest"), "{own}");
    let built_in = project.json("inspect changes/_0002__B.sql").exits(0);
    assert_eq!((built_in.text("/run_by/name"), built_in.at("/run_by/file")), ("sql".into(), Value::Null));
    let sentence = "it changes the target system `target` through `sql` as the template `sql` runs it, and nothing else: \
                    no file, no network, no environment";
    assert_eq!(built_in.text("/may_touch"), sentence);

    // Its configuration is looked for from its folder upwards, and its variables are not needed.
    project.configure("variables: { token: \"${env:ABSENT}\" }");
    let file = project.path("changes/_0001__A.yaml");
    let elsewhere = Project::empty().run(&format!("inspect {}", file.display())).exits(0);
    assert!(elsewhere.stdout.contains("run by         template seed, plugins/seed.wasm, "), "{elsewhere}");
    assert!(!project.has("target.db"));
}

#[test]
fn inspect_refuses_what_no_plugin_runs_and_what_no_change_is_called() {
    let project = project();
    let refused = |file: &str, text: &str| {
        project.write(file, text);
        let outcome = project.json(&format!("inspect {file}")).exits(2);
        assert!(outcome.text("/error/file").ends_with(file), "{outcome}");
        outcome.error()
    };
    assert_eq!(refused("changes/_0002__B.rb", "puts 1"), "change::unknown-template");
    assert_eq!(refused("changes/notes.sql", "SELECT 1;"), "change::file-name");
    assert_eq!(refused("changes/_0002__B.sql", "SELECT 1;"), "change::syntax");
    assert_eq!(refused("changes/_0002__B.yaml", "id: ["), "change::syntax");
}

#[test]
fn an_unknown_template_is_a_problem_that_names_the_nearest() {
    let project = project();
    let text = project.read("changes/_0001__A.yaml").replace("template: seed", "template: sed");
    project.write("changes/_0001__A.yaml", text);
    let outcome = project.json("apply").exits(2);
    assert!(outcome.codes().contains(&"change::unknown-template".to_owned()), "{outcome}");
    assert!(outcome.stdout.contains("`seed`"), "{outcome}");
    assert!(!project.has("target.db"));
}

#[test]
fn a_template_that_is_not_there_or_no_plugin_is_a_problem() {
    let project = project();
    project.remove("plugins/seed.wasm");
    let outcome = project.json("apply").exits(2);
    assert!(outcome.stdout.contains("plugins/seed.wasm"), "{outcome}");
    project.write("plugins/seed.wasm", sandpiper_tests::component("minimal"));
    project.json("apply").exits(2);
    assert!(!project.has("target.db"));
}

#[test]
fn a_change_that_does_nothing_is_applied_and_warned_of() {
    let project = Project::shared();
    project.sql("changes/_0001__AddStatus", "add-status", "-- apply\n-- later\n-- rollback\n");
    project.write(
        "changes/_0002__AddNote.yaml",
        "id: add-note\nauthor: t\ntarget-system: target\napply: \"-- later\"\n",
    );
    for line in ["validate", "plan", "apply"] {
        let outcome = project.json(line).exits(0);
        let said = outcome.stdout.matches("does nothing").count();
        assert_eq!(said, 2, "{outcome}");
        assert!(project.run("validate").exits(0).stdout.contains("change `add-status` does nothing"));
    }
    assert_eq!(project.state("add-status"), "applied");
    project.sql("changes/_0003__C", "c", "-- a comment\nSELECT 1;");
    project.sql("changes/_0004__D", "d", "-- apply\nSELECT 1;\n-- rollback\n");
    let outcome = project.applied();
    assert!(!outcome.stdout.contains("does nothing"), "{outcome}");
}

#[test]
fn what_new_made_is_not_applied_before_somebody_wrote_into_it() {
    let project = Project::shared();
    project.run("new AddStatus").exits(0);
    project.run("new AddNote --language yaml").exits(0);
    for line in ["validate", "plan", "apply"] {
        let outcome = project.json(line).exits(2);
        assert_eq!(outcome.at("/error/problems").as_array().unwrap().len(), 2, "{outcome}");
        assert!(outcome.stdout.contains("changes/_0001__AddStatus.sql"), "{outcome}");
    }
    assert!(!project.has("target.db"));
    for file in ["changes/_0001__AddStatus.sql", "changes/_0002__AddNote.yaml"] {
        let text = project.read(file).replace("-- apply\n", "-- apply\nSELECT 1;\n");
        project.write(file, text.replace("  -- what applies it", "  SELECT 1;"));
    }
    assert_eq!(project.applied().counts(), [2, 0, 0, 0, 0]);
}

#[test]
fn a_new_change_comes_after_source_files_too() {
    let project = project();
    project.write("changes/_0007__Source.js", "export default {};");
    assert_eq!(project.json("new Next").exits(0).at("/files/0"), "changes/_0008__Next.sql");
}
