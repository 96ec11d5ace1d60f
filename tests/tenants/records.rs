//! What is read of the audit and written to it over all tenants.

use crate::{each, of, with_a_change};

#[test]
fn entries_locks_and_issues_of_all_tenants_stand_in_one_list_and_name_their_tenant() {
    let project = with_a_change("[acme, globex]");
    project.direct_sql(
        "changes/_0002__Half",
        "half",
        "INSERT INTO names VALUES (1);\nINSERT INTO none VALUES (1);",
    );
    project.json("apply").exits(4);
    let of_each = |line: &str, list: &str| -> Vec<String> {
        let told = project.json(line).exits(0).at(list);
        told.as_array().unwrap().iter().map(|it| it["tenant"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(of_each("audit list", "/entries"), ["acme", "acme", "globex", "globex"]);
    assert_eq!(of_each("lock status", "/locks"), ["acme", "globex"]);
    assert_eq!(of_each("issue list", "/issues"), ["acme", "globex"]);
    assert_eq!(of_each("issue show half", "/issues"), ["acme", "globex"]);
    let told = project.run("issue list").exits(0);
    assert!(told.stdout.starts_with("tenant  change") && told.stdout.contains("globex  half"), "{told}");
    let verified = project.json("audit verify").exits(0);
    assert_eq!((verified.at("/valid"), verified.at("/first_broken").is_null()), (true.into(), true));
    assert_eq!(each(&verified, "/valid"), ["acme true", "globex true"]);
    project.json("issue resolve half --rolled-back --reason x --tenant acme").exits(0);
    assert_eq!(of_each("issue list", "/issues"), ["globex"]);
    assert_eq!(of_each("issue show half", "/issues"), ["globex"]);
    project.json("issue show create").exits(2);
}

#[test]
fn a_baseline_counts_for_all_tenants_and_an_edit_is_accepted_where_there_is_one() {
    let project = with_a_change("[acme, globex, initech]");
    project.json("apply --tenant acme").exits(0);
    let written = project.json("baseline --reason x").exits(0);
    assert_eq!(written.text("/entries/0/tenant"), "globex");
    assert_eq!(written.text("/entries/1/tenant"), "initech");
    project.json("accept create --reason x").exits(2);
    let file = "changes/_0001__Create.sql";
    project.write(file, project.read(file).replace("(x)", "(x, y)"));
    project.json("accept create --reason x --tenant acme").exits(0);
    let accepted = project.json("accept create --reason x").exits(0);
    assert_eq!(accepted.at("/entries").as_array().unwrap().len(), 2);
    assert_eq!(accepted.text("/entries/0/tenant"), "globex");
    assert_eq!(project.json("accept create --reason x").exits(2).error(), "usage");
}

#[test]
fn an_undo_takes_back_where_the_change_is_applied_and_is_2_where_it_is_nowhere() {
    let project = of("[acme, globex]");
    project.sql(
        "changes/_0001__Create",
        "create",
        "-- apply\nCREATE TABLE names (x);\n-- rollback\nDROP TABLE names;",
    );
    project.json("apply --tenant acme").exits(0);
    let undone = project.json("undo create").exits(0);
    assert_eq!(each(&undone, "/counts/undone"), ["acme 1", "globex 0"]);
    assert_eq!(project.json("undo create").exits(2).error(), "usage");
    assert_eq!(project.json("undo creat").exits(2).error(), "usage");
}
