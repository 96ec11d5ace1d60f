//! The archive: what ran is kept by its digest, checked when it is read, and dropped when nothing needs it any more.

use sandpiper_tests::{Project, component, open, rows};

fn artifacts(project: &Project) -> Vec<String> {
    rows(
        &project.path(".sandpiper/audit.db"),
        "SELECT lower(hex(digest)) FROM sandpiper_artifact ORDER BY size",
    )
}

fn project() -> Project {
    let project = Project::marked();
    project.sql("changes/_0001__A", "a", "CREATE TABLE a (id INTEGER);");
    project.applied();
    project
}

#[test]
fn what_ran_is_given_back_byte_for_byte_and_nothing_is_overwritten() {
    let project = Project::marked();
    let text = "-- sandpiper: id=a author=tests target-system=target\r\nCREATE TABLE a (note TEXT DEFAULT 'grün');\r\n";
    project.write("changes/_0001__A.sql", text).write("changes/_0002__Guest.wasm", component("cases"));
    project.applied();
    project.remove("changes/_0001__A.sql");
    let shown = project.json("audit show a --artifact ran.sql").exits(0);
    assert_eq!(project.read("ran.sql"), text);
    assert_eq!(shown.at("/artifact/digest"), shown.at("/entry/digest"));
    assert_eq!(shown.at("/artifact/size"), text.len());
    let again = project.json("audit show a --artifact ran.sql").exits(2);
    assert_eq!(again.error(), "usage");
    project.write("mine", "mine").json("audit show a --artifact mine").exits(2);
    assert_eq!((project.read("mine").as_str(), project.read("ran.sql").as_str()), ("mine", text));
    project.json("audit show a --artifact nowhere/ran.sql").exits(2);
    project.json("audit show test-guest-cases-transactional-0000000001 --artifact ran.wasm").exits(0);
    assert_eq!(std::fs::read(project.path("ran.wasm")).unwrap(), component("cases"));
}

#[test]
fn what_ran_is_printed_alone_where_that_is_asked_for() {
    let project = project();
    let printed = project.run("audit show a --artifact -").exits(0);
    assert_eq!(printed.stdout, project.read("changes/_0001__A.sql"));
    assert!(!project.has("-"));
    assert_eq!(project.json("audit show a --artifact -").exits(2).error(), "usage");
    project.run("audit show a --calls --artifact -").exits(2);
}

#[test]
fn a_template_is_kept_too_and_what_many_changes_share_only_once() {
    let project = project();
    project.sql("changes/_0002__B", "b", "CREATE TABLE b (id INTEGER);");
    project.applied();
    let template = project.json("audit show a").exits(0).text("/entry/template_digest");
    let kept = artifacts(&project);
    assert_eq!(kept.len(), 3, "two files and one template");
    assert!(kept.contains(&template), "{kept:?} has no {template}");
    let store = project.path(".sandpiper/audit.db");
    let sizes =
        rows(&store, "SELECT size > 2 * length(body) FROM sandpiper_artifact ORDER BY size DESC LIMIT 1");
    assert_eq!(sizes, ["1"], "the template is compressed");
}

#[test]
fn a_damaged_artifact_is_an_error_with_a_name() {
    let project = project();
    let damage = "UPDATE sandpiper_artifact SET body = (SELECT body FROM sandpiper_artifact ORDER BY size DESC LIMIT 1)";
    open(&project.path(".sandpiper/audit.db")).execute(damage, []).unwrap();
    assert_eq!(project.json("audit show a --artifact ran.sql").exits(6).error(), "audit::broken");
    assert!(!project.has("ran.sql"));
    let printed = project.run("audit show a --artifact -").exits(6);
    assert!(printed.stdout.is_empty() && printed.stderr.contains("is not what was kept"), "{printed}");
}

#[test]
fn without_keep_artifacts_nothing_is_kept() {
    let project = Project::marked();
    project.configure("keep-artifacts: false");
    project.sql("changes/_0001__A", "a", "CREATE TABLE a (id INTEGER);");
    project.applied();
    assert!(artifacts(&project).is_empty());
    let shown = project.json("audit show a --artifact ran.sql").exits(2);
    assert_eq!(shown.error(), "audit::no-artifact");
    assert!(!project.has("ran.sql"));
    assert_eq!(project.json("audit show a --calls").exits(0).at("/calls").as_array().unwrap().len(), 1);
}

#[test]
fn pruning_drops_what_nothing_applied_needs_and_no_entry() {
    let project = project();
    project.sql("changes/_0002__B", "b", "INSERT INTO nowhere VALUES (1);");
    project.json("apply").exits(1);
    let before = project.json("audit list --history").exits(0).at("/entries");
    assert_eq!(artifacts(&project).len(), 3);
    let young = project.json("audit prune --older-than 1h").exits(0);
    assert_eq!(
        (young.at("/artifacts"), young.at("/calls"), young.at("/bytes")),
        (0.into(), 0.into(), 0.into())
    );
    let pruned = project.json("audit prune --older-than 0s").exits(0);
    assert_eq!((pruned.at("/artifacts"), pruned.at("/calls")), (1.into(), 2.into()), "{pruned}");
    assert!(pruned.at("/bytes").as_u64().unwrap() > 100, "{pruned}");
    assert_eq!(project.json("audit list --history").exits(0).at("/entries"), before);
    project.json("audit verify").exits(0);
    project.json("audit show a --artifact ran.sql").exits(0);
    assert_eq!(project.json("audit show b --artifact b.sql").exits(2).error(), "audit::no-artifact");
    let template = project.json("audit show a").exits(0).text("/entry/template_digest");
    assert!(artifacts(&project).contains(&template));
    assert_eq!(project.json("audit show b --calls").exits(0).at("/calls").as_array().unwrap().len(), 0);
    project.sql("changes/_0002__B", "b", "CREATE TABLE b (id INTEGER);");
    project.applied();
}

#[test]
fn pruning_waits_for_a_run_and_gives_up_in_time() {
    let project = Project::marked();
    project.configure("lock: { wait: 1s, retry: 100ms }");
    project.write("changes/_0001__Guest.wasm", component("cases"));
    let run = project.start("apply --set case=sleep --set milliseconds=20000");
    let store = project.path(".sandpiper/audit.db");
    let held = || {
        store.exists()
            && rows(&store, "SELECT count(*) FROM sqlite_master WHERE name = 'sandpiper_lease'")[0] == "1"
            && rows(&store, "SELECT count(*) FROM sandpiper_lease WHERE expires_at IS NOT NULL")[0] == "1"
    };
    while !held() {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert_eq!(project.json("audit prune --older-than 0s").exits(5).error(), "lock::busy");
    run.kill();
    // Nobody waits for a holder that was killed on this machine; what it left open needs its artifact.
    let pruned = project.json("audit prune --older-than 0s").exits(0);
    assert_eq!(pruned.at("/artifacts"), 0, "{pruned}");
}

#[test]
fn pruning_wants_to_know_how_old() {
    let project = project();
    for line in ["audit prune", "audit prune --older-than soon", "audit prune --older-than 90"] {
        assert_eq!(project.json(line).exits(2).error(), "usage", "{line}");
    }
}
