//! The rules of splitting that do not concern compound bodies.

use super::*;

const ALL: [Dialect; 4] = [Dialect::Sqlite, Dialect::Postgres, Dialect::Mysql, Dialect::Generic];

fn texts(text: &str, dialect: Dialect) -> Vec<&str> {
    let statements = split(text, dialect).unwrap();
    for statement in &statements {
        assert_eq!(&text[statement.offset..statement.offset + statement.text.len()], statement.text);
    }
    statements.into_iter().map(|statement| statement.text).collect()
}

fn error(text: &str, dialect: Dialect) -> (usize, String) {
    let error = split(text, dialect).unwrap_err();
    assert!(!error.help.is_empty());
    (error.offset, error.message)
}

#[test]
fn statements_end_with_semicolons_and_the_last_one_with_the_text() {
    for dialect in ALL {
        assert_eq!(texts("A b;\nC;D", dialect), ["A b", "C", "D"]);
    }
}

#[test]
fn a_text_without_a_statement_has_none() {
    for dialect in ALL {
        for text in ["", " \r\n", "\u{feff}", "-- only\r\n/* comments */", ";;", "; -- a\n ;", "--"] {
            assert!(texts(text, dialect).is_empty(), "{text:?} {dialect:?}");
        }
    }
}

#[test]
fn blanks_and_comments_around_a_statement_are_left_out_and_those_inside_stay() {
    for dialect in ALL {
        assert_eq!(
            texts("\u{feff}/* a */ -- b\r\nC /* d */\r\n-- e\r\n é -- f\r\n; -- g", dialect),
            ["C /* d */\r\n-- e\r\n é"]
        );
    }
}

#[test]
fn a_semicolon_in_quotes_or_comments_ends_nothing() {
    for dialect in ALL {
        for quoted in ["';'", "'a'';'", "\";\"", "/* ; */", "-- ;\n", "'--;'", "/* ' */"] {
            let statement = format!("A {quoted} b");
            assert_eq!(texts(&format!("{statement}; C"), dialect), [statement.as_str(), "C"], "{dialect:?}");
        }
    }
    for (quoted, dialect) in [
        ("[;]", Dialect::Sqlite),
        ("`;`", Dialect::Sqlite),
        ("`;`", Dialect::Mysql),
        ("'\\';'", Dialect::Mysql),
        ("\"\\\";\"", Dialect::Mysql),
        ("# ;\n", Dialect::Mysql),
        ("E'\\';'", Dialect::Postgres),
        ("$$;$$", Dialect::Postgres),
        ("$a$;$$;$a$", Dialect::Postgres),
        ("/* /* */ ; */", Dialect::Postgres),
    ] {
        let statement = format!("A {quoted} b");
        assert_eq!(texts(&format!("{statement}; C"), dialect), [statement.as_str(), "C"], "{dialect:?}");
    }
}

#[test]
fn what_has_no_end_is_an_error_at_its_beginning() {
    assert_eq!(error("A; B 'c;", Dialect::Sqlite), (5, "the string that begins here has no end".to_owned()));
    assert_eq!(error("A; B \"c;", Dialect::Sqlite).0, 5);
    assert_eq!(error("A; /* c;", Dialect::Sqlite), (3, "the comment that begins here has no end".to_owned()));
    assert_eq!(error("/* /* */", Dialect::Postgres).0, 0);
    let message = "the dollar quote `$x$` that begins here has no end".to_owned();
    assert_eq!(error("A $x$ b $y$", Dialect::Postgres), (2, message));
    assert_eq!(error("A; /*!50003 b;", Dialect::Mysql).0, 3);
}

#[test]
fn transaction_statements_stand_for_themselves() {
    for dialect in ALL {
        let text = "BEGIN; A; END; BEGIN TRANSACTION; COMMIT";
        assert_eq!(texts(text, dialect), ["BEGIN", "A", "END", "BEGIN TRANSACTION", "COMMIT"]);
    }
}

#[test]
fn what_mysql_executes_in_a_comment_is_a_statement() {
    let text = "/*!40101 SET NAMES utf8 */;\n/*!50003 A; 'B */' */;\nC /*! d */ e;";
    let expected = ["/*!40101 SET NAMES utf8 */", "/*!50003 A; 'B */' */", "C /*! d */ e"];
    assert_eq!(texts(text, Dialect::Mysql), expected);
    assert!(texts("/*!40101 SET NAMES utf8 */;", Dialect::Sqlite).is_empty());
}

#[test]
fn a_delimiter_ends_statements_until_the_next_command() {
    let text = "A;\nDELIMITER //\nCREATE PROCEDURE p() BEGIN B; END//\r\n  delimiter ;\r\nC;";
    assert_eq!(texts(text, Dialect::Mysql), ["A", "CREATE PROCEDURE p() BEGIN B; END", "C"]);
}

#[test]
fn a_delimiter_ends_a_word_that_it_sticks_to() {
    let text =
        "DELIMITER $$\nCREATE TRIGGER t AFTER INSERT ON a FOR EACH ROW BEGIN B; END$$\nC$$ DELIMITER ;\nD;";
    let trigger = "CREATE TRIGGER t AFTER INSERT ON a FOR EACH ROW BEGIN B; END";
    assert_eq!(texts(text, Dialect::Mysql), [trigger, "C", "D"]);
}

#[test]
fn a_semicolon_before_the_delimiter_is_a_terminator_too() {
    let text = "DELIMITER ;;\nCREATE PROCEDURE p() BEGIN B; END; -- x\n;;\n/*!50003 CREATE TRIGGER t C */;;\nD;;\nE;F;;";
    let expected = ["CREATE PROCEDURE p() BEGIN B; END", "/*!50003 CREATE TRIGGER t C */", "D", "E", "F"];
    assert_eq!(texts(text, Dialect::Mysql), expected);
}

#[test]
fn a_delimiter_counts_only_where_the_mysql_client_sees_it() {
    for text in ["A '\nDELIMITER //\n'", "A /*\nDELIMITER //\n*/ b", "A (\ndelimiter INT)"] {
        assert_eq!(texts(&format!("{text};B"), Dialect::Mysql), [text, "B"]);
    }
    assert_eq!(texts("DELIMITER //\nA;", Dialect::Sqlite), ["DELIMITER //\nA"]);
    assert_eq!(texts("-- DELIMITER //\nA;B", Dialect::Mysql), ["A", "B"]);
    assert_eq!(texts("DELIMITER //\nA '//' b -- //\n//B", Dialect::Mysql), ["A '//' b", "B"]);
}

#[test]
fn a_delimiter_command_needs_a_delimiter() {
    assert_eq!(error("A;\nDELIMITER \nB", Dialect::Mysql), (3, "`DELIMITER` without a delimiter".to_owned()));
    assert_eq!(error("DELIMITER \\", Dialect::Mysql).0, 0);
    assert_eq!(texts("DELIMITER '//' rest\nA//", Dialect::Mysql), ["A"]);
}

#[test]
fn commands_of_psql_are_errors_that_name_them() {
    assert_eq!(
        error("A;\n\\set x 1", Dialect::Postgres),
        (3, "`\\set` is a command of psql, not SQL".to_owned())
    );
    assert_eq!(error("\\c db", Dialect::Postgres).0, 0);
    assert_eq!(texts("A '\\c' -- \\d\n", Dialect::Postgres), ["A '\\c'"]);
    assert_eq!(texts("\\c", Dialect::Sqlite), ["\\c"]);
}

#[test]
fn variables_of_psql_are_errors_that_name_them() {
    for name in [":name", ":'name'", ":\"name\"", ":{?..}"] {
        let written = name.replace("..", "name");
        let expected = (7, format!("`{name}` is a variable of psql, not SQL"));
        assert_eq!(error(&format!("SELECT {written}"), Dialect::Postgres), expected);
    }
}

#[test]
fn casts_slices_assignments_and_json_keys_are_no_variables() {
    for text in [
        "SELECT a::text, b :: int",
        "SELECT a[1:2], a[b:c], a[f(1):n]",
        "CALL p(a := b)",
        "SELECT json_object('a':b, 'c' : d)",
        "SELECT ':name' /* :name */, $$:name$$",
    ] {
        assert_eq!(texts(text, Dialect::Postgres), [text]);
    }
    assert_eq!(texts("SELECT :name", Dialect::Sqlite), ["SELECT :name"]);
}

#[test]
fn rows_of_a_copy_are_an_error_at_the_copy() {
    assert_eq!(error("A;\nCOPY t (a) FROM stdin;\n1\t'\n\\.\n", Dialect::Postgres).0, 3);
    assert_eq!(texts("COPY t FROM 'stdin'", Dialect::Postgres).len(), 1);
}

#[test]
fn a_terminated_statement_reaches_to_its_terminator_and_the_last_one_to_its_end() {
    let statements = split("CREATE TABLE a (b) STRICT\r\n/* c */ ; SELECT 1 -- d", Dialect::Sqlite).unwrap();
    let terminated: Vec<&str> = statements.iter().map(|statement| statement.terminated).collect();
    assert_eq!(terminated, ["CREATE TABLE a (b) STRICT\r\n/* c */ ;", "SELECT 1"]);
}
