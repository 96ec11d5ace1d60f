//! What statements do, and what is said of those that fail.

use crate::Place;

#[test]
fn an_error_names_its_number_state_line_and_column() {
    let Place { project, database: _database } = Place::with_orders("shared");
    // The header is the first line.
    let body = "INSERT INTO orders VALUES (2, 'two');\n-- \u{fc}\nSELECT '\u{fc}',\n  1 FRUM orders;";
    project.sql("changes/_0001__Bad", "bad", body);
    let failed = project.json("apply").exits(1);
    let error = failed.change("bad")["error"].clone();
    assert_eq!(error["code"], "change::failed");
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("1064") && message.contains("42000"), "{error}");
    assert_eq!((&error["line"], &error["column"]), (&5.into(), &10.into()), "{error}");
    assert_eq!(failed.of("bad", "outcome"), "rolled-back");
    project.sql("changes/_0001__Bad", "bad", "SELECT 1;\nSELECT statsu FROM orders;");
    let error = project.json("apply").exits(1).change("bad")["error"].clone();
    assert!(error["message"].as_str().unwrap().contains("Unknown column 'statsu'"), "{error}");
    assert_eq!(error["line"], 3, "{error}");
}

#[test]
fn an_error_in_a_stored_program_names_the_line_of_the_file() {
    let Place { project, database: _database } = Place::new("shared");
    let body = "CREATE TABLE t (n INT);\nDELIMITER //\nCREATE PROCEDURE p()\nBEGIN\n  SELECT 1;\n  SELEC 2;\nEND//\n";
    project.sql("changes/_0001__P", "p", body);
    let error = project.json("apply").exits(4).change("p")["error"].clone();
    assert_eq!((&error["line"], &error["column"]), (&7.into(), &9.into()), "{error}");
}

#[test]
fn a_value_that_the_type_cannot_hold_fails_the_change() {
    let Place { project, database } = Place::with_orders("shared");
    for (values, words) in [
        ("(99999999999, 'x')", "Out of range"),
        ("(2, 'longer than twenty characters')", "Data too long"),
        ("('x', 'x')", "Incorrect integer value"),
    ] {
        project.sql("changes/_0001__V", "v", &format!("INSERT INTO orders VALUES {values};"));
        let failed = project.json("apply").exits(1);
        let message = failed.change("v")["error"]["message"].as_str().unwrap().to_owned();
        assert!(message.contains(words), "{message}");
    }
    assert_eq!(database.rows("SELECT count(*) FROM orders"), ["1"]);
}

#[test]
fn a_row_larger_than_the_server_takes_is_told() {
    let Place { project, database } = Place::with_orders("shared");
    database.rows("CREATE TABLE big (v LONGTEXT)");
    let row = "x".repeat(17 << 20);
    project.sql("changes/_0001__Big", "big", &format!("INSERT INTO big VALUES ('{row}');"));
    project.configure("limits: { arguments: 64MiB }");
    let failed = project.json("apply");
    assert!(failed.code == 1 || failed.code == 2, "{}", failed.code);
    assert!(failed.stdout.contains("max_allowed_packet") || failed.stdout.contains("MiB"), "{failed}");
    assert_eq!(database.rows("SELECT count(*) FROM big"), ["0"]);
}

#[test]
fn warnings_are_in_the_log() {
    let Place { project, database: _database } = Place::with_orders("shared");
    project.sql("changes/_0001__W", "w", "INSERT IGNORE INTO orders VALUES (1, 'again');");
    let said = project.run("apply -v").exits(0);
    assert!(said.stderr.contains("Duplicate entry") || said.stdout.contains("Duplicate entry"), "{said}");
}

#[test]
fn settings_are_set_before_each_change_and_what_a_change_sets_ends_with_it() {
    let Place { project, database } = Place::with_orders("marked");
    let before = project.read("sandpiper.yaml");
    let set = before.replace(
        "\" }",
        "\", settings: { sql_mode: \"ANSI_QUOTES\", foreign_key_checks: \"0\", time_zone: \"+02:00\" } }",
    );
    project.write("sandpiper.yaml", set);
    database.rows("CREATE TABLE seen (what VARCHAR(99))");
    let look = "INSERT INTO seen VALUES (CONCAT(@@sql_mode, ' ', @@foreign_key_checks, ' ', @@time_zone, ' ', @@autocommit));";
    project.sql("changes/_0001__A", "a", look);
    let more = "SET sql_mode = '', foreign_key_checks = 1, time_zone = '+01:00';\nCREATE TEMPORARY TABLE left_behind (n INT);\nSET @x = 1;";
    project.direct_sql("changes/_0002__B", "b", &format!("{look}\n{more}"));
    project.sql("changes/_0003__C", "c", look);
    project.direct_sql(
        "changes/_0004__D",
        "d",
        "INSERT INTO seen SELECT COALESCE(@x, 'nothing');\nCREATE TABLE left_behind (n INT);",
    );
    project.applied();
    let expected =
        ["ANSI_QUOTES OFF +02:00 OFF", "ANSI_QUOTES OFF +02:00 ON", "ANSI_QUOTES OFF +02:00 OFF", "nothing"];
    assert_eq!(database.rows("SELECT what FROM seen"), expected);
}

#[test]
fn a_setting_that_the_server_does_not_know_is_told() {
    let Place { project, database: _database } = Place::with_orders("marked");
    let set = project.read("sandpiper.yaml").replace("\" }", "\", settings: { sql_mood: good } }");
    project.write("sandpiper.yaml", set);
    project.sql("changes/_0001__A", "a", "SELECT 1;");
    let refused = project.json("apply").exits(7);
    assert!(refused.text("/error/message").contains("`sql_mood`"), "{refused}");
}

#[test]
fn a_session_is_bounded_on_the_server() {
    let Place { project, database } = Place::with_orders("marked");
    database.rows("CREATE TABLE seen (what VARCHAR(199))");
    let names = [
        "wait_timeout",
        "innodb_lock_wait_timeout",
        "lock_wait_timeout",
        "max_statement_time",
        "tx_isolation",
    ];
    let all = names.map(|name| format!("@@{name}")).join(", ' ', ");
    project.sql("changes/_0001__A", "a", &format!("INSERT INTO seen SELECT CONCAT({all});"));
    project.configure("limits: { deadline: 30s }");
    project.applied();
    assert_eq!(database.rows("SELECT what FROM seen"), ["2 35 35 35.000000 READ-COMMITTED"]);
}

#[test]
fn a_statement_that_runs_past_its_deadline_is_ended_on_the_server() {
    for mode in ["shared", "marked"] {
        let Place { project, database } = Place::with_orders(mode);
        project.configure("limits: { deadline: 1s }");
        project.sql("changes/_0001__T", "t", "INSERT INTO orders VALUES (2, 'two');\nSELECT SLEEP(600);");
        let ended = project.json("apply").exits(1);
        assert_eq!(ended.change("t")["error"]["code"], "change::deadline");
        assert_eq!(ended.of("t", "outcome"), "rolled-back");
        let busy = "SELECT count(*) FROM information_schema.processlist WHERE info LIKE '%SLEEP(600)%' AND db = DATABASE() AND id <> CONNECTION_ID()";
        assert_eq!(database.rows(busy), ["0"]);
        assert_eq!(database.rows("SELECT count(*) FROM orders"), ["1"]);
    }
}

#[test]
fn a_transaction_outlives_a_statement_that_is_longer_than_a_lease() {
    let Place { project, database } = Place::with_orders("shared");
    project.sql(
        "changes/_0001__T",
        "t",
        "INSERT INTO orders VALUES (2, 'two');\nSELECT SLEEP(5);\nINSERT INTO orders VALUES (3, 'three');",
    );
    project.applied();
    assert_eq!(database.rows("SELECT count(*) FROM orders"), ["3"]);
}

#[test]
fn a_script_as_the_client_reads_it() {
    let Place { project, database } = Place::new("shared");
    let body = "# a comment; with one\n\
         CREATE TABLE `we;ird` (n INT, note VARCHAR(99)); -- and one;\n\
         DELIMITER $$\n\
         CREATE TRIGGER t BEFORE INSERT ON `we;ird` FOR EACH ROW\nBEGIN\n  IF NEW.n > 1 THEN SET NEW.note = 'big;'; END IF;\nEND$$\n\
         CREATE FUNCTION f(n INT) RETURNS INT DETERMINISTIC BEGIN DECLARE r INT DEFAULT 0;\n\
         \x20 l: LOOP SET r = r + 1; IF r > n THEN LEAVE l; END IF; END LOOP l; RETURN CASE WHEN r > 3 THEN 3--1 ELSE r END; END$$\n\
         DELIMITER ;\n\
         INSERT INTO `we;ird` VALUES (1, 'it\\'s; one'), (2, \"two;\"), (f(9), 'x\nDELIMITER //\n');\n\
         /*!40101 SET @old = 1 */;\n\
         CREATE PROCEDURE p() BEGIN DECLARE EXIT HANDLER FOR SQLEXCEPTION BEGIN ROLLBACK; END; SELECT 1; END;\n\
         CREATE EVENT e ON SCHEDULE EVERY 1 YEAR DO BEGIN DELETE FROM `we;ird` WHERE n > 99; END;\n";
    project.sql("changes/_0001__S", "s", body);
    project.applied();
    assert_eq!(
        database.rows("SELECT n, REPLACE(note, '\n', '.') FROM `we;ird` ORDER BY n"),
        ["1|it's; one", "2|big;", "4|big;"]
    );
    let programs = "SELECT count(*) FROM information_schema.routines WHERE routine_schema = DATABASE()";
    assert_eq!(database.rows(programs), ["2"]);
}

#[test]
fn verify_asks_the_server_and_cannot_write() {
    let Place { project, database } = Place::with_orders("shared");
    let body = "-- apply\nCREATE TABLE t (n INT);\n-- rollback\nDROP TABLE t;\n-- verify\n\
                SELECT EXISTS (SELECT 1 FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = 't');";
    project.sql("changes/_0001__T", "t", body);
    project.applied();
    assert_eq!(project.json("status --verify --check").exits(0).at("/drift"), serde_json::json!([]));
    database.rows("DROP TABLE t");
    let drifted = project.json("status --verify --check").exits(6);
    assert_eq!(drifted.at("/drift/0/id"), "t");
    let function =
        "DELIMITER //\nCREATE FUNCTION writes() RETURNS INT BEGIN DELETE FROM orders; RETURN 1; END//\n";
    database.server.run_script(&database.name, function.as_bytes());
    project.sql("changes/_0002__W", "w", "-- apply\nSELECT 1;\n-- verify\nSELECT writes();");
    project.applied();
    project.json("status --verify");
    assert_eq!(database.rows("SELECT count(*) FROM orders"), ["1"]);
}

#[test]
fn a_system_that_is_only_used_is_read() {
    let Place { project, database } = Place::new("marked");
    database.rows("CREATE TABLE guest_rows (id BIGINT PRIMARY KEY, note TEXT); INSERT INTO guest_rows VALUES (1, 'one'), (2, NULL)");
    let configuration = project.read("sandpiper.yaml");
    let second =
        configuration.replace("  target: {", "  target: { kind: sqlite, path: target.db }\n  second: {");
    project.write("sandpiper.yaml", second);
    project.write("changes/_0001__Uses.wasm", sandpiper_tests::component("uses"));
    project.json("apply --set case=copy").exits(0);
    assert_eq!(project.rows("SELECT id, note FROM guest_rows ORDER BY id").len(), 2);
    assert_eq!(
        database.rows("SHOW TABLES"),
        ["guest_rows"],
        "nothing of ours is made in a system that is read"
    );
}
