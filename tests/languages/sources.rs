//! Source files that a language plugin runs: the file is the change, and what is wrong with it has a line and a column.

use sandpiper::conformance::http::Reply;
use sandpiper_tests::{Api, Outcome, Project, language_plugin};

const HEAD: &str = "export default {\n  id: \"source\", author: \"tests\", targetSystem: \"target\",\n";
const FILE: &str = "changes/_0001__Source.js";

/// A project whose plugin lies in it.
fn project() -> Project {
    let project = Project::shared();
    project.write("plugins/js.wasm", std::fs::read(language_plugin("javascript")).unwrap());
    project.configure("languages: { js: plugins/js.wasm }");
    project
}

/// One with this change: what stands before it, and its functions.
fn with(before: &str, functions: &str) -> Project {
    let project = project();
    project.write(FILE, format!("{before}{HEAD}{functions}}};\n"));
    project
}

fn create() -> Project {
    with(
        "",
        "  apply(db) { db.execute(\"CREATE TABLE a (id INTEGER)\"); },\n  rollback(db) { db.execute(\"DROP TABLE a\"); },\n",
    )
}

/// What a problem says, with its line and column.
fn problem(outcome: &Outcome) -> String {
    let at = |field: &str| outcome.at(&format!("/problems/0/{field}"));
    assert_eq!(outcome.text("/problems/0/file"), FILE, "{outcome}");
    format!("{}:{} {}", at("line"), at("column"), outcome.text("/problems/0/message"))
}

#[test]
fn a_source_file_is_applied_and_taken_back_when_it_is_gone() {
    let project = create();
    assert_eq!(project.json("plan").exits(0).of("source", "mode"), "shared");
    project.applied();
    let entry = project.json("audit show source").exits(0).at("/entry");
    let plugin = project.json("inspect plugins/js.wasm").exits(0);
    assert_eq!(entry["template_digest"], plugin.text("/digest"), "{entry}");
    let info = plugin.at("/info");
    assert_eq!(
        (plugin.text("/kind"), &info["extensions"][0]),
        ("language".to_owned(), &"js".into()),
        "{plugin}"
    );
    let source = project.json(&format!("inspect {FILE}")).exits(0);
    assert_eq!(
        (source.text("/kind"), source.text("/info/id")),
        ("change".into(), "source".into()),
        "{source}"
    );
    assert_eq!(
        (source.at("/run_by/digest"), source.at("/digest")),
        (plugin.at("/digest"), entry["digest"].clone())
    );
    let sentence = "`sql` as the language plugin `javascript` runs it";
    assert!(source.text("/may_touch").contains(sentence), "{source}");

    // All that is needed to take it back is in the store: neither the file nor what ran it have to be there.
    project.remove(FILE).remove("plugins/js.wasm");
    let configuration = project.read("sandpiper.yaml").replace("languages: { js: plugins/js.wasm }", "");
    project.write("sandpiper.yaml", configuration);
    project.json("undo source").exits(0);
    assert!(project.tables().is_empty());
}

#[test]
fn what_is_applied_already_starts_no_plugin() {
    let project = create();
    project.applied();
    project.write("plugins/js.wasm", "this is no plugin");
    assert_eq!(project.applied().counts(), [0, 1, 0, 0, 0]);
    assert_eq!(project.state("source"), "applied");
    // What is not applied does.
    project.write("changes/_0002__Other.js", project.read(FILE).replace("source", "other"));
    let refused = project.json("apply").exits(2);
    assert_eq!(refused.error(), "change::not-a-component", "{refused}");
    assert!(refused.to_string().contains("the plugin of `.js`"), "{refused}");
}

#[test]
fn a_plugin_among_the_templates_says_itself_what_it_runs() {
    let project = create();
    let configuration =
        project.read("sandpiper.yaml").replace("languages: { js:", "templates: { javascript:");
    project.write("sandpiper.yaml", configuration);
    project.applied();
    assert_eq!(project.tables(), ["a"]);
    assert_eq!(project.applied().counts(), [0, 1, 0, 0, 0]);
}

#[test]
fn an_edited_source_is_modified_and_its_line_endings_mean_nothing() {
    let project = create();
    project.applied();
    let text = project.read(FILE);
    project.write(FILE, text.replace('\n', "\r\n"));
    project.applied();
    project.write(FILE, text.replace("INTEGER", "TEXT"));
    assert_eq!(project.json("apply").exits(6).error(), "plan::modified");
}

#[test]
fn what_is_wrong_with_a_source_has_its_line_and_column_before_anything_runs() {
    let apply = "  apply(db) {},\n";
    for (before, functions, expected) in [
        ("", "  apply(db) { const = 3; },\n", "3:21 expected token 'identifier', got '='"),
        ("", "  apply(db) { if (db) {\n", "4:3 the file ends too early"),
        ("const a = undefined;\na();\n", apply, "2:2 TypeError: "),
        ("const a = 1;\nconst b = a + c;\n", apply, "2:15 ReferenceError: c is not defined"),
        ("import fs from \"node:fs\";\n", apply, "1:17 there is no module `node:fs`"),
        ("import { Nothing } from \"sandpiper-sdk\";\n", apply, "1:10 could not find export `Nothing`"),
        ("", "  apply(db) {},\n  recovery: \"perhaps\",\n", "4:3 `recovery` is `perhaps`"),
        ("", "  async apply(db) {},\n", "3:9 `apply` cannot be `async`"),
        ("", "  *apply(db) { db.execute(\"CREATE TABLE a (x)\"); },\n", "3:4 `apply` cannot be a generator"),
        ("", "  apply(db) {},\n  tagret: 1,\n", "4:3 `tagret` is no key of a change"),
        ("// none\n", "", "2:1 `apply` is missing"),
    ] {
        let project = with(before, functions);
        let outcome = project.json("validate").exits(2);
        let found = problem(&outcome);
        assert!(found.starts_with(expected), "{found}\nis not: {expected}\n{outcome}");
        assert_eq!(outcome.text("/problems/0/code"), "change::syntax", "{outcome}");
        project.json("apply").exits(2);
        assert!(!project.has("target.db"));
    }
}

#[test]
fn an_error_of_a_call_has_its_line_and_column() {
    let failing = [
        ("    db.execute(\"SELECT * FROM nowhere\");\n", "no such table: nowhere (SQLITE_ERROR)", 4, 15),
        ("    /* gr\u{fc}n */ [1].map(() => db.nothing());\n", "TypeError: ", 4, 40),
        ("    const nothing = there + 1;\n", "ReferenceError: there is not defined", 4, 21),
        ("    throw new Failed(\"as the source says\");\n", "as the source says", 4, 11),
    ];
    for (line, message, at, column) in failing {
        let functions = format!("  apply(db) {{\n{line}  }},\n");
        let project = with("import { Failed } from \"sandpiper-sdk\"; ", &functions);
        let outcome = project.json("apply").exits(1);
        let error = outcome.change("source")["error"].clone();
        assert!(error["message"].as_str().unwrap().starts_with(message), "{outcome}");
        assert_eq!((&error["line"], &error["column"]), (&at.into(), &column.into()), "{outcome}");
        assert_eq!(outcome.of("source", "outcome"), "rolled-back");
    }
}

#[test]
fn a_source_without_rollback_is_not_taken_back() {
    let project = with("", "  apply(db) { db.execute(\"CREATE TABLE a (id INTEGER)\"); },\n");
    project.applied();
    assert_eq!(project.json("undo source").exits(2).error(), "change::no-rollback");
    let direct = with(
        "",
        "  transactional: false,\n  apply(db) { db.execute(\"CREATE TABLE a (id INTEGER)\"); throw new Error(\"no\"); },\n",
    );
    let outcome = direct.json("apply").exits(4);
    assert_eq!(outcome.of("source", "outcome"), "failed", "{outcome}");
}

#[test]
fn a_source_that_waits_or_never_ends_fails() {
    let promise = with("", "  apply(db) { return Promise.resolve(1); },\n").json("apply").exits(1);
    assert!(promise.text("/error/message").contains("`apply` gave a promise"), "{promise}");
    let endless = with("for (;;);\n", "  apply(db) {},\n");
    endless.configure("limits: { describe-deadline: 1s }");
    let endless = endless.json("validate").exits(2);
    assert_eq!(endless.text("/problems/0/code"), "change::deadline", "{endless}");
    let deep = with("const deep = (n) => [n].map((m) => deep(m + 1));\n", "  apply(db) { deep(0); },\n");
    assert_eq!(deep.json("apply").exits(1).of("source", "outcome"), "rolled-back");
}

#[test]
fn a_query_that_is_left_early_is_given_back() {
    let project = with(
        "",
        "  apply(db) {\n    db.runScript(\"CREATE TABLE m (a INTEGER); INSERT INTO m WITH RECURSIVE n(i) AS \
         (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) SELECT i FROM n\");\n    \
         for (let round = 0; round < 100; round++) {\n      for (const row of db.query(\"SELECT a FROM m\")) {\n        \
         if (row.a === 3) break;\n      }\n    }\n    \
         try { db.query(\"SELECT a FROM m\").one(); } catch { db.execute(\"DROP TABLE m\"); }\n  },\n",
    );
    project.applied();
    assert!(project.tables().is_empty());
}

#[test]
fn nothing_is_there_that_a_component_would_not_have() {
    let project = with(
        "",
        "  apply(db) {\n    const there = [\"fetch\", \"process\", \"require\", \"setTimeout\", \"Deno\"];\n    \
         const found = there.filter((name) => name in globalThis);\n    if (found.length > 0) throw new Error(found.join());\n    \
         db.execute(\"CREATE TABLE a (id)\");\n    \
         db.execute(\"INSERT INTO a VALUES (?), (?)\", [crypto.randomUUID(), new TextDecoder().decode(new TextEncoder().encode(\"gr\u{fc}n\"))]);\n  \
         },\n",
    );
    project.applied();
    let rows = project.rows("SELECT id FROM a");
    assert_eq!((rows[0].len(), rows[1].as_str()), (36, "gr\u{fc}n"));
}

#[test]
fn a_source_that_no_plugin_runs_is_told() {
    let project = create();
    project.write("changes/_0002__Other.py", "pass\n");
    let refused = project.json("apply").exits(2);
    assert_eq!(refused.error(), "change::file-name", "{refused}");
    project.remove("changes/_0002__Other.py");
    for (plugin, code) in [("sql", "change::wrong-world"), ("", "change::not-a-component")] {
        let bytes = if plugin.is_empty() { Vec::new() } else { sandpiper_tests::plugin(plugin) };
        project.write("plugins/js.wasm", bytes);
        assert_eq!(project.json("apply").exits(2).error(), code);
    }
    let claimed = create();
    claimed.rename(FILE, "changes/_0001__Source.rb");
    let configuration = claimed.read("sandpiper.yaml").replace("{ js:", "{ rb:");
    claimed.write("sandpiper.yaml", configuration);
    let refused = claimed.json("apply").exits(2);
    assert!(refused.to_string().contains("runs `.js`, `.ts`, and not `.rb`"), "{refused}");
}

#[test]
fn a_source_sends_requests_to_an_api() {
    let api = Api::start(|_, _| Reply::new(201, "{\"id\": 7}"));
    let project = project();
    let configuration = project.read("sandpiper.yaml").replace("store: target\n", "").replace(
        "{ kind: sqlite, path: target.db }",
        &format!("{{ kind: http, base-url: \"{}\" }}", api.url("/base/")),
    );
    project.write("sandpiper.yaml", configuration);
    let apply = "  apply(api, ctx) {\n    const made = api.post(\"queues\", { json: { name: \"mail\" }, query: { dry: 1 } });\n    \
                 if (made.errorForStatus().json().id !== 7) throw new Error(\"another id\");\n  },\n";
    project.write(FILE, format!("{HEAD}{apply}}};\n"));
    project.applied();
    let arrived = api.arrived();
    assert_eq!(arrived.len(), 1);
    assert_eq!(arrived[0].body, b"{\"name\":\"mail\"}");
}
