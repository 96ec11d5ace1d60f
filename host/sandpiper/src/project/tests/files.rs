//! The rules of listing and reading.

use super::*;

#[test]
fn changes_are_listed_in_order_of_their_orders() {
    let change = |id: &str| SQL.replace("id=a", &format!("id={id}"));
    let project = load_files(&[
        ("changes/_0002__B.sql", &change("b")),
        ("changes/_0001__Z.sql", &change("z")),
        ("changes/_0001.1__C.sql", &change("c")),
        ("more/_0001__M.sql", &change("m")),
    ])
    .into_result()
    .unwrap();
    let names: Vec<_> = project.stages[0].files.iter().map(|file| &*file.name.name).collect();
    assert_eq!(names, ["Z", "C", "B"]);
    assert_eq!(project.stages[1].files[0].info().unwrap().id.as_str(), "m");
}

#[test]
fn an_empty_folder_is_a_stage_without_changes() {
    assert!(load_files(&[]).into_result().unwrap().stages[0].files.is_empty());
}

#[test]
fn what_is_nearly_a_change_is_a_problem() {
    let (code, place, message, help) = only(&[("changes/0001__X.sql", SQL)]);
    assert_eq!((code, place.as_str()), ("change::file-name", "0001__X.sql"));
    assert!(message.contains("`_0001__X.sql`") && help.contains("rename"));
    assert_eq!(only(&[("changes/_0001__X.sql/x", "")]).0, "change::file-name");
}

#[test]
fn other_and_hidden_files_are_left_alone() {
    let loaded =
        load_files(&[("changes/README.md", ""), ("changes/.0001__X.sql", ""), ("changes/X.sql.bak", "")]);
    assert!(loaded.problems.is_empty() && loaded.project.warnings.is_empty());
}

#[test]
fn a_folder_that_holds_changes_is_a_warning_but_not_the_sources() {
    let loaded = load_files(&[
        ("changes/old/_0001__X.sql", SQL),
        ("changes/src/_0001__X/_0001__X.sql", SQL),
        ("changes/src/_0002__Y.sql", SQL),
    ]);
    assert!(loaded.problems.is_empty());
    let warnings = told(loaded.project.warnings);
    assert_eq!((warnings.len(), warnings[0].1.as_str()), (1, "old"));
}

#[test]
fn a_name_that_is_not_pascal_case_is_a_warning() {
    let warnings =
        told(load_files(&[("changes/_0001__create-orders.sql", SQL)]).into_result().unwrap().warnings);
    assert_eq!(warnings[0].3, "`CreateOrders` is recommended");
}

#[test]
fn an_order_stands_once_in_a_stage() {
    let other = SQL.replace("id=a", "id=b");
    let (code, place, message, _) = only(&[("changes/_0001__A.sql", SQL), ("changes/_0001__B.sql", &other)]);
    assert_eq!((code, place.as_str()), ("change::duplicate-order", "_0001__B.sql"));
    assert!(message.contains("_0001__A.sql"));
    assert!(problems(&[("changes/_0001__A.sql", SQL), ("more/_0001__B.sql", &other)]).is_empty());
}

#[test]
fn orders_that_mislead_are_a_problem() {
    let other = SQL.replace("id=a", "id=b");
    let (code, _, _, help) = only(&[("changes/_10000__A.sql", SQL), ("changes/_2000__B.sql", &other)]);
    assert_eq!((code, help.as_str()), ("change::file-name", "pad the orders to one width"));
}

#[test]
fn an_id_stands_once_in_the_pipeline() {
    let (code, place, message, _) = only(&[("changes/_0001__A.sql", SQL), ("more/_0001__B.sql", SQL)]);
    assert_eq!((code, place.as_str()), ("change::duplicate-id", "_0001__B.sql:1:18"));
    assert!(message.contains("changes/_0001__A.sql"));
}

#[test]
fn a_file_is_known_by_two_digests() {
    let (_, unix) = loaded("_0001__A.sql", SQL);
    let (_, windows) = loaded("_0001__A.sql", &SQL.replace('\n', "\r\n"));
    assert_ne!(unix.digest, windows.digest);
    assert_eq!(unix.meaning, windows.meaning);
    assert_eq!(unix.digest, Digest::of(SQL.as_bytes()));
    assert_eq!(&*unix.bytes().unwrap(), SQL.as_bytes());
}

#[test]
fn a_component_means_its_sources_where_it_says_so() {
    let folder = folder(&[("changes/_0001__A.wasm", "bytes")]);
    let secrets = Secrets::new();
    let file = ConfigFile::read(&folder.path().join("sandpiper.yaml"), Overrides::default()).unwrap();
    let sources = Digest::of(b"sources");
    let options =
        Options { languages: &[], sources_digest: &|_| Some(sources), secrets: &secrets, memory: None };
    let project = load(file.resolve(None, &secrets).unwrap(), &options).into_result().unwrap();
    let change = &project.stages[0].files[0];
    assert_eq!((change.meaning, change.digest), (sources, Digest::of(b"bytes")));
    assert!(matches!(change.kind, FileKind::Component));
}

#[test]
fn a_source_file_needs_a_language_plugin() {
    let (_, change) = loaded("_0001__A.js", "export default {}");
    assert!(matches!(change.kind, FileKind::Source));
    assert_eq!(only(&[("changes/_0001__A.py", "x")]).0, "change::file-name");
}

#[test]
fn a_file_over_64_mib_is_refused_unread() {
    let folder = folder(&[]);
    let file = std::fs::File::create(folder.path().join("changes/_0001__A.sql")).unwrap();
    file.set_len(MAX_FILE + 1).unwrap();
    assert_eq!(load_folder(folder.path()).problems[0].code, "change::too-large");
}

#[test]
fn a_link_that_leads_nowhere_is_a_problem() {
    let folder = folder(&[]);
    std::os::unix::fs::symlink("nowhere", folder.path().join("changes/_0001__A.sql")).unwrap();
    assert!(load_folder(folder.path()).problems[0].message.contains("cannot be read"));
}

#[test]
fn an_empty_text_and_one_that_is_not_utf_8_are_problems() {
    for file in ["_0001__A.sql", "_0001__A.yaml", "_0001__A.js"] {
        let (code, _, message, _) = only(&[(&format!("changes/{file}"), "")]);
        assert_eq!((code, message.as_str()), ("change::syntax", "the file is empty"), "{file}");
    }
    let folder = folder(&[]);
    std::fs::write(folder.path().join("changes/_0001__A.sql"), b"-- x\n-- \xff").unwrap();
    assert_eq!(told(load_folder(folder.path()).problems)[0].1, "_0001__A.sql:2:4");
}

#[test]
fn apply_and_steps_exclude_each_other_and_one_is_needed() {
    let of = |rest: &str| only(&[("changes/_0001__A.yaml", &yaml(rest))]).2;
    assert_eq!(of("apply: x\nsteps: [{ apply: y }]\n"), "`apply` stands beside `steps`");
    assert_eq!(of("rollback: x\n"), "`apply` is missing");
    assert_eq!(of("steps: []\n"), "`steps` is empty");
    assert_eq!(of("steps: [{ rollback: x }]\n"), "a step has no `apply`");
    assert_eq!(of("steps: x\n"), "`steps` is a text, but a list is expected");
}
