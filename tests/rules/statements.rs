//! What real SQL files hold, and where an error in them is said to be.

use sandpiper_tests::Project;

#[test]
fn a_trigger_is_one_statement() {
    for project in [Project::shared(), Project::marked()] {
        project.sql(
            "changes/_0001__A",
            "a",
            "CREATE TABLE t (id INTEGER PRIMARY KEY, changed INTEGER DEFAULT 0);\n\
             CREATE TRIGGER touch AFTER UPDATE ON t FOR EACH ROW WHEN old.id > 0 BEGIN\n\
             \x20 UPDATE t SET changed = CASE WHEN old.changed IS NULL THEN 1 ELSE old.changed + 1 END WHERE id = old.id;\n\
             \x20 SELECT 'END; -- not the end';\n\
             END;\n\
             INSERT INTO t (id) VALUES (1);\nUPDATE t SET id = 1;",
        );
        project.applied();
        assert_eq!(project.rows("SELECT changed FROM t"), ["1"]);
    }
}

#[test]
fn semicolons_in_strings_names_and_comments_end_nothing() {
    let project = Project::shared();
    project.sql(
        "changes/_0001__A",
        "a",
        "CREATE TABLE \"a;b\" ([c;d] TEXT, `e;f` TEXT); -- a comment; with one\n\
         /* and ; another */ INSERT INTO \"a;b\" VALUES ('it''s; fine', 'BEGIN; COMMIT;');",
    );
    project.applied();
    assert_eq!(project.rows("SELECT * FROM \"a;b\""), ["it's; fine|BEGIN; COMMIT;"]);
}

#[test]
fn the_text_of_a_statement_reaches_the_database_as_it_is() {
    let project = Project::shared();
    let body = "CREATE TABLE t (v TEXT);\r\nINSERT INTO t VALUES ('größe ✓\r\n\tzwei');\r\n";
    project.write(
        "changes/_0001__A.sql",
        format!("\u{feff}-- sandpiper: id=a author=t target-system=target\r\n-- apply\r\n{body}-- rollback\r\nDROP TABLE t;\r\n"),
    );
    project.applied();
    assert_eq!(project.rows("SELECT hex(v) FROM t"), ["6772C3B6C39F6520E29C930D0A097A776569"]);
}

#[test]
fn a_section_without_a_statement_counts_as_done() {
    let project = Project::shared();
    project.sql("changes/_0001__A", "a", "-- nothing to do here\n\n/* at all */");
    project.sql("changes/_0002__B", "b", "-- apply\n-- rollback\nDROP TABLE b;");
    assert_eq!(project.applied().counts(), [2, 0, 0, 0, 0]);
}

#[test]
fn what_follows_the_last_statement_is_not_sent() {
    let project = Project::shared();
    project.sql(
        "changes/_0001__A",
        "a",
        "CREATE TABLE a (id INTEGER) -- no semicolon\n;\n-- the end\n;;\n  \n",
    );
    project.applied();
    assert_eq!(project.tables(), ["a"]);
}

#[test]
fn statements_may_be_left_in_one_piece() {
    let project = Project::shared();
    let text = "id: a\nauthor: t\ntarget-system: target\nconfiguration: { split-statements: false }\n\
                apply: CREATE TABLE a (id INTEGER)\n";
    project.write("changes/_0001__A.yaml", text);
    project.applied();
    assert_eq!(project.tables(), ["a"]);
}

#[track_caller]
fn error_at(project: &Project, file: &str, line: u64, column: u64) {
    let outcome = project.json("apply").exits(1);
    let error = outcome.at("/error");
    let place = (error["file"].as_str(), error["line"].as_u64(), error["column"].as_u64());
    assert_eq!(place, (Some(file), Some(line), Some(column)), "{outcome}");
    let shown = project.run("apply").exits(1);
    let place = format!("{file}:{line}:{column}");
    assert!(shown.stdout.contains(&place) || shown.stderr.contains(&place), "{shown}");
}

#[test]
fn an_error_in_a_sql_file_has_file_line_and_column() {
    let project = Project::shared();
    project.sql(
        "changes/_0001__A",
        "a",
        "CREATE TABLE a (id INTEGER);\n\nINSERT INTO a\n  VALUES (1, 2);\nUPDATE a SET\n  idd = 1;",
    );
    error_at(&project, "changes/_0001__A.sql", 4, 1);
    project.sql(
        "changes/_0001__A",
        "a",
        "CREATE TABLE a (id INTEGER);\nUPDATE a SET id = 1\n  WHERE idd = 2;",
    );
    error_at(&project, "changes/_0001__A.sql", 4, 9);
    project.sql("changes/_0001__A", "a", "CREATE TABLE a (id INTEGER);\n  CRATE TABLE b (id INTEGER);");
    error_at(&project, "changes/_0001__A.sql", 3, 3);
}

#[test]
fn an_error_in_a_yaml_file_has_file_line_and_column() {
    let project = Project::shared();
    let text = "id: a\nauthor: t\ntarget-system: target\napply: |\n  CREATE TABLE a (id INTEGER);\n  UPDATE a SET id = idd;\n";
    project.write("changes/_0001__A.yaml", text);
    error_at(&project, "changes/_0001__A.yaml", 6, 21);
}

#[test]
fn the_commands_of_psql_are_a_problem_with_their_line() {
    let project = Project::shared();
    project.sql("changes/_0001__A", "a", "CREATE TABLE a (id INTEGER);\n\\set x 1\n");
    let outcome = project.json("apply");
    assert!([1, 2].contains(&outcome.code), "{outcome}");
    assert_eq!(outcome.at("/error/line"), 3, "{outcome}");
}
